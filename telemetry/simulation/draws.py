"""All the random numbers that a world needs on a day, by name, each from the stream that it belongs to."""

import numpy as np

from . import precursors, sessions
from .chargers import VERSIONS
from .parameters import STEP_HOURS, Effects
from .repairs import DRAWS
from .streams import STEPS_PER_DAY, Streams

REPAIRS_PER_DAY = 4  # rows of numbers for repairs per charger and day
SESSION = ("turn", "moment", "length", "car", "charge", "failure")


def day_draws(streams: Streams, day: int, chargers: int, sites: int) -> dict[str, np.ndarray]:
    """Numbers of a day (days since 1970) by name, shape (steps, ..., chargers or sites); repairs' (chargers, 4, 9)."""
    steps, rounds = STEPS_PER_DAY, sessions.ROUNDS
    wanted = {
        "failure": ("failures", chargers, steps),
        "moment": ("failures", chargers, steps),
        "trouble": ("failures", chargers, steps),
        "grid": ("failures", sites, steps),
        "signals": ("failures", chargers, steps, len(precursors.SIGNALS)),
        "arrival": ("demand", sites, steps),
        "patience": ("demand", sites, steps),
        "upkeep": ("repairs", chargers, steps),
        "upkeep length": ("repairs", chargers, steps),
        **{f"session {name}": ("demand", chargers, steps, rounds) for name in SESSION},
    }
    draws = {
        name: _steps_first(streams.uniform(stream, name, day, *shape)) for name, (stream, *shape) in wanted.items()
    }
    draws["signal"] = _steps_first(streams.normal("failures", "signal", day, chargers, steps))
    draws["repair"] = streams.uniform("repairs", "repair", day, chargers, REPAIRS_PER_DAY, DRAWS)
    return draws


def firmware_shocks(seed: int | tuple[int, ...], day: int, effects: Effects) -> np.ndarray:
    """True where a firmware version is in trouble, shape (steps, versions): none goes past midnight."""
    u = Streams(seed).uniform("failures", "shock", day, VERSIONS, 2)
    length = effects.shock_hours / STEP_HOURS
    begins = np.where(u[:, 0] < 1 / effects.shock_every_days, u[:, 1] * (STEPS_PER_DAY - length), np.inf)
    slot = np.arange(STEPS_PER_DAY)[:, None]
    return (slot >= begins) & (slot < begins + length)


def _steps_first(numbers: np.ndarray) -> np.ndarray:
    """(rows, steps, ...) as (steps, ..., rows), packed, so that a half-hour's numbers lie together."""
    return np.ascontiguousarray(np.moveaxis(numbers, 0, -1))
