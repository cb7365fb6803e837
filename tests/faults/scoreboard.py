"""The scoreboard: each figure that must hold, beside what was measured; what was not run says so."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

NOT_RUN, KEPT, MISSED = "not run", "kept", "MISSED"


@dataclass(frozen=True)
class Figure:
    """One line: its part of the harness, what is measured, and the bound that it must keep."""

    part: str
    name: str
    target: str
    holds: Callable[[float], bool]


def at_most(bound: float) -> Callable[[float], bool]:
    return lambda value: value <= bound


def at_least(bound: float) -> Callable[[float], bool]:
    return lambda value: value >= bound


def exactly(wanted: float) -> Callable[[float], bool]:
    return lambda value: value == wanted


FIGURES = {
    "lost": Figure("kills", "acknowledged rows lost over the kills", "0", exactly(0)),
    "duplicated": Figure("kills", "acknowledged rows stored twice over the kills", "0", exactly(0)),
    "redis_recovery": Figure("kills", "next finished tick after Redis is killed, p95", "≤ 15 s", at_most(15)),
    "postgres_recovery": Figure("kills", "next finished tick after PostgreSQL is killed, p95", "≤ 20 s", at_most(20)),
    "worker_recovery": Figure("kills", "next finished tick after the worker is killed, p95", "≤ 30 s", at_most(30)),
    "refused_badly": Figure("kills", "answers other than 2xx and 503 during the kills", "0", exactly(0)),
    "pages_redis": Figure("pages", "read pages with Redis dead or hung, p99", "≤ 1 s", at_most(1)),
    "pages_gemini": Figure("pages", "read pages with Gemini dead, hung, lying, slow, p99", "≤ 1 s", at_most(1)),
    "pages_osrm": Figure("pages", "read pages with OSRM dead, hung, lying, p99", "≤ 1 s", at_most(1)),
    "effects_twice": Figure("effects", "side effects that counted twice over the fault runs", "0", exactly(0)),
    "effects_missing": Figure("effects", "side effects that never happened", "0", exactly(0)),
    "races": Figure("races", "races without exactly one winner", "0", exactly(0)),
    "race_control": Figure("races", "rounds of the control with several winners", "≥ 1", at_least(1)),
    "pages_refused": Figure("pages", "read pages without a good answer under these faults", "0", exactly(0)),
}


@dataclass
class Result:
    """What was measured of one figure: the value, and in words how often and under which conditions."""

    value: float
    words: str
    measured_at: str


class Scoreboard:
    """The results of this run; kept in a file so that a long part can be run by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results, self.left_out = folder, {}, {}

    def note(self, name: str, value: float, words: str) -> None:
        """Keep what was measured; the figure must be one of FIGURES."""
        assert name in FIGURES, name
        self.results[name] = Result(float(value), words, datetime.now(UTC).strftime("%Y-%m-%d %H:%M"))
        print(f"  {FIGURES[name].name}: {words} [{self.verdict(name)}]", flush=True)

    def leave_out(self, name: str, why: str) -> None:
        """Say why a figure cannot be measured here."""
        assert name in FIGURES, name
        self.left_out[name] = why

    def verdict(self, name: str) -> str:
        """KEPT only for a figure that was measured and is within its bound."""
        result = self.results.get(name)
        if result is None:
            return NOT_RUN
        return KEPT if FIGURES[name].holds(result.value) else MISSED

    def missed(self) -> list[str]:
        return [name for name in FIGURES if self.verdict(name) == MISSED]

    def save(self) -> None:
        """The table as text, and the values as JSON."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "scoreboard.txt", "w") as file:
            self.show(Console(file=file, width=180))
        values = {name: asdict(result) for name, result in self.results.items()}
        (self.folder / "scoreboard.json").write_text(json.dumps(values, indent=1))

    def show(self, console: Console) -> None:
        title = f"Faults, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average {os.getloadavg()[0]:.1f}"
        table = Table("part", "figure", "target", "measured", "verdict", title=title)
        for name, figure in FIGURES.items():
            result = self.results.get(name)
            words = result.words if result else self.left_out.get(name, "")
            table.add_row(figure.part, figure.name, figure.target, words, self.verdict(name))
        console.print(table)
