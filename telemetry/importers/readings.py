"""The 33-column file of half-hours: staged by binary COPY, then merged in one go, all or nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction

from stations.arrays import copy_in

from ..models import Climatology, SiteState
from .parsing import Parsed, parse
from .places import Places
from .reading_shape import disagreeing_rows, reading_shape
from .rejects import Rejects
from .report import BadCell, ImportRefused, ImportReport
from .source import Source, check_header

Progress = Callable[..., None]
FUTURE = timedelta(minutes=5)  # clocks differ a little

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
_STAGED = "staged_reading staged JOIN staged_site USING (station)"

_CREATE = f"""
CREATE TEMPORARY TABLE staged_reading (line integer, station integer, at timestamptz,
    {", ".join(f"{name} {kind}" for name, kind, _ in _MEASURED.values())}) ON COMMIT DROP
"""
_SITES = """
CREATE TEMPORARY TABLE staged_site ON COMMIT DROP AS
SELECT place.station::integer - 1 AS station, site.id AS site_id
FROM unnest(%s::text[]) WITH ORDINALITY AS place (external_id, station)
JOIN stations_site site USING (external_id)
"""
_CHANGE = f"""
UPDATE telemetry_reading reading SET ({", ".join(_NAMES)}) = ROW({_VALUES})
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
_USUAL = """
UPDATE stations_site site SET session_minutes = usual.session_minutes,
    base_price = CASE WHEN site.pricing_type = 'free' THEN 0 ELSE usual.price END
FROM (
    SELECT site_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY price) AS price,
        round(avg(session_minutes)::numeric, 1)::float8 AS session_minutes
    FROM telemetry_reading JOIN staged_site USING (site_id) GROUP BY site_id
) usual
WHERE site.id = usual.site_id
AND (site.base_price <> usual.price AND site.pricing_type <> 'free' OR site.session_minutes <> usual.session_minutes)
"""


def import_readings(
    path: Path | str,
    *,
    simulated: bool,
    skip_bad: bool,
    time_zone: str,
    rejects_path: Path | str | None,
    progress: Progress,
    now: datetime,
) -> ImportReport:
    """Load a .csv or .csv.gz file of the data set's 33 columns, or nothing of it.

    Times without an offset are wall-clock times of `time_zone`. New operators are `simulated` or not. Raises
    ImportRefused, whose `report` lists the bad cells when it is they that stood in the way (not with `skip_bad`).
    """
    path, zone = Path(path), _zone(time_zone)
    rejects_path = Path(rejects_path or path.with_name(f"{path.name}.rejects.csv"))
    shape = reading_shape(zone, now + FUTURE)
    with Source(path) as source, Rejects(rejects_path) as rejects, transaction.atomic():
        check_header(source.header, shape.names)
        with connection.cursor() as cursor:
            load = _Load(cursor, zone, rejects)
            for block in source.blocks():
                load.stage(parse(block, shape, source.header))
                progress(block.read_bytes, source.size, f"{load.report.rows:,} rows read")
            load.reject_duplicates()
            load.finish_reading(skip_bad)
            progress(source.size, source.size, "Merging")
            load.merge(simulated)
            progress(source.size, source.size, "Working out what is usual")
            load.derive()
    return load.report


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ImportRefused(f"{name!r} is not a time zone; use a name like UTC or America/Los_Angeles.") from error


