"""The plots of a check: the world, the history that is loaded, and the bands of published figures."""

from collections.abc import Sequence

import numpy as np

from .. import plots
from ..plots import Axis, Line
from .check import FAILED_BANDS
from .check_report import EDGES

_NAMES = {"world": "this world", "loaded": "loaded history"}
_HOURS = ((0.01, "36 s"), (0.1, "6 min"), (1.0, "1 h"), (10.0, "10 h"), (100.0, "4 days"), (1000.0, "6 weeks"))


def figures(world: dict, loaded: dict | None) -> list[str]:
    """The figures of a world's report (as of check_report) and, beside it, of the history that is loaded."""
    both = [("world", world)] + ([("loaded", loaded)] if loaded else [])
    found = {one["name"]: one for one in world["findings"]}
    band = found["availability"]
    long, worst = (found[name]["value"] for name in (
        "downtime in outages of a day or more", "outage starts of the busiest tenth of ports"))  # fmt: skip
    shares = [one["name"] for one in world["findings"] if one["name"].startswith("visits for ")]
    remote = "faults fixed remotely"
    failed = [f"failed sessions: {name}" for name in FAILED_BANDS]
    most = max(failed, key=lambda name: found[name]["value"] or 0)
    most_often = f"{most.split(': ')[-1]}, {_said(found[most]['value'])} %"
    return [
        _availability(both, band),
        _lengths("Outages by length", both, "outages", "Most outages are short."),
        _lengths("Downtime by length of the outage", both, "downtime",
                 f"{_said(long)} % of the downtime is in outages of a day or more (band 80 to 95 %)."),
        _concentration(both, worst),
        _shares("Faults fixed remotely, and visits", "Of all faults; of all visits. The line is the 95 % interval.",
                [remote, *shares], both),
        _shares("Why sessions failed", f"Most often because of {most_often}.", failed, both[:1]),
    ]  # fmt: skip


def _said(value: float | None) -> str:
    return plots.UNKNOWN if value is None else f"{value:.3g}"


def _availability(both: Sequence[tuple[str, dict]], band: dict) -> str:
    lowest = min([band["lowest"], *(min(one["availability"]) for _, one in both)])
    days = max(one["days"] for _, one in both)
    x = Axis("day", 0, max(days - 1, 1), words=((0, "day 1"), (days - 1, f"day {days}")))
    y = Axis("availability (%)", float(np.floor(lowest / 5 - 0.01) * 5), 100, "{:g} %")
    lines = []
    for name, one in both:  # the latest days are those that both have
        at = [days - one["days"] + day for day in range(len(one["availability"]))]
        lines.append(Line(_NAMES[name], at, one["availability"], look=name))
    said = f"Mean {_said(band['value'])} %; the band of the scenario is {band['lowest']:g} to {band['highest']:g} %."
    behind = plots.area(x, y, (0, max(days - 1, 1)), (band["lowest"], band["highest"]))
    return plots.chart("Availability by day", said, x, y, lines, behind)


def _lengths(title: str, both: Sequence[tuple[str, dict]], what: str, said: str) -> str:
    edges = 10**EDGES
    shares = {name: 100 * np.array(one[what]) / max(sum(one[what]), 1e-9) for name, one in both}
    highest = max(1.0, *(values.max() for values in shares.values()))
    x = Axis("length of the outage (h)", float(edges[0]), float(edges[-1]), logarithmic=True, words=_HOURS)
    y = Axis("share (%)", 0, float(highest), "{:.0f} %")
    behind = "".join(
        plots.area(x, y, (left, right), (0, share), "bar long" if left >= 23 else "bar")
        for left, right, share in zip(edges[:-1], edges[1:], shares["world"], strict=True)
    )
    lines = [Line(_NAMES[name], np.repeat(edges, 2)[1:-1], np.repeat(values, 2), look=name)
             for name, values in shares.items()]  # fmt: skip
    return plots.chart(title, said, x, y, lines, behind)


def _concentration(both: Sequence[tuple[str, dict]], worst: float | None) -> str:
    x = Axis("ports, the worst first (%)", 0, 100, words=((0, "0"), (10, "10 %"), (100, "100 %")))
    y = Axis("outage starts (%)", 0, 100, "{:.0f} %")
    lines = [
        Line(_NAMES[name], np.linspace(0, 100, len(one["concentration"])), one["concentration"], look=name)
        for name, one in both
    ]
    said = f"The worst tenth of the ports has {_said(worst)} % of the outage starts (band 50 to 90 %)."
    tenth = Line("worst tenth", [10, 10], [0, 100], look="mark")
    return plots.chart("Outage starts that the worst ports have", said, x, y, [*lines, tenth])


def _shares(title: str, caption: str, names: Sequence[str], both: Sequence[tuple[str, dict]]) -> str:
    """A row for each share: its band, its interval and its value; the loaded history's below."""
    tables = [{found["name"]: found for found in one["findings"]} for _, one in both]
    measured = [[_measured(table.get(name)) for name in names] for table in tables]
    values = [(name.split(": ")[-1], *numbers) for name, numbers in zip(names, measured[0], strict=True)]
    bands = [(max(tables[0][name]["lowest"], 0), tables[0][name]["highest"]) for name in names]
    beside = measured[1] if len(measured) > 1 else ()
    keys = tuple(_NAMES.values())
    return plots.rows(title, caption, "%", values, bands=bands, beside=beside, names=keys, write="{:.0f} %")


def _measured(found: dict | None) -> plots.Measured:
    """Value and interval in percent, of which less than nothing is nothing."""
    if found is None or found["value"] is None:
        return None, None, None
    low, high = found["interval"]
    return found["value"], None if low is None else max(low, 0), high
