"""The report of a world's check as one page, with plots: no scripts, no other files."""

from collections.abc import Sequence
from html import escape

from .check_plots import figures

_CELLS = ("", "this world", "95 % interval", "from", "to", "unit", "source", "")


def report_page(world: dict, title: str, style: str) -> str:
    """An HTML page with a report's findings (as of check_report) beside their bands, its causes and its plots."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>World check: {escape(title)}</title><style>{style}</style>"
        f'<main class="report"><h1>World check</h1><p class="quiet">{escape(title)}. Everything here is simulated.</p>'
        f'<div class="scroll">{_findings(world["findings"])}</div>'
        f'<div class="plots">{"".join(figures(world, None))}</div>'
        f'<div class="scroll">{_causes(world["causes"])}</div></main></html>\n'
    )


def _findings(found: Sequence[dict]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['name'])}</td>{_number(one['value'])}"
        f'<td class="right">{_digits(one["interval"][0])} to {_digits(one["interval"][1])}</td>'
        + "".join(_number(one[end]) for end in ("lowest", "highest"))
        + f"<td>{escape(one['unit'])}</td><td>{escape(one['source'])}</td><td>{_word(one)}</td></tr>"
        for one in found
    )
    return f'<table class="plain"><tr>{"".join(f"<th>{word}</th>" for word in _CELLS)}</tr>{rows}</table>'


def _word(one: dict) -> str:
    colour, words = ("available", "● within") if one["holds"] else ("critical", "▲ outside")
    return f'<span class="badge badge-{colour}">{words}</span>'


def _causes(causes: Sequence) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{_number(rate)}{_number(visits)}{_number(hours)}</tr>"
        for name, rate, visits, hours in causes
    )
    head = "<tr><th>cause</th><th>outages per port and year</th><th>visits</th><th>median h</th></tr>"
    return f'<table class="plain">{head}{rows}</table>'


def _number(value: float | None) -> str:
    return f'<td class="right">{_digits(value)}</td>'


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
