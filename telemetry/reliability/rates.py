"""How often chargers fail and how long they stay down: MTBF, MTTR, Weibull, models of rates.

Durations and exposures may have any unit of time; results have the same. All sources: NIST/SEMATECH handbook 8.4;
Kaplan and Meier 1958; Mantel 1966; McCullagh and Nelder 1989.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used
from scipy import special

from .answers import CannotAnswer, clusters_of, confident, counted, durations_of, with_columns
from .survival import clustered_error, kaplan_meier, logrank, median_interval, restricted_mean, t_quantile

__all__ = ["failures_at_once", "fit_weibull", "kaplan_meier", "logrank", "mtbf", "mttr", "poisson_rate_model"]


@dataclass(frozen=True)
class Mtbf:
    """Mean time between failures and its exact interval, in the unit of the exposure."""

    estimate: float
    ci_low: float
    ci_high: float
    failures: int = 0
    exposure_hours: float = 0.0


@dataclass(frozen=True)
class Mttr:
    """How long repairs take, in hours. `ci_low` and `ci_high` are of the restricted mean."""

    median: float
    restricted_mean: float
    ci_low: float
    ci_high: float
    completed_only_mean: float
    median_ci: tuple[float, float] = (float("nan"), float("nan"))
    restricted_to_hours: float = float("nan")
    repairs: int = 0
    still_open: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution: S(t) = exp(-(t / scale)^shape); mean and sd in the unit of the durations."""

    scale: float
    shape: float
    log_likelihood: float
    mean: float
    sd: float


@dataclass(frozen=True)
class RateModel:
    """A log-linear model of a rate; exp of a coefficient is a rate ratio. Series by term."""

    coefficients: pd.Series
    standard_errors: pd.Series
    ci: pd.DataFrame
    rate_ratios: pd.Series
    p_values: pd.Series
    log_likelihood: float
    dispersion: float
    n_clusters: int | None
    separated: bool = False


def mtbf(exposure_hours, failures, confidence: float = 0.9) -> Mtbf:
    """Mean time between failures T / r of a constant failure rate, with the exact two-sided chi-square interval.

    2T / chi2(1 - a/2; 2r + 2) to 2T / chi2(a/2; 2r) (NIST 8.4.5.1, time-censored test). `exposure_hours` is the time
    that chargers were up, summed; `failures` the outages that began in it. Without failures the estimate and the
    upper bound are infinite and the lower bound stands. Raises CannotAnswer without exposure.
    """
    hours, count, alpha = counted("the exposure", exposure_hours), counted("failures", failures), confident(confidence)
    if hours == 0:
        raise CannotAnswer("no charger was up for any time, so that there is no time between failures")
    low = 2 * hours / scipy.stats.chi2.ppf(1 - alpha / 2, 2 * count + 2)
    high = 2 * hours / scipy.stats.chi2.ppf(alpha / 2, 2 * count) if count else float("inf")
    return Mtbf(hours / count if count else float("inf"), float(low), float(high), int(count), hours)


def mttr(spells: pd.DataFrame, confidence: float = 0.95, cluster=None, restricted_to_hours=None) -> Mttr:
    """Time to repair from outage spells: columns hours, left_censored, right_censored (`spells.outage_spells`).

    Median and restricted mean of the Kaplan-Meier curve of the durations, so that outages that still go on count as
    "at least so long". Those that had begun before anybody looked (left_censored) are left out: their start is unknown,
    and long ones are caught in that way more often than short ones. The restricted mean is the area under the curve up
    to `restricted_to_hours`, by default the longest duration seen: the mean of min(duration, that limit).
    Intervals by the influence of each spell, which is Greenwood's formula for independent repairs; cluster (column or
    array, such as the site, whose chargers wait for one technician) sums influences within clusters first. With one
    cluster alone spells count as independent; with one spell, or none that is over, there is no interval (NaN).
    `completed_only_mean` is the mean of finished repairs: too short whenever long ones still go on.
    Raises CannotAnswer without any outage whose start is known.
    """
    with_columns(spells, "hours", "left_censored", "right_censored", what="table of spells")
    known = ~spells["left_censored"].to_numpy(bool)
    if not known.any():
        raise CannotAnswer("no outage began in this period, so that there is no time to repair")
    hours, ended = spells["hours"].to_numpy("f8")[known], ~spells["right_censored"].to_numpy(bool)[known]
    groups = np.arange(len(spells)) if cluster is None else spells[cluster] if isinstance(cluster, str) else cluster
    groups = pd.factorize(clusters_of(groups, len(spells))[known])[0]
    if groups.max() == 0:  # of one cluster alone nothing is known of how clusters differ
        groups = np.arange(len(groups))
    curve = kaplan_meier(hours, ended)
    limit = curve.longest if restricted_to_hours is None else min(float(restricted_to_hours), curve.longest)
    mean, influence = restricted_mean(curve, hours, ended, limit)
    is_told = len(groups) > 1 and ended.any()
    half = t_quantile(groups, confidence) * clustered_error(influence, groups) if is_told else float("nan")
    return Mttr(
        curve.median, mean, *np.clip([mean - half, mean + half], 0.0, limit).tolist(),
        float(hours[ended].mean()) if ended.any() else float("nan"),
        median_interval(curve, hours, ended, groups, confidence), limit, int(ended.sum()), int((~ended).sum()),
        int((~known).sum()),
    )  # fmt: skip


