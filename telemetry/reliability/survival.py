"""Durations of which some are still going on: Kaplan-Meier's curve, what follows from it, and the log-rank test."""

from dataclasses import dataclass, field

import numpy as np
import scipy  # not its parts, which are loaded when they are first used

from .answers import confident, durations_of

_GRID = 300  # places of a curve at which the interval of its median is looked for


@dataclass(frozen=True)
class Survival:
    """A Kaplan-Meier curve: share still going on just after each time at which something ended."""

    times: np.ndarray
    survival: np.ndarray
    standard_errors: np.ndarray = field(repr=False)
    at_risk: np.ndarray = field(repr=False)
    ended: np.ndarray = field(repr=False)
    longest: float = 0.0

    def quantile(self, share: float = 0.5) -> float:
        """The first time at which the curve is at or below 1 - share; inf where it never gets there."""
        reached = np.flatnonzero(self.survival <= 1 - share + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else float("inf")

    @property
    def median(self) -> float:
        return self.quantile(0.5)


@dataclass(frozen=True)
class Logrank:
    """Whether two survival curves differ; chi-square with one degree of freedom."""

    chi2: float
    p_value: float


def kaplan_meier(durations, observed) -> Survival:
    """Survival curve of durations (n,), of which `observed` (n,) says whether the end was seen.

    S(t) = product over end times <= t of 1 - d/n, with d ends among n still at risk (Kaplan and Meier 1958); standard
    errors by Greenwood. What is censored at a time counts as at risk at it. Assumes that censoring says nothing of
    how long it would have gone on. Raises CannotAnswer without durations.
    """
    durations, seen = durations_of(durations, observed)
    times, ended = np.unique(durations[seen], return_counts=True)
    at_risk = len(durations) - np.searchsorted(np.sort(durations), times)
    survival = np.cumprod(1 - ended / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(ended / (at_risk * (at_risk - ended))))
        errors = np.where(survival > 0, survival * spread, 0.0)
    return Survival(times, survival, errors, at_risk, ended, float(durations.max()))


def restricted_mean(curve: Survival, durations, observed, limit: float) -> tuple[float, np.ndarray]:
    """Area under the curve of (durations, observed) up to `limit`, and the influence (n,) of each duration on it.

    The sum of squares of the influences is Greenwood's variance of the area (Klein and Moeschberger 4.5).
    """
    times = curve.times[curve.times < limit]
    edges = np.concatenate([[0.0], times, [limit]])
    pieces = np.diff(edges) * np.concatenate([[1.0], curve.survival[: len(times)]])
    after = np.concatenate([pieces[::-1].cumsum()[::-1][1:], np.zeros(len(curve.times) - len(times))])
    return float(pieces.sum()), -_influence(curve, durations, observed, after[:, None])[:, 0]


def _influence(curve: Survival, durations, observed, weights: np.ndarray) -> np.ndarray:
    """Influence (n, k) of each duration on the sums of weights (times, k) x estimated hazard at the times."""
    if not len(curve.times):
        return np.zeros((len(durations), weights.shape[1]))  # nothing has ended, so that nothing is estimated
    place = np.searchsorted(curve.times, durations, side="right")  # how many end times each was at risk at
    total = np.concatenate(
        [np.zeros((1, weights.shape[1])), np.cumsum(weights * (curve.ended / curve.at_risk**2)[:, None], 0)]
    )
    own = np.where(np.asarray(observed)[:, None], weights[np.maximum(place - 1, 0)], 0.0)
    return own / curve.at_risk[np.maximum(place - 1, 0)][:, None] - total[place]


def median_interval(curve: Survival, durations, observed, groups, confidence: float = 0.95) -> tuple[float, float]:
    """Times at which the log-log interval of the curve contains one half (Brookmeyer and Crowley 1982).

    With the variance of the curve at a time clustered by `groups` (codes). NaN where nothing ended; an upper end of inf
    where the curve never falls far enough.
    """
    inner = np.flatnonzero((curve.survival > 0) & (curve.survival < 1))
    if not len(inner) or int(groups.max()) < 1:
        return float("nan"), float("nan")
    inner = inner[np.unique(np.linspace(0, len(inner) - 1, _GRID).astype(int))]
    weights = (np.arange(len(curve.times))[:, None] <= inner[None, :]).astype("f8")
    spread = clustered_error(_influence(curve, durations, observed, weights), groups)  # of the log of the curve
    log = np.log(curve.survival[inner])
    score = np.log(-log) - np.log(np.log(2))
    inside = np.abs(score) <= t_quantile(groups, confidence) * spread / -log
    times, share = curve.times[inner], curve.survival[inner]
    low = times[inside | (share <= 0.5)][0] if (inside | (share <= 0.5)).any() else float("inf")
    above = inside | (share > 0.5)
    beyond = np.flatnonzero(above)[-1] + 1 if above.any() else 0
    return float(low), float(times[beyond]) if beyond < len(times) else float("inf")


def logrank(t1, e1, t2, e2) -> Logrank:
    """Whether durations t1 and t2 have one distribution; e1 and e2 say whose end was seen (Mantel 1966).

    chi2 = (sum of ends seen less expected in group 1)^2 / its hypergeometric variance. Raises CannotAnswer for an empty
    group; groups without any end, or that are never at risk together, give chi2 = 0 and p = 1.
    """
    (first, seen_1), (second, seen_2) = durations_of(t1, e1), durations_of(t2, e2)
    times = np.unique(np.concatenate([first[seen_1], second[seen_2]]))
    n1 = len(first) - np.searchsorted(np.sort(first), times)
    n2 = len(second) - np.searchsorted(np.sort(second), times)
    d1, d2 = (_count_at(ends, times) for ends in (first[seen_1], second[seen_2]))
    n, d = n1 + n2, d1 + d2
    variance = (d * (n1 / n) * (n2 / n) * (n - d) / np.maximum(n - 1, 1)).sum()
    if variance <= 0:
        return Logrank(0.0, 1.0)
    chi2 = float((d1 - d * n1 / n).sum() ** 2 / variance)
    return Logrank(chi2, float(scipy.stats.chi2.sf(chi2, 1)))


def _count_at(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    values = np.sort(values)
    return np.searchsorted(values, times, "right") - np.searchsorted(values, times, "left")


def t_quantile(groups: np.ndarray, confidence: float) -> float:
    """How many standard errors an interval reaches, by Student's t on the number of clusters (codes) less one."""
    count = int(groups.max()) + 1
    return float(scipy.stats.t(max(count - 1, 1)).ppf(1 - confident(confidence) / 2))


def clustered_error(influence: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Standard error of what influences (n,) or (n, k) are of, by clusters (codes); NaN where there is one cluster."""
    count = int(groups.max()) + 1
    columns = influence if influence.ndim == 2 else influence[:, None]
    sums = np.column_stack([np.bincount(groups, column) for column in columns.T])
    error = np.sqrt((sums**2).sum(0) * count / (count - 1)) if count > 1 else np.full(sums.shape[1], np.nan)
    return error if influence.ndim == 2 else float(error[0])
