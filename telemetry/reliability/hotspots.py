"""Which chargers fail more often than their like, once luck is taken off."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used
from scipy import special

from .answers import CannotAnswer, with_columns

_LARGEST = 1e6  # of the gamma's shape: above it chargers do not differ


class Rejected(np.ndarray):
    """Which hypotheses are rejected (n,), boolean; also its own field `rejected`, as in the other results."""

    @property
    def rejected(self) -> np.ndarray:
        return np.asarray(self)


@dataclass(frozen=True)
class Spread:
    """How much rates differ, as a share of their mean, and its interval."""

    estimate: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Funnel:
    """Limits of the ratio of observed to expected onsets at each expected number."""

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray


def hotspots(frame: pd.DataFrame, fdr: float = 0.05) -> pd.DataFrame:
    """Chargers with more onsets of outages than those of their stratum, by a false discovery rate of `fdr`.

    frame: one row per charger with charger_id, onsets (whole number), exposure_hours (up-time), and stratum (such as
    the charger type; without the column all are of one).

    Returns it in its order, with
    - expected: exposure x (onsets of the stratum / exposure of the stratum);
    - ratio: onsets / expected (NaN where nothing is expected);
    - mid_p: P(Poisson(expected) > onsets) + half of P(= onsets), the exact one-sided mid-p-value;
    - empirical_bayes_rate: per hour, the stratum's rate x (a + onsets) / (a + expected): chargers differ by a gamma
      distribution of mean 1 and shape a, fitted by maximum likelihood to all (Clayton and Kaldor 1987), so that a
      charger that was hardly watched is drawn to the rate of its stratum;
    - flagged: rejected by Benjamini and Hochberg at `fdr` over all chargers with exposure.
    Assumes that a charger's onsets are independent of each other. An empty frame gives an empty one. Raises
    CannotAnswer for a missing column, negative values or a false discovery rate outside of 0 to 1.
    """
    with_columns(frame, "charger_id", "onsets", "exposure_hours")
    found = frame.reset_index(drop=True).copy()
    if "stratum" not in found:
        found["stratum"] = "all"
    onsets, hours = found["onsets"].to_numpy("f8"), found["exposure_hours"].to_numpy("f8")
    if (onsets < 0).any() or (hours < 0).any() or np.isnan(onsets).any() or np.isnan(hours).any():
        raise CannotAnswer("onsets and exposure must be numbers from 0 on")
    watched = hours > 0
    rate = _stratum_rate(found["stratum"], np.where(watched, onsets, 0), hours)
    expected = rate * hours
    found["expected"] = expected
    found["ratio"] = np.divide(onsets, expected, out=np.full(len(found), np.nan), where=expected > 0)
    p = scipy.stats.poisson.sf(onsets, expected) + scipy.stats.poisson.pmf(onsets, expected) / 2
    found["mid_p"] = np.where(watched & (expected > 0), p, 1.0)
    shape = gamma_shape(onsets[watched], expected[watched])
    found["empirical_bayes_rate"] = rate * (shape + np.where(watched, onsets, 0)) / (shape + expected)
    found["flagged"] = False
    if watched.any():
        found.loc[watched, "flagged"] = np.asarray(benjamini_hochberg(found["mid_p"].to_numpy()[watched], fdr))
    return found


def _stratum_rate(stratum: pd.Series, onsets: np.ndarray, hours: np.ndarray) -> np.ndarray:
    codes = pd.factorize(stratum, use_na_sentinel=False)[0]
    if not len(codes):
        return np.zeros(0)
    total_onsets, total_hours = np.bincount(codes, onsets), np.bincount(codes, hours)
    return np.divide(total_onsets, total_hours, out=np.zeros(len(total_hours)), where=total_hours > 0)[codes]


def gamma_shape(onsets: np.ndarray, expected: np.ndarray) -> float:
    """Shape of the gamma of mean 1 that multiplies what is expected of each, by maximum likelihood.

    The counts are then negative binomial. Very large where counts scatter no more than Poisson's would.
    """
    known = expected > 0
    onsets, expected = onsets[known], expected[known]
    if len(onsets) < 2 or ((onsets - expected) ** 2 - expected).sum() <= 0:
        return _LARGEST

    bounds = (np.log(1e-3), np.log(_LARGEST))
    best = scipy.optimize.minimize_scalar(_minus_likelihood, bounds=bounds, args=(onsets, expected), method="bounded")
    return float(np.exp(best.x))


def _minus_likelihood(log_shape: float, onsets: np.ndarray, expected: np.ndarray) -> float:
    a = np.exp(log_shape)
    terms = special.gammaln(a + onsets) - special.gammaln(a) + a * np.log(a / (a + expected))
    return float(-(terms + onsets * np.log(expected / (a + expected))).sum())


def benjamini_hochberg(p_values, alpha: float = 0.05) -> Rejected:
    """Which of p_values (n,) to reject so that at most a share `alpha` of those is expected to be false.

    Rejects the k smallest, k the largest number with p(k) <= alpha k / n (Benjamini and Hochberg 1995). Assumes
    independent or positively dependent tests. No p-values: none rejected. Raises CannotAnswer for values outside 0 to
    1.
    """
    p = np.asarray(p_values, "f8").reshape(-1)
    if not 0 < alpha < 1:
        raise CannotAnswer(f"the false discovery rate must lie between 0 and 1, not {alpha!r}")
    if not ((p >= 0) & (p <= 1)).all():
        raise CannotAnswer("every p-value must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= alpha * np.arange(1, len(p) + 1) / max(len(p), 1) * (1 + 1e-12))
    rejected = np.zeros(len(p), bool)
    if len(below):
        rejected[order[: below[-1] + 1]] = True
    return rejected.view(Rejected)


def adjusted_p_values(p_values) -> np.ndarray:
    """The false discovery rate at which each of p_values (n,) would just be rejected by `benjamini_hochberg`: (n,).

    The smallest n p(j) / j over all j from its place on, at most 1 (Yekutieli and Benjamini 1999).
    """
    p = np.asarray(p_values, "f8").reshape(-1)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    return adjusted


def spread_of_rates(onsets, expected, confidence: float = 0.95) -> Spread:
    """How much rates differ without luck: standard deviation over mean, 1 / sqrt(shape of `gamma_shape`).

    Interval by the profile of the negative binomial likelihood, from 0 where chargers alike are likely enough. Raises
    CannotAnswer where nothing is expected of anybody.
    """
    onsets, expected = np.asarray(onsets, "f8"), np.asarray(expected, "f8")
    onsets, expected = onsets[expected > 0], expected[expected > 0]
    if not len(onsets):
        raise CannotAnswer("nothing is expected of any charger, so that nothing can differ")
    best = np.log(gamma_shape(onsets, expected))
    limit = _minus_likelihood(best, onsets, expected) + scipy.stats.chi2.ppf(confidence, 1) / 2
    excess = lambda log_shape: _minus_likelihood(log_shape, onsets, expected) - limit  # noqa: E731
    edges = np.log(1e-3), np.log(_LARGEST)
    low, high = (scipy.optimize.brentq(excess, *sorted((best, edge))) if excess(edge) > 0 else edge for edge in edges)
    spread = 1 / np.sqrt(np.exp([best, high, low]))
    return Spread(*np.where(spread <= 1.01 / np.sqrt(_LARGEST), 0.0, spread).tolist())


def funnel(expected, confidence: float = 0.95) -> Funnel:
    """Between which ratios of onsets to expected a charger of the common rate lies: exact Poisson limits."""
    expected = np.asarray(expected, "f8")
    tail = (1 - confidence) / 2
    low, high = scipy.stats.poisson.ppf(tail, expected), scipy.stats.poisson.ppf(1 - tail, expected)
    return Funnel(expected, low / expected, high / expected)
