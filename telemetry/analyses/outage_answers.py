"""Questions that outages alone answer: how often and how long, and which chargers."""

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.plots import Axis, Line
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.control_charts import cusum
from telemetry.reliability.hotspots import funnel, hotspots, spread_of_rates
from telemetry.reliability.proportions import ClusteredShare, clustered_share
from telemetry.reliability.rates import Mtbf, failures_at_once, kaplan_meier, mtbf, mttr
from telemetry.reliability.uplift import FEW_CLUSTERS

from .answer import COUNTED, Answer, Figure, in_words
from .inputs import Inputs

LONGEST_REPAIR_HOURS = 168.0
YEAR_HOURS = 8766.0
DAY = pd.Timedelta(days=1)


def failures(inputs: Inputs) -> Answer:
    """N4: time between failures, time to repair, and the share of time available."""
    exposure, spells = inputs.exposure, inputs.spells
    hours, onsets = exposure["up_hours"].sum(), int(exposure["onsets"].sum())
    burst = _burst(inputs)
    between = mtbf(hours / burst, onsets / burst, confidence=0.95)
    site = inputs.site_of(spells["charger_id"])
    repair = or_none(lambda: mttr(spells, cluster=site, restricted_to_hours=LONGEST_REPAIR_HOURS))
    available = share_of(exposure, "up_hours", "known_hours")
    figures = [
        Figure("Mean time between failures", between.estimate, between.ci_low, between.ci_high, "h", "of time up"),
        Figure("Outages per charger and year", YEAR_HOURS / between.estimate if onsets else 0.0,
               YEAR_HOURS / between.ci_high, YEAR_HOURS / between.ci_low, "", f"{onsets:,} began"),
    ]  # fmt: skip
    if repair:
        figures += [
            Figure("Median time to repair", repair.median, *repair.median_ci, "h", "half are over by then"),
            Figure("Mean time to repair", repair.restricted_mean, repair.ci_low, repair.ci_high, "h",
                   f"outages beyond {repair.restricted_to_hours:.0f} h count as that long"),
        ]  # fmt: skip
    if available:
        share = (100 * one for one in (available.estimate, available.ci_low, available.ci_high))
        figures.append(Figure("Available", *share, "%", "share of time, planned service not taken off", 2))
    said = f"A charger fails once in {in_words(between.estimate / 24)} days of being up" if onsets else "Nothing failed"
    if repair:
        ends = np.isfinite(repair.median)
        said += f", and half of the outages are over within {in_words(repair.median)} h" if ends else (
            ", and fewer than half of the outages had ended in what was seen of them"
        )  # fmt: skip
    said += "."
    sites = inputs.chargers["site"].nunique()
    notes = [_burst_note(burst), *few_note(sites if sites > 1 else len(inputs.chargers), "sites or chargers")]
    return Answer(said, figures, _failure_plots(inputs), _failures_by(inputs), notes)


def _burst(inputs: Inputs) -> float:
    fresh = inputs.spells[~inputs.spells["left_censored"]]
    return failures_at_once(fresh["start"], inputs.site_of(fresh["charger_id"]))


def _burst_note(burst: float) -> str:
    return (
        f"Outages of one site that begin in the same minute have one cause: {burst:.2f} of them come at once, weighted,"
        " and intervals are as wide as that many fewer failures make them."
    )


def few_note(count: int, of: str, how: str = "Student's t") -> list[str]:
    """What is to be said where intervals rest on few clusters; nothing where there are enough."""
    if count >= FEW_CLUSTERS:
        return []
    said = f"Intervals rest on {count} {of}: with fewer than {FEW_CLUSTERS} they are rough, and may be too narrow."
    if how == "Student's t":
        return [f"{said} They use Student's t on {max(count - 1, 1)} degrees of freedom for that."]
    return [f"{said} They are made by {how}."]


def share_of(frame: pd.DataFrame, part: str, whole: str) -> ClusteredShare | None:
    """Share with an interval by site or, at one site, by charger; None for a charger alone."""
    for column in ("site", "charger"):
        sums = frame.groupby(column)[[part, whole]].sum()
        if (sums[whole] > 0).sum() > 1:
            return clustered_share(sums[part], sums[whole])
    return None


