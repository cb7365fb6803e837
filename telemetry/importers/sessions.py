"""Files of charging sessions: start_time, charger_id, site_id, success, duration_minutes, energy_kwh."""

from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import connection, transaction

from stations.progress import Progress

from ..models import ChargingSession
from .charger_places import create_chargers, create_sites, unknown_chargers
from .columns import Moment, Number, Text, Word
from .parsing import Parsed, Shape
from .report import ImportReport
from .staging import Names, Order, stage

_SUCCESS = {
    "": -1,
    **dict.fromkeys(("false", "False", "FALSE", "f", "0"), 0),
    **dict.fromkeys(("true", "True", "TRUE", "t", "1"), 1),
}
_CREATE = """
CREATE TEMPORARY TABLE staged_session (line integer, subject integer, at timestamptz, success smallint,
    duration_minutes double precision, energy_kwh double precision) ON COMMIT DROP
"""
_BATCH = """
CREATE TEMPORARY TABLE session_batch ON COMMIT DROP AS
SELECT charger.id AS charger_id, staged.at AS started_at,
    staged.at + nullif(staged.duration_minutes, 'NaN') * interval '1 minute' AS ended_at,
    nullif(staged.energy_kwh, 'NaN') AS energy_kwh, nullif(staged.success, -1) = 1 AS success
FROM staged_session staged
JOIN unnest(%s::text[]) WITH ORDINALITY AS named (external_id, number) ON named.number = staged.subject + 1
JOIN stations_charger charger ON charger.external_id = named.external_id
"""
_KNOWN = "SELECT count(*) FROM session_batch JOIN telemetry_chargingsession USING (charger_id, started_at)"


def session_shape(order: Order) -> Shape:
    """The columns of a file of charging sessions; one without a duration still goes on."""
    return Shape(
        {
            "start_time": Moment(order.zone, order.latest),
            "charger_id": Text(64),
            "site_id": Text(64),
            "success": Word(_SUCCESS),
            "duration_minutes": Number(0, 100_000, required=False),
            "energy_kwh": Number(0, 100_000, required=False),
        }
    )


def import_sessions(
    path: Path | str,
    *,
    skip_bad: bool,
    time_zone: str,
    rejects_path: Path | None,
    progress: Progress,
    now: datetime,
    member=None,
) -> ImportReport:
    """Load a file of charging sessions, or nothing of it; unknown chargers come to the site that their row names.

    Raises ImportRefused as `import_readings` does.
    """
    order, chargers = Order(Path(path), skip_bad, time_zone, rejects_path, progress, now, member), Names()
    homes: dict[int, str] = {}  # where each charger was first seen

    def take(parsed: Parsed) -> dict[str, np.ndarray]:
        numbers = chargers.numbers(parsed, "charger_id")
        for number, row in zip(*np.unique(numbers, return_index=True), strict=True):
            homes.setdefault(int(number), parsed.texts["site_id"][parsed.values["site_id"][row]])
        names = ("success", "duration_minutes", "energy_kwh")
        columns = {name: parsed.values[name] for name in names}
        return {"subject": numbers, "at": parsed.values["start_time"], **columns}

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_session, session_batch")
        cursor.execute(_CREATE)
        report = stage(cursor, "staged_session", order, session_shape(order), chargers, "start_time", take)
        order.tell("Merging")
        if unknown := unknown_chargers(chargers.texts):
            site_ids = [homes[chargers.number(charger_id)] for charger_id in unknown]
            create_sites(cursor, sorted(set(site_ids)), order.member)
            report.notes.append(create_chargers(cursor, unknown, site_ids))
        cursor.execute(_BATCH, [chargers.texts])
        cursor.execute(_KNOWN)
        known = cursor.fetchone()[0]
        report.count(known, ChargingSession.objects.record_staged(cursor, "session_batch"))
        cursor.execute("DROP TABLE staged_session, session_batch")
    return report
