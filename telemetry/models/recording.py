"""The one way in for status reports: the rows, the current state and the outages change together, or not at all.

Every step is one statement for all chargers. Only what a batch can have changed is derived again: per charger, from
the first report that is new or different.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from django.db import connection, transaction

from stations.arrays import array_text

# An update that changes nothing still locks the row: recorders of the same charger wait for each other, in one order.
LOCK = """
INSERT INTO telemetry_chargerstate (charger_id, status, error_code)
SELECT DISTINCT charger_id, 'UNKNOWN', '' FROM {source} ORDER BY charger_id
ON CONFLICT (charger_id) DO UPDATE SET status = excluded.status WHERE false
"""

REPORTS = """
WITH changed AS (
    INSERT INTO telemetry_statusreport AS known
        (charger_id, reported_at, status, error_code, vendor_code, temperature_c)
    SELECT DISTINCT ON (charger_id, reported_at)
        charger_id, reported_at, status, coalesce(error_code, ''), coalesce(vendor_code, ''), temperature_c
    FROM {source} ORDER BY charger_id, reported_at, position DESC
    ON CONFLICT (charger_id, reported_at) DO UPDATE
    SET status = excluded.status, error_code = excluded.error_code, vendor_code = excluded.vendor_code,
        temperature_c = excluded.temperature_c
    WHERE (known.status, known.error_code, known.vendor_code, known.temperature_c)
        IS DISTINCT FROM (excluded.status, excluded.error_code, excluded.vendor_code, excluded.temperature_c)
    RETURNING charger_id, reported_at
)
SELECT charger_id, min(reported_at), count(*) FROM changed GROUP BY charger_id ORDER BY charger_id
"""

AFFECTED = "unnest(%(chargers)s::bigint[], %(since)s::timestamptz[]) AS affected (charger_id, since)"

# An outage that was still going on just before the change is derived again from its own start.
SPELLS = f"""
WITH ranges AS (
    SELECT charger_id, coalesce(going_on.started_at, since) AS since FROM {AFFECTED}
    LEFT JOIN LATERAL (
        SELECT started_at FROM telemetry_outage
        WHERE charger_id = affected.charger_id AND started_at < since AND (ended_at IS NULL OR ended_at >= since)
        ORDER BY started_at DESC LIMIT 1
    ) AS going_on ON true
),
reports AS (
    SELECT charger_id, reported_at, status, error_code, vendor_code, since, status = ANY(%(faults)s::text[]) AS is_out,
        lag(status = ANY(%(faults)s::text[])) OVER by_time AS was_out
    FROM ranges JOIN telemetry_statusreport USING (charger_id) WHERE reported_at >= since
    WINDOW by_time AS (PARTITION BY charger_id ORDER BY reported_at)
),
turns AS (
    SELECT *, lead(reported_at) OVER (PARTITION BY charger_id ORDER BY reported_at) AS ended_at
    FROM reports WHERE is_out <> coalesce(was_out, false)
)
SELECT charger_id, reported_at, ended_at, was_out IS NULL AND NOT EXISTS (
        SELECT FROM telemetry_statusreport AS earlier
        WHERE earlier.charger_id = turns.charger_id AND earlier.reported_at < turns.since
    ), status, error_code, vendor_code
FROM turns WHERE is_out ORDER BY charger_id, reported_at
"""  # noqa: S608  (made of constants)

VANISHED = f"""
DELETE FROM telemetry_outage USING {AFFECTED}
WHERE telemetry_outage.charger_id = affected.charger_id AND started_at >= since AND NOT EXISTS (
    SELECT FROM unnest(%(out)s::bigint[], %(started)s::timestamptz[]) AS spell (charger_id, started_at)
    WHERE spell.charger_id = telemetry_outage.charger_id AND spell.started_at = telemetry_outage.started_at
)
RETURNING telemetry_outage.charger_id, started_at, ended_at, excluded_reason, excluded_evidence
"""  # noqa: S608  (made of constants)

# In the order of time, because the outage that was open is closed before the next one of its charger is opened.
OUTAGES = """
INSERT INTO telemetry_outage AS known
    (charger_id, started_at, ended_at, left_censored, status, error_code, vendor_code, excluded_reason)
