"""What the live world remembers of each charger between two ticks, hidden truth included, packed in a few bytes."""

import numpy as np

from . import causes
from .chargers import Chargers
from .state import UP

UNKNOWN = -2  # `down` of a charger that somebody else says is out of order
EVENTS = 5
CHARGER = np.dtype(
    [
        ("charger", "<i8"),  # id
        ("cabinet_c", "<f4"),  # NaN: not seen yet
        ("fouling", "<f4"),
        ("cycles", "<f4"),
        ("service_hours", "<f4"),  # since its filters were cleaned
        ("signal", "<f4"),  # how bad its connection is, in standard deviations
        ("moisture", "<f4"),
        ("kilowatts", "<f4"),  # mean of the session
        ("held_back_kwh", "<f4"),  # of the session so far, by a limit on its power
        ("fixed_at", "<u4"),  # second since 1970 at which it comes back by itself; 0: it does not
        ("gives_up_at", "<u4"),  # second at which all that can be done from afar has been tried; 0: never tried
        ("session_from", "<u4"),  # second; 0: nobody charges
        ("session_until", "<u4"),
        ("trouble", "i1"),  # index of the cause that announces itself, -1 for none
        ("down", "i1"),  # UP, index of a cause, UPKEEP or UNKNOWN
        ("is_silent", "?"),  # broken, but nobody has noticed
        ("is_trip", "?"),  # it stopped to protect itself from heat
        ("is_failing", "?"),  # the session is one that fails to start
        ("failed_starts", "i1"),  # since it broke silently
        ("events", "u1", (EVENTS,)),  # soft events of this half-hour
    ]
)
_LAYOUT = b"fleet 2 "  # what kept memories begin with: one of another layout is forgotten


def fresh(ids: np.ndarray, chargers: Chargers, day: int) -> np.ndarray:
    """Memory of sound chargers without cars on a day (days since 1970); age and wear follow from the day."""
    memory = np.zeros(len(ids), CHARGER)
    age_days = np.maximum(day - chargers.built_day, 1)
    memory["charger"], memory["cabinet_c"] = ids, np.nan
    memory["cycles"] = age_days * chargers.cycles_per_day
    memory["service_hours"] = 24.0 * (age_days % 120)
    memory["trouble"], memory["down"] = -1, UP
    return memory


def recalled(kept: np.ndarray, ids: np.ndarray, chargers: Chargers, day: int) -> np.ndarray:
    """The memory of chargers `ids` from what was `kept`; those not seen before are fresh."""
    if np.array_equal(kept["charger"], ids):
        return kept
    memory = fresh(ids, chargers, day)
    if len(kept):
        order = np.argsort(kept["charger"])
        place = order[np.searchsorted(kept["charger"], ids, sorter=order).clip(max=len(kept) - 1)]
        known = kept["charger"][place] == ids
        memory[known] = kept[place[known]]
    return memory


def to_bytes(memory: np.ndarray) -> bytes:
    """All of it, for keeping."""
    return _LAYOUT + memory.tobytes()


def from_bytes(data: bytes) -> np.ndarray:
    """What `to_bytes` packed; nothing if that was by another version."""
    return np.frombuffer(data[len(_LAYOUT) :] if data.startswith(_LAYOUT) else b"", CHARGER).copy()


def renew(memory: np.ndarray, rows: np.ndarray, *, service: bool) -> None:
    """Somebody was at the chargers `rows`: they work, what was in trouble is cured, and worn parts are new.

    A new cable starts its cycles again; a new fan, and any `service`, cleans the filters.
    """
    down = memory["down"][rows]
    cleaned = rows if service else rows[down == causes.COOLING]
    memory["fouling"][cleaned], memory["service_hours"][cleaned] = 0, 0
    memory["cycles"][rows[down == causes.CABLE]] = 0
    memory["trouble"][rows] = -1
    come_back(memory, rows)


def come_back(memory: np.ndarray, rows: np.ndarray) -> None:
    """The chargers `rows` can be used again."""
    cured = rows[memory["trouble"][rows] == memory["down"][rows]]
    memory["trouble"][cured] = -1
    memory["down"][rows] = UP
    for name in ("is_silent", "is_trip", "failed_starts", "fixed_at", "gives_up_at"):
        memory[name][rows] = 0
