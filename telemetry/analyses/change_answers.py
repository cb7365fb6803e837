"""Questions about changes: before and after a day, and a roll-out at some sites."""

from datetime import date

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.hotspots import adjusted_p_values
from telemetry.reliability.rollout import difference_in_differences
from telemetry.reliability.staggered import staggered_differences
from telemetry.reliability.uplift import Uplift, before_after

from .answer import COUNTED, Answer, Figure, p_in_words
from .inputs import Inputs
from .outage_answers import few_note, or_none

DAY = pd.Timedelta(days=1)


def changes(inputs: Inputs) -> Answer:
    """N1: the rate of outages before and after a day, the same chargers compared with themselves."""
    scope = inputs.scope
    at = pd.Timestamp(scope.option_date("at", scope.middle))
    gap = pd.Timedelta(days=float(scope.options.get("washout") or 1))
    if not inputs.start + DAY <= at <= inputs.end - gap - DAY:
        raise CannotAnswer("the day of the change must lie in the period, with at least a day before and after it")
    length = min(at - inputs.start, inputs.end - at - gap)
    before, after = (at - length, at), (at + gap, at + gap + length)
    found = before_after(inputs.spells, inputs.chargers, before, after, gap)
    types = {}
    for name, group in inputs.chargers.groupby("charger_type"):
        one = or_none(lambda mine=group: before_after(inputs.spells, mine, before, after, gap))
        if one and np.isfinite(one.rate_ratio) and np.isfinite(one.ci_high):
            types[name] = one
    figures = [
        Figure("Rate after / before", found.rate_ratio, found.ci_low, found.ci_high, "", p_in_words(found.p_value)),
        Figure("Before", found.rate_first, *found.first_ci, "a year", f"per charger; {found.onsets_first:,} outages"),
        Figure("After", found.rate_second, *found.second_ci, "a year", f"per charger; {found.onsets_second:,} outages"),
    ]  # fmt: skip
    rows = [("all", found), *types.items()]
    table = pd.DataFrame([_uplift_row(name, one) for name, one in rows])
    table["p, corrected"] = [np.nan, *adjusted_p_values(table["p"].to_numpy()[1:])]  # "all" is the question itself
    drawn = [(name, one.rate_ratio, one.ci_low, one.ci_high) for name, one in rows if np.isfinite(one.rate_ratio)]
    said = _changed(found)
    figure = [plots.rows("Rate after / rate before", said, "ratio", drawn, mark=1.0)] if drawn else []
    notes = [f"{length.days} days on each side of {at:%Y-%m-%d}, with {gap / DAY:g} days of wash-out; {found.method}.",
             "What all chargers have in common on some days (weather, a firmware in trouble, a season) is in the ratio"
             " and not in the interval; a roll-out at some sites is compared with the others instead.",
             *few_note(found.n_clusters, "chargers")]  # fmt: skip
    if len(types) > 1:
        notes.append("The p-values of types are corrected for being several (Benjamini and Hochberg).")
    return Answer(said, figures, figure, table, notes)


def _changed(found: Uplift) -> str:
    if found.onsets_first + found.onsets_second == 0:
        return "Nothing failed before or after."
    percent = f"{100 * abs(found.rate_ratio - 1):.0f} %" if np.isfinite(found.rate_ratio) else "beyond measure"
    direction = "less" if found.rate_ratio < 1 else "more"
    if found.p_value >= 0.05:
        return (
            f"Chargers failed {percent} {direction} often afterwards, which chance alone could bring about"
            f" (rate ratio {found.ci_low:.2f} to {found.ci_high:.2f}, {p_in_words(found.p_value)})."
        )
    return f"Chargers failed {percent} {direction} often afterwards ({p_in_words(found.p_value)})."


def _uplift_row(name: str, one: Uplift) -> dict:
    return {
        "chargers of type": name, "ratio": one.rate_ratio, "from": one.ci_low, "to": one.ci_high, "p": one.p_value,
        "before (per year)": one.rate_first, "after (per year)": one.rate_second, "outages before": one.onsets_first,
        "outages after": one.onsets_second, "chargers": one.n_clusters,
    }  # fmt: skip


