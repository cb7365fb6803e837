"""The plots of a check as SVG: no scripts, colours from the page's style, words for every picture."""

from collections.abc import Sequence
from html import escape

import numpy as np

from .check import FAILED_BANDS
from .check_report import EDGES

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 14, 30
_ROW = 38  # height of one share
_HOURS = ((-2, "36 s"), (-1, "6 min"), (0, "1 h"), (1, "10 h"), (2, "4 days"), (3, "6 weeks"))


def figures(world: dict, loaded: dict | None) -> list[str]:
    """The figures of a world's report (as of check_report) and, beside it, of the history that is loaded."""
    both = [("world", world)] + ([("loaded", loaded)] if loaded else [])
    found = {one["name"]: one for one in world["findings"]}
    band = found["availability"]
    long, worst = (found[name]["value"] for name in (
        "downtime in outages of a day or more", "outage starts of the busiest tenth of ports"))  # fmt: skip
    shares = [one["name"] for one in world["findings"] if one["name"].startswith("visits for ")]
    remote = "faults fixed remotely"
    return [
        _availability(both, band),
        _lengths("Outages by length", both, "outages", "Most outages are short.", world),
        _lengths("Downtime by length of the outage", both, "downtime",
                 f"{_said(long)} % of the downtime is in outages of a day or more (band 80 to 95 %).", world),
        _concentration(both, worst),
        _shares("Faults fixed remotely, and visits", "Of all faults; of all visits. The line is the 95 % interval.",
                [remote, *shares], both),
        _shares("Why sessions failed", "Of the failed sessions of the world.",
                [f"failed sessions: {name}" for name in FAILED_BANDS], both[:1]),
    ]  # fmt: skip


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _availability(both: Sequence[tuple[str, dict]], band: dict) -> str:
    lowest = min([band["lowest"], *(min(one["availability"]) for _, one in both)])
    low, high = np.floor(lowest / 5 - 0.01) * 5, 100.0
    days = max(one["days"] for _, one in both)
    x, y = _across(0, max(days - 1, 1)), _up(low, high)
    top, bottom = y(band["highest"]), y(band["lowest"])
    size = f'width="{_WIDTH - _LEFT - _RIGHT}" height="{bottom - top:.1f}"'
    inside = f'<rect class="band" x="{_LEFT}" y="{top:.1f}" {size}/>'
    ticks = [low, (low + high) / 2, high]
    inside += _grid([(y(tick), f"{tick:g} %") for tick in ticks])
    inside += _labels([(x(0), "day 1", "start"), (x(days - 1), f"day {days}", "end")])
    for name, one in both:  # the latest days are those that both have
        first = days - one["days"]
        inside += _line(name, [(x(first + day), y(value)) for day, value in enumerate(one["availability"])])
    said = f"Mean {_said(band['value'])} %; the band of the scenario is {band['lowest']:g} to {band['highest']:g} %."
    return _figure("Availability by day", said, inside)


def _lengths(title: str, both: Sequence[tuple[str, dict]], what: str, said: str, world: dict) -> str:
    x = _across(EDGES[0], EDGES[-1])
    shares = {name: 100 * np.array(one[what]) / max(sum(one[what]), 1e-9) for name, one in both}
    highest = max(1.0, *(values.max() for values in shares.values()))
    y = _up(0, highest)
    inside = _grid([(y(tick), f"{tick:.0f} %") for tick in (0, highest / 2, highest)])
    for place, share in enumerate(shares["world"]):
        left, right = x(EDGES[place]), x(EDGES[place + 1])
        kind = "bar long" if EDGES[place] >= np.log10(24) - 0.01 else "bar"
        inside += (
            f'<rect class="{kind}" x="{left + 0.5:.1f}" y="{y(share):.1f}" width="{right - left - 1:.1f}"'
            f' height="{y(0) - y(share):.1f}"/>'
        )
    if "loaded" in shares:
        steps = [(x(edge), y(share)) for place, share in enumerate(shares["loaded"])
                 for edge in EDGES[place : place + 2]]  # fmt: skip
        inside += _line("loaded", steps)
    inside += _labels([(x(at), word, "middle") for at, word in _HOURS])
    return _figure(title, said, inside)


