"""Kinds of columns: how one cell is read with care, and whether a whole column read fast is beyond doubt."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stations.characters import CONTROLS

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_CONTROL = re.compile(rf"\0|{CONTROLS}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class BadValue(ValueError):
    """A cell that cannot be taken; the message says why, as the end of a sentence that begins with the value."""


@dataclass(frozen=True)
class Text:
    """Text of at most `longest` characters, composed (NFC); blanks around it do not count."""

    longest: int
    required: bool = True
    arrow_type = pa.dictionary(pa.int32(), pa.string())

    def read(self, cell: str) -> str:
        text = unicodedata.normalize("NFC", cell.strip(" "))
        if self.required and not text:
            raise BadValue("is missing")
        if _CONTROL.search(text):
            raise BadValue("has control characters")
        if len(text) > self.longest:
            raise BadValue(f"is longer than {self.longest} characters")
        return text


@dataclass(frozen=True)
class Word:
    """One of the given words, each with its number."""

    words: Mapping[str, int]
    required: bool = True
    arrow_type = pa.dictionary(pa.int32(), pa.string())

    def read(self, cell: str) -> int:
        word = cell.strip(" ")
        if word not in self.words:
            raise BadValue("is missing" if not word else f"is none of {', '.join(self.words)}")
        return self.words[word]


@dataclass(frozen=True)
class Loose:
    """A cell that is only compared: its word's or whole number's value, or -1 for anything else."""

    words: Mapping[str, int] = field(default_factory=lambda: {"false": 0, "true": 1})
    arrow_type = pa.dictionary(pa.int32(), pa.string())

    def read(self, cell: str) -> int:
        word = cell.strip(" ").lower()
        if word.isascii() and word.isdigit() and len(word) < 5:
            return int(word)
        return self.words.get(word, -1)


@dataclass(frozen=True)
class Number:
    """A finite number within bounds; a missing one that is not required becomes NaN."""

    lowest: float
    highest: float
    whole: bool = False
    required: bool = True
    arrow_type = pa.float64()

    def read(self, cell: str) -> float:
        text = cell.strip(" ")
        if not text and not self.required:
            return np.nan
        if not _NUMBER.fullmatch(text):
            reason = "is not a finite number" if _NOT_FINITE.fullmatch(text) else "is not a number"
            raise BadValue(reason if text else "is missing")
        value = float(text)
        if not np.isfinite(value):
            raise BadValue("is not a finite number")
        if not self.lowest <= value <= self.highest:
            raise BadValue(f"is not between {self.lowest:g} and {self.highest:g}")
        if self.whole and not value.is_integer():
            raise BadValue("is not a whole number")
        return value

    def from_arrow(self, column: pa.ChunkedArray) -> np.ndarray | None:
        """The column's numbers, or None if any of them needs a closer look."""
        values = column.to_numpy()
        known = values[~np.isnan(values)] if column.null_count else values
        if len(known) + column.null_count != len(values) or (column.null_count and self.required):
            return None
        fine = not len(known) or (known.min() >= self.lowest and known.max() <= self.highest)  # NaN fails both
        return values if fine and not (self.whole and (known % 1).any()) else None


@dataclass(frozen=True)
class Moment:
    """A time that is not in the future; without an offset it is a wall-clock time in `zone`."""

    zone: ZoneInfo
    latest: datetime
    required: bool = True
    arrow_type = pa.timestamp("us")

    def read(self, cell: str) -> np.datetime64:
        text = cell.strip(" ")
        if not _MOMENT.fullmatch(text):
            raise BadValue("is not a time like 2025-07-01 00:30:00" if text else "is missing")
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadValue("is not a time that exists") from error
        at = at if at.tzinfo else self._placed(at)
        if at > self.latest:
            raise BadValue("lies in the future")
        if at < _EARLIEST:
            raise BadValue("lies before the year 2000")
        return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")

    def _placed(self, at: datetime) -> datetime:
        placed = at.replace(tzinfo=self.zone)
        if placed.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != at:
            raise BadValue(f"does not exist in {self.zone.key}, where clocks were put forward")
        return placed

    def from_arrow(self, column: pa.ChunkedArray) -> np.ndarray | None:
        """The column's times in UTC, or None if any of them needs a closer look."""
        if column.null_count:
            return None
        if self.zone.key != "UTC":
            column = pc.assume_timezone(column, self.zone.key, ambiguous="earliest", nonexistent="raise")
        values = column.to_numpy().astype("M8[us]")
        bounds = [np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us") for at in (_EARLIEST, self.latest)]
        return values if not len(values) or (bounds[0] <= values.min() and values.max() <= bounds[1]) else None


Column = Text | Word | Loose | Number | Moment