def rollouts(inputs: Inputs) -> Answer:
    """N10: difference in differences of sites that were changed on a day."""
    scope = inputs.scope
    wanted = _treated(str(scope.options.get("treated", "")))
    if not wanted:
        raise CannotAnswer("say at which sites something was changed (their IDs, with commas) and on which day")
    unknown = sorted(set(wanted) - set(inputs.chargers["site"]))
    if unknown:
        raise CannotAnswer(f"there is no site {unknown[0]!r} among those asked about, or it has no reports")
    panel = site_days(inputs)
    if any(wanted.values()):
        return _one_by_one(panel, wanted)
    at = scope.option_date("at", scope.middle)
    found = difference_in_differences(panel, wanted, pd.Timestamp(at))
    points = (100 * one for one in (found.effect, found.ci_low, found.ci_high))
    figures = [
        Figure("Effect on the share of time out", *points, "points", f"percent; by site, {p_in_words(found.p_value)}"),
        Figure("Treated sites", found.treated_sites, note=f"of {found.n_clusters}", decimals=0, no_interval=COUNTED),
        Figure("Leads differ from 0", found.leads_p_value, note="of the joint test; below .05 speaks against it",
               no_interval="a p-value"),
    ]  # fmt: skip
    if np.isfinite(found.randomisation_p_value):
        figures.append(
            Figure(
                "Randomisation p-value",
                found.randomisation_p_value,
                note="it decides with fewer than 10 sites",
                no_interval="a p-value",
            )
        )
    said = _rollout_sentence(found)
    leads = [(f"{-row.week} weeks before", 100 * row.estimate, 100 * row.ci_low, 100 * row.ci_high)
             for row in found.leads.itertuples()]  # fmt: skip
    drawn = []
    if leads:
        told = "Treated sites against the others, compared with the last week before the change: all should be near 0."
        drawn.append(plots.rows("Before the change", told, "percentage points", leads))
    table = found.before_after.assign(
        sites=np.where(found.before_after["is_treated"], "treated", "other"),
        time=np.where(found.before_after["is_after"], "after", "before"),
    )[["sites", "time", "rate", "site_days"]].rename(columns={"rate": "share of time out", "site_days": "site-days"})
    placebo = [f"{row.days_before} days before: {100 * row.effect:+.2f}" for row in found.placebos.itertuples()]
    notes = ["Placebo dates (percentage points): " + "; ".join(placebo) + "."] if placebo else []
    notes += few_note(found.n_clusters, "sites")
    notes.append("One effect is tested; leads are tested together, and placebo dates are there to be looked at, so that"
                 " nothing is corrected for being several.")  # fmt: skip
    return Answer(said, figures, drawn, table, notes)


def _treated(said: str) -> dict[str, str]:
    """Site -> its own day, "" where it has none: of "EV00001, EV00002=2026-08-01"."""
    pairs = [part.partition("=") for part in said.split(",") if part.strip()]
    return {site.strip(): day.strip() for site, _, day in pairs}


def _one_by_one(panel: pd.DataFrame, wanted: dict[str, str]) -> Answer:
    """The same where sites were changed on different days."""
    try:
        adopted = {site: pd.Timestamp(date.fromisoformat(day)) for site, day in wanted.items()}
    except ValueError:
        raise CannotAnswer("once a site has a day of its own every site needs one, as in EV00001=2026-08-01") from None
    found = staggered_differences(panel, adopted)
    points = [100 * one for one in (found.effect, found.ci_low, found.ci_high)]
    sure = found.ci_low > 0 or found.ci_high < 0
    said = "The share of time out changed" if sure else "No change of the share of time out can be told from chance"
    said += f": {points[0]:+.2f} percentage points ({points[1]:+.2f} to {points[2]:+.2f})."
    figures = [
        Figure("Effect on the share of time out", *points, "points", "percent; by drawing sites again"),
        Figure("Treated sites", found.treated_sites, note=f"of {found.n_clusters}", decimals=0, no_interval=COUNTED),
    ]
    table = found.cohorts.assign(day=found.cohorts["day"].dt.strftime("%Y-%m-%d"), effect=100 * found.cohorts["effect"])
    drawn = [(f"{row.day} ({row.sites})", row.effect, None, None) for row in table.itertuples()]
    plot = plots.rows("Effect by day of the change", "With the number of sites.", "percentage points", drawn)
    return Answer(said, figures, [plot], table.rename(columns={"effect": "effect (points)"}),
                  ["Each day's sites are compared with those that were not reached yet.",
                   *few_note(found.n_clusters, "sites", "drawing sites again")])  # fmt: skip


def _rollout_sentence(found) -> str:
    said = found.sentence.split(":")[0]
    said += f": {100 * found.effect:+.2f} percentage points of time out"
    if np.isfinite(found.ci_low):
        said += f" ({100 * found.ci_low:+.2f} to {100 * found.ci_high:+.2f})"
    _, _, rest = found.sentence.partition("; ")
    return f"{said}; {rest}" if rest else f"{said}."


def site_days(inputs: Inputs) -> pd.DataFrame:
    """Share of time out of each site on each day: site_id, day, fault_rate, weight (charger-hours known)."""
    down = inputs.by_hour(inputs.spells["charger_id"], _seconds(inputs.spells["start"]), _seconds(inputs.spells["end"]))
    days = inputs.hours // 24
    site, names = pd.factorize(inputs.chargers["site"])
    out = np.zeros((len(names), days))
    np.add.at(out, site, down[:, : days * 24].reshape(len(down), days, 24).sum(2))
    since = np.clip((inputs.chargers["since"] - inputs.start) / DAY, 0, days).to_numpy()
    known = np.zeros((len(names), days))
    np.add.at(known, site, 24 * np.clip(np.arange(1, days + 1) - since[:, None], 0, 1))
    place, day = np.nonzero(known > 0)
    return pd.DataFrame({
        "site_id": np.asarray(names)[place], "day": (inputs.start + pd.to_timedelta(np.arange(days), unit="D"))[day],
        "fault_rate": out[place, day] / known[place, day], "weight": known[place, day],
    })  # fmt: skip


def _seconds(times: pd.Series) -> np.ndarray:
    return ((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy("f8")
