"""How often chargers fail and how long they stay down: MTBF, MTTR, Weibull, models of rates.

Durations and exposures may have any unit of time; results have the same. All sources: NIST/SEMATECH handbook 8.4;
Kaplan and Meier 1958; Mantel 1966; McCullagh and Nelder 1989.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import optimize, special, stats
from statsmodels.genmod.families import Poisson

from .answers import CannotAnswer, confident, counted, durations_of, with_columns
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


def mtbf(exposure_hours, failures, confidence: float = 0.9) -> Mtbf:
    """Mean time between failures T / r of a constant failure rate, with the exact two-sided chi-square interval.

    2T / chi2(1 - a/2; 2r + 2) to 2T / chi2(a/2; 2r) (NIST 8.4.5.1, time-censored test). `exposure_hours` is the time
    that chargers were up, summed; `failures` the outages that began in it. Without failures the estimate and the
    upper bound are infinite and the lower bound stands. Raises CannotAnswer without exposure.
    """
    hours, count, alpha = counted("the exposure", exposure_hours), counted("failures", failures), confident(confidence)
    if hours == 0:
        raise CannotAnswer("no charger was up for any time, so that there is no time between failures")
    low = 2 * hours / stats.chi2.ppf(1 - alpha / 2, 2 * count + 2)
    high = 2 * hours / stats.chi2.ppf(alpha / 2, 2 * count) if count else float("inf")
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
    groups = pd.factorize(np.asarray(groups)[known])[0]
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

    shape = optimize.brentq(score, 1e-6, _above(score))
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
    the dispersion (Pearson chi-square / degrees of freedom) where that is above 1.
    Raises CannotAnswer without events, without exposure, or with terms that cannot be told apart.
    """
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
    groups = None if cluster is None else np.asarray(frame[cluster] if isinstance(cluster, str) else cluster)
    fit = _clustered(model, groups)
    dispersion = float(fit.pearson_chi2 / max(fit.df_resid, 1))
    errors = fit.bse * (np.sqrt(max(dispersion, 1.0)) if groups is None else 1.0)
    n_clusters = None if groups is None else len(pd.unique(groups))
    spread = stats.norm if n_clusters is None else stats.t(n_clusters - 1)
    half = spread.ppf(1 - confident(confidence) / 2) * errors
    ci = pd.DataFrame({"low": fit.params - half, "high": fit.params + half})
    p_values = pd.Series(2 * spread.sf(np.abs(fit.params / errors)), fit.params.index)
    return RateModel(fit.params, errors, ci, np.exp(fit.params), p_values, float(fit.llf), dispersion, n_clusters)


def _clustered(model, groups):
    if groups is None:
        return model.fit()
    codes = pd.factorize(groups)[0]
    if len(codes) and codes.max() < 1:
        raise CannotAnswer("a clustered standard error needs at least two clusters")
    return model.fit(cov_type="cluster", cov_kwds={"groups": codes})