class _Load:
    """One file on its way into the database."""

    def __init__(self, cursor, zone: ZoneInfo, rejects: Rejects):
        self.cursor, self.zone, self.rejects = cursor, zone, rejects
        self.report, self.places = ImportReport(), Places()
        self.keys: list[np.ndarray] = []  # (station, second) of each row as one number, to find duplicates
        self.lines: list[np.ndarray] = []
        self.disagreeing = 0
        cursor.execute("DROP TABLE IF EXISTS staged_reading, staged_site")
        cursor.execute(_CREATE)

    def stage(self, parsed: Parsed) -> None:
        """Take in one block."""
        self.report.rows += len(parsed.lines) + parsed.bad_rows
        self.report.bad_rows += parsed.bad_rows
        self.rejects.add(parsed.bad_cells)
        if not len(parsed.lines):
            return
        station, at, lines = self.places.add(parsed), parsed.values["timestamp"], parsed.lines.astype(np.int32)
        self.disagreeing += disagreeing_rows(parsed.values, self.zone)
        self.keys.append(station.astype(np.int64) << 40 | at.astype("M8[s]").astype(np.int64))
        self.lines.append(lines)
        columns = {"line": lines, "station": station.astype(np.int32), "at": at}
        for source, (name, kind, units) in _MEASURED.items():
            values = parsed.values[source]
            values = np.rint(values * units) if units > 1 else values
            columns[name] = values.astype(_NUMPY[kind])
        copy_in(self.cursor.cursor, "staged_reading", columns)

    def reject_duplicates(self) -> None:
        """Leave the first row of each station and time."""
        if not self.keys:
            return
        keys, lines = np.concatenate(self.keys), np.concatenate(self.lines)
        order = np.lexsort((lines, keys))
        again = np.flatnonzero(np.diff(keys[order]) == 0) + 1
        self.keys, self.lines = [], []
        if not len(again):
            return
        twice, station = lines[order][again], keys[order][again] >> 40
        cells = zip(twice.tolist(), station.tolist(), strict=True)
        self.rejects.add(
            [
                BadCell(line, "timestamp", self.places.ids[number], "has another row with the same time above")
                for line, number in sorted(cells)
            ]
        )
        self.report.bad_rows += len(again)
        self.cursor.execute("DELETE FROM staged_reading WHERE line = ANY(%s)", [twice.tolist()])

    def finish_reading(self, skip_bad: bool) -> None:
        """Raises ImportRefused if there is nothing to load, or bad rows that may not be skipped."""
        report = self.report
        report.bad_cells = self.rejects.first
        report.rejects_path = self.rejects.path if self.rejects.count else None
        if report.bad_rows and not skip_bad:
            raise ImportRefused(
                f"{report.bad_rows:,} of {report.rows:,} rows are bad, so nothing was loaded; "
                f"correct them, or skip them. All are listed in {self.rejects.path.name}.",
                report,
            )
        if report.rows == report.bad_rows:
            raise ImportRefused("The file has no rows to load below its first line.", report)

    def merge(self, simulated: bool) -> None:
        """From the staging table into the tables."""
        written = self.places.store(self.cursor, simulated)
        self.cursor.execute(_SITES, [self.places.ids])
        self.cursor.execute("ANALYZE staged_site, staged_reading")
        self.cursor.execute("LOCK TABLE telemetry_reading IN SHARE ROW EXCLUSIVE MODE")  # because two files may overlap
        self.cursor.execute(_CHANGE)
        self.report.changed = self.cursor.rowcount
        self.cursor.execute(_INSERT)
        self.report.inserted = self.cursor.rowcount
        good = self.report.rows - self.report.bad_rows
        self.report.unchanged = good - self.report.inserted - self.report.changed
        self.report.notes = [f"{count:,} {kind} created or changed" for kind, count in written.items() if count]
        if self.disagreeing:
            self.report.notes.append(f"{self.disagreeing:,} rows whose hour, weekday, month or flags belie their time")
        if self.places.differing:
            self.report.notes.append(
                f"{len(self.places.differing):,} stations described in different ways: latest row taken"
            )

    def derive(self) -> None:
        """What follows from the readings: base prices, live rows, climatology."""
        self.cursor.execute("ANALYZE telemetry_reading")
        self.cursor.execute(_USUAL)
        self.cursor.execute("SELECT site_id FROM staged_site")
        site_ids = [site_id for (site_id,) in self.cursor.fetchall()]
        self.cursor.execute("DROP TABLE staged_reading, staged_site")
        SiteState.objects.ensure()
        Climatology.objects.rebuild(site_ids)
