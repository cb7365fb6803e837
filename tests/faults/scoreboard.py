"""The scoreboard: each figure that must hold, beside what was measured; what was not run says so."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .world import ROOT

NOT_RUN, KEPT, SHORT, MISSED = "not run", "kept", "kept, short run", "MISSED"


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


def between(low: float, high: float) -> Callable[[float], bool]:
    return lambda value: low <= value <= high


def exactly(wanted: float) -> Callable[[float], bool]:
    return lambda value: value == wanted


FIGURES = {
    "lost": Figure("kills", "acknowledged rows lost over the kills", "0", exactly(0)),
    "duplicated": Figure("kills", "acknowledged rows stored twice over the kills", "0", exactly(0)),
    "redis_recovery": Figure("kills", "next finished tick after Redis is killed, p95", "≤ 15 s", at_most(15)),
    "postgres_recovery": Figure("kills", "next finished tick after PostgreSQL is killed, p95", "≤ 20 s", at_most(20)),
    "worker_recovery": Figure("kills", "next finished tick after the worker is killed, p95", "≤ 30 s", at_most(30)),
    "refused_badly": Figure("kills", "answers other than 2xx, 409 and 503 during the kills", "0", exactly(0)),
    "hits": Figure("kills", "kills that came while a tick was under way", "≥ 30 %", at_least(30)),
    "pages_redis": Figure("pages", "read pages with Redis dead or hung, p99", "≤ 1 s", at_most(1)),
    "pages_gemini": Figure("pages", "read pages with Gemini dead, hung, lying, slow, p99", "≤ 1 s", at_most(1)),
    "pages_osrm": Figure("pages", "read pages with OSRM dead, hung, lying, p99", "≤ 1 s", at_most(1)),
    "effects_twice": Figure("effects", "side effects that counted twice over the fault runs", "0", exactly(0)),
    "effects_again": Figure("effects", "sent again by two deliverers of whom none is killed", "0", exactly(0)),
    "effects_missing": Figure("effects", "side effects that never happened", "0", exactly(0)),
    "races": Figure("races", "races without exactly one winner", "0", exactly(0)),
    "race_control": Figure("races", "rounds of the control with several winners", "≥ 1", at_least(1)),
    "offline": Figure("silence", "a dead charger is OFFLINE after 3 intervals of 10 s", "30 to 50 s", between(30, 50)),
    "false_offline": Figure("silence", "living chargers shown as OFFLINE after our own outage", "0", exactly(0)),
    "disorder": Figure("telemetry", "tables that differ after late, repeated, shuffled rows", "0", exactly(0)),
    "future": Figure("telemetry", "rows of the future not refused, or others refused", "0", exactly(0)),
    "two_beats": Figure("workers", "slots not done exactly once with two beats", "0", exactly(0)),
    "wrong_clock": Figure("workers", "slots not done exactly once with a clock 1 h behind", "0", exactly(0)),
    "hung_worker": Figure("workers", "next finished tick after a worker hangs (alive, silent)", "≤ 90 s", at_most(90)),
    "handshake": Figure("sockets", "handshake when all browsers come back at once, p99", "≤ 5 s", at_most(5)),
    "behind": Figure("sockets", "browsers not at the newest tick 10 s after it", "0", exactly(0)),
    "slow_sockets": Figure("sockets", "memory that sockets which never read cost", "≤ 50 MB", at_most(50)),
    "slow_kept": Figure("sockets", "sockets that never read and whom nothing was spared", "0", exactly(0)),
    "soak": Figure("soak", "requests answered well, a fault a minute for an hour", "≥ 99.9 %", at_least(99.9)),
    "memory": Figure("soak", "growth of own memory, of the process that grows most", "≤ 1 MB/h", at_most(1)),
    "disk_lost": Figure("disk", "acknowledged rows lost, or odd answers, around a full disk", "0", exactly(0)),
    "disk_recovery": Figure("disk", "next finished tick after there is space again", "≤ 60 s", at_most(60)),
    "migration_wait": Figure("migrations", "longest wait of others while 1M rows are migrated", "≤ 3 s", at_most(3)),
    "migration_failed": Figure("migrations", "statements of others that failed meanwhile", "0", exactly(0)),
    "old_code": Figure("old-code", "bad answers of the version before on the newest schema", "0", exactly(0)),
    "old_code_ticks": Figure("old-code", "ticks of the version before in 40 s", "≥ 2", at_least(2)),
    "sent_redis": Figure("pages", "telemetry taken with Redis dead or hung, p99", "≤ 1 s", at_most(1)),
    "hung_redis": Figure("workers", "next finished tick after Redis hung for 20 s", "≤ 15 s", at_most(15)),
    "hostile": Figure("hostile", "hostile strings that were more than words anywhere", "0", exactly(0)),
    "restore": Figure("restore", "from `restore --replace` of the demo to a page", "≤ 300 s", at_most(300)),
    "pages_refused": Figure("pages", "read pages without a good answer under these faults", "0", exactly(0)),
}


@dataclass
class Result:
    """What was measured of one figure: the value, and in words how often and under which conditions."""

    value: float
    words: str
    measured_at: str
    is_whole: bool
    commit: str = ""  # of the code that was measured; empty where there is no git history


def this_commit() -> str:
    """The commit that is checked out, marked where files differ from it; empty without a git history."""
    command = ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


class Scoreboard:
    """The results of this run, beside what earlier ones measured of other parts: long parts are run by themselves."""

    def __init__(self, folder: Path, commit: str | None = None) -> None:
        self.folder, self.results, self.left_out = folder, {}, {}
        self.commit = this_commit() if commit is None else commit
        self.earlier = self._kept()

    def _kept(self) -> dict[str, Result]:
        try:
            kept = json.loads((self.folder / "scoreboard.json").read_text())
        except FileNotFoundError:
            return {}
        return {name: Result(**values) for name, values in kept.items() if name in FIGURES}

    def note(self, name: str, value: float, words: str, *, is_whole: bool = True) -> None:
        """Keep what was measured; the figure must be one of FIGURES. `is_whole`: as often or long as is asked for."""
        assert name in FIGURES, name
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
        self.results[name] = Result(float(value), words, now, is_whole, self.commit)
        print(f"  {FIGURES[name].name}: {words} [{self.verdict(name)}]", flush=True)

    def leave_out(self, name: str, why: str) -> None:
        """Say why a figure cannot be measured here."""
        assert name in FIGURES, name
        self.left_out[name] = why

    def verdict(self, name: str) -> str:
        """KEPT only for a figure that was measured, as often or long as is asked for, and is within its bound."""
        result = self.found(name)
        if result is None:
            return NOT_RUN
        if not FIGURES[name].holds(result.value):
            return MISSED
        return KEPT if result.is_whole else SHORT

    def found(self, name: str) -> Result | None:
        """What this run has measured, else the last one that did; one that was left out now counts no more."""
        return self.results.get(name) or (None if name in self.left_out else self.earlier.get(name))

    def when(self, name: str) -> str:
        """When it was measured, and of which commit where that is not this one."""
        result = self.found(name)
        if result is None:
            return ""
        is_this = result.commit == self.commit
        return result.measured_at if is_this else f"{result.measured_at}, commit {result.commit or 'not known'}"

    def missed(self) -> list[str]:
        """The figures that this run has missed."""
        return [name for name in self.results if self.verdict(name) == MISSED]

    def save(self) -> None:
        """The table as text, and the values as JSON."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "scoreboard.txt", "w") as file:
            self.show(Console(file=file, width=180))
        values = {name: asdict(result) for name in FIGURES if (result := self.found(name))}
        (self.folder / "scoreboard.json").write_text(json.dumps(values, indent=1))

    def show(self, console: Console) -> None:
        title = f"Faults, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average {os.getloadavg()[0]:.1f}"
        title += f", commit {self.commit}" if self.commit else ""
        table = Table("part", "figure", "target", "measured", "verdict", "when", title=title)
        for name, figure in FIGURES.items():
            result = self.found(name)
            words = result.words if result else self.left_out.get(name, "")
            table.add_row(figure.part, figure.name, figure.target, words, self.verdict(name), self.when(name))
        console.print(table)