SELECT charger_id, started_at, ended_at, left_censored, status, error_code, vendor_code, ''
FROM unnest(%(out)s::bigint[], %(started)s::timestamptz[], %(ended)s::timestamptz[], %(censored)s::boolean[],
    %(status)s::text[], %(code)s::text[], %(vendor)s::text[])
    AS spell (charger_id, started_at, ended_at, left_censored, status, error_code, vendor_code)
ORDER BY charger_id, started_at
ON CONFLICT (charger_id, started_at) DO UPDATE
SET ended_at = excluded.ended_at, left_censored = excluded.left_censored, status = excluded.status,
    error_code = excluded.error_code, vendor_code = excluded.vendor_code
WHERE (known.ended_at, known.left_censored, known.status, known.error_code, known.vendor_code) IS DISTINCT FROM
    (excluded.ended_at, excluded.left_censored, excluded.status, excluded.error_code, excluded.vendor_code)
"""

# What a person said of an outage stays with what came of it, because a late report often moves its start.
EVIDENCE = """
UPDATE telemetry_outage AS known SET excluded_reason = gone.reason, excluded_evidence = gone.evidence
FROM unnest(%(gone)s::bigint[], %(began)s::timestamptz[], %(over)s::timestamptz[], %(reasons)s::text[],
    %(evidence)s::text[]) AS gone (charger_id, began, over, reason, evidence)
WHERE known.charger_id = gone.charger_id AND known.excluded_reason = ''
    AND known.started_at < coalesce(gone.over, 'infinity') AND coalesce(known.ended_at, 'infinity') > gone.began
"""

# The run of the last status began after the last report of another one. That report is looked for among those that a
# batch can have changed; before them the state's own `since` still holds, unless the batch reaches back beyond it.
STATES = f"""
UPDATE telemetry_chargerstate AS known
SET status = last.status, error_code = last.error_code, vendor_code = last.vendor_code,
    temperature_c = last.temperature_c, last_report_at = last.reported_at, since = CASE
        WHEN late.reported_at IS NULL AND state.since < affected.since
        THEN CASE WHEN state.status = last.status THEN state.since ELSE affected.since END
        ELSE (
            SELECT min(reported_at) FROM telemetry_statusreport WHERE charger_id = affected.charger_id
            AND reported_at > coalesce(late.reported_at, early.reported_at, '-infinity')
        )
    END
FROM {AFFECTED}
JOIN telemetry_chargerstate AS state USING (charger_id)
CROSS JOIN LATERAL (
    SELECT status, error_code, vendor_code, temperature_c, reported_at FROM telemetry_statusreport
    WHERE charger_id = affected.charger_id ORDER BY reported_at DESC LIMIT 1
) AS last
LEFT JOIN LATERAL (
    SELECT reported_at FROM telemetry_statusreport
    WHERE charger_id = affected.charger_id AND reported_at >= affected.since AND status <> last.status
    ORDER BY reported_at DESC LIMIT 1
) AS late ON true
LEFT JOIN LATERAL (
    SELECT reported_at FROM telemetry_statusreport
    WHERE late.reported_at IS NULL AND state.since >= affected.since
    AND charger_id = affected.charger_id AND reported_at < affected.since AND status <> last.status
    ORDER BY reported_at DESC LIMIT 1
) AS early ON true
WHERE known.charger_id = affected.charger_id
"""  # noqa: S608  (made of constants)

BATCH = """
unnest(%(chargers)s::bigint[], %(at)s::timestamptz[], %(statuses)s::text[], %(codes)s::text[],
    %(vendor)s::text[], %(temperatures)s::double precision[]) WITH ORDINALITY
    AS batch (charger_id, reported_at, status, error_code, vendor_code, temperature_c, position)
