"""Questions that need a model: outages ahead, what goes with them, what alerts are worth. And uptime by the rules."""

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.plots import Axis, Line
from telemetry.reliability.alerts import alert_counts, alert_value, choose_threshold, recent_outages_score
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.associations import design, fit_logit
from telemetry.reliability.hotspots import adjusted_p_values
from telemetry.reliability.impact import cluster_bootstrap
from telemetry.reliability.seasonality import forecast_daily
from telemetry.reliability.uptime import EXCLUSIONS, LABELS, monthly_uptime, period_uptime

from .answer import COUNTED, Answer, Figure, in_words
from .inputs import Inputs
from .outage_answers import daily_onsets, few_note, or_none, share_of
from .use_answers import load_panel, named

CONTROLS = 10
MISSED_COST, HORIZON_HOURS = 10.0, 24.0
EVERY = "every minute is counted, none estimated"


def forecast(inputs: Inputs) -> Answer:
    """N7: how many outages will begin on each of the next 14 days."""
    daily = daily_onsets(inputs)
    inputs.progress(1, 2, "fitting, and judging at days that are known")
    found = forecast_daily(daily)
    total = found.forecast.sum()
    low, high = (in_words(one) for one in found.total_ci)
    said = f"About {in_words(total['mean'])} outages ({low} to {high}) will begin in the next 14 days. {found.sentence}"
    few = f"no interval: {len(found.errors)} origins, whose days overlap, are too few for one"
    figures = [
        Figure("Outages in 14 days", total["mean"], *found.total_ci, note=found.model if found.usable else ""),
        Figure("Error of the model", found.error, note=f"{found.model}; 1 = as repeating weeks was off in the data",
               no_interval=few),
        Figure("Error of repeating the week before", found.naive_error, note="at the same days", no_interval=few),
    ]  # fmt: skip
    if np.isfinite(found.ljung_box_p):
        told = "below .05: a pattern is left over"
        figures.append(Figure("Ljung-Box", found.ljung_box_p, note=told, no_interval="a p-value"))
    table = found.forecast.reset_index().rename(columns={"mean": "outages", "low": "from", "high": "to"})
    table["day"] = table["day"].dt.strftime("%Y-%m-%d")
    return Answer(said, figures, [_forecast_plot(daily, found.forecast)], table,
                  ["Intervals are the model's own: they add nothing for what no model knows, such as a storm.",
                   "One forecast is compared with one other; nothing is corrected for being several."])  # fmt: skip


def _forecast_plot(daily: pd.Series, ahead: pd.DataFrame) -> str:
    past = daily.iloc[-56:]
    x, coming = np.arange(len(past), dtype="f8"), len(past) + np.arange(len(ahead), dtype="f8")
    lines = [
        Line("so far", x, past.to_numpy("f8")),
        Line("forecast", coming, *(ahead[name].to_numpy() for name in ("mean", "low", "high")), look="loaded"),
    ]
    last = len(past) + len(ahead) - 1
    words = [(0.0, f"{past.index[0]:%m-%d}"), (float(last), f"{ahead.index[-1]:%m-%d}")]
    axes = (
        Axis("day", 0, last, words=words),
        Axis("outages that begin", 0, max(past.max(), ahead["high"].max()), "{:,.0f}"),
    )
    return plots.chart("Outages ahead", "With a 95 % interval for each day.", *axes, lines)


