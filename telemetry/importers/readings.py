"""The 33-column file of half-hours: staged by binary COPY, then merged in one go, all or nothing."""

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
from django.db import connection, transaction

from stations.progress import Progress

from ..models import Climatology, SiteState, StatusReport
from .parsing import Parsed
from .places import Places
from .reading_shape import disagreeing_rows, reading_shape
from .report import ImportReport
from .staging import Order, stage

# Column of the file -> column of the table, its type in the staging table, and how many of its units make one there.
_MEASURED = {
    "ports_total": ("ports_total", "smallint", 1),
    "ports_available": ("ports_available", "smallint", 1),
    "ports_occupied": ("ports_occupied", "smallint", 1),
    "ports_out_of_service": ("ports_out_of_service", "smallint", 1),
    "utilization_rate": ("utilization", "double precision", 1),
    "station_status": ("status", "smallint", 1),
    "estimated_wait_time_mins": ("wait_minutes", "double precision", 1),
    "avg_session_duration_mins": ("session_minutes", "double precision", 1),
    "current_price": ("price", "integer", 10_000),
    "temperature_f": ("temperature_f", "double precision", 1),
    "precipitation_mm": ("precipitation_mm", "double precision", 1),
    "weather_condition": ("weather", "smallint", 1),
    "gas_price_per_gallon": ("gas_price", "integer", 1_000),
    "traffic_congestion_index": ("traffic_index", "double precision", 1),
    "local_event": ("local_event", "smallint", 1),
}
_NUMPY = {"smallint": np.int16, "integer": np.int32, "double precision": np.float64}
_NAMES = [name for name, _, _ in _MEASURED.values()]
_VALUES = ", ".join(
    f"staged.{name}" if units == 1 else f"staged.{name}::numeric / {units}" for name, _, units in _MEASURED.values()
)
_STAGED = "staged_reading staged JOIN staged_site USING (subject)"

_CREATE = f"""
CREATE TEMPORARY TABLE staged_reading (line integer, subject integer, at timestamptz,
    {", ".join(f"{name} {kind}" for name, kind, _ in _MEASURED.values())}) ON COMMIT DROP
"""
_SITES = """
CREATE TEMPORARY TABLE staged_site ON COMMIT DROP AS
SELECT place.subject::integer - 1 AS subject, site.id AS site_id
FROM unnest(%s::text[]) WITH ORDINALITY AS place (external_id, subject)
JOIN stations_site site USING (external_id)
"""
_CHANGE = f"""
UPDATE telemetry_reading reading SET from_ticks = false, ({", ".join(_NAMES)}) = ROW({_VALUES})
FROM {_STAGED}
WHERE reading.site_id = staged_site.site_id AND reading.at = staged.at
AND ({", ".join(f"reading.{name}" for name in _NAMES)}) IS DISTINCT FROM ({_VALUES})
"""  # noqa: S608 -- names from the table above
_INSERT = f"""
INSERT INTO telemetry_reading (site_id, at, {", ".join(_NAMES)})
SELECT staged_site.site_id, staged.at, {_VALUES}
FROM {_STAGED}
WHERE NOT EXISTS (SELECT FROM telemetry_reading old WHERE old.site_id = staged_site.site_id AND old.at = staged.at)
ORDER BY staged_site.site_id, staged.at
"""  # noqa: S608 -- names from the table above
_INDEXED = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'telemetry_reading'::regclass AND contype IN ('p', 'u')
"""
_USUAL = """
UPDATE stations_site site SET session_minutes = usual.session_minutes,
    base_price = CASE WHEN site.pricing_type = 'free' THEN 0 ELSE usual.price END