def failures_at_once(starts, sites) -> float:
    """How many outages begin together on average, weighted: sum of m^2 / sum of m over groups of m that begin at once.

    starts (n,) and sites (n,): outages of one site that begin in the same minute have one cause, such as its supply.
    The interval of `mtbf` assumes that failures are independent; `mtbf(hours / k, failures / k)` with this k has the
    same estimate and an interval that is right for bursts. 1 without outages.
    """
    frame = pd.DataFrame({"minute": pd.Series(starts).dt.floor("min").to_numpy(), "site": np.asarray(sites)})
    sizes = frame.groupby(["site", "minute"]).size().to_numpy("f8")
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0


def fit_weibull(durations, observed) -> Weibull:
    """Weibull distribution of durations (n,) by maximum likelihood, censored ones included (NIST 8.4.1.3).

    For a shape b the scale is (sum t^b / r)^(1/b) with r ends seen; the shape solves
    sum t^b log t / sum t^b - 1/b = mean log t of the ends seen. log_likelihood counts densities and survivals in the
    unit of the durations. Raises CannotAnswer with fewer than two different ends seen, or a duration of 0.
    """
    times, seen = durations_of(durations, observed)
    if len(np.unique(times[seen])) < 2:
        raise CannotAnswer("a Weibull distribution needs at least two different durations whose end was seen")
    if (times <= 0).any():
        raise CannotAnswer("a Weibull distribution needs durations above 0")
    logs = np.log(times)
    centred = logs - logs.max()

    def score(shape: float) -> float:
        weight = np.exp(shape * centred)
        return (weight * logs).sum() / weight.sum() - 1 / shape - logs[seen].mean()

    shape = scipy.optimize.brentq(score, 1e-6, _above(score))
    scale = float(np.exp(logs.max() + np.log(np.exp(shape * centred).sum() / seen.sum()) / shape))
    standard = shape * (logs - np.log(scale))
    likelihood = (np.log(shape / scale) + standard - logs + np.log(scale))[seen].sum() - np.exp(standard).sum()
    mean = scale * special.gamma(1 + 1 / shape)
    second = scale**2 * special.gamma(1 + 2 / shape)
    return Weibull(scale, float(shape), float(likelihood), float(mean), float(np.sqrt(second - mean**2)))


def _above(score) -> float:
    """A shape at which the score is positive: it rises with the shape."""
    shape = 1.0
    while score(shape) <= 0:
        if shape > 1e6:
            raise CannotAnswer("the durations are too much alike for a Weibull distribution")
        shape *= 2
    return shape