def or_none(question):
    """What a question gets, or None where it cannot be answered."""
    try:
        return question()
    except CannotAnswer:
        return None


def _failures_by(inputs: Inputs) -> pd.DataFrame:
    """The same figures for each charger type and each site."""
    rows, fresh = [], inputs.spells[~inputs.spells["left_censored"]]
    for kind, column in (("type", "charger_type"), ("site", "site")):
        groups = inputs.exposure.groupby(column)
        where = fresh["charger_id"].map(inputs.chargers.set_index("charger_id")[column])
        for name, group in groups:
            hours, onsets = group["up_hours"].sum(), int(group["onsets"].sum())
            mine = fresh[(where == name).to_numpy()]
            between = _between(inputs, hours, onsets, mine)
            rows.append({
                "of": kind, "name": name, "chargers": len(group), "up hours": round(hours, 1), "outages": onsets,
                "MTBF (h)": between and between.estimate, "from": between and between.ci_low,
                "to": between and between.ci_high, "median repair (h)": _median_repair(mine),
                "available (%)": 100 * hours / max(group["known_hours"].sum(), 1e-9),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _between(inputs: Inputs, hours: float, onsets: int, fresh: pd.DataFrame) -> Mtbf | None:
    """Time between failures of a part of the chargers, with an interval for outages that begin together."""
    burst = failures_at_once(fresh["start"], inputs.site_of(fresh["charger_id"]))
    return or_none(lambda: mtbf(hours / burst, onsets / burst, confidence=0.95))


def _median_repair(spells: pd.DataFrame) -> float | None:
    return kaplan_meier(spells["hours"], ~spells["right_censored"]).median if len(spells) else None


def _failure_plots(inputs: Inputs) -> list[str]:
    by_type, known = [], inputs.spells[~inputs.spells["left_censored"]]
    for name, group in inputs.exposure.groupby("charger_type"):
        hours, onsets = group["up_hours"].sum(), group["onsets"].sum()
        found = _between(inputs, hours, onsets, known[known["charger_id"].isin(group["charger_id"])])
        if found and onsets > 0:
            by_type.append((name, *(YEAR_HOURS / one for one in (found.estimate, found.ci_high, found.ci_low))))
    drawn = []
    if by_type:
        most = max(by_type, key=lambda row: row[1])
        said = f"{most[0]} fails most often: {in_words(most[1])} times a year."
        drawn.append(plots.rows("Outages per charger and year, by type", said, "per charger and year", by_type))
    if len(known) > 1 and not known["right_censored"].all():
        drawn.append(_repair_curve(known))
    daily = daily_onsets(inputs)
    if len(daily) > 13:
        drawn.append(_daily_plot(daily))
    return drawn


def _repair_curve(known: pd.DataFrame) -> str:
    curve = kaplan_meier(known["hours"], ~known["right_censored"])
    places = np.unique(np.linspace(0, len(curve.times) - 1, 120).astype(int))
    times, share = np.maximum(curve.times[places], 0.05), curve.survival[places]
    half = 1.96 * curve.standard_errors[places]
    line = Line("still out", times, share, np.maximum(share - half, 0), np.minimum(share + half, 1))
    last = max(float(times[-1]), 1.0)
    axes = Axis("hours since the outage began", 0.1, last, "{:,.4g}", logarithmic=True), Axis("share still out")
    day = float(share[times <= 24][-1]) if (times <= 24).any() else 1.0
    return plots.chart("How long outages last", f"{day:.0%} last longer than a day.", *axes, [line])


def daily_onsets(inputs: Inputs) -> pd.Series:
    """Outages that began on each day (UTC) of the period; days before anything was heard of are left out."""
    if inputs.chargers.empty:
        return pd.Series(dtype="f8")
    first = max(inputs.start, inputs.chargers["since"].min().ceil("D"))
    fresh = inputs.spells[~inputs.spells["left_censored"]]
    days = pd.date_range(first, inputs.end - DAY, freq="D")
    return fresh.groupby(fresh["start"].dt.floor("D")).size().reindex(days, fill_value=0)


def _daily_plot(daily: pd.Series) -> str:
    half = daily.iloc[: len(daily) // 2]
    target, spread = float(half.mean()), float(half.std()) or 1.0
    found = cusum(daily, target, 0.5 * spread, 5 * spread)
    x = np.arange(len(daily), dtype="f8")
    limits = Line("usual", x, np.full(len(x), target), np.full(len(x), max(target - 3 * spread, 0)),
                  np.full(len(x), target + 3 * spread), look="loaded")  # fmt: skip
    lines = [limits, Line("outages", x, daily.to_numpy("f8"))]
    words = [(0.0, f"{daily.index[0]:%m-%d}"), (float(len(x) - 1), f"{daily.index[-1]:%m-%d}")]
    most = max(daily.max(), target + 3 * spread)
    axes = Axis("day", 0, max(len(x) - 1, 1), words=words), Axis("outages that began", 0, most, "{:,.0f}")
    said = "Nothing says that the usual number has changed."
    if found.first_signal:
        place = found.first_signal - 1
        more = "more" if found.upper[place] > found.lower[place] else "fewer"
        said = f"Since about {daily.index[place]:%Y-%m-%d} there seem to be {more} than usual; the day is rough."
    return plots.chart(
        "Outages by day", f"{said} Usual is the first half of the period, with three sigma.", *axes, lines
    )


def hot_chargers(inputs: Inputs) -> Answer:
    """N3: chargers that fail more often than those of their type, at a false discovery rate of 5 %."""
    frame = inputs.exposure.rename(columns={"up_hours": "exposure_hours", "charger_type": "stratum"})
    if frame.empty:
        raise CannotAnswer("no charger had reported by the end of this period")
    found = hotspots(frame).sort_values(["flagged", "mid_p"], ascending=[False, True])
    flagged = found[found["flagged"]]
    watched = found[found["exposure_hours"] > 0]
    differ = or_none(lambda: spread_of_rates(watched["onsets"], watched["expected"]))
    extra = float((flagged["onsets"] - flagged["expected"]).sum())
    said = f"None of {len(watched):,} chargers can be told from luck in how often it fails."
    if len(flagged):
        said = f"{len(flagged)} of {len(watched):,} chargers fail more often than luck explains"
        said += f"; they had {in_words(extra)} outages more than others of their type."
    figures = [
        Figure("Chargers flagged", len(flagged), note="at most 5 % of them are expected to be so by chance", decimals=0,
               no_interval=COUNTED),
        Figure("Outages beyond what is usual", extra, note="of the flagged chargers",
               no_interval="no interval: they were picked for being high, so that it is rather too large"),
    ]  # fmt: skip
    if differ:
        figures.append(Figure("How much chargers differ", differ.estimate, differ.ci_low, differ.ci_high,
                              note="spread of their rates / mean rate, without luck"))  # fmt: skip
    table = pd.DataFrame({
        "charger": found["charger"], "site": found["site"], "type": found["stratum"], "outages": found["onsets"],
        "expected": found["expected"], "up hours": found["exposure_hours"].round(1), "ratio": found["ratio"],
        "rate per year (shrunk)": found["empirical_bayes_rate"] * YEAR_HOURS, "p": found["mid_p"],
        "flagged": found["flagged"],
    })  # fmt: skip
    return Answer(said, figures, [_funnel(found)] if len(watched) else [], table)


def _funnel(found: pd.DataFrame) -> str:
    shown = found[found["expected"] > 0]
    most = float(shown["expected"].max())
    grid = np.linspace(max(most / 60, 1e-3), most, 60)
    limits = funnel(grid)
    highest = float(max(shown["ratio"].max(), 2))
    axes = Axis("outages expected of the charger", 0, most, "{:.3g}"), Axis("outages / expected", 0, highest)
    rest, flagged = shown[~shown["flagged"]], shown[shown["flagged"]]
    lines = [Line("95 % of luck", grid, np.ones(60), limits.low, np.minimum(limits.high, highest), look="loaded")]
    lines += [Line(name, part["expected"].to_numpy(), part["ratio"].to_numpy(), dots=True, joined=False, look=look)
              for name, part, look in (("chargers", rest, "world"), ("flagged", flagged, "flagged"))
              if len(part)]  # fmt: skip
    return plots.chart("Funnel of the chargers", "Where little is expected, luck alone reaches far.", *axes, lines)