FROM (
    SELECT site_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY price) AS price,
        round(avg(session_minutes)::numeric, 1)::float8 AS session_minutes
    FROM telemetry_reading JOIN staged_site USING (site_id) WHERE NOT from_ticks GROUP BY site_id
) usual
WHERE site.id = usual.site_id
AND (site.base_price <> usual.price AND site.pricing_type <> 'free' OR site.session_minutes <> usual.session_minutes)
"""
# The chargers of a simulated site answer from its last reading on; a real one is unknown until it reports.
_SILENT = """
SELECT charger.id, last.at
FROM staged_site
JOIN stations_site site ON site.id = staged_site.site_id
JOIN stations_operator operator ON operator.id = site.operator_id AND operator.is_simulated
JOIN stations_charger charger ON charger.site_id = site.id
CROSS JOIN LATERAL (SELECT max(at) AS at FROM telemetry_reading WHERE site_id = site.id) last
WHERE last.at IS NOT NULL AND NOT EXISTS (SELECT FROM telemetry_chargerstate WHERE charger_id = charger.id)
"""


def import_readings(
    path: Path | str,
    *,
    simulated: bool,
    skip_bad: bool,
    time_zone: str,
    rejects_path: Path | None,
    progress: Progress,
    now: datetime,
    member=None,
    statuses_follow: bool = False,
) -> ImportReport:
    """Load a .csv or .csv.gz file of the data set's 33 columns, or nothing of it.

    Times without an offset are wall-clock times of `time_zone`. New operators are `simulated` or not, and `member`
    becomes a member of them. Raises ImportRefused, whose `report` lists the bad cells when it is they that stood in
    the way (not with `skip_bad`). Simulated chargers that have said nothing count as available from the last reading
    on, unless `statuses_follow` in a file of their own.
    """
    order = Order(Path(path), skip_bad, time_zone, rejects_path, progress, now, member)
    zone, places, disagreeing = order.zone, Places(), 0

    def take(parsed: Parsed) -> dict[str, np.ndarray]:
        nonlocal disagreeing
        disagreeing += disagreeing_rows(parsed.values, zone)
        return {"subject": places.add(parsed), "at": parsed.values["timestamp"], **_measured(parsed)}

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_reading, staged_site")
        cursor.execute(_CREATE)
        shape = reading_shape(zone, order.latest)
        report = stage(cursor, "staged_reading", order, shape, places.ids, "timestamp", take)
        order.tell("Merging")
        report.notes = [
            f"{count:,} {kind} created or changed"
            for kind, count in places.store(cursor, simulated, order.member).items()
        ]
        _merge(cursor, report, places)
        order.tell("Working out what is usual")
        _derive(cursor, statuses_follow)
    if disagreeing:
        report.notes.append(f"{disagreeing:,} rows have an hour, weekday, month or flag that their time belies")
    if places.differing:
        report.notes.append(
            f"{len(places.differing):,} stations are described in several ways; their latest row counts"
        )
    return report


def _measured(parsed: Parsed) -> dict[str, np.ndarray]:
    """The measured columns as the staging table has them."""
    columns = {}
    for source, (name, kind, units) in _MEASURED.items():
        values = parsed.values[source]
        columns[name] = (np.rint(values * units) if units > 1 else values).astype(_NUMPY[kind])
    return columns


def _merge(cursor, report: ImportReport, places: Places) -> None:
    """From the staging table into the readings, and count what was done."""
    cursor.execute(_SITES, [places.ids.texts])
    cursor.execute("ANALYZE staged_site, staged_reading")
    cursor.execute("LOCK TABLE telemetry_reading IN SHARE ROW EXCLUSIVE MODE")  # because two files may overlap
    cursor.execute(_CHANGE)
    report.changed = cursor.rowcount
    with _indexes_made_last(cursor):
        cursor.execute(_INSERT)
        report.inserted = cursor.rowcount
    report.unchanged = report.rows - report.bad_rows - report.inserted - report.changed


@contextmanager
def _indexes_made_last(cursor):
    """Take the indexes off the readings if there are none yet, because making them afterwards is twice as fast."""
    cursor.execute("SELECT EXISTS (SELECT FROM telemetry_reading)")
    constraints = []
    if not cursor.fetchone()[0]:
        cursor.execute(_INDEXED)
        constraints = cursor.fetchall()
    for name, _ in constraints:
        cursor.execute(f'ALTER TABLE telemetry_reading DROP CONSTRAINT "{name}"')
    yield
    for name, definition in constraints:
        cursor.execute(f'ALTER TABLE telemetry_reading ADD CONSTRAINT "{name}" {definition}')


def _derive(cursor, statuses_follow: bool) -> None:
    """What follows from the readings: usual prices and sessions, live rows, climatology."""
    cursor.execute("ANALYZE telemetry_reading")
    cursor.execute(_USUAL)
    cursor.execute("SELECT site_id FROM staged_site")
    site_ids = [site_id for (site_id,) in cursor.fetchall()]
    if not statuses_follow:
        _report_the_silent_as_available(cursor)
    cursor.execute("DROP TABLE staged_reading, staged_site")
    Climatology.objects.rebuild(site_ids)
    SiteState.objects.ensure()  # last, because it locks live rows that the tick wants


def _report_the_silent_as_available(cursor) -> None:
    cursor.execute(_SILENT)
    if silent := cursor.fetchall():
        chargers, ats = zip(*silent, strict=True)
        StatusReport.objects.record(chargers, ats, ["AVAILABLE"] * len(chargers))