def factors(inputs: Inputs) -> Answer:
    """N8: what goes with an outage beginning in an hour: associations of charger, place, hour, load and heat."""
    panel = load_panel(inputs)
    onset = panel["onset"].to_numpy(bool)
    if onset.sum() < 20:
        raise CannotAnswer(f"{onset.sum()} outages are too few to tell what goes with them: at least 20 are needed")
    others = np.flatnonzero(~onset)
    some = np.random.default_rng(0).choice(others, min(len(others), CONTROLS * int(onset.sum())), replace=False)
    rows = panel.iloc[np.sort(np.concatenate([np.flatnonzero(onset), some]))].reset_index(drop=True)
    rows["temperature_f"] = _temperature_before(inputs, rows)
    y = rows["onset"].to_numpy(bool)
    rows["log_hours_up"] = np.log1p(rows["hours_up"])
    terms = design(rows, y, ("charger_type", "location_type"), ("load", "temperature_f", "power_kw", "log_hours_up"),
                   "hour_of_day")  # fmt: skip
    terms = _without_repeats(terms)
    inputs.progress(2, 3, "fitting")
    fit = fit_logit(y, terms, cluster=rows["charger_id"].to_numpy())
    names = [name for name in fit.coefficients.index if name != "constant"]
    table = pd.DataFrame({
        "term": [named(name) for name in names], "odds ratio": fit.odds_ratios[names].to_numpy(),
        "from": np.exp(fit.ci.loc[names, "low"]).to_numpy(), "to": np.exp(fit.ci.loc[names, "high"]).to_numpy(),
        "p": fit.p_values[names].to_numpy(),
    })  # fmt: skip
    table["p, corrected"] = adjusted_p_values(table["p"].to_numpy())
    table["strength"] = np.abs(np.log(table["odds ratio"]))
    sure = table[table["p, corrected"] < 0.05].sort_values("strength", ascending=False)
    table = table.sort_values("strength", ascending=False).drop(columns="strength")
    if len(sure):
        first = sure.iloc[0]
        ratio = first["odds ratio"]
        said = f"Of {len(table)} things compared, outages go most with {first['term']}: their odds are"
        said += f" {in_words(max(ratio, 1 / ratio))} times"
        said += f" {'higher' if ratio > 1 else 'lower'}, all else being equal. The largest of many may be luck"
        said += ", and this is an association, not a cause."
    else:
        said = "Of nothing known of chargers and hours can it be told from chance that outages go with it."
    figures = [
        Figure("Outages", int(onset.sum()), decimals=0, note="that began at chargers that had been up",
               no_interval=COUNTED),
        Figure("Explained", fit.pseudo_r2, note="McFadden's pseudo R²; 0 = nothing",
               no_interval="no interval: it describes this fit, and rises with every term"),
        Figure("Chargers", fit.n_clusters, decimals=0, note="intervals are clustered by them", no_interval=COUNTED),
    ]  # fmt: skip
    notes = ["P-values are corrected for being several (Benjamini and Hochberg); the sentence goes by those.",
             *few_note(fit.n_clusters, "chargers")]  # fmt: skip
    notes += [
        "Some term has outages at one of its values only; Firth's penalty keeps its odds ratio finite."
    ] * fit.separated
    drawn = [tuple(row) for row in table.drop(columns=["p", "p, corrected"]).head(12).itertuples(index=False)]
    return Answer(said, figures, [plots.rows("Odds ratios", said, "times as likely", drawn, mark=1.0)], table, notes)


def _temperature_before(inputs: Inputs, rows: pd.DataFrame) -> np.ndarray:
    """Temperature at the site in the hour before each row's; NaN where it is not known."""
    site_of = inputs.chargers.set_index("charger_id")["site_id"]
    sites, place = np.unique(site_of.reindex(rows["charger_id"]).to_numpy(), return_inverse=True)
    hour = ((rows["hour"] - inputs.start) / pd.Timedelta(hours=1)).to_numpy("i8") - 1
    known = inputs.temperatures_f(sites)
    return np.where(hour >= 0, known[place, np.maximum(hour, 0)], np.nan)


def _without_repeats(terms: pd.DataFrame) -> pd.DataFrame:
    """Without columns that others before them say already."""
    values = terms.to_numpy()
    values = values / np.maximum(np.sqrt((values**2).sum(0)), 1e-300)
    together, kept = values.T @ values, []
    for place in range(values.shape[1]):
        if np.linalg.matrix_rank(together[np.ix_([*kept, place], [*kept, place])], tol=1e-9) > len(kept):
            kept.append(place)
    return terms.iloc[:, kept]


