"""Plots as SVG, made by the server: no scripts, colours from static/css/plots.css, every figure in words as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 14, 44
_ROW = 34  # height of one row of `rows`
UNKNOWN = "–"


@dataclass(frozen=True)
class Line:
    """One line of a chart: points, with an interval where there is one. `look` is a class of plots.css."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    look: str = "world"
    dots: bool = False
    joined: bool = True  # False: dots alone


@dataclass(frozen=True)
class Axis:
    """What an axis shows: its ends in the unit of the data, and how a number is written there."""

    title: str
    low: float = 0.0
    high: float = 1.0
    write: str = "{:.2g}"
    logarithmic: bool = False
    words: Sequence[tuple[float, str]] = ()  # written at these places instead of numbers

    def share(self, values) -> np.ndarray:
        """Where values lie between the ends, 0 to 1."""
        values = np.clip(np.asarray(values, "f8"), self.low, self.high)
        if self.logarithmic:
            return np.log(values / self.low) / np.log(self.high / self.low)
        return (values - self.low) / max(self.high - self.low, 1e-12)

    @property
    def ticks(self) -> list[float]:
        if self.logarithmic:
            return list(np.geomspace(self.low, self.high, 3))
        return [self.low, (self.low + self.high) / 2, self.high]


def chart(title: str, said: str, x: Axis, y: Axis, lines: Sequence[Line], behind: str = "") -> str:
    """Lines over one pair of axes, as an HTML figure; `said` is its main finding in words, `behind` made by `area`."""
    inside = behind + "".join(_grid_line(y, tick) for tick in y.ticks)
    inside += "".join(_label(x, *word) for word in x.words or [(tick, x.write.format(tick)) for tick in x.ticks])
    inside += (
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x.title)}</text>'
    )
    inside += "".join(_drawn(line, x, y) for line in lines)
    return _figure(title, said, inside, _HEIGHT, _table(x, y, lines), lines if len(lines) > 1 else ())


def area(x: Axis, y: Axis, across: tuple[float, float], up: tuple[float, float], look: str = "band") -> str:
    """A rectangle behind the lines of a chart, between two values of each axis."""
    (left, right), (bottom, top) = _across(x, across), _up(y, up)
    size = f'width="{max(right - left, 0):.1f}" height="{max(bottom - top, 0):.1f}"'
    return f'<rect class="{look}" x="{left:.1f}" y="{top:.1f}" {size}/>'


Measured = tuple[float | None, float | None, float | None]  # a value and its interval


def rows(
    title: str,
    said: str,
    unit: str,
    values: Sequence[tuple[str, float | None, float | None, float | None]],
    *,
    bands: Sequence[tuple[float, float]] = (),
    beside: Sequence[Measured] = (),
    names: tuple[str, str] = ("", ""),
    write: str = "{:.2g}",
    mark: float = 0.0,
) -> str:
    """A dot with its interval for each (name, value, low, high), one below the other.

    Where they are given: a band behind each row, and a second dot below the first; `names` tell which is which. `mark`
    is where a line goes down through all rows, such as 1 among ratios.
    """
    numbers = [number for _, *numbers in values for number in numbers]
    numbers += [number for pair in (*bands, *beside) for number in pair]
    ends = [number for number in numbers if number is not None]
    axis = Axis(unit, min([0.0, *ends]), max([*ends, 1e-9]))
    inside = "".join(_row_band(axis, place, *band) for place, band in enumerate(bands))
    for place, (name, *numbers) in enumerate(values):
        middle = _TOP + _ROW * place + 22
        inside += f'<text x="{_LEFT_OF_ROWS}" y="{middle - 10}">{escape(name)}</text>'
        inside += _dot(axis, middle - 3 * bool(beside), *numbers, "world")
        inside += _dot(axis, middle + 4, *beside[place], "loaded") if beside else ""
    height = _TOP + _ROW * len(values) + 24
    zero = _along(axis, mark)
    inside += f'<path class="grid" d="M{zero:.1f},{_TOP} V{height - 20}"/>'
    for number, side in ((axis.low, "start"), (axis.high, "end")):
        word = escape(write.format(number))
        inside += f'<text x="{_along(axis, number):.0f}" y="{height - 6}" text-anchor="{side}">{word}</text>'
    table = [("", unit, "from", "to"), *((name, *(_said(one) for one in numbers)) for name, *numbers in values)]
    keys = [Line(name, [], [], look=look) for name, look in zip(names, ("world", "loaded"), strict=True)]
    if beside:
        pairs = zip(values, beside, strict=True)
        table += [(f"{name}, {names[1]}", *(_said(one) for one in found)) for (name, *_), found in pairs]
    return _figure(title, said, inside, height, table, keys if beside else ())


