"""The report of a world's check as one page, with plots drawn as SVG: no scripts, no other files."""

from collections.abc import Sequence
from html import escape

import numpy as np

from .check import Finding, Sample, cause_table

_WIDTH, _HEIGHT, _EDGE = 460, 220, 40
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem; text-align: left }
tr:nth-child(even) { background: #f1f4f7 } td.number { text-align: right; font-variant-numeric: tabular-nums }
td.outside { color: #a3261c; font-weight: 600 } figure { display: inline-block; margin: 0 1rem 1rem 0 }
svg text { font-size: 12px; fill: #48566a } svg path { fill: none; stroke: #1f6fb2; stroke-width: 2 }
svg rect { fill: #1f6fb2 } svg line { stroke: #b9c3cf }
"""


def report_page(found: Sequence[Finding], lived: Sample, title: str) -> str:
    """An HTML page with the findings beside their bands, the causes, and four plots."""
    hours = (lived.outages["end"] - lived.outages["start"]) / 60
    counts = np.sort(np.bincount(lived.outages["charger"], minlength=lived.chargers))[::-1]
    logs = np.log10(np.maximum(hours, 0.01))
    edges = np.linspace(-2, 3.5, 23)
    heights, _ = np.histogram(logs, edges)
    weights, _ = np.histogram(logs, edges, weights=hours)
    ticks = [(position, f"{10.0**position:g} h") for position in (-2, -1, 0, 1, 2, 3)]
    share = np.cumsum(counts) / max(counts.sum(), 1)
    ports = np.linspace(0, 100, len(share))
    figures = [
        _curve("Availability by day", np.arange(lived.days), 100 * lived.availability, "%"),
        _bars("Outages by length", heights, edges, ticks),
        _bars("Downtime by length of the outage", weights, edges, ticks),
        _curve("Outage starts that the worst x % of ports have", ports, 100 * share, "%"),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>World check: {escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>World check</h1><p>{escape(title)}. Everything here is simulated.</p>"
        f"{_findings(found)}{''.join(figures)}{_causes(lived)}</html>\n"
    )


def _findings(found: Sequence[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td>"
        + "".join(f'<td class="number">{number:.3g}</td>' for number in (one.value, one.lowest, one.highest))
        + f"<td>{escape(one.unit)}</td><td>{escape(one.source)}</td>"
        + ("<td>holds</td></tr>" if one.holds else '<td class="outside">outside</td></tr>')
        for one in found
    )
    head = "".join(f"<th>{word}</th>" for word in ("", "this world", "from", "to", "unit", "source", ""))
    return f"<table><tr>{head}</tr>{rows}</table>"


def _causes(lived: Sample) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{rate:.2f}</td><td class="number">{visits}</td>'
        f'<td class="number">{hours:.2f}</td></tr>'
        for name, rate, visits, hours in cause_table(lived)
    )
    head = "<tr><th>cause</th><th>outages per port and year</th><th>visits</th><th>median h</th></tr>"
    return f"<table>{head}{rows}</table>"


def _frame(title: str, inside: str) -> str:
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    axis = f'<line x1="{_EDGE}" y1="{_HEIGHT - _EDGE}" x2="{_WIDTH - 10}" y2="{_HEIGHT - _EDGE}"/>'
    caption = f"<figcaption>{escape(title)}</figcaption>"
    return f'<figure>{caption}<svg {size} role="img" aria-label="{escape(title)}">{axis}{inside}</svg></figure>'


def _place(x: np.ndarray, y: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    across = (x - np.min(x)) / max(np.ptp(x), 1e-9)
    up = (y - low) / max(high - low, 1e-9)
    return _EDGE + across * (_WIDTH - _EDGE - 10), _HEIGHT - _EDGE - up * (_HEIGHT - _EDGE - 15)


def _curve(title: str, x: np.ndarray, y: np.ndarray, unit: str) -> str:
    low, high = float(np.min(y)), float(np.max(y))
    across, up = _place(x, y, low, high)
    line = "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
    ends = [(across[0], f"{x[0]:g}"), (across[-1], f"{x[-1]:g}")]
    below = "".join(f'<text x="{a:.0f}" y="{_HEIGHT - 22}" text-anchor="middle">{text}</text>' for a, text in ends)
    left = f'<text x="2" y="20">{high:.3g}{unit}</text><text x="2" y="{_HEIGHT - _EDGE}">{low:.3g}{unit}</text>'
    return _frame(title, f'<path d="{line}"/>{below}{left}')


def _bars(title: str, heights: np.ndarray, edges: np.ndarray, ticks: Sequence[tuple[float, str]]) -> str:
    across, _ = _place(edges, edges, 0, 1)
    _, up = _place(heights, heights, 0, float(max(heights.max(), 1)))
    bars = "".join(
        f'<rect x="{a + 1:.1f}" y="{top:.1f}" width="{b - a - 2:.1f}" height="{_HEIGHT - _EDGE - top:.1f}"/>'
        for a, b, top in zip(across[:-1], across[1:], up, strict=True)
    )
    scale = (across[-1] - across[0]) / (edges[-1] - edges[0])
    texts = "".join(
        f'<text x="{across[0] + (at - edges[0]) * scale:.0f}" y="{_HEIGHT - 22}" text-anchor="middle">{text}</text>'
        for at, text in ticks
    )
    return _frame(title, bars + texts)
