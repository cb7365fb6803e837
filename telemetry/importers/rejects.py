"""The list of bad cells: the first hundred to show, all of them in a file that a spreadsheet may open safely."""

import csv
import os
import re
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from .report import SHOWN, BadCell, ImportRefused

_FORMULA = re.compile(r"\s*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class RejectsFile:
    """A CSV file of what cannot be taken, which gets its name when it is whole; a failure leaves nothing of it."""

    def __init__(self, path: Path, titles: list[str]):
        self._path, self._titles = path, titles
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")

    def __enter__(self) -> "RejectsFile":
        if self._path.exists() and not self._path.is_file():
            raise ImportRefused(f"The rejects file {self._path.name} cannot be written: it is not an ordinary file.")
        with self._told():
            self._file = open(self._part, "w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(self._titles)
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            with self._told():
                self._file.close()
                if kind is None:
                    os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, rows: Iterable[Iterable]) -> None:
        """Add rows, whose texts no spreadsheet will take for formulas."""
        with self._told():
            for row in rows:
                self._writer.writerow([safe_cell(cell) if isinstance(cell, str) else cell for cell in row])

    @contextmanager
    def _told(self):
        try:
            yield
        except OSError as error:
            raise ImportRefused(f"The rejects file {self._path.name} cannot be written: {error.strerror}.") from error


class Rejects:
    """Collects bad cells; the file is only made when there is one."""

    def __init__(self, path: Path):
        self.path = path
        self.first: list[BadCell] = []
        self.count = 0
        self._file = None

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(self, *failure) -> None:
        if self._file:
            self._file.__exit__(*failure)

    def add(self, cells: list[BadCell]) -> None:
        if not cells:
            return
        if self._file is None:
            self._file = RejectsFile(self.path, ["line", "column", "value", "reason"]).__enter__()
        self.first += cells[: SHOWN - len(self.first)]
        self.count += len(cells)
        self._file.write(cells)


def safe_cell(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