def poisson_rate_model(
    frame: pd.DataFrame, formula: str, exposure, cluster=None, confidence: float = 0.95
) -> RateModel:
    """Log-linear model of counts per exposure: log E[count] = log(exposure) + terms of `formula`.

    formula: a statsmodels formula such as "onsets ~ C(charger_type) + age". exposure: a column of `frame`, or an array
    (n,), above 0. cluster: a column or array; standard errors are then the sandwich's, clustered (Liang and Zeger
    1986), with t on clusters - 1 degrees of freedom. Without it they are Poisson's own, scaled by the square root of
    the dispersion (Pearson chi-square / degrees of freedom) where that is above 1. Where a term separates, such as a
    group without any event, so that a rate ratio would be 0 or infinite, `separated` says so and the estimate is
    Firth's: finite, with the larger of the model's own errors and the clustered ones.
    Raises CannotAnswer without events, without exposure, or with terms that cannot be told apart.
    """
    import statsmodels.formula.api as smf  # here, because it takes seconds to load and most processes never ask
    from statsmodels.genmod.families import Poisson

    hours = np.asarray(frame[exposure] if isinstance(exposure, str) else exposure, "f8")
    if len(frame) == 0 or not (hours > 0).all():
        raise CannotAnswer("every row of a rate needs an exposure above 0")
    model = smf.glm(formula, frame, family=Poisson(), offset=np.log(hours))
    if len(model.endog) != len(frame):
        raise CannotAnswer("the count, or a term of the formula, is missing in some rows")
    if not np.asarray(model.endog).sum() > 0:
        raise CannotAnswer("there are no events, so that rates cannot be compared")
    if np.linalg.matrix_rank(model.exog) < model.exog.shape[1]:
        raise CannotAnswer("some terms of the formula say the same, so that their effects cannot be told apart")
    groups = _groups(frame, cluster)
    separated = _is_separated(np.asarray(model.endog), np.asarray(model.exog))
    params, errors, mean = (_penalised if separated else _fitted)(model, groups)
    scatter = ((np.asarray(model.endog) - mean) ** 2 / mean).sum()
    dispersion = float(scatter / max(len(mean) - len(params), 1))
    errors = errors * (np.sqrt(max(dispersion, 1.0)) if groups is None else 1.0)
    n_clusters = None if groups is None else int(groups.max()) + 1
    spread = scipy.stats.norm if n_clusters is None else scipy.stats.t(n_clusters - 1)
    half = spread.ppf(1 - confident(confidence) / 2) * errors
    ci = pd.DataFrame({"low": params - half, "high": params + half})
    p_values = pd.Series(2 * spread.sf(np.abs(params / errors)), params.index)
    likelihood = float(scipy.stats.poisson.logpmf(model.endog, mean).sum())
    return RateModel(params, errors, ci, np.exp(params), p_values, likelihood, dispersion, n_clusters, separated)


def _groups(frame: pd.DataFrame, cluster) -> np.ndarray | None:
    if cluster is None:
        return None
    codes = clusters_of(frame[cluster] if isinstance(cluster, str) else cluster, len(frame))
    if codes.max() < 1:
        raise CannotAnswer("a clustered standard error needs at least two clusters")
    return codes


def _fitted(model, groups) -> tuple[pd.Series, pd.Series, np.ndarray]:
    fit = model.fit() if groups is None else model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    return fit.params, fit.bse, np.asarray(fit.fittedvalues)


def _is_separated(counts: np.ndarray, design: np.ndarray) -> bool:
    """Whether some combination of the terms is 0 wherever something happened and below 0 at some other row.

    The likelihood then rises for ever along it (Correia, Guimaraes and Zylkin 2019); by linear programming.
    """
    is_zero = counts == 0
    if not is_zero.any():
        return False
    scaled = design / np.maximum(np.abs(design).max(0), 1e-300)
    idle, busy = np.unique(scaled[is_zero], axis=0), np.unique(scaled[~is_zero], axis=0)
    best = scipy.optimize.linprog(
        idle.sum(0), A_ub=idle, b_ub=np.zeros(len(idle)), A_eq=busy, b_eq=np.zeros(len(busy)), bounds=(-1, 1),
        method="highs",
    )  # fmt: skip
    return bool(best.status == 0 and best.fun < -1e-7)


def _penalised(model, groups) -> tuple[pd.Series, pd.Series, np.ndarray]:
    """Firth's estimate: Poisson's score with half of each row's leverage added to its count (Firth 1993).

    Errors are the larger of the sandwich's and the model's own, because the sandwich sees no scatter where nothing
    happened.
    """
    y, x, offset = (np.asarray(one, "f8") for one in (model.endog, model.exog, model.offset))
    beta = np.linalg.lstsq(x, np.log(y + 0.5) - offset, rcond=None)[0]
    for _ in range(200):
        mean = np.exp(np.clip(x @ beta + offset, -50, 50))
        covariance = np.linalg.inv(x.T @ (x * mean[:, None]))
        leverage = mean * np.einsum("ij,jk,ik->i", x, covariance, x)
        score = x * (y + leverage / 2 - mean)[:, None]
        step = covariance @ score.sum(0)
        beta += step.clip(-2, 2)
        if np.abs(step).max() < 1e-9:
            break
    else:
        raise CannotAnswer("the model of rates did not settle: there are too few events for so many terms")
    errors = np.sqrt(np.diag(covariance))
    if groups is not None:
        sums = np.column_stack([np.bincount(groups, column) for column in score.T])
        sandwich = covariance @ (sums.T @ sums) @ covariance * len(sums) / (len(sums) - 1)
        errors = np.sqrt(np.maximum(errors**2, np.diag(sandwich)))
    names = model.exog_names
    return pd.Series(beta, names), pd.Series(errors, names), mean
