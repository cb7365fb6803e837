"""Files of what chargers said: time, charger_id, status, temperature_celsius and, if known, the codes with it."""

from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import connection, transaction

from stations.progress import Progress

from ..models import ChargerStatus, StatusReport
from .charger_places import create_unknown_chargers
from .columns import Moment, Number, Text, Word
from .parsing import Parsed, Shape
from .report import ImportReport
from .staging import Names, Order, stage

_STATUSES = ChargerStatus.values
_CODES = ("error_code", "vendor_code")
_CREATE = """
CREATE TEMPORARY TABLE staged_status (line integer, subject integer, at timestamptz, status smallint,
    temperature_c double precision, error_code integer, vendor_code integer) ON COMMIT DROP
"""
_BATCH = """
CREATE TEMPORARY TABLE status_batch ON COMMIT DROP AS
SELECT charger.id AS charger_id, staged.at AS reported_at, (%s::text[])[staged.status + 1] AS status,
    nullif((%s::text[])[staged.error_code + 1], '') AS error_code,
    nullif((%s::text[])[staged.vendor_code + 1], '') AS vendor_code,
    nullif(staged.temperature_c, 'NaN') AS temperature_c
FROM staged_status staged
JOIN unnest(%s::text[]) WITH ORDINALITY AS named (external_id, number) ON named.number = staged.subject + 1
JOIN stations_charger charger ON charger.external_id = named.external_id
"""
_KNOWN = "SELECT count(*) FROM status_batch JOIN telemetry_statusreport USING (charger_id, reported_at)"


def status_shape(order: Order) -> Shape:
    """The columns of a file of status reports."""
    return Shape(
        {
            "time": Moment(order.zone, order.latest),
            "charger_id": Text(64),
            "status": Word({status: number for number, status in enumerate(_STATUSES)}),
            "temperature_celsius": Number(-100, 300, required=False),
            **{name: Text(50, required=False) for name in _CODES},
        },
        optional=_CODES,
    )


def import_status(
    path: Path | str,
    *,
    site: str | None,
    operator: str | None,
    skip_bad: bool,
    time_zone: str,
    rejects_path: Path | None,
    progress: Progress,
    now: datetime,
    member=None,
) -> ImportReport:
    """Load a file of status reports, or nothing of it; unknown chargers come to `site`, or to a common one.

    Raises ImportRefused as `import_readings` does.
    """
    order, chargers = Order(Path(path), skip_bad, time_zone, rejects_path, progress, now, member), Names()
    codes = {name: Names([""], {"": 0}) for name in _CODES}

    def take(parsed: Parsed) -> dict[str, np.ndarray]:
        return {
            "subject": chargers.numbers(parsed, "charger_id"),
            "at": parsed.values["time"],
            "status": parsed.values["status"],
            "temperature_c": parsed.values["temperature_celsius"],
            **{name: _code_numbers(parsed, name, codes[name]) for name in _CODES},
        }

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_status, status_batch")
        cursor.execute(_CREATE)
        report = stage(cursor, "staged_status", order, status_shape(order), chargers, "time", take)
        order.tell("Merging")
        report.notes += create_unknown_chargers(cursor, chargers.texts, site, operator, order.member)
        cursor.execute(_BATCH, [_STATUSES, *(codes[name].texts for name in _CODES), chargers.texts])
        cursor.execute(_KNOWN)
        known = cursor.fetchone()[0]
        report.count(known, StatusReport.objects.record_staged(cursor, "status_batch"))
        cursor.execute("DROP TABLE staged_status, status_batch")
    return report


def _code_numbers(parsed: Parsed, column: str, codes: Names) -> np.ndarray:
    """The number of each row's code; 0, the empty one, where the file has no such column."""
    return codes.numbers(parsed, column) if column in parsed.values else np.zeros(len(parsed.lines), np.int32)
