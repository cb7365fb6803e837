"""What a change at some sites did: differences in differences, with the evidence for and against believing them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used

from .answers import CannotAnswer, clusters_of, confident, in_utc, moment, with_columns

FEW_TREATED = 10
_WEEK_DAYS, _MOST_LEADS = 7, 6


@dataclass(frozen=True)
class Rollout:
    """Effect on the rate in the treated sites' days after the change, in the unit of the rate.

    leads: weeks before the change, estimate and interval against the last week; joint test in leads_p_value (NaN: too
    few sites or weeks). placebos: the effect that each date without a change would have had. randomisation_p_value:
    only with fewer than 10 treated sites.
    """

    effect: float
    standard_error: float
    ci_low: float
    ci_high: float
    p_value: float
    n_clusters: int
    treated_sites: int
    leads: pd.DataFrame
    leads_p_value: float
    placebos: pd.DataFrame
    randomisation_p_value: float
    before_after: pd.DataFrame
    sentence: str


@dataclass(frozen=True)
class DifferenceOfMeans:
    """A difference of two changes, and its standard error where the changes have one."""

    effect: float
    standard_error: float
    ci_low: float
    ci_high: float


def did_from_means(
    treated_before: float, treated_after: float, control_before: float, control_after: float,
    treated_se: float = float("nan"), control_se: float = float("nan"),
) -> DifferenceOfMeans:  # fmt: skip
    """Difference in differences of four means, and sqrt(se^2 + se^2) of the two changes (Card and Krueger 1994).

    In the unit of the means; the two groups are taken as independent; 95 % interval by the normal distribution.
    """
    effect = (treated_after - treated_before) - (control_after - control_before)
    error = float(np.hypot(treated_se, control_se))
    return DifferenceOfMeans(effect, error, effect - 1.959964 * error, effect + 1.959964 * error)


def difference_in_differences(
    panel: pd.DataFrame,
    treated: Collection,
    intervention,
    cluster: str = "site_id",
    seed: int = 0,
    confidence: float = 0.95,
) -> Rollout:
    """Two-way fixed effects: rate(site, day) = site + day + effect x (treated site, day from `intervention` on).

    panel: site_id, day, fault_rate and weight (such as hours known; without the column 1), one row per site and day;
    days may be missing. treated: ids of the sites that were changed. Weighted least squares with both fixed effects
    taken out exactly; sandwich errors clustered by `cluster`, with G/(G-1) (N-1)/(N-K) and t on G - 1 degrees of
    freedom.

    Believing it needs parallel trends, of which the leads are the evidence: the weeks before the change must not
    differ between treated and other sites (joint Wald test). Placebo dates use days before the change alone. With
    fewer than 10 treated sites clustered errors are too small, so that the p-value of putting the change at other sets
    of as many sites is given too (up to 999 sets, on each site's mean after less mean before).

    Raises CannotAnswer without treated or without other sites, or without days before or after the change.
    """
    rows = _checked(panel, treated, intervention, cluster)
    effect, error, count = _effect(rows, rows["is_treated"] & rows["is_after"])
    spread = scipy.stats.t(max(count - 1, 1))
    half = spread.ppf(1 - confident(confidence) / 2) * error
    p_value = float(2 * spread.sf(abs(effect) / error)) if error > 0 else float("nan")
    leads, leads_p = _leads(rows, spread.ppf(1 - confident(confidence) / 2))
    sites = rows.groupby("site_id")["is_treated"].first()
    few = sites.sum() < FEW_TREATED
    randomised = _randomised(rows, sites, seed) if few else float("nan")
    placebos = _placebos(rows)
    said = _sentence(effect, effect - half, effect + half, few, randomised, leads_p)
    return Rollout(
        effect, error, effect - half, effect + half, p_value, count, int(sites.sum()), leads, leads_p, placebos,
        randomised, _means(rows), said,
    )  # fmt: skip


def _checked(panel: pd.DataFrame, treated: Collection, intervention, cluster: str) -> pd.DataFrame:
    with_columns(panel, "site_id", "day", "fault_rate", cluster, what="panel")
    day = in_utc(panel["day"], "the day of the panel")
    rows = pd.DataFrame(
        {
            "site_id": panel["site_id"].to_numpy(), "day": day.dt.tz_localize(None).to_numpy(),
            "rate": panel["fault_rate"].to_numpy("f8"), "cluster": clusters_of(panel[cluster], len(panel)),
            "weight": panel["weight"].to_numpy("f8") if "weight" in panel else 1.0,
        }
    )  # fmt: skip
    rows = rows[np.isfinite(rows["rate"]) & (rows["weight"] > 0)].reset_index(drop=True)
    change = moment(intervention).tz_localize(None)
    rows["is_treated"] = rows["site_id"].isin(list(treated))
    rows["days_after"] = ((rows["day"] - change) / pd.Timedelta(days=1)).apply(np.floor).astype(int)
    rows["is_after"] = rows["days_after"] >= 0
    for side, name in ((True, "treated"), (False, "other")):
        ours = rows[rows["is_treated"] == side]
        if ours.empty:
            raise CannotAnswer(f"there are no {name} sites in these days, so that there is nothing to compare")
        if ours["is_after"].all() or not ours["is_after"].any():
            raise CannotAnswer(f"the {name} sites have days on one side of the change only")
    return rows


def _within(columns: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    """Columns (n, k) without what site and day explain, by weighted least squares (alternating until it is at rest)."""
    site, day = pd.factorize(rows["site_id"])[0], pd.factorize(rows["day"])[0]
    weight, columns = rows["weight"].to_numpy(), columns.astype("f8").copy()
    totals = [np.bincount(codes, weight) for codes in (site, day)]
    scale = np.abs(columns).max(0) + 1e-300
    for _ in range(1000):
        largest = 0.0
        for codes, total in zip((site, day), totals, strict=True):
            means = np.column_stack([np.bincount(codes, weight * column) for column in columns.T]) / total[:, None]
            columns -= means[codes]
            largest = max(largest, float((np.abs(means) / scale).max()))
        if largest < 1e-11:
            break
    return columns


def _fit(rows: pd.DataFrame, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Coefficients of terms (n, k) besides the fixed effects, their clustered covariance, and how many clusters."""
    plain = _within(np.column_stack([rows["rate"], terms]), rows)
    y, x, weight = plain[:, 0], plain[:, 1:], rows["weight"].to_numpy()
    bread = np.linalg.pinv(x.T @ (x * weight[:, None]))
    beta = bread @ (x.T @ (weight * y))
    scores = x * (weight * (y - x @ beta))[:, None]
    codes = pd.factorize(rows["cluster"])[0]
    count = int(codes.max()) + 1
    sums = np.column_stack([np.bincount(codes, column) for column in scores.T])
    left = len(rows) - x.shape[1] - rows["day"].nunique()  # site effects are nested in clusters
    correction = count / max(count - 1, 1) * (len(rows) - 1) / max(left, 1)
    return beta, bread @ (sums.T @ sums) @ bread * correction, count


def _effect(rows: pd.DataFrame, term: pd.Series) -> tuple[float, float, int]:
    beta, covariance, count = _fit(rows, term.to_numpy("f8")[:, None])
    error = float(np.sqrt(max(covariance[0, 0], 0)))
    is_exact = error <= 1e-9 * max(abs(beta[0]), 1e-300)  # nothing is left over to judge by
    return float(beta[0]), float("nan") if is_exact else error, count


def _leads(rows: pd.DataFrame, quantile: float) -> tuple[pd.DataFrame, float]:
    """Weeks before the change against the last of them: week, estimate, low, high; and the joint test."""
    week = np.floor(rows["days_after"] / _WEEK_DAYS).clip(lower=-_MOST_LEADS - 1)
    weeks = sorted(value for value in week[~rows["is_after"]].unique() if value < -1)
    columns = ["week", "estimate", "ci_low", "ci_high"]
    if not weeks:
        return pd.DataFrame(columns=columns), float("nan")
    terms = [rows["is_treated"] & (week == value) for value in weeks] + [rows["is_treated"] & rows["is_after"]]
    beta, covariance, count = _fit(rows, np.column_stack(terms).astype("f8"))
    estimate, half = beta[:-1], quantile * np.sqrt(np.clip(np.diag(covariance)[:-1], 0, None))
    table = pd.DataFrame(
        {"week": np.array(weeks, int), "estimate": estimate, "ci_low": estimate - half, "ci_high": estimate + half}
    )
    treated = rows.loc[rows["is_treated"], "cluster"].nunique()
    inner, number = covariance[:-1, :-1], len(weeks)
    if min(treated, count - treated) <= number or np.linalg.matrix_rank(inner) < number:
        return table, float("nan")
    if np.sqrt(np.diag(inner)).max() <= 1e-9 * np.abs(beta).max():  # rounding dust: nothing is left over to judge by
        return table, float("nan")
    wald = float(estimate @ np.linalg.solve(inner, estimate)) / number
    return table, float(scipy.stats.f.sf(wald, number, count - 1))


def _placebos(rows: pd.DataFrame) -> pd.DataFrame:
    """The effect at up to six dates before the change, of the days before it alone: days_before, effect, se."""
    early = rows[~rows["is_after"]]
    first = int(early["days_after"].min())
    dates = [] if first > -4 else np.unique(np.linspace(first * 0.75, first * 0.25, 6).astype(int))
    found = []
    for date in dates:
        term = early["is_treated"] & (early["days_after"] >= date)
        effect, error, _ = _effect(early.reset_index(drop=True), term.reset_index(drop=True))
        found.append((-int(date), effect, error))
    return pd.DataFrame(found, columns=["days_before", "effect", "standard_error"])


def _randomised(rows: pd.DataFrame, sites: pd.Series, seed: int) -> float:
    """Share of sets of as many sites whose mean change differs from the others' as much as that of the treated."""
    sums = rows.assign(weighted=rows["weight"] * rows["rate"]).groupby(["site_id", "is_after"])
    sums = sums[["weighted", "weight"]].sum()
    means = (sums["weighted"] / sums["weight"]).unstack()
    change = (means[True] - means[False]).reindex(sites.index).to_numpy()
    is_treated = sites.to_numpy()[np.isfinite(change)]
    change = change[np.isfinite(change)]
    number, total = int(is_treated.sum()), len(change)
    if number == 0 or number == total:
        return float("nan")
    random = np.random.default_rng(seed)
    sets = np.array([random.permutation(total)[:number] for _ in range(999)])
    treated = np.append(change[sets].sum(1), change[is_treated].sum())
    differences = np.abs(treated / number - (change.sum() - treated) / (total - number))
    return float((differences >= differences[-1] * (1 - 1e-12)).mean())


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """Weighted mean rate of treated and other sites before and after: is_treated, is_after, rate, site_days."""
    sums = rows.assign(weighted=rows["weight"] * rows["rate"]).groupby(["is_treated", "is_after"])
    table = sums[["weighted", "weight"]].sum()
    found = pd.DataFrame({"rate": table["weighted"] / table["weight"], "site_days": sums.size()})
    return found.reset_index()


def _sentence(effect, low, high, few: bool, randomised: float, leads_p: float) -> str:
    is_sure = randomised < 0.05 if few else low > 0 or high < 0
    said = "The rate changed" if is_sure else "No change of the rate can be told from chance"
    if not few and not np.isfinite(low):
        said = "The change has no error to judge it by, because nothing else varies"
    said += f": {effect:+.4g}"
    if np.isfinite(low):
        said += f" ({low:+.4g} to {high:+.4g})"
    if few:
        said += f"; with so few treated sites what counts is the randomisation p-value, {randomised:.3f}"
    if leads_p < 0.05:
        said += "; but the treated sites had moved apart from the others before the change, so that this may not be"
        said += " its effect"
    return said + "."
