"""Opening a file of unknown goodness: plain or gzip, as blocks of whole lines that are known to be UTF-8 text."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .report import ImportRefused

BLOCK_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
LARGEST_TEXT = 2 * 1024**3  # of the text itself, so that a small gzip file cannot fill the disk

_GZIP = b"\x1f\x8b"
_UTF_8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\0\0\xfe\xff": "UTF-32"}


@dataclass(frozen=True)
class Block:
    """Whole records of a file, as bytes that are UTF-8, and the number of the first line among them."""

    text: bytes
    first_line: int
    read_bytes: int  # of the file on disk, so far
    is_cut: bool = False  # the last line has no end: perhaps the file lost its tail


class Source:
    """A .csv or .csv.gz file, read once from its beginning. Raises ImportRefused for what is not such a file."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            self.size = self.path.stat().st_size
            self._raw = open(self.path, "rb")  # noqa: SIM115 -- closed with the source
        except OSError as error:
            raise ImportRefused(f"{self.path.name} cannot be read: {error.strerror}.") from error
        try:
            self._stream = self._text_stream()
            self.header, self._rest = self._read_header()
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_) -> None:
        self._raw.close()

    def blocks(self) -> Iterator[Block]:
        """All that follows the header, a few megabytes of whole records at a time."""
        line, total, rest = self._header_lines + 1, len(self._rest), self._rest
        while fresh := self._read(BLOCK_BYTES):
            total += len(fresh)
            if total > LARGEST_TEXT:
                raise ImportRefused(f"{self.path.name} holds more than 2 GB of text; import it in parts.")
            rest += fresh
            end = _end_of_records(rest)
            if len(rest) - end > LONGEST_LINE:
                line += rest.count(b"\n", 0, end)
                raise ImportRefused(f"Line {line:,} is longer than 1 MB, or its quotation marks do not pair.")
            if end:
                yield self._block(rest[:end], line)
                line += rest.count(b"\n", 0, end)
                rest = rest[end:]
        if rest:
            yield from self._last_blocks(rest, line)

    def _last_blocks(self, rest: bytes, line: int) -> Iterator[Block]:
        end = _end_of_records(rest)
        if end:
            yield self._block(rest[:end], line)
        if end < len(rest):
            line += rest.count(b"\n", 0, end)
            if rest.count(b'"', end) % 2:
                raise ImportRefused(
                    f"A quotation mark that opens in line {line:,} is never closed; is the file cut off?"
                )
            yield self._block(rest[end:], line, is_cut=True)

    def _block(self, text: bytes, line: int, is_cut: bool = False) -> Block:
        self._check_encoding(text, line)
        return Block(text, line, self._raw.tell(), is_cut)

    def _read(self, count: int) -> bytes:
        try:
            return self._stream.read(count)
        except EOFError as error:
            raise ImportRefused(f"{self.path.name} is cut off: the compressed data ends too early.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ImportRefused(f"{self.path.name} is damaged: the compressed data cannot be read.") from error
        except OSError as error:
            raise ImportRefused(f"{self.path.name} cannot be read: {error.strerror}.") from error

    def _text_stream(self) -> BinaryIO:
        start = self._raw.read(2)
        self._raw.seek(0)
        return gzip.GzipFile(fileobj=self._raw, mode="rb") if start == _GZIP else self._raw

    def _read_header(self) -> tuple[list[str], bytes]:
        start = self._read(LONGEST_LINE)
        if not start.strip():
            raise ImportRefused(f"{self.path.name} is empty.")
        for mark, name in _WIDE_MARKS.items():
            if start.startswith(mark):
                raise ImportRefused(f"{self.path.name} is {name} text; save it as UTF-8 and import it again.")
        start = start.removeprefix(_UTF_8_MARK)
        end = start.find(b"\n") + 1 or len(start)
        if b"\0" in start[:end]:
            raise ImportRefused(f"{self.path.name} is not UTF-8 text; save it as UTF-8 and import it again.")
        if b"\r" in start[:end].rstrip(b"\r\n"):
            raise ImportRefused(f"{self.path.name} ends its lines with CR alone; save it with LF or CRLF.")
        if end == len(start) == LONGEST_LINE:
            raise ImportRefused("Line 1 is longer than 1 MB; it should name the columns.")
        self._header_lines = 1
        self._check_encoding(start[:end], 1)
        cells = next(csv.reader([start[:end].decode().rstrip("\r\n")]), [])
        return [cell.strip() for cell in cells], start[end:]

    def _check_encoding(self, text: bytes, first_line: int) -> None:
        if text.isascii():
            return
        try:
            text.decode()
        except UnicodeDecodeError as error:
            line = first_line + text.count(b"\n", 0, error.start)
            byte = text[error.start]
            raise ImportRefused(
                f"{self.path.name} is not UTF-8 text (byte {byte:#04x} in line {line:,}); "
                "save it as UTF-8 and import it again."
            ) from error


def check_header(header: list[str], expected: tuple[str, ...]) -> None:
    """Raises ImportRefused unless `header` names each expected column once, in any order, and nothing else."""
    if len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
        raise ImportRefused("The cells are not separated by commas; save the file with commas and import it again.")
    missing = [name for name in expected if name not in header]
    if missing:
        raise ImportRefused(f"The first line lacks {_listed(missing, 'column')}; it should name {len(expected)}.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ImportRefused(f"The first line names {_listed(twice, 'column')} twice.")
    extra = [name for name in header if name not in expected]
    if extra:
        raise ImportRefused(f"The first line names {_listed(extra, 'column')} that this import does not know.")


def _listed(names: list[str], noun: str) -> str:
    shown = ", ".join(name[:40] or "(no name)" for name in names[:5]) + (" …" if len(names) > 5 else "")
    return f"the {noun}{'s' if len(names) > 1 else ''} {shown}"


def _end_of_records(text: bytes) -> int:
    """Where the last whole record ends: after the last line end that is not inside quotation marks; 0 if none."""
    end = text.rfind(b"\n") + 1
    if text.count(b'"', 0, end) % 2 == 0:
        return end
    data = np.frombuffer(text, np.uint8)
    line_ends = np.flatnonzero(data == ord("\n"))
    outside = line_ends[np.cumsum(data == ord('"'))[line_ends] % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0