def with_interval(measured: dict, decimals: int = 3) -> str:
    """A {value, interval} in words: "0.310 (0.260 to 0.360)"; a dash for what could not be measured."""
    value, (low, high) = measured["value"], measured["interval"]
    if value is None:
        return UNKNOWN
    if low is None or high is None:
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def matrix(title: str, said: str, names: Sequence[str], counts: Sequence[Sequence[int]], last: str) -> str:
    """Counts of what was (rows) and what was said (columns, and one more named `last`), darker for more of a row."""
    cell, left, top = 20, 118, 104
    inside = ""
    for column, name in enumerate((*names, last)):
        at = left + cell * column + 14
        inside += f'<text transform="translate({at},{top - 6}) rotate(-60)">{escape(name)}</text>'
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        up, whole = top + cell * row, max(sum(line), 1)
        inside += f'<text x="{left - 6}" y="{up + 14}" text-anchor="end">{escape(name)}</text>'
        for column, count in enumerate(line):
            box = f'x="{left + cell * column}" y="{up}" width="{cell - 1}" height="{cell - 1}"'
            inside += f'<rect class="cell" {box} fill-opacity="{max(count / whole, 0.03 if count else 0):.2f}">'
            inside += f"<title>{escape(name)}, said {escape((*names, last)[column])}: {count}</title></rect>"
    table = [("", *names, last), *((name, *map(str, line)) for name, line in zip(names, counts, strict=True))]
    width, height = left + cell * (len(names) + 1) + 40, top + cell * len(names) + 8
    return _figure(title, said, inside, height, table, (), width)


_LEFT_OF_ROWS = 12.0
_ROW_WIDTH = _WIDTH - _LEFT_OF_ROWS - _RIGHT


def _along(axis: Axis, value: float) -> float:
    return _LEFT_OF_ROWS + float(axis.share(value)) * _ROW_WIDTH


def _row_band(axis: Axis, place: int, low: float, high: float) -> str:
    left, width = _along(axis, low), _along(axis, high) - _along(axis, low)
    top = _TOP + _ROW * place + 15
    return f'<rect class="band" x="{left:.1f}" y="{top}" width="{width:.1f}" height="14"/>'


def _dot(axis: Axis, middle: float, value: float | None, low: float | None, high: float | None, look: str) -> str:
    if value is None:
        return ""
    at, start, end = (_along(axis, value if one is None else one) for one in (value, low, high))
    return (
        f'<path class="{look}" d="M{start:.1f},{middle} H{end:.1f}"/>'
        f'<circle class="{look}" cx="{at:.1f}" cy="{middle}" r="4"/>'
    )


def _across(axis: Axis, values) -> np.ndarray:
    return _LEFT + axis.share(values) * (_WIDTH - _LEFT - _RIGHT)


def _up(axis: Axis, values) -> np.ndarray:
    return _HEIGHT - _BOTTOM - axis.share(values) * (_HEIGHT - _BOTTOM - _TOP)


def _grid_line(axis: Axis, tick: float) -> str:
    at = float(_up(axis, tick))
    word = escape(axis.write.format(tick))
    return (
        f'<path class="grid" d="M{_LEFT},{at:.1f} H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{word}</text>'
    )


def _label(axis: Axis, place: float, word: str) -> str:
    at, share = float(_across(axis, place)), float(axis.share(place))
    side = "start" if share < 0.01 else "end" if share > 0.99 else "middle"
    return f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="{side}">{escape(word)}</text>'


def _drawn(line: Line, x: Axis, y: Axis) -> str:
    known = np.isfinite(np.asarray(line.x, "f8")) & np.isfinite(np.asarray(line.y, "f8"))
    if not known.any():
        return ""
    across, up = _across(x, np.asarray(line.x)[known]), _up(y, np.asarray(line.y)[known])
    drawn = ""
    if line.low is not None and line.high is not None and not line.dots:
        low, high = (_up(y, np.asarray(side, "f8")[known]) for side in (line.low, line.high))
        around = [*zip(across, high, strict=True), *reversed(list(zip(across, low, strict=True)))]
        drawn += f'<path class="between" d="{_path(around)} Z"/>'
    if line.dots and line.low is not None and line.high is not None:
        low, high = (_up(y, np.asarray(side, "f8")[known]) for side in (line.low, line.high))
        drawn += "".join(
            f'<path class="{line.look}" d="M{a:.1f},{b:.1f} V{c:.1f}"/>'
            for a, b, c in zip(across, low, high, strict=True)
        )
    if line.joined:
        drawn += f'<path class="{line.look}" d="{_path(zip(across, up, strict=True))}"/>'
    if line.dots:
        circles = zip(across, up, strict=True)
        drawn += "".join(f'<circle class="{line.look}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in circles)
    return drawn


def _path(points) -> str:
    return "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in points)


def _table(x: Axis, y: Axis, lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """At most a dozen points of each line in words."""
    table = [("", x.title, y.title, "95 % interval")]
    for line in lines:
        for place in np.unique(np.linspace(0, len(line.x) - 1, 12).astype(int)) if len(line.x) else ():
            interval = UNKNOWN if line.low is None else f"{_said(line.low[place])} to {_said(line.high[place])}"
            table.append((line.name, _said(line.x[place]), _said(line.y[place]), interval))
    return table


def _said(value: float | None) -> str:
    return UNKNOWN if value is None or not np.isfinite(value) else f"{value:.3g}"


def _figure(
    title, said, inside: str, height: float, table: list[tuple], lines: Sequence[Line], width: float = _WIDTH
) -> str:
    keys = "".join(
        f'<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="{line.look}" d="M0,5 H28"/></svg>'
        f" {escape(line.name)}</li>"
        for line in lines
    )
    head, *body = table
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    heads = "".join(f'<th scope="col">{escape(word)}</th>' for word in head)
    return (
        f'<figure class="plot"><figcaption><b>{escape(title)}</b><span>{escape(said)}</span></figcaption>'
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}: {escape(said)}">'
        f"{inside}</svg>"
        f"{f'<ul class=keys>{keys}</ul>' if keys else ''}"
        f'<details><summary>Figures</summary><div class="scroll"><table class="plain"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{cells}</tbody></table></div></details></figure>"
    )