def alerts(inputs: Inputs) -> Answer:
    """N9: what alerting on recent outages would be worth, with the threshold chosen before it is judged."""
    cost = float(inputs.scope.options.get("missed_cost") or MISSED_COST)
    days = pd.date_range(inputs.start + pd.Timedelta(days=7), inputs.end - pd.Timedelta(days=1), freq="D")
    if len(days) < 14:
        raise CannotAnswer("alerts need at least three weeks: one to learn from, and two to judge by")
    chargers = inputs.chargers[["charger_id", "site_id"]]
    scores = recent_outages_score(inputs.spells, chargers, days)
    inputs.progress(1, 2, "trying thresholds")
    fresh = inputs.spells[~inputs.spells["left_censored"]]
    found = choose_threshold(scores, fresh, days[len(days) // 2], cost, horizon_hours=HORIZON_HOURS)
    told = found.reported_on
    if not told.outages:
        raise CannotAnswer("no outage began in the second half of this period, so that alerts cannot be judged")
    second = scores[scores["time"] >= days[len(days) // 2]]
    base = _share_followed(second, fresh)
    sites = inputs.chargers.set_index("charger_id")[["site", "charger"]]
    counts = alert_counts(second, fresh, found.threshold, HORIZON_HOURS).join(sites, on="charger_id")
    everybody = alert_counts(second, fresh, -np.inf, HORIZON_HOURS).join(sites, on="charger_id")
    said = (
        f"Alerting once a day on what failed lately finds {told.recall:.0%} of the outages of the next 24 h;"
        f" {told.precision:.0%} of its alerts are right, where {base:.0%} would be by chance."
    )
    figures = [
        _percent("Outages found", told.recall, counts, ("found_outages", "outages")),
        _percent("Alerts that are right", told.precision, counts, ("right_alerts", "alerts")),
        _percent("By chance", base, everybody, ("right_alerts", "alerts"), "alerts that anybody would get right"),
        Figure("Median lead time", told.median_lead_hours, *_median_lead(counts), unit="h", note="of what was found"),
        Figure("Alerts", told.alerts_per_day_per_100, unit="a day per 100 chargers", no_interval=COUNTED),
    ]  # fmt: skip
    columns = ["period", "threshold", "precision", "recall", "median_lead_hours", "alerts_per_day_per_100", "cost"]
    table = found.curve[columns].rename(columns=lambda name: name.replace("_", " "))
    second = found.curve[found.curve["period"] == "second"]
    x = second["alerts_per_day_per_100"].to_numpy()
    lines = [Line(name, x, second[name].to_numpy(), look=look, dots=True)
             for name, look in (("precision", "world"), ("recall", "loaded"))]  # fmt: skip
    axes = Axis("alerts a day per 100 chargers", 0, max(float(x.max()), 1e-9)), Axis("share")
    drawn = plots.chart("What more alerts buy", "In the second half, on which no threshold was chosen.", *axes, lines)
    notes = [f"The threshold was cheapest in the first half, where an outage missed costs as much as {cost:g} alerts.",
             "The forecast that scores the live network is judged on its own page among the models.",
             "Intervals are by site; the threshold was chosen before, so that nothing is corrected for the others of"
             " the table, which have none.", *few_note(counts["site"].nunique(), "sites")]  # fmt: skip
    return Answer(said, figures, [drawn], table, notes)


def _percent(label: str, value: float, counts: pd.DataFrame, names: tuple[str, str], note: str = "") -> Figure:
    """A share in percent with an interval by site or charger."""
    part, whole = (int(counts[name].sum()) for name in names)
    found = share_of(counts, *names)
    interval = (100 * found.ci_low, 100 * found.ci_high) if found else (None, None)
    return Figure(label, 100 * value, *interval, "%", note or f"{part:,} of {whole:,}")


def _median_lead(counts: pd.DataFrame) -> tuple[float, float]:
    """Interval of the median lead time by drawing sites again; NaN where that cannot be."""
    leads = counts.explode("leads")[["site", "leads"]].dropna()
    found = or_none(lambda: cluster_bootstrap(leads, "site", lambda part: float(part["leads"].median()), draws=500))
    return (found.ci_low, found.ci_high) if found else (float("nan"), float("nan"))


def _share_followed(scores: pd.DataFrame, fresh: pd.DataFrame) -> float:
    """Precision of alerting everybody at these times."""
    return alert_value(scores, fresh, -np.inf, HORIZON_HOURS).precision


def uptime(inputs: Inputs) -> Answer:
    """Federal uptime of each port over twelve months, by month, with what is excluded."""
    programme = inputs.scope.options.get("programme") or "nevi"
    if programme not in EXCLUSIONS:
        raise CannotAnswer(f"the programme must be one of {', '.join(EXCLUSIONS)}")
    if inputs.chargers.empty:
        raise CannotAnswer("no charger had reported by the end of this period")
    ports = inputs.chargers[["charger_id", "since"]].rename(columns={"charger_id": "port_id"})
    month = pd.Timestamp(inputs.end).normalize().replace(day=1)
    outages = inputs.outages_from((month - pd.DateOffset(years=1)).to_pydatetime(), shortest_minutes=0)
    outages = outages.rename(columns={"charger_id": "port_id"})
    known = ports[ports["since"] < month]
    found = monthly_uptime(outages, known, month, programme) if len(known) else None
    if found is None:  # younger than the month: the period itself, which is never the federal figure
        found = period_uptime(outages, ports, inputs.start, inputs.end, programme).assign(period="year")
    year = found[found["period"] == "year"]
    passing, federal = int(year["passes"].sum()), int((year["label"] == "federal figure").sum())
    minutes = year[["minutes", "outage_minutes", "excluded_minutes"]].sum()
    overall = 100 * (1 - (minutes["outage_minutes"] - minutes["excluded_minutes"]) / minutes["minutes"])
    over = f"the twelve months before {month:%Y-%m-%d}" if len(known) else "this period"
    said = f"{passing:,} of {len(year):,} ports are above 97 % over {over}."
    if federal < len(year):
        said += f" For {len(year) - federal:,} of them less than a year is known: not the federal figure."
    figures = [
        Figure("Ports above 97 %", 100 * passing / len(year), unit="%", note=f"{passing:,} of {len(year):,}",
               no_interval=EVERY),
        Figure("Uptime of all ports together", overall, unit="%", decimals=3, note="weighted by time",
               no_interval=EVERY),
        Figure("Median port", float(year["percent"].median()), unit="%", decimals=3, no_interval=EVERY),
        Figure("Excluded", minutes["excluded_minutes"] / 60, unit="h", note="with a reason and evidence",
               no_interval=EVERY),
    ]  # fmt: skip
    notes = [f"Programme {programme}: " + (", ".join(LABELS[one] for one in sorted(EXCLUSIONS[programme])) or "nothing")
             + " may be excluded, each with evidence."]  # fmt: skip
    return Answer(said, figures, _uptime_plots(found), _uptime_table(inputs, found), notes)


def _uptime_table(inputs: Inputs, found: pd.DataFrame) -> pd.DataFrame:
    """A row per port: its twelve months together, and each of them."""
    year = found[found["period"] == "year"].set_index("port_id")
    months = found[found["period"] != "year"].pivot_table(index="port_id", columns="period", values="percent")
    names = inputs.chargers.set_index("charger_id")[["charger", "site"]].rename(columns={"charger": "port"})
    table = names.join(
        year[["percent", "passes", "outage_minutes", "excluded_minutes", "minutes", "label"]], how="inner"
    )
    table = table.join(months.round(3)).sort_values("percent")
    return table.rename(columns={"percent": "uptime (%)", "passes": "above 97 %", "label": "which figure"}).rename(
        columns=lambda name: name.replace("_", " ")
    )


def _uptime_plots(found: pd.DataFrame) -> list[str]:
    months = found[found["period"] != "year"]
    if months.empty:
        return []
    sums = (
        months.assign(down=months["outage_minutes"] - months["excluded_minutes"])
        .groupby("period")[["down", "minutes"]]
        .sum()
    )
    percent = 100 * (1 - sums["down"] / sums["minutes"])
    x = np.arange(len(percent), dtype="f8")
    words = (
        [(0.0, percent.index[0]), (float(len(x) - 1), percent.index[-1])] if len(x) > 1 else [(0.0, percent.index[0])]
    )
    low = min(float(percent.min()), 96.0)
    axes = Axis("month", 0, max(len(x) - 1, 1), words=words), Axis("uptime (%)", np.floor(low), 100, "{:.1f}")
    lines = [
        Line("required", x, np.full(len(x), 97.0), look="loaded"),
        Line("uptime", x, percent.to_numpy(), dots=True),
    ]
    return [plots.chart("Uptime by month", "All ports together, weighted by time.", *axes, lines)]
