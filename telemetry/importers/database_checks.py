"""Which rows of the outside database cannot be taken, and why: one statement per table."""

from dataclasses import dataclass
from pathlib import Path

from stations.characters import BLANK, CONTROLS
from telemetry.models import ChargerStatus

from .rejects import RejectsFile

STATUSES = ", ".join(f"'{status}'" for status in ChargerStatus.values)


@dataclass(frozen=True)
class BadRow:
    """A value that cannot be taken; `row` counts from 1 in the order in which the source gave its rows."""

    table: str
    row: int
    about: str
    column: str
    value: str | None
    reason: str

    def __str__(self) -> str:
        value = "" if self.value is None else f" {self.value!r}"
        about = "".join(letter if letter.isprintable() else "?" for letter in self.about)
        return f"{self.table} row {self.row} ({about}), {self.column}:{value} {self.reason}"


@dataclass(frozen=True)
class Rule:
    """Rows for which `condition` holds are bad, because their `column` is as `reason` says."""

    column: str
    condition: str
    reason: str


@dataclass(frozen=True)
class Check:
    """The staged rows of a table with what is to be known about them, how a row is named, and its rules."""

    view: str
    about: str
    rules: tuple[Rule, ...]


def _missing(column: str) -> Rule:
    return Rule(column, f"coalesce({column}, '') ~ '{BLANK}'", "is missing")


def _controls(column: str) -> Rule:
    return Rule(column, f"{column} ~ '{CONTROLS}'", "has control characters")


def _repeated(column: str, occurrence: str = "occurrence") -> Rule:
    return Rule(column, f'"{column}" IS NOT NULL AND {occurrence} > 1', "occurs more than once")


def _too_long(column: str, most: int, value: str = "") -> Rule:
    return Rule(column, f"length({value or column}) > {most}", f"is longer than {most} characters")


def _bad_time(column: str) -> tuple[Rule, ...]:
    return (
        Rule(column, f'"{column}" IS NULL', "is missing"),
        Rule(column, f"\"{column}\" < '1970-01-01'", "lies before 1970"),
        Rule(column, f'"{column}" > %(latest)s', "lies in the future"),
    )


def _out_of_range(column: str, most: float | None = None) -> tuple[Rule, ...]:
    finite = Rule(column, f"{column} IN ('NaN', 'Infinity', '-Infinity')", "is not a finite number")
    if most is None:
        return (finite,)
    return (
        finite,
        Rule(column, f"{column} < 0 AND {column} > '-Infinity'", "is negative"),
        Rule(column, f"{column} > {most} AND {column} < 'Infinity'", f"is more than {most:,.0f}"),
    )


UNKNOWN_CHARGER = Rule("charger_id", "charger_id IS NOT NULL AND is_unknown", "is no charger that can be taken")

