"""Did a change help: outages that began, per hour that chargers were up, before and after it or in group A and B."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used

from .answers import CannotAnswer, clusters_of, confident, moment, with_columns, with_times

FEW_CLUSTERS = 20  # below which the sandwich is too sure of itself
_FLIPS = 4000


@dataclass(frozen=True)
class Uplift:
    """Rate of onsets in the second window or group over that in the first; rates are per charger and year that is up.

    first_ci, second_ci: of the rates, by cluster as the ratio's; exact Poisson where a side has no onsets.
    """

    rate_ratio: float
    ci_low: float
    ci_high: float
    p_value: float
    rate_first: float
    rate_second: float
    onsets_first: int
    onsets_second: int
    n_clusters: int
    method: str
    first_ci: tuple[float, float] = (float("nan"), float("nan"))
    second_ci: tuple[float, float] = (float("nan"), float("nan"))


def before_after(
    spells: pd.DataFrame,
    watched: pd.DataFrame,
    before: tuple,
    after: tuple,
    washout="0h",
    confidence: float = 0.95,
) -> Uplift:
    """Rate of outage onsets in window `after` over that in window `before`, the same chargers compared with themselves.

    spells: of `outage_spells` over both windows. watched: charger_id and since (when it was first heard of) of every
    charger, those without outages too. Windows are half-open (start, end); `washout` is the gap that there must be
    between them at least. Exposure is up-time. Standard error clustered by charger (see `rate_ratio`).
    A change of season, load or reporting changes the ratio as well: compare with `ab_test` or `rollout` where there are
    chargers without the change. Raises CannotAnswer for windows that overlap, lie the wrong way round or nearer than
    the wash-out, and where no charger was up in one of them.
    """
    first, second = _window(before), _window(after)
    if second[0] < first[1]:
        raise CannotAnswer("the windows overlap: the window before must have ended when the one after begins")
    if second[0] - first[1] < pd.Timedelta(washout):
        raise CannotAnswer(f"between the windows there must be at least {pd.Timedelta(washout)} of wash-out")
    pieces = [onsets_and_exposure(spells, watched, *window).assign(is_second=place)
              for place, window in enumerate((first, second))]  # fmt: skip
    frame = pd.concat(pieces, ignore_index=True)
    return rate_ratio(frame["onsets"], frame["up_hours"], frame["is_second"], frame["charger_id"], confidence)


def ab_test(
    spells: pd.DataFrame,
    watched: pd.DataFrame,
    window: tuple,
    group_b,
    cluster: str = "charger_id",
    confidence: float = 0.95,
) -> Uplift:
    """Rate of outage onsets of chargers in `group_b` (ids) over that of all others, in one window.

    cluster: the column of `watched` by which chargers were put into groups: charger_id, or site_id when whole sites
    were. Raises CannotAnswer for an empty group.
    """
    frame = onsets_and_exposure(spells, watched, *_window(window))
    is_second = frame["charger_id"].isin(list(group_b)).to_numpy()
    return rate_ratio(frame["onsets"], frame["up_hours"], is_second, frame[cluster], confidence)


def onsets_and_exposure(spells: pd.DataFrame, watched: pd.DataFrame, start, end) -> pd.DataFrame:
    """`watched` with onsets in [start, end) and up_hours, the hours in it that a charger was known and not out.

    An outage that had begun before (left_censored) is no onset, but its hours are no exposure either.
    """
    with_columns(spells, "charger_id", "left_censored", what="table of spells")
    with_columns(watched, "charger_id", what="table of chargers")
    spells = with_times(spells, "start", "end", what="table of spells")
    watched, start, end = with_times(watched, "since", what="table of chargers"), moment(start), moment(end)
    begins, ends = spells["start"].clip(lower=start, upper=end), spells["end"].clip(lower=start, upper=end)
    is_onset = (spells["start"] >= start) & (spells["start"] < end) & ~spells["left_censored"].astype(bool)
    down = ((ends - begins) / pd.Timedelta(hours=1)).groupby(spells["charger_id"]).sum()
    onsets = is_onset.groupby(spells["charger_id"]).sum()
    known = (end - watched["since"].clip(lower=start, upper=end)) / pd.Timedelta(hours=1)
    ids = watched["charger_id"]
    return watched.assign(
        onsets=ids.map(onsets).fillna(0).astype("i8"),
        down_hours=ids.map(down).fillna(0.0).astype("f8"),
        known_hours=known,
        up_hours=(known - ids.map(down).fillna(0.0)).clip(lower=0).astype("f8"),
    ).reset_index(drop=True)


def rate_ratio(onsets, up_hours, is_second, cluster, confidence: float = 0.95) -> Uplift:
    """Ratio of two rates of onsets with a standard error by cluster; all arrays (n,).

    The Poisson regression of onsets on `is_second` with offset log(up_hours) and the sandwich clustered by `cluster`,
    in closed form: log ratio = log(O2/T2) - log(O1/T1), and a cluster contributes (O2c - r2 T2c)/O2 - (O1c - r1
    T1c)/O1 to it; variance = G/(G-1) x the sum of their squares, t on G - 1 degrees of freedom. With fewer than 20
    clusters that each are in both halves the p-value is that of flipping signs of those contributions. Rows without
    exposure are left out. Raises CannotAnswer without exposure or with fewer than two clusters; where a side has no
    onsets the ratio and the interval are by the exact binomial test, which assumes that onsets are independent.
    """
    o, t = np.asarray(onsets, "f8"), np.asarray(up_hours, "f8")
    second = np.asarray(is_second).astype(bool)
    codes = clusters_of(cluster, len(o))
    o, t, second, codes = (column[t > 0] for column in (o, t, second, codes))
    if not second.any() or second.all():
        raise CannotAnswer("on one side no charger was up for any time, so that there is nothing to compare")
    sums = [(o[side].sum(), t[side].sum()) for side in (~second, second)]
    n_clusters = len(np.unique(codes))
    if n_clusters < 2:
        raise CannotAnswer("one charger alone cannot say how much chargers differ: there must be at least two")
    if min(sums[0][0], sums[1][0]) == 0:
        return _without_onsets(sums, n_clusters, confidence)
    rates = [events / hours for events, hours in sums]
    sides = [
        np.bincount(codes[side], o[side] - rate * t[side], minlength=codes.max() + 1) / total
        for side, rate, (total, _) in zip((~second, second), rates, sums, strict=True)
    ]
    share = (sides[1] - sides[0])[np.unique(codes)]
    error = np.sqrt(n_clusters / (n_clusters - 1) * (share**2).sum())
    log_ratio, spread = np.log(rates[1] / rates[0]), scipy.stats.t(n_clusters - 1)
    half = spread.ppf(1 - confident(confidence) / 2) * error
    is_paired = all(len(np.unique(codes[side])) == n_clusters for side in (second, ~second))
    p_value, method = 2 * spread.sf(abs(log_ratio) / error) if error else 1.0, "clustered Poisson"
    if n_clusters < FEW_CLUSTERS and is_paired:
        p_value, method = _flipped(o, t, second, codes), "clustered Poisson; p-value by flipping signs"
    low, high = np.exp(log_ratio - half), np.exp(log_ratio + half)
    found = _result(sums, np.exp(log_ratio), low, high, p_value, n_clusters, method)
    reach = [spread.ppf(1 - confident(confidence) / 2) * np.sqrt(n_clusters / (n_clusters - 1) * (side**2).sum())
             for side in sides]  # fmt: skip
    each = [(float(rate * np.exp(-one)), float(rate * np.exp(one)))
            for rate, one in zip((found.rate_first, found.rate_second), reach, strict=True)]  # fmt: skip
    return replace(found, first_ci=each[0], second_ci=each[1])


def _flipped(o, t, second, codes) -> float:
    """Share of ways to swap before and after of each charger whose difference of rates is as large as this one."""
    size = codes.max() + 1
    rate = [np.bincount(codes[side], o[side], minlength=size) / np.maximum(np.bincount(codes[side], t[side],
            minlength=size), 1e-12) for side in (~second, second)]  # fmt: skip
    difference = (rate[1] - rate[0])[np.unique(codes)]
    count = len(difference)
    if count <= 12:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (_FLIPS, count))
        signs[0] = 1  # what was seen is one of the ways
    sums = np.abs(signs @ difference)
    return float((sums >= abs(difference.sum()) - 1e-12).mean())


def _without_onsets(sums, n_clusters: int, confidence: float) -> Uplift:
    """Exact: given all onsets, those of the second side are binomial with its share of the exposure."""
    (first, hours_1), (second, hours_2) = sums
    total, share = int(first + second), hours_2 / (hours_1 + hours_2)
    if total == 0:
        return _result(sums, float("nan"), 0.0, float("inf"), 1.0, n_clusters, "no onsets on either side")
    interval = scipy.stats.binomtest(int(second), total, share).proportion_ci(confidence)
    low, high = (end / (1 - end) * hours_1 / hours_2 if end < 1 else float("inf") for end in interval)
    p_value = scipy.stats.binomtest(int(second), total, share).pvalue
    ratio = 0.0 if second == 0 else float("inf")
    return _result(sums, ratio, low, high, p_value, n_clusters, "exact binomial: no onsets on one side")


def _result(sums, ratio, low, high, p_value, n_clusters: int, method: str) -> Uplift:
    (o1, t1), (o2, t2) = sums
    year = 8766.0
    exact = [tuple(float(one / 2 / hours * year) for one in (scipy.stats.chi2.ppf(0.025, 2 * events) if events else 0.0,
             scipy.stats.chi2.ppf(0.975, 2 * events + 2))) for events, hours in sums]  # fmt: skip
    return Uplift(
        float(ratio), float(low), float(high), float(p_value), float(o1 / t1 * year), float(o2 / t2 * year),
        int(o1), int(o2), n_clusters, method, *exact,
    )  # fmt: skip


def _window(window: tuple) -> tuple[pd.Timestamp, pd.Timestamp]:
    start, end = (moment(edge) for edge in window)
    if not start < end:
        raise CannotAnswer("a window must end after it starts")
    return start, end
