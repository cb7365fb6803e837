"""Moments of chargers, or of sites, as rows: what was known, and what came of it; and how they are split in time."""

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from .charger_features import CHARGER_FEATURES, FeatureMaker
from .observed import Observed
from .outage_past import OutagePast
from .site_features import SITE_FEATURES, SiteFeatureMaker
from .target import Target

MEMORY_DAYS = 14  # before the first row, so that every window of a feature is filled
HOT_FROM_C = 72.0
_FAR_HOURS = 1e6
EVERY_HOURS = 7  # between moments: coprime to the day, so that all hours come up


@dataclass(frozen=True)
class Rows:
    """Rows in order of time; `hours_to_start` is infinite where no outage followed.

    `level` is "charger", or "site" where what counts as a charger is a whole site; `names` those of the features.
    """

    features: np.ndarray  # (n, k) float32
    y: np.ndarray  # an outage starts within the horizon
    second: np.ndarray
    charger: np.ndarray
    site: np.ndarray
    hours_to_start: np.ndarray
    level: str = "charger"

    def __len__(self) -> int:
        return len(self.y)

    @property
    def names(self) -> tuple[str, ...]:
        return NAMES[self.level]

    def where(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, by a mask or by places."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})


NAMES = {"charger": CHARGER_FEATURES, "site": SITE_FEATURES}
_COLUMNS = tuple(one.name for one in fields(Rows) if one.name != "level")


def charger_rows(observed: Observed, horizon_hours: float, every_hours: float = EVERY_HOURS, moments=None) -> Rows:
    """A row of each working charger at regular moments whose follow-up is known, or at `moments` (seconds).

    Raises ValueError when the history is shorter than what features remember and the horizon ask for.
    """
    if moments is None:
        moments = np.arange(_first_moment(observed), _last_moment(observed, horizon_hours), int(3600 * every_hours))
    return _rows_at(FeatureMaker(observed), horizon_hours, moments)


def site_rows(observed: Observed, horizon_hours: float, every_hours: float = EVERY_HOURS, moments=None) -> Rows:
    """The same of sites, of which only readings are known: `observed` as of site_features.observed_sites."""
    if moments is None:
        moments = np.arange(_first_moment(observed), _last_moment(observed, horizon_hours), int(3600 * every_hours))
    return replace(_rows_at(SiteFeatureMaker(observed), horizon_hours, moments), level="site")


def hot_rows(observed: Observed, horizon_hours: float) -> Rows:
    """Rows of the chargers that are hot at any hour, to be learnt from besides regular ones, because heat is rare.

    They are chosen by what is known at their moment and by nothing that came of it, so that their frequencies hold
    for chargers as hot as they are; measures are taken of regular rows alone.
    """
    moments = np.arange(_first_moment(observed), _last_moment(observed, horizon_hours), 3600)
    reports = observed.reports
    told = np.unique(-(-reports.second[reports["temperature_c"] >= HOT_FROM_C] // 3600)) * 3600
    maker = FeatureMaker(observed)
    moments = np.intersect1d(moments, told)
    return _rows_at(maker, horizon_hours, moments, lambda second: maker.cabinet_c(second) >= HOT_FROM_C)


def joined(*parts: Rows) -> Rows:
    """All rows in order of time."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    whole = Rows(**columns, level=parts[-1].level)
    return whole.where(np.argsort(whole.second, kind="stable"))


def _rows_at(maker: OutagePast, horizon_hours: float, moments, wanted=None) -> Rows:
    """Rows of all at the moments; with `wanted` (second -> mask), which is to be of few, of those alone."""
    observed, pieces = maker.observed, []
    target = Target(observed)
    for second in np.asarray(moments, "i8").tolist():
        y, known = target.at(maker.states(second), second, horizon_hours)
        rows = np.flatnonzero(known if wanted is None else known & wanted(second))
        at = np.full(len(rows), second)
        features = maker.at(second)[rows] if wanted is None else maker.of(rows, at)
        to_start = (target.first_start(second)[rows] - second) / 3600
        to_start[to_start > _FAR_HOURS] = np.inf
        pieces.append(Rows(features, y[rows], at, rows, observed.site[rows], to_start))
    if not pieces and wanted is None:
        raise ValueError(
            f"the history is too short: at least {MEMORY_DAYS} days and {horizon_hours:g} hours are needed"
        )
    return joined(*(pieces or [_NO_ROWS]))


def _first_moment(observed: Observed) -> int:
    begins = [int(log.second.min()) for log in (observed.reports, observed.readings) if len(log)]
    return (max(begins, default=0) // 3600 + 24 * MEMORY_DAYS) * 3600


def _last_moment(observed: Observed, horizon_hours: float) -> int:
    return (observed.end if len(observed.reports) else 0) - int(3600 * horizon_hours)


_NO_ROWS = Rows(
    np.zeros((0, len(CHARGER_FEATURES)), "f4"), np.zeros(0, bool), *(np.zeros(0, "i8") for _ in range(3)), np.zeros(0)
)


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
