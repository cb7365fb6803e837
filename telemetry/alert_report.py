"""What a model's page says of acting on its forecast: how many alerts, how many right, and how long before."""

from collections.abc import Sequence

from . import plots
from .plots import UNKNOWN, Axis, Line, with_interval


def tables(report: dict) -> list[dict]:
    """By alerts a day, and by the risk from which somebody is alerted."""
    found, (unit, asked) = [], _units(report)
    if table := report.get("alerts"):
        rows = [
            (f"{one['alerts_a_day']} a day", f"{one['alerts_per_100_ports_a_day']:.2f}",
             with_interval(one["precision"], 2), with_interval(one["recall"], 2), _hours(one["median_lead_hours"]))
            for one in table
        ]  # fmt: skip
        head = ("Alerts", f"Per 100 {unit} a day", "Precision", "Recall", "Median lead time")
        said = f"Once a day, to so many {asked}."
        found.append({"title": "Sending somebody to the riskiest", "said": said, "rows": rows, "head": head})
    if table := report.get("thresholds"):
        measures = ("alerts_per_100_ports_a_day", "false_per_100_ports_a_day", "precision", "recall")
        rows = [(f"{100 * one['risk']:.0f} %", *(with_interval(one[name], 2) for name in measures)) for one in table]
        head = ("Risk from", f"Alerts per 100 {unit} a day", "False ones", "Precision", "Recall")
        said = f"Once a day, to all {asked} whose risk is at least so high."
        found.append({"title": "Sending somebody from a risk on", "said": said, "rows": rows, "head": head})
    return found


def figures(report: dict) -> list[str]:
    """Precision and recall by budget, alerts by threshold, and lead times."""
    found = []
    if table := report.get("alerts"):
        x = [one["alerts_a_day"] for one in table]
        lines = [_line(name, x, [one[name] for one in table], look)
                 for name, look in (("precision", "world"), ("recall", "loaded"))]  # fmt: skip
        axes = Axis("alerts a day", min(x), max(x), "{:.0f}", logarithmic=True), Axis("share")
        said = "More alerts find more, and are right less often."
        found.append(plots.chart("Precision and recall by alerts a day", said, *axes, lines))
    if table := report.get("thresholds"):
        found.append(_by_threshold(table, _units(report)[0]))
    if lead := report.get("lead_times"):
        found.append(_lead_times(lead))
    return found


def _units(report: dict) -> tuple[str, str]:
    """What alerts are counted by, and who is asked."""
    return ("sites", "sites") if report.get("level") == "site" else ("ports", "chargers")


def _by_threshold(table: list[dict], unit: str) -> str:
    x = [one["risk"] for one in table]
    lines = [_line(word, x, [one[f"{name}_per_100_ports_a_day"] for one in table], look)
             for word, name, look in (("alerts", "alerts", "world"), ("of them false", "false", "loaded"))]  # fmt: skip
    most = max(one["alerts_per_100_ports_a_day"]["interval"][1] or 0 for one in table)
    said = f"What a threshold costs: alerts for every 100 working {unit} on a day."
    axes = (
        Axis("risk from which somebody is alerted", min(x), max(x)),
        Axis(f"alerts per 100 {unit} a day", 0, most or 1),
    )
    return plots.chart(f"Alerts per 100 {unit} a day", said, *axes, lines)


def _lead_times(lead: dict) -> str:
    points = lead["points"]
    x, most = [one["hours"] for one in points], max(one["interval"][1] or 0 for one in points)
    said = f"Of all outages, the share found so long before, with {lead['budget']} alerts a day."
    axes = Axis("hours before the outage, at least", min(x), max(x), "{:.0f}"), Axis("share of outages", 0, most or 1)
    return plots.chart("Lead time", said, *axes, [_line("found", x, points, "world")])


def _line(name: str, x: Sequence[float], measured: Sequence[dict], look: str) -> Line:
    """A line of {value, interval}, with its intervals; what could not be measured is left out."""
    known = [(at, one) for at, one in zip(x, measured, strict=True) if None not in (one["value"], *one["interval"])]
    low, high = ([one["interval"][end] for _, one in known] for end in (0, 1))
    return Line(name, [at for at, _ in known], [one["value"] for _, one in known], low, high, look, dots=True)


def _hours(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f} h"
