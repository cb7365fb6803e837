"""Ten-second readings by day: made ready ahead, thinned to half-hours, dropped after some days."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

_NAME = "telemetry_livereading_{:%Y%m%d}"

# Ports are rounded so that they still add up; what a tick does not measure is taken from the climatology.
_THIN = """
INSERT INTO telemetry_reading (
    site_id, at, ports_total, ports_available, ports_occupied, ports_out_of_service, utilization, status, wait_minutes,
    session_minutes, price, temperature_f, precipitation_mm, weather, gas_price, traffic_index, local_event, from_ticks
)
SELECT site.id, half.at, half.total, greatest(half.total - half.occupied - half.out_of_service, 0),
       least(half.occupied, half.total - half.out_of_service), half.out_of_service, half.utilization,
       CASE WHEN half.out_of_service = 0 THEN 0 WHEN half.out_of_service < half.total THEN 1 ELSE 3 END,
       half.wait_minutes, site.session_minutes, half.price, half.temperature_f, coalesce(usual.precipitation_mm, 0),
       coalesce(usual.weather, 0), coalesce(usual.gas_price, 0)::numeric(6, 3),
       coalesce(usual.traffic_index, 1), 0, true
FROM (
    SELECT site_id, date_bin('30 minutes', at, '2000-01-01Z') + interval '30 minutes' AS at,
           round(avg(ports_available + ports_occupied + ports_out_of_service))::smallint AS total,
           round(avg(ports_occupied))::smallint AS occupied,
           round(avg(ports_out_of_service))::smallint AS out_of_service,
           least(avg(utilization), 1) AS utilization, avg(wait_minutes) AS wait_minutes,
           avg(temperature_f) AS temperature_f, avg(price)::numeric(8, 4) AS price
    FROM telemetry_livereading WHERE at >= %(start)s AND at < %(end)s
    GROUP BY 1, 2
) half
JOIN stations_site site ON site.id = half.site_id
LEFT JOIN telemetry_climatology usual ON usual.site_id = site.id
    AND usual.month = extract(month FROM (half.at - interval '1 second') AT TIME ZONE %(zone)s)
    AND usual.hour = extract(hour FROM (half.at - interval '1 second') AT TIME ZONE %(zone)s)
ON CONFLICT (site_id, at) DO NOTHING
"""


def ensure_partition(day: date) -> None:
    """Make the partition of `day` (UTC) if it is not there; two callers at once are fine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [_NAME.format(day)])
        if cursor.fetchone()[0]:
            return
        start, end = _bounds(day)
        with transaction.atomic():
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('telemetry_livereading'))")
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {_NAME.format(day)} PARTITION OF telemetry_livereading"
                f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
            )


def thin(day: date, zone: str) -> int:
    """Keep the half-hourly means of `day` as readings, and return how many rows that added."""
    return thin_between(*_bounds(day), zone)


def thin_between(start: datetime, end: datetime, zone: str) -> int:
    """The same for the half-hours from `start` until `end`; a reading carries the end of its half-hour."""
    with connection.cursor() as cursor:
        cursor.execute(_THIN, {"start": start, "end": end, "zone": zone})
        return cursor.rowcount


def days_kept() -> list[date]:
    """The days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(inhrelid::regclass::text, 8) FROM pg_inherits"
            " WHERE inhparent = 'telemetry_livereading'::regclass ORDER BY 1"
        )
        return [datetime.strptime(row[0], "%Y%m%d").replace(tzinfo=UTC).date() for row in cursor.fetchall()]


def drop(day: date) -> None:
    """Drop the ten-second readings of `day`."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {_NAME.format(day)}")


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)
