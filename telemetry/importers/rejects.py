"""The list of bad cells: the first hundred to show, all of them in a file that a spreadsheet may open safely."""

import csv
import re
from pathlib import Path

from .report import SHOWN, BadCell, ImportRefused

_FORMULA = re.compile(r"\s*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Rejects:
    """Collects bad cells; the file is only made when there is one."""

    def __init__(self, path: Path):
        self.path = path
        self.first: list[BadCell] = []
        self.count = 0
        self._file = None

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(self, *_) -> None:
        if self._file:
            self._file.close()

    def add(self, cells: list[BadCell]) -> None:
        if not cells:
            return
        if self._file is None:
            self._open()
        self.first += cells[: SHOWN - len(self.first)]
        self.count += len(cells)
        self._writer.writerows(
            [cell.line, cell.column, safe_cell(cell.value), safe_cell(cell.reason)] for cell in cells
        )

    def _open(self) -> None:
        try:
            self._file = open(self.path, "w", encoding="utf-8", newline="")  # noqa: SIM115 -- closed on exit
        except OSError as error:
            raise ImportRefused(f"The rejects file {self.path.name} cannot be written: {error.strerror}.") from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "column", "value", "reason"])


def safe_cell(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
