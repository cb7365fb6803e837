"""Whole columns in and out of PostgreSQL by binary COPY: arrays on this side, one statement on that side."""

from collections.abc import Mapping

import numpy as np
from psycopg import ClientCursor

_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")  # PostgreSQL counts microseconds from here
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_CHUNK_ROWS = 65_536
# PostgreSQL's numeric on the wire: count of digits, weight of the first, sign, decimals shown, digits to base 10,000.
_NUMERIC = np.dtype([(name, ">i2") for name in ("digits", "weight", "sign", "scale", "whole", "fraction")])


def copy_in(cursor, table: str, columns: Mapping[str, np.ndarray]) -> int:
    """Append arrays of one length to `table`, one per column, and return how many rows that was.

    Every array is of a fixed width: int16, int32, int64, float32, float64, bool, datetime64 (UTC), or what
    `ten_thousandths` makes. Their types must be those of the columns (smallint, integer, bigint, real, double
    precision, boolean, timestamptz, numeric), none is null. Text goes through a staging table.
    """
    rows = len(next(iter(columns.values())))
    names = ", ".join(f'"{name}"' for name in columns)
    with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN (FORMAT BINARY)') as copy:
        copy.write(_SIGNATURE)
        for start in range(0, rows, _CHUNK_ROWS):
            copy.write(_records(columns, slice(start, start + _CHUNK_ROWS)))
        copy.write(_END)
    return rows


def copy_out(cursor, query: str, dtype: list[tuple[str, str]], parameters=None) -> np.ndarray:
    """Rows of `query` as a structured array of `dtype` (pairs of name and numpy type, in the query's order).

    The types are those of `copy_in`; a null or a value of another width raises ValueError.
    """
    if parameters is not None:  # bound here, because Django's logging cursor copies a finished statement only
        query = ClientCursor(cursor.connection).mogrify(query, parameters)
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        data = b"".join(copy)
    record = _record_type(dtype)
    body = memoryview(data)[len(_SIGNATURE) : -len(_END)]
    if len(body) % record.itemsize:
        raise ValueError("the query's columns are not of the widths given, or one of them is null")
    raw = np.frombuffer(body, record)
    if len(raw) and any((raw[f"length of {name}"] != record[name].itemsize).any() for name, _ in dtype):
        raise ValueError("the query's columns are not of the widths given, or one of them is null")
    result = np.empty(len(raw), [(name, kind) for name, kind in dtype])
    for name, kind in dtype:
        values = raw[name]
        is_time = np.dtype(kind).kind == "M"
        result[name] = _EPOCH + values.astype("i8").view("m8[us]") if is_time else values
    return result


def ten_thousandths(values: np.ndarray) -> np.ndarray:
    """Whole numbers of ten-thousandths, 0 to 99,999,999, as a column of numeric(8, 4): money without floats."""
    if len(values) and (values.min() < 0 or values.max() > 99_999_999):
        raise ValueError("a price is below 0 or above 9,999.9999")
    column = np.zeros(len(values), _NUMERIC)
    column["digits"], column["scale"] = 2, 4
    column["whole"], column["fraction"] = np.divmod(values, 10_000)
    return column


def _records(columns: Mapping[str, np.ndarray], rows: slice) -> bytes:
    kinds = [(name, array.dtype) for name, array in columns.items()]
    record = _record_type(kinds)
    block = np.empty(len(next(iter(columns.values()))[rows]), record)
    block["fields"] = len(columns)
    for name, array in columns.items():
        values = array[rows]
        if values.dtype.kind == "M":
            values = (values.astype("M8[us]") - _EPOCH).view("i8")
        block[f"length of {name}"] = record[name].itemsize
        block[name] = values
    return block.tobytes()


def _record_type(kinds: list[tuple[str, np.dtype | str]]) -> np.dtype:
    fields: list[tuple[str, str | np.dtype]] = [("fields", ">i2")]
    for name, kind in kinds:
        wire = np.dtype(kind)
        wire = np.dtype("i8") if wire.kind == "M" else wire
        fields += [(f"length of {name}", ">i4"), (name, wire.newbyteorder(">"))]
    return np.dtype(fields)
