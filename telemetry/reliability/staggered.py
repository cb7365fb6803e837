"""A roll-out that reached sites on different days: each cohort against the sites that were not reached yet.

Two-way fixed effects would use sites that have the change already as controls, and get it wrong wherever the effect
grows or differs between cohorts (Goodman-Bacon 2021). Here after Callaway and Sant'Anna 2021, without covariates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .answers import CannotAnswer, confident, in_utc, moment, with_columns

_NEVER = np.iinfo("i4").max


@dataclass(frozen=True)
class Staggered:
    """Mean effect on the treated in their days after the change, in the unit of the rate, and that of each cohort."""

    effect: float
    standard_error: float
    ci_low: float
    ci_high: float
    treated_sites: int
    n_clusters: int
    cohorts: pd.DataFrame


def staggered_differences(
    panel: pd.DataFrame, adopted: Mapping, draws: int = 500, seed: int = 0, confidence: float = 0.95
) -> Staggered:
    """Effect of a change that sites adopted on different days.

    panel: site_id, day, fault_rate and weight (without the column 1), one row per site and day; days may be missing.
    adopted: site -> its day; sites that are not in it never changed. On a day t at or after the day g of a cohort, its
    sites' rate less their mean before g is compared with the same of all sites that adopt after t or never, means
    weighted by `weight`; the effect is the mean over all treated site-days for which there are such sites.
    Interval and standard error by drawing whole sites again (percentile). Assumes that without the change cohorts would
    have moved as those not reached yet, and that nobody acts before the day. Raises CannotAnswer where no cohort has
    days on both sides and sites to compare with.
    """
    with_columns(panel, "site_id", "day", "fault_rate", what="panel")
    sites, days, rate, weight = _laid_out(panel)
    at = _adoption(sites, days, adopted)
    cohorts = [_cohort(first, at, rate, weight) for first in np.unique(at[(at > 0) & (at < len(days))])]
    once = np.ones((1, len(sites)))
    sums = np.array([_effects(one, once)[:, 0] for one in cohorts]) if cohorts else np.zeros((0, 2))
    if not sums.size or not sums[:, 1].sum() > 0:
        raise CannotAnswer("no site that changed has days before and after it, and others to be compared with")
    drawn = np.random.default_rng(seed).multinomial(len(sites), np.full(len(sites), 1 / len(sites)), draws)
    totals = sum(_effects(one, drawn.astype("f8")) for one in cohorts)
    found = totals[0][totals[1] > 0] / totals[1][totals[1] > 0]
    if len(found) < 2:
        raise CannotAnswer("there are too few sites to say how sure the effect is")
    low, high = np.quantile(found, [confident(confidence) / 2, 1 - confident(confidence) / 2])
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame({
            "day": [days[one["first"]] for one in cohorts], "sites": [int(one["is_treated"].sum()) for one in cohorts],
            "effect": sums[:, 0] / sums[:, 1],
        })  # fmt: skip
    effect = float(sums[:, 0].sum() / sums[:, 1].sum())
    treated = int(table["sites"].sum())
    return Staggered(effect, float(found.std(ddof=1)), float(low), float(high), treated, len(sites), table)


def _laid_out(panel: pd.DataFrame):
    """Sites, days, and rates and weights (sites, days); weight 0 where nothing is known."""
    weight = panel["weight"] if "weight" in panel else pd.Series(1.0, panel.index)
    known = panel["fault_rate"].notna() & (weight > 0)
    day = in_utc(panel["day"], "the day of the panel")[known]
    site, sites = pd.factorize(panel["site_id"][known], sort=True)
    place, days = pd.factorize(day, sort=True)
    rate, amount = np.zeros((len(sites), len(days))), np.zeros((len(sites), len(days)))
    rate[site, place], amount[site, place] = panel["fault_rate"][known], weight[known]
    return np.asarray(sites), pd.DatetimeIndex(days), rate, amount


def _adoption(sites: np.ndarray, days: pd.DatetimeIndex, adopted: Mapping) -> np.ndarray:
    """Place of the first day with the change, for each site; far beyond the last for those that never had it."""
    at = np.full(len(sites), _NEVER)
    for place, site in enumerate(sites):
        if site in adopted:
            at[place] = days.searchsorted(moment(adopted[site]))
    return at


def _cohort(first: int, at: np.ndarray, rate: np.ndarray, weight: np.ndarray) -> dict:
    """Changes since before the cohort's day, and who is treated or a control on each day from it on."""
    before = weight[:, :first].sum(1)
    base = (weight * rate)[:, :first].sum(1) / np.maximum(before, 1e-300)
    later = slice(int(first), rate.shape[1])
    known = weight[:, later] * (before > 0)[:, None]
    is_control = at[:, None] > np.arange(rate.shape[1])[later][None, :]
    is_treated = (at == first) & (before > 0)
    return {
        "first": int(first), "change": rate[:, later] - base[:, None], "is_treated": is_treated,
        "treated": known * is_treated[:, None], "control": known * is_control,
    }  # fmt: skip


def _effects(cohort: dict, drawn: np.ndarray) -> np.ndarray:
    """Sum of effects times weight, and of weights, of a cohort for each draw of sites: (2, draws)."""
    means = []
    for side in ("treated", "control"):
        weight = drawn @ cohort[side]
        means.append((drawn @ (cohort[side] * cohort["change"]) / np.maximum(weight, 1e-300), weight))
    (treated, amount), (control, others) = means
    amount = np.where(others > 0, amount, 0)
    return np.array([(amount * (treated - control)).sum(1), amount.sum(1)])
