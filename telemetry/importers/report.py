"""What an import has to say: a report when it went well, one clear sentence when it did not."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from stations.jobs import JobRefused

SHOWN = 100  # bad cells kept in the report; all of them are in the rejects file


class BadCell(NamedTuple):
    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.value[:60]!r} {self.reason}"


@dataclass
class ImportReport:
    """What was found in a file and what became of it."""

    rows: int = 0
    bad_rows: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)
    bad_cells: list[BadCell] = field(default_factory=list)
    rejects_path: Path | None = None

    def __str__(self) -> str:
        bad = f", {self.bad_rows:,} bad rows left out" if self.bad_rows else ""
        written = f"{self.inserted:,} new, {self.changed:,} changed, {self.unchanged:,} as they were"
        return f"{self.rows:,} rows: {written}{bad}."

    def count(self, known: int, written: int) -> None:
        """Of the good rows, `known` were in the database and `written` have changed it."""
        good = self.rows - self.bad_rows
        self.inserted, self.unchanged = good - known, good - written
        self.changed = written - self.inserted

    def as_dict(self) -> dict:
        """For a job's result."""
        values = {
            name: getattr(self, name) for name in ("rows", "bad_rows", "inserted", "changed", "unchanged", "notes")
        }
        return {**values, "summary": str(self), "bad_cells": [str(cell) for cell in self.bad_cells]}


class ImportRefused(JobRefused):
    """The source cannot be imported; the message is the one clear sentence that says why and what to do."""

    def __init__(self, message: str, report: ImportReport | None = None):
        super().__init__(message, report.as_dict() if report else None)
        self.report = report