CHECKS = {
    "sites": Check(
        """
        SELECT staged.*, ours.operator_id AS owner, row_number() OVER (PARTITION BY site_id ORDER BY line) AS occurrence
        FROM source_sites AS staged LEFT JOIN stations_site AS ours ON ours.external_id = staged.site_id
        """,
        "concat('site ', site_id)",
        (
            _missing("site_id"),
            _controls("site_id"),
            _controls("name"),
            _too_long("site_id", 64),
            _too_long("name", 200),
            _repeated("site_id"),
            Rule("site_id", "owner <> %(operator)s", "is already a site of another operator"),
        ),
    ),
    "chargers": Check(
        """
        SELECT named.*, place.operator_id AS owner, source_sites.site_id IS NULL AS is_unknown,
            row_number() OVER (PARTITION BY charger_id ORDER BY line) AS occurrence,
            row_number() OVER (PARTITION BY label ORDER BY line) AS label_occurrence
        FROM (SELECT *, coalesce(nullif(external_id, ''), charger_id) AS label FROM source_chargers) AS named
        LEFT JOIN (SELECT site_id FROM source_sites) AS source_sites USING (site_id)
        LEFT JOIN (SELECT external_id AS label, site_id AS place_id FROM stations_charger) AS ours USING (label)
        LEFT JOIN stations_site AS place ON place.id = place_id
        """,
        "concat('charger ', charger_id)",
        (
            _missing("charger_id"),
            Rule("external_id", f"external_id <> '' AND external_id ~ '{BLANK}'", "is blank"),
            *(_controls(column) for column in ("charger_id", "external_id", "model", "connector_type")),
            _repeated("charger_id"),
            _repeated("external_id", "label_occurrence"),
            _too_long("external_id", 64, "label"),
            _too_long("model", 100),
            _too_long("connector_type", 50),
            Rule("site_id", "is_unknown", "is no site that can be taken"),
            Rule("external_id", "owner <> %(operator)s", "is already a charger of another operator"),
        ),
    ),
    "charger_status": Check(
        """
        SELECT staged.*, source_chargers.charger_id IS NULL AS is_unknown,
            row_number() OVER (PARTITION BY staged.charger_id, staged."time" ORDER BY staged.line) AS occurrence
        FROM source_charger_status AS staged LEFT JOIN source_chargers USING (charger_id)
        """,
        "concat('charger ', charger_id, ' at ', \"time\" AT TIME ZONE 'UTC')",
        (
            _missing("charger_id"),
            UNKNOWN_CHARGER,
            *_bad_time("time"),
            _missing("status"),
            Rule("status", f"status <> '' AND upper(trim(status)) NOT IN ({STATUSES})", "is no status of a charger"),
            *_out_of_range("temperature_celsius"),
            _repeated("time"),
        ),
    ),
    "charging_sessions": Check(
        """
        SELECT staged.*, source_chargers.charger_id IS NULL AS is_unknown,
            row_number() OVER (PARTITION BY staged.charger_id, staged.start_time ORDER BY staged.line) AS occurrence
        FROM source_charging_sessions AS staged LEFT JOIN source_chargers USING (charger_id)
        """,
        "concat('charger ', charger_id, ' at ', start_time AT TIME ZONE 'UTC')",
        (
            _missing("charger_id"),
            UNKNOWN_CHARGER,
            *_bad_time("start_time"),
            *_out_of_range("duration_minutes", 366 * 24 * 60),
            *_out_of_range("energy_kwh", 100_000),
            _repeated("start_time"),
        ),
    ),
}


def create_rejects(cursor) -> None:
    """A temporary table for what is wrong with the rows that cannot be taken."""
    cursor.execute(
        "CREATE TEMP TABLE rejects (source_table text, line bigint, about text, bad_column text, bad_value text, "
        "reason text, position bigint GENERATED ALWAYS AS IDENTITY)"
    )


def set_aside_bad_rows(cursor, table: str, parameters: dict) -> int:
    """Take the bad rows of `table` out of its staging table, note what is wrong with them, and count their values."""
    check = CHECKS[table]
    any_bad = " OR ".join(f"({rule.condition})" for rule in check.rules)
    each = ", ".join(
        f"({rule.condition}, '{rule.column}', left(\"{rule.column}\"::text, 200), '{rule.reason}')"
        for rule in check.rules
    )
    cursor.execute(
        f"INSERT INTO rejects (source_table, line, about, bad_column, bad_value, reason) "  # noqa: S608  (names of ours)
        f"SELECT '{table}', line, left({check.about}, 200), bad_column, bad_value, reason "
        f"FROM ({check.view}) AS staged "
        f"CROSS JOIN LATERAL (VALUES {each}) AS problem (holds, bad_column, bad_value, reason) "
        f"WHERE ({any_bad}) AND holds ORDER BY line",
        parameters,
    )
    values = cursor.rowcount
    if values:
        bad_lines = "SELECT line FROM rejects WHERE source_table = %s"
        cursor.execute(f'DELETE FROM "source_{table}" WHERE line IN ({bad_lines})', [table])  # noqa: S608  (names of ours)
    return values


def first_bad_rows(cursor, count: int) -> list[BadRow]:
    """The first `count` of the values that cannot be taken."""
    cursor.execute(
        "SELECT source_table, line, about, bad_column, bad_value, reason FROM rejects ORDER BY position LIMIT %s",
        [count],
    )
    return [BadRow(*row) for row in cursor.fetchall()]


def write_rejects(cursor, path: Path) -> None:
    """Write all of them to a CSV file. Raises ImportRefused if that cannot be."""
    rows = "SELECT source_table, line, about, bad_column, bad_value, reason FROM rejects ORDER BY position"
    titles = ["table", "row", "about", "column", "value", "reason"]
    with RejectsFile(path, titles) as file, cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
        file.write(copy.rows())
