"""Whole columns in and out of PostgreSQL in its binary format: arrays on this side, one statement on that side."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
from psycopg import Cursor
from psycopg.adapt import Loader
from psycopg.postgres import types
from psycopg.pq import Format

_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")  # PostgreSQL counts microseconds from here
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_CHUNK_ROWS = 65_536
_TYPES = {
    "i2": "int2",
    "i4": "int4",
    "i8": "int8",
    "f4": "float4",
    "f8": "float8",
    "b1": "bool",
    "M8[us]": "timestamptz",
}
_ELEMENT_TYPES = {kind: types[name].oid for kind, name in _TYPES.items()}
_ARRAY_TYPES = {kind: types[name].array_oid for kind, name in _TYPES.items()}
# PostgreSQL's numeric on the wire: count of digits, weight of the first, sign, decimals shown, digits to base 10,000.
_NUMERIC = np.dtype([(name, ">i2") for name in ("digits", "weight", "sign", "scale", "whole", "fraction")])


class _Bytes(Loader):
    """Leaves a value as the server packed it."""

    format = Format.BINARY

    def load(self, data) -> bytes:
        return bytes(data)


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


def fetch_arrays(cursor, query: str, dtype: list[tuple[str, str]], parameters=None) -> np.ndarray:
    """Rows of `query` as a structured array of `dtype` (pairs of name and numpy type, in the query's order).

    The types are those of `copy_in`; a null or a value of another type raises ValueError. The server packs each column
    into one binary array, because reading row by row costs the client ten times as much.
    """
    names = ", ".join(f'"{name}"' for name, _ in dtype)
    columns = ", ".join(f'array_agg("{name}")' for name, _ in dtype)
    reader = Cursor(cursor.connection)
    for oid in _ARRAY_TYPES.values():
        reader.adapters.register_loader(oid, _Bytes)
    packed_columns = f"SELECT {columns} FROM ({query}) AS rows ({names})"  # noqa: S608  (names and query are ours)
    reader.execute(packed_columns, parameters, binary=True)
    arrays = [_unpack(name, kind, packed) for (name, kind), packed in zip(dtype, reader.fetchone(), strict=True)]
    result = np.empty(len(arrays[0]), [(name, kind) for name, kind in dtype])
    for (name, _), array in zip(dtype, arrays, strict=True):
        result[name] = array
    return result


def _unpack(name: str, kind: str, packed: bytes | None) -> np.ndarray:
    """The elements of a binary array: a header of five numbers, then each element behind its length."""
    if packed is None:
        return np.zeros(0, kind)
    _, has_null, element_type = np.frombuffer(packed, ">i4", 3)
    if has_null or _ELEMENT_TYPES[np.dtype(kind).str[1:]] != element_type:
        raise ValueError(f"column {name} holds a null, or is not of the type {kind}")
    element = np.dtype([("length", ">i4"), ("value", _wire_type(kind))])
    values = np.frombuffer(packed, element, offset=20)["value"]
    return _EPOCH + values.astype("i8").view("m8[us]") if np.dtype(kind).kind == "M" else values


def array_text(values: Iterable) -> str:
    """Numbers, booleans, aware times or texts as the text of an array, for a parameter that is cast; None is null.

    The client's own way looks at each value with regular expressions and costs ten times as much.
    """
    values = list(values)
    shown = {value: _element(value) for value in set(values)}
    return f"{{{','.join([shown[value] for value in values])}}}"


def _element(value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


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
        fields += [(f"length of {name}", ">i4"), (name, _wire_type(kind))]
    return np.dtype(fields)


def _wire_type(kind: np.dtype | str) -> np.dtype:
    wire = np.dtype(kind)
    return (np.dtype("i8") if wire.kind == "M" else wire).newbyteorder(">")
