"""What a question gets: one sentence, figures with intervals, plots, and the whole table."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

UNKNOWN = "–"


COUNTED = "counted, not estimated"


@dataclass
class Figure:
    """A number with its 95 % interval, as numbers and, by `said`, in words; `no_interval` says why there is none."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    note: str = ""
    decimals: int | None = None  # None: three digits that count
    no_interval: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            setattr(self, name, None if number is None or math.isnan(float(number)) else float(number))

    @property
    def said(self) -> str:
        return f"{in_words(self.value, self.decimals)} {self.unit}".strip()

    @property
    def interval(self) -> str:
        if self.low is None or self.high is None:
            return ""
        return f"{in_words(self.low, self.decimals)} to {in_words(self.high, self.decimals)}"

    @property
    def sure(self) -> str:
        """The interval in words, or why there is none."""
        if self.interval:
            return f"{self.interval} (95 %)"
        return self.no_interval or "no interval: too little is known for one"


@dataclass
class Answer:
    """`plots` are SVG made by telemetry.plots; `cannot` a sentence, where the data do not answer."""

    sentence: str
    figures: list[Figure] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[str] = field(default_factory=list)
    cannot: bool = False

    def as_json(self) -> dict:
        columns = [str(name) for name in self.table.columns]
        rows = [[_plain(value) for value in row] for row in self.table.itertuples(index=False)]
        return {
            "sentence": self.sentence, "figures": [_finite(asdict(one)) for one in self.figures], "plots": self.plots,
            "columns": columns, "rows": rows, "notes": self.notes, "cannot": self.cannot,
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: dict) -> "Answer":
        figures = [Figure(**{name: _number(value) for name, value in one.items()}) for one in values["figures"]]
        table = pd.DataFrame(values["rows"], columns=values["columns"], dtype=object)
        return cls(values["sentence"], figures, values["plots"], table, values["notes"], values["cannot"])


def in_words(value: float | None, decimals: int | None = None) -> str:
    """A number for people: three digits that count, or so many decimals; "no bound" for infinity."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "no bound"
    if 0 < abs(value) < 1e-3 and decimals is None:
        return f"{value:.1e}"
    if decimals is None:
        decimals = 0 if abs(value) >= 100 or value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}"


def p_in_words(p: float) -> str:
    """A p-value for people: "p = 0.032", never 0."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _finite(values: dict) -> dict:
    """JSON has no infinity: it stands as a word."""
    return {name: _word(value) for name, value in values.items()}


def _word(value):
    if isinstance(value, float) and math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return value


def _number(value):
    return {"infinity": math.inf, "-infinity": -math.inf}.get(value, value) if isinstance(value, str) else value


def _plain(value):
    """A cell as JSON has it; numbers to six digits."""
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else _word(float(f"{value:.6g}"))
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
