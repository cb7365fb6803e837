"""From a file to a staging table: the part that every kind of file shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from django.contrib.auth.base_user import AbstractBaseUser

from stations.arrays import copy_in
from stations.progress import Progress

from .parsing import Parsed, Shape, parse
from .rejects import Rejects
from .report import BadCell, ImportRefused, ImportReport
from .source import Source, check_header

CLOCK_SKEW = timedelta(minutes=5)  # clocks differ a little


@dataclass(frozen=True)
class Order:
    """What somebody asked for when sending a file; the same for every kind of file."""

    path: Path
    skip_bad: bool
    time_zone: str
    rejects_path: Path | None
    progress: Progress
    now: datetime
    member: AbstractBaseUser | None = None  # becomes a member of the operators that the file creates

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that do not name one. Raises ImportRefused if there is no such zone."""
        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ImportRefused(
                f"There is no time zone {self.time_zone!r}; name one like UTC or America/Los_Angeles."
            ) from error

    @property
    def latest(self) -> datetime:
        return self.now + CLOCK_SKEW

    @property
    def rejects_file(self) -> Path:
        """Where bad cells are listed. Raises ImportRefused if that is the imported file itself."""
        path = Path(self.rejects_path or self.path.with_name(f"{self.path.name}.rejects.csv"))
        if path.exists() and path.samefile(self.path):
            raise ImportRefused(f"The rejects file {path.name} is the file to import; name another with --rejects.")
        return path

    def tell(self, message: str) -> None:
        """Say what is being done after the file was read."""
        size = self.path.stat().st_size
        self.progress(size, size, message)


@dataclass
class Names:
    """Texts numbered in the order in which they turn up."""

    texts: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        number = self._numbers.setdefault(text, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
        return number

    def numbers(self, parsed: Parsed, column: str) -> np.ndarray:
        """The number of each row's text in `column`; texts of rejected rows get none."""
        used, places = np.unique(parsed.values[column], return_inverse=True)
        return np.array([self.number(parsed.texts[column][code]) for code in used], np.int32)[places]


def stage(
    cursor,
    table: str,
    order: Order,
    shape: Shape,
    subjects: Names,
    time_column: str,
    take: Callable[[Parsed], dict[str, np.ndarray]],
) -> ImportReport:
    """Read the file of `order` into the staging `table`, and say what was found.

    `take` makes a block's columns of the table, among them `subject` (a number from `subjects`) and `at`, which no two
    rows may share; the table has a `line` besides. Raises ImportRefused if the file is unusable, if it has bad rows
    that may not be skipped (their cells are in the error's report), or if no row is left.
    """
    report, keys = ImportReport(), []
    with Source(order.path) as source, Rejects(order.rejects_file) as rejects:
        shape = shape.within(source.header)
        check_header(source.header, shape.names)
        for block in source.blocks():
            parsed = parse(block, shape, source.header)
            report.rows += len(parsed.lines) + parsed.bad_rows
            report.bad_rows += parsed.bad_rows
            rejects.add(parsed.bad_cells)
            if len(parsed.lines):
                columns = {"line": parsed.lines.astype(np.int32), **take(parsed)}
                keys.append((columns["line"], columns["at"], columns["subject"]))
                copy_in(cursor.cursor, table, columns)
            order.progress(block.read_bytes, source.size, f"{report.rows:,} rows read")
        again = _repeated(keys, subjects, time_column)
        rejects.add(again)
        report.bad_rows += len(again)
        report.bad_cells = rejects.first
        report.rejects_path = rejects.path if rejects.count else None
    _refuse(report, order.skip_bad)
    if again:
        cursor.execute(f'DELETE FROM "{table}" WHERE line = ANY(%s)', [[cell.line for cell in again]])  # noqa: S608  (a name of ours)
    return report


def _repeated(keys: list[tuple[np.ndarray, ...]], subjects: Names, column: str) -> list[BadCell]:
    """The rows whose subject and time an earlier line has, too."""
    if not keys:
        return []
    line, at, subject = (np.concatenate(arrays) for arrays in zip(*keys, strict=True))
    order = np.lexsort((line, at, subject))
    same = (subject[order][1:] == subject[order][:-1]) & (at[order][1:] == at[order][:-1])
    return [
        BadCell(int(line[row]), column, f"{at[row].item():%Y-%m-%d %H:%M:%S}", _second(subjects.texts[subject[row]]))
        for row in np.sort(order[1:][same])
    ]


def _second(name: str) -> str:
    return f"(UTC) occurs more than once for {name}"


def _refuse(report: ImportReport, skip_bad: bool) -> None:
    if report.bad_rows and not skip_bad:
        raise ImportRefused(
            f"{report.bad_rows:,} of {report.rows:,} rows are bad, so nothing was loaded; correct them, or leave them "
            f"out with --skip-bad. All are listed in {report.rejects_path.name}.",
            report,
        )
    if report.rows == report.bad_rows:
        raise ImportRefused("The file has no rows to load below its first line.", report)
