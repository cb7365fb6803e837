"""From a block of text to arrays: all at once when the whole block is good, cell by cell when any of it is not."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.csv

from .columns import BadValue, Column, Loose, Moment, Number, Text, Word
from .report import BadCell, ImportRefused
from .source import Block

csv.field_size_limit(64 * 1024 * 1024)  # because columns have limits of their own, and say so by line and column

_DTYPES = {Word: np.int16, Loose: np.int16, Number: np.float64, Moment: np.dtype("M8[us]")}

RowCheck = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """The columns a file must have, and what must hold within a row: (column to blame, reason, good rows).

    A file may do without the `optional` ones among its columns.
    """

    columns: Mapping[str, Column]
    row_checks: tuple[tuple[str, str, RowCheck], ...] = ()
    optional: tuple[str, ...] = ()

    def within(self, header: list[str]) -> "Shape":
        """This shape without the optional columns that `header` does not name."""
        absent = [name for name in self.optional if name not in header]
        return replace(self, columns={name: one for name, one in self.columns.items() if name not in absent})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)


@dataclass(frozen=True)
class Parsed:
    """The good rows of a block as arrays, the lines they stood on, and every bad cell of the others.

    Text columns are indices into `texts`, the distinct texts of this block.
    """

    lines: np.ndarray
    values: dict[str, np.ndarray]
    texts: dict[str, list[str]]
    bad_cells: list[BadCell]
    bad_rows: int = 0


def parse(block: Block, shape: Shape, header: list[str]) -> Parsed:
    """The rows of `block`, whose columns are in the order of `header`."""
    return _at_once(block, shape, header) or _cell_by_cell(block, shape, header)


def _at_once(block: Block, shape: Shape, header: list[str]) -> Parsed | None:
    """The block if everything in it is good, or None."""
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(block.text),
            pa.csv.ReadOptions(column_names=header, block_size=len(block.text) + 1),
            pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pa.csv.ConvertOptions(
                column_types={name: column.arrow_type for name, column in shape.columns.items()},
                null_values=[""],
                strings_can_be_null=False,
            ),
        )
        rows = table.num_rows
        if rows != block.text.count(b"\n") + block.is_cut:
            return None  # a cell holds a line end, so lines must be counted one by one
        values, texts = {}, {}
        for name, column in shape.columns.items():
            if isinstance(column, (Number, Moment)):
                values[name] = column.from_arrow(table[name])
                if values[name] is None:
                    return None
            else:
                codes = table[name].combine_chunks()
                words = [column.read(word) for word in codes.dictionary.to_pylist()]
                _keep(name, column, codes.indices.to_numpy(), words, values, texts)
    except (pa.ArrowInvalid, BadValue):
        return None
    if not all(check(values).all() for _, _, check in shape.row_checks):
        return None
    return Parsed(np.arange(block.first_line, block.first_line + rows), values, texts, [])


def _keep(name: str, column: Column, codes: np.ndarray, words: list, values: dict, texts: dict) -> None:
    """Store a column whose distinct cells say `words`."""
    if isinstance(column, Text):
        values[name], texts[name] = codes, words
    else:
        values[name] = np.array(words, _DTYPES[type(column)])[codes]


def _cell_by_cell(block: Block, shape: Shape, header: list[str]) -> Parsed:
    """The good rows of the block, and each bad cell with its line and column."""
    lines, rows, bad_cells = _records(block, header)
    bad_rows = len(bad_cells)
    cells = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    values, texts, good = {}, {}, np.ones(len(rows), bool)

    def blame(row: int, name: str, reason: str) -> None:
        bad_cells.append(BadCell(lines[row], name, cells[name][row], reason))
        good[row] = False

    for name, column in shape.columns.items():
        known: dict[str, int] = {}
        codes = np.array([known.setdefault(cell, len(known)) for cell in cells[name]], np.int32)
        words, reasons = _read_each(column, known)
        _keep(name, column, codes, words, values, texts)
        for row in np.flatnonzero(np.array([reason is not None for reason in reasons], bool)[codes]):
            blame(row, name, reasons[codes[row]])
    for name, reason, check in shape.row_checks:
        for row in np.flatnonzero(good & ~check(values)):
            blame(row, name, reason)
    kept = {name: array[good] for name, array in values.items()}
    bad_cells.sort(key=lambda cell: cell.line)
    return Parsed(np.array(lines, np.int64)[good], kept, texts, bad_cells, bad_rows + int((~good).sum()))


def _read_each(column: Column, cells) -> tuple[list, list[str | None]]:
    """What each distinct cell says, with something harmless in the place of bad ones, and why those are bad."""
    harmless = {Text: "", Word: 0, Loose: -1, Number: 0.0, Moment: np.datetime64(0, "us")}[type(column)]
    words, reasons = [], []
    for cell in cells:
        try:
            words.append(column.read(cell))
            reasons.append(None)
        except BadValue as error:
            words.append(harmless)
            reasons.append(str(error))
    return words, reasons


def _records(block: Block, header: list[str]) -> tuple[list[int], list[list[str]], list[BadCell]]:
    """Rows with the right number of cells and the lines they begin on; the others as bad. Blank lines do not count."""
    reader = csv.reader(io.StringIO(block.text.decode(), newline=""))
    lines, rows, bad_cells = [], [], []
    line = block.first_line
    for row in reader:
        if len(row) == len(header):
            lines.append(line)
            rows.append(row)
        elif row:
            reason = f"is a row of {len(row)} cells, not {len(header)}"
            bad_cells.append(BadCell(line, "", ",".join(row)[:200], reason))
        line = block.first_line + reader.line_num
    if block.is_cut and bad_cells and (not lines or bad_cells[-1].line > lines[-1]):
        last = bad_cells[-1].line
        raise ImportRefused(f"The file is cut off: its last line ({last:,}) ends before its {len(header)} cells do.")
    return lines, rows, bad_cells