def _concentration(both: Sequence[tuple[str, dict]], worst: float | None) -> str:
    x, y = _across(0, 100), _up(0, 100)
    inside = _grid([(y(tick), f"{tick} %") for tick in (0, 50, 100)])
    inside += f'<path class="mark" d="M{x(10):.1f},{y(0):.1f} V{y(100):.1f}"/>'
    for name, one in both:
        points = np.linspace(0, 100, len(one["concentration"]))
        inside += _line(name, [(x(at), y(value)) for at, value in zip(points, one["concentration"], strict=True)])
    inside += _labels([(x(0), "0", "start"), (x(10), "10 %", "start"), (x(100), "100 % of ports", "end")])
    said = f"The worst tenth of the ports has {_said(worst)} % of the outage starts (band 50 to 90 %)."
    return _figure("Outage starts that the worst ports have", said, inside)


def _shares(title: str, caption: str, names: Sequence[str], both: Sequence[tuple[str, dict]]) -> str:
    """A row for each share: its band, its interval and its value; the loaded history's below."""
    tables = [(kind, {found["name"]: found for found in one["findings"]}) for kind, one in both]
    most = max(found["highest"] for _, table in tables for name, found in table.items() if name in names)
    x = _across(0, 10 * np.ceil(most / 10), 8)
    inside, said = "", []
    for row, name in enumerate(names):
        middle = _TOP + row * _ROW + 22
        one = tables[0][1][name]
        inside += (
            f'<text x="8" y="{middle - 12}">{escape(name.split(": ")[-1])}</text>'
            f'<rect class="band" x="{x(max(one["lowest"], 0)):.1f}" y="{middle - 7}"'
            f' width="{x(one["highest"]) - x(max(one["lowest"], 0)):.1f}" height="14"/>'
        )
        for below, (kind, table) in enumerate(tables):
            inside += _dot(kind, table.get(name), x, middle - 3 + 6 * below)
        said.append(f"{name} {_said(one['value'])} % (band {one['lowest']:g} to {one['highest']:g} %)")
    height = _TOP + len(names) * _ROW + _BOTTOM
    ends = [(x(0), "0 %", "start"), (x(10 * np.ceil(most / 10)), f"{10 * np.ceil(most / 10):g} %", "end")]
    return _figure(title, caption, inside + _labels(ends, height), height, "; ".join(said))


def _dot(kind: str, found: dict | None, x, height: float) -> str:
    if found is None or found["value"] is None:
        return ""
    low, high = found["interval"]
    line = "" if low is None else f'<path class="{kind}" d="M{x(max(low, 0)):.1f},{height} H{x(high):.1f}"/>'
    return f'{line}<circle class="{kind}" cx="{x(found["value"]):.1f}" cy="{height}" r="4"/>'


def _across(low: float, high: float, left: float = _LEFT):
    return lambda value: left + (value - low) / (high - low) * (_WIDTH - left - _RIGHT)


def _up(low: float, high: float):
    return lambda value: _HEIGHT - _BOTTOM - (value - low) / max(high - low, 1e-9) * (_HEIGHT - _BOTTOM - _TOP)


def _grid(ticks: Sequence[tuple[float, str]]) -> str:
    return "".join(
        f'<path class="grid" d="M{_LEFT},{at:.1f} H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{word}</text>'
        for at, word in ticks
    )


def _labels(places: Sequence[tuple[float, str, str]], height: int = _HEIGHT) -> str:
    return "".join(
        f'<text x="{at:.1f}" y="{height - 10}" text-anchor="{side}">{word}</text>' for at, word, side in places
    )


def _line(name: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<path class="{name}" d="M' + " L".join(f"{a:.1f},{b:.1f}" for a, b in points) + '"/>'


def _figure(title: str, said: str, inside: str, height: int = _HEIGHT, words: str = "") -> str:
    """A picture under its title; `words` say what it shows to those who do not see it, where `said` does not."""
    return (
        f'<figure class="plot"><figcaption><b>{escape(title)}</b><span>{escape(said)}</span></figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}: {escape(words or said)}">'
        f"{inside}</svg></figure>"
    )
