"""Shares of independent attempts: their intervals, and whether two of them differ.

For outages use `rates` and `uplift`: polls and charger-hours are not independent attempts.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # not its parts, which are loaded when they are first used

from .answers import CannotAnswer, Interval, confident, counted

METHODS = {"wilson": "wilson", "clopper": "beta"}


@dataclass(frozen=True)
class TwoProportions:
    """Share a minus share b, with Newcombe's interval."""

    z: float
    p_value: float
    difference: float
    ci_low: float
    ci_high: float


class PValue(float):
    """A probability under the null hypothesis; also its own field `p_value`, as in the other results."""

    @property
    def p_value(self) -> float:
        return float(self)


def two_proportion_test(count_a, n_a, count_b, n_b, confidence: float = 0.95) -> TwoProportions:
    """Whether two shares of independent attempts differ, two-sided.

    z = (a - b) / sqrt(p (1 - p) (1/n_a + 1/n_b)) with the pooled share p; the interval of a - b is Newcombe's hybrid
    of two Wilson intervals (Newcombe 1998b, method 10), which keeps its coverage near 0 and 1. Shares, no unit.
    Assumes that attempts are independent of each other: for attempts at the same charger use
    `impact.cluster_bootstrap`. Two shares that are both 0, or both 1, give z = 0 and p = 1. Raises CannotAnswer
    without attempts on either side.
    """
    low_a, high_a = proportion_interval(count_a, n_a, confidence=confidence)
    low_b, high_b = proportion_interval(count_b, n_b, confidence=confidence)
    share_a, share_b = count_a / n_a, count_b / n_b
    difference = share_a - share_b
    if count_a + count_b in (0, n_a + n_b):
        z, p_value = 0.0, 1.0
    else:
        from statsmodels.stats.proportion import proportions_ztest  # here, because it takes seconds to load

        z, p_value = (float(one) for one in proportions_ztest([count_a, count_b], [n_a, n_b]))
    low = difference - np.hypot(share_a - low_a, high_b - share_b)
    high = difference + np.hypot(high_a - share_a, share_b - low_b)
    return TwoProportions(z, p_value, float(difference), float(low), float(high))


def proportion_interval(count, n, method: str = "wilson", confidence: float = 0.95) -> Interval:
    """Interval of a share of `n` independent attempts: (low, high), shares between 0 and 1.

    "wilson": the score interval (Wilson 1927; Newcombe 1998a), right on average; "clopper": Clopper and Pearson's
    exact interval, which never covers less than it says and is wider. Raises CannotAnswer for another method,
    no attempts, or a count outside of 0 to n.
    """
    if method not in METHODS:
        raise CannotAnswer(f"the method must be one of {', '.join(METHODS)}, not {method!r}")
    attempts, events = counted("the number of attempts", n), counted("the count", count)
    if attempts < 1:
        raise CannotAnswer("there are no attempts, so that there is no share of them")
    if events > attempts:
        raise CannotAnswer(f"{count} cannot be a count among {n} attempts")
    from statsmodels.stats.proportion import proportion_confint  # here, because it takes seconds to load

    low, high = proportion_confint(events, attempts, confident(confidence), METHODS[method])
    return Interval(max(float(low), 0.0), min(float(high), 1.0))


def fisher_exact(table) -> PValue:
    """Two-sided p-value of Fisher's exact test of a 2 x 2 table of counts [[a, b], [c, d]].

    Conditional on the margins; all tables that are as unlikely as this one or more so count (Fisher 1935). A table
    with an empty row or column says nothing: 1. Raises CannotAnswer unless it is 2 x 2 of whole numbers from 0 on.
    """
    counts = np.asarray(table, "f8")
    if counts.shape != (2, 2) or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise CannotAnswer("the table must have two rows and two columns of whole numbers from 0 on")
    if not (counts.sum(0).all() and counts.sum(1).all()):
        return PValue(1.0)
    return PValue(scipy.stats.fisher_exact(counts.astype("i8")).pvalue)


@dataclass(frozen=True)
class ClusteredShare:
    """A share of a whole and its interval by clusters; all between 0 and 1."""

    estimate: float
    ci_low: float
    ci_high: float
    standard_error: float
    n_clusters: int


def clustered_share(parts, wholes, confidence: float = 0.95) -> ClusteredShare:
    """Sum of parts (n,) / sum of wholes (n,) of n clusters, such as successes and attempts of each site.

    For attempts, hours and polls that are alike within a charger or site, where intervals for independent ones are too
    narrow. Linearised ratio (Cochran 1977, 6.8): each cluster differs by part - share x whole; interval on the logit
    scale, t on n - 1 degrees of freedom. A share of exactly 0 or 1 has the Clopper-Pearson interval of n independent
    clusters, which is wide. Clusters whose whole is 0 are left out. Raises CannotAnswer with fewer than two others.
    """
    parts, wholes = np.asarray(parts, "f8"), np.asarray(wholes, "f8")
    parts, wholes = parts[wholes > 0], wholes[wholes > 0]
    count, total = len(wholes), wholes.sum()
    if count < 2:
        raise CannotAnswer("an interval needs at least two clusters, such as two sites")
    share = float(parts.sum() / total)
    if share in (0.0, 1.0):
        interval = proportion_interval(round(share * count), count, "clopper", confidence)
        return ClusteredShare(share, *interval, 0.0, count)
    error = float(np.sqrt(count / (count - 1) * ((parts - share * wholes) ** 2).sum()) / total)
    half = scipy.stats.t.ppf(1 - confident(confidence) / 2, count - 1) * error / (share * (1 - share))
    centre = np.log(share / (1 - share))
    low, high = (float(1 / (1 + np.exp(-one))) for one in (centre - half, centre + half))
    return ClusteredShare(share, low, high, error, count)
