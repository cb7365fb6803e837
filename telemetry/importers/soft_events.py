"""Files of what chargers let slip: time, charger_id and the count of each kind of soft event in that half-hour."""

from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import connection, transaction

from stations.progress import Progress

from ..models import SoftEvents
from ..models.soft_events import COUNTS
from .charger_places import create_unknown_chargers
from .columns import Moment, Number, Text
from .parsing import Parsed, Shape
from .report import ImportReport
from .staging import Names, Order, stage

_HALF_HOUR = np.timedelta64(30, "m")
_MOST = 32_767  # what the columns of the table can hold
_CREATE = f"""
CREATE TEMPORARY TABLE staged_soft_events (line integer, subject integer, at timestamptz,
    {", ".join(f"{name} smallint" for name in COUNTS)}) ON COMMIT DROP
"""
_BATCH = f"""
CREATE TEMPORARY TABLE soft_events_batch ON COMMIT DROP AS
SELECT charger.id AS charger_id, staged.at, {", ".join(COUNTS)}
FROM staged_soft_events staged
JOIN unnest(%s::text[]) WITH ORDINALITY AS named (external_id, number) ON named.number = staged.subject + 1
JOIN stations_charger charger ON charger.external_id = named.external_id
"""  # noqa: S608  (made of constants)
_KNOWN = "SELECT count(*) FROM soft_events_batch JOIN telemetry_softevents USING (charger_id, at)"


def soft_events_shape(order: Order) -> Shape:
    """The columns of a file of soft events; a row is about the half-hour that begins at its time, UTC."""
    counts = {name: Number(0, _MOST, whole=True) for name in COUNTS}
    return Shape(
        {"time": Moment(order.zone, order.latest), "charger_id": Text(64), **counts},
        row_checks=(("time", "is not the beginning of a half-hour", _begins_half_hour),),
    )


def _begins_half_hour(values) -> np.ndarray:
    return values["time"].astype("M8[us]").astype("i8") % _HALF_HOUR.astype("m8[us]").astype("i8") == 0


def import_soft_events(
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
    """Load a file of soft events, or nothing of it; unknown chargers come to `site`, or to a common one.

    Raises ImportRefused as `import_readings` does.
    """
    order, chargers = Order(Path(path), skip_bad, time_zone, rejects_path, progress, now, member), Names()

    def take(parsed: Parsed) -> dict[str, np.ndarray]:
        counts = {name: parsed.values[name].astype("i2") for name in COUNTS}
        return {"subject": chargers.numbers(parsed, "charger_id"), "at": parsed.values["time"], **counts}

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_soft_events, soft_events_batch")
        cursor.execute(_CREATE)
        report = stage(cursor, "staged_soft_events", order, soft_events_shape(order), chargers, "time", take)
        order.tell("Merging")
        report.notes += create_unknown_chargers(cursor, chargers.texts, site, operator, order.member)
        cursor.execute(_BATCH, [chargers.texts])
        cursor.execute(_KNOWN)
        known = cursor.fetchone()[0]
        report.count(known, SoftEvents.objects.record_staged(cursor, "soft_events_batch"))
        cursor.execute("DROP TABLE staged_soft_events, soft_events_batch")
    return report
