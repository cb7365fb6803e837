"""The outside PostgreSQL of `import_database`: which tables it must have, and how they are read."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from . import ImportRefused

CONNECT_SECONDS = 5
CHUNK_ROWS = 2000

TEXT, TIME, NUMBER, FLAG = "text", "a timestamp", "a number", "a boolean"
# What a column must be in the source -> the types that are, how it is read, and its type in the staging table.
KINDS = {
    TEXT: (None, '"{}"::text', "text"),
    TIME: ({"timestamp with time zone", "timestamp without time zone", "date"}, '"{}"::timestamptz', "timestamptz"),
    NUMBER: (
        {"smallint", "integer", "bigint", "real", "double precision", "numeric"},
        '"{}"::double precision',
        "double precision",
    ),
    FLAG: ({"boolean", "smallint", "integer"}, '"{}"::int <> 0', "boolean"),
}


@dataclass(frozen=True)
class SourceTable:
    """A table of the source, and the columns that are read from it."""

    name: str
    columns: dict[str, str]

    @property
    def staging(self) -> str:
        return f"source_{self.name}"


TABLES = (
    SourceTable("sites", {"site_id": TEXT, "name": TEXT}),
    SourceTable(
        "chargers",
        {"charger_id": TEXT, "external_id": TEXT, "site_id": TEXT, "model": TEXT, "connector_type": TEXT},
    ),
    SourceTable("charger_status", {"time": TIME, "charger_id": TEXT, "status": TEXT, "temperature_celsius": NUMBER}),
    SourceTable(
        "charging_sessions",
        {"start_time": TIME, "charger_id": TEXT, "success": FLAG, "duration_minutes": NUMBER, "energy_kwh": NUMBER},
    ),
)

# What libpq says -> what we say. Its own words are never passed on, because they can hold parts of the URL.
REASONS = (
    ("password authentication failed", "it refused the user name or the password"),
    ("no password supplied", "it wants a password and the URL has none"),
    ("role .* does not exist", "it does not know the user"),
    ("database .* does not exist", "there is no database of that name"),
    (
        "could not translate host name|failed to resolve|Name or service",
        "its host name is not known (an @, / or : in the password must be percent-encoded)",
    ),
    ("Connection refused|No such file", "nothing listens at its host and port"),
    ("timeout|timed out", f"it did not answer within {CONNECT_SECONDS} seconds"),
    ("invalid|missing|unexpected", "the URL is not of the form postgresql://<user>:<password>@<host>:5432/<name>"),
)


@contextlib.contextmanager
def connected(url: str, time_zone: str) -> Iterator[psycopg.Connection]:
    """A connection that can only read and sees one moment of the source; times without a zone are in `time_zone`."""
    try:
        # SQLAlchemy's spelling names its driver too.
        source = psycopg.connect(
            re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url),
            connect_timeout=CONNECT_SECONDS,
            application_name="sntry import_database",
            client_encoding="UTF8",
        )
    except psycopg.Error as error:
        reason = next((ours for theirs, ours in REASONS if re.search(theirs, str(error))), "the connection failed")
        raise ImportRefused(f"Cannot connect to the source database: {reason}.") from None
    with source:
        source.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        source.read_only = True
        with _reading():
            source.execute("SELECT set_config('TimeZone', %s, true)", [time_zone])
        yield source


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Errors in here are the source's; those of our own database are told as they are."""
    try:
        yield
    except psycopg.Error as error:
        reason = error.diag.message_primary or "the connection was lost"
        raise ImportRefused(f"Reading the source database failed: {reason}. Nothing was imported.") from None


@_reading()
def check_tables(source: psycopg.Connection) -> None:
    """Raise ImportRefused unless the source has every table and column that is read, of a usable type."""
    for table in TABLES:
        rows = source.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table.name],
        ).fetchall()
        found = dict(rows)
        if not found:
            raise ImportRefused(
                f"The source database has no table {table.name}; it must have "
                f"{', '.join(each.name for each in TABLES)} on its search path."
            )
        for column, kind in table.columns.items():
            types = KINDS[kind][0]
            if column not in found:
                raise ImportRefused(f"Table {table.name} of the source database has no column {column}.")
            if types and found[column] not in types:
                raise ImportRefused(
                    f"Column {column} of table {table.name} of the source database is {found[column]}; "
                    f"it must be {kind}."
                )


@_reading()
def count_rows(source: psycopg.Connection) -> int:
    """How many rows there are to read, in all tables."""
    counts = " + ".join(f'(SELECT count(*) FROM "{table.name}")' for table in TABLES)  # noqa: S608  (names of ours)
    return source.execute(f"SELECT {counts}").fetchone()[0]


def create_staging(cursor, table: SourceTable) -> None:
    """A temporary table for the rows of `table`, numbered in the order in which they come."""
    columns = ", ".join(f'"{name}" {KINDS[kind][2]}' for name, kind in table.columns.items())
    cursor.execute(f'CREATE TEMP TABLE "{table.staging}" (line bigint GENERATED ALWAYS AS IDENTITY, {columns})')


def copy_table(source: psycopg.Connection, cursor, table: SourceTable, tell: Callable[[int], None]) -> int:
    """Stream the rows of `table` into its staging table; the bytes pass through without being looked at."""
    names = ", ".join(f'"{name}"' for name in table.columns)
    writing = cursor.copy(f'COPY "{table.staging}" ({names}) FROM STDIN (FORMAT BINARY)')
    rows, chunk = 0, []
    with contextlib.closing(_rows(source, table)) as rows_out, writing as rows_in:
        for row in rows_out:
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                rows_in.write(b"".join(chunk))
                rows += len(chunk)
                chunk.clear()
                tell(rows)
        rows_in.write(b"".join(chunk))
    rows = cursor.rowcount
    _compose(cursor, table)
    cursor.execute(f'ANALYZE "{table.staging}"')
    return rows


def _compose(cursor, table: SourceTable) -> None:
    """Bring texts into the form (NFC) that files get, too, because IDs are compared letter by letter."""
    texts = [f'"{name}"' for name, kind in table.columns.items() if kind is TEXT]
    values = ", ".join(f"{name} = normalize({name})" for name in texts)
    other = " OR ".join(f"{name} IS NOT NORMALIZED" for name in texts)
    cursor.execute(f'UPDATE "{table.staging}" SET {values} WHERE {other}')  # noqa: S608  (names of ours)


def _rows(source: psycopg.Connection, table: SourceTable) -> Iterator[bytes]:
    """The rows of `table` in the binary format of COPY."""
    values = ", ".join(KINDS[kind][1].format(name) for name, kind in table.columns.items())
    query = f'COPY (SELECT {values} FROM "{table.name}") TO STDOUT (FORMAT BINARY)'  # noqa: S608  (names of ours)
    with _reading(), source.cursor().copy(query) as rows:
        yield from rows
