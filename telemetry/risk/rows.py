"""Moments of chargers as rows: what was known, and what came of it; and how they are split in time."""

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from .charger_features import FeatureMaker
from .observed import Observed
from .target import Target

MEMORY_DAYS = 14  # before the first row, so that every window of a feature is filled
EVERY_HOURS = 7  # between moments: coprime to the day, so that all hours come up


@dataclass(frozen=True)
class Rows:
    """Rows in order of time; `hours_to_start` is infinite where no outage followed."""

    features: np.ndarray  # (n, k) float32
    y: np.ndarray  # an outage starts within the horizon
    second: np.ndarray
    charger: np.ndarray
    site: np.ndarray
    hours_to_start: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def where(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, by a mask or by places."""
        return Rows(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})


def charger_rows(observed: Observed, horizon_hours: float, every_hours: float = EVERY_HOURS, moments=None) -> Rows:
    """A row of each working charger at regular moments whose follow-up is known, or at `moments` (seconds).

    Raises ValueError when the history is shorter than what features remember and the horizon ask for.
    """
    maker, target = FeatureMaker(observed), Target(observed)
    if moments is None:
        begins = [int(log.second.min()) for log in (observed.reports, observed.readings) if len(log)]
        first = max(begins, default=0) + MEMORY_DAYS * 86_400
        moments = np.arange(first, (observed.end if begins else 0) - int(3600 * horizon_hours), int(3600 * every_hours))
    pieces = []
    for second in np.asarray(moments, "i8").tolist():
        y, known = target.at(maker.states(second), second, horizon_hours)
        rows = np.flatnonzero(known)
        to_start = (target.first_start(second)[rows] - second) / 3600
        to_start[to_start > 1e6] = np.inf
        at = np.full(len(rows), second)
        pieces.append(Rows(maker.at(second)[rows], y[rows], at, rows, observed.site[rows], to_start))
    if not pieces:
        raise ValueError(
            f"the history is too short: {MEMORY_DAYS} days and {horizon_hours:g} hours are needed at least"
        )
    return Rows(**{one.name: np.concatenate([getattr(p, one.name) for p in pieces]) for one in fields(Rows)})


@dataclass(frozen=True)
class Split:
    """Masks of rows: fitted on, calibrated on, tested on; between them lies the horizon, in which nothing is used."""

    train: np.ndarray
    calibration: np.ndarray
    test: np.ndarray


def split(second: np.ndarray, horizon_hours: float, shares: tuple[float, float] = (0.6, 0.8)) -> Split:
    """In order of time, by shares of the span, with an embargo of the horizon before each cut."""
    begin, end = int(second.min()), int(second.max())
    first, last = (begin + share * (end - begin) for share in shares)
    embargo = 3600 * horizon_hours
    return Split(second < first - embargo, (second >= first) & (second < last - embargo), second >= last)


def rolling_origins(second: np.ndarray, horizon_hours: float, folds: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, test) masks of `folds` blocks that follow one another, each tested after training on all before it."""
    begin, end = int(second.min()), int(second.max())
    cuts = begin + (end - begin) * np.linspace(0.3, 1, folds + 1)
    embargo = 3600 * horizon_hours
    return [(second < start - embargo, (second >= start) & (second <= stop)) for start, stop in pairwise(cuts)]