"""
STAGED = '(SELECT *, ctid AS position FROM "{table}") AS batch'
EVERY_CHARGER = "unnest(%(chargers)s::bigint[]) AS batch (charger_id)"
LARGE = 50_000  # rows, from which on the planner needs to know about them


def record_arrays(
    charger_ids, reported_at, statuses, error_codes, temperatures_c, vendor_codes, faults: Sequence[str]
) -> int:
    """Record arrays of equal length; see `StatusReport.objects.record`."""
    if len(charger_ids) == 0:
        return 0
    rows = len(charger_ids)
    columns = {
        "chargers": [int(charger) for charger in charger_ids],
        "at": utc_times(reported_at),
        "statuses": [str(status) for status in statuses],
        "codes": _texts(error_codes, rows),
        "vendor": _texts(vendor_codes, rows),
        "temperatures": [None] * rows if temperatures_c is None else [_number(value) for value in temperatures_c],
    }
    if {len(column) for column in columns.values()} != {rows}:
        raise ValueError("the columns of the reports are not of equal length")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK.format(source=EVERY_CHARGER), {"chargers": array_text(sorted(set(columns["chargers"])))})
        return _record(cursor, BATCH, _array_texts(columns), faults)


def record_table(cursor, table: str, faults: Sequence[str]) -> int:
    """Record the rows of a staging table; see `StatusReport.objects.record_staged`."""
    with transaction.atomic():
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute(LOCK.format(source=STAGED.format(table=table)))
        return _record(cursor, STAGED.format(table=table), None, faults)


def _record(cursor, source: str, batch: dict | None, faults: Sequence[str]) -> int:
    cursor.execute(REPORTS.format(source=source), batch)
    changes = cursor.fetchall()
    if not changes:
        return 0
    chargers, since, counts = (list(column) for column in zip(*changes, strict=True))
    if sum(counts) >= LARGE:
        cursor.execute("ANALYZE telemetry_statusreport")
    _derive(cursor, _array_texts({"chargers": chargers, "since": since, "faults": list(faults)}))
    return sum(counts)


def _derive(cursor, affected: dict) -> int:
    """Make outages and states follow from the reports of `affected` chargers; return how many outages changed."""
    cursor.execute(SPELLS, affected)
    names = ("out", "started", "ended", "censored", "status", "code", "vendor")
    columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(names)
    spells = _array_texts(dict(zip(names, columns, strict=True)))
    cursor.execute(VANISHED, affected | spells)
    changed, gone = cursor.rowcount, [row for row in cursor.fetchall() if row[3]]
    cursor.execute(OUTAGES, spells)
    changed += cursor.rowcount
    if gone:
        names = ("gone", "began", "over", "reasons", "evidence")
        cursor.execute(EVIDENCE, _array_texts(dict(zip(names, zip(*gone, strict=True), strict=True))))
    cursor.execute(STATES, affected)
    return changed


def rebuild(charger_ids: Sequence[int], faults: Sequence[str]) -> int:
    """Derive outages and states of these chargers anew from all of their reports; see `Outage.objects.rebuild`."""
    if len(charger_ids) == 0:
        return 0
    chargers = sorted(int(charger) for charger in charger_ids)
    since = ["-infinity"] * len(chargers)
    affected = _array_texts({"chargers": chargers, "since": since, "faults": list(faults)})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(LOCK.format(source=EVERY_CHARGER), affected)
        return _derive(cursor, affected)


def _array_texts(columns: dict) -> dict[str, str]:
    return {name: array_text(column) for name, column in columns.items()}


def utc_times(values: Sequence[datetime] | np.ndarray) -> list[datetime]:
    """Aware datetimes, or numpy's, which are UTC and do not say so."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return [value.replace(tzinfo=UTC) for value in values.astype("M8[us]").tolist()]
    return list(values)


def _texts(values, rows: int) -> list[str]:
    return [""] * rows if values is None else [str(value or "") for value in values]


def _number(value) -> float | None:
    return None if value is None or value != value else float(value)
