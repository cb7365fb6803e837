"""What was read of sites between two times, for the forecast of sites of which nothing else is known."""

from datetime import datetime, timedelta

import numpy as np
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef

from stations.arrays import fetch_arrays
from stations.models import Site

from .models import Reading, SiteStatus, StatusReport
from .observed_history import KIND_PARAMETERS, ONE_READ
from .risk.observed import FAULT, PLANNED, UP, Log, Observed
from .risk.rows import MEMORY_DAYS
from .risk.site_features import READING, observed_sites

# Files do not say whether a half-hour begins or ends at its time, so that a reading counts as known this much later.
HALF_HOUR_SECONDS = 1800
_SITES = """
SELECT id, coalesce(array_position(%(kinds)s::text[], charger_type::text), 1) - 1, power_kw
FROM stations_site ORDER BY id
"""
_SITE = [("site", "i8"), ("kind", "i4"), ("power_kw", "f8")]
_READINGS = f"""
SELECT site_id, extract(epoch FROM at)::bigint + {HALF_HOUR_SECONDS},
    CASE WHEN status IN ({SiteStatus.PARTIAL_OUTAGE}, {SiteStatus.OFFLINE}) THEN {FAULT}
        WHEN status = {SiteStatus.UNDER_MAINTENANCE} THEN {PLANNED} ELSE {UP} END::smallint,
    ports_total, ports_out_of_service, utilization::real, wait_minutes::real, session_minutes::real, price::real,
    ((temperature_f - 32) / 1.8)::real, precipitation_mm > 0, traffic_index::real, local_event > 0
FROM telemetry_reading WHERE NOT from_ticks AND at >= %(start)s AND at < %(end)s
"""  # noqa: S608  (made of constants)
_TYPES = ("i2", "i2", "i2", "f4", "f4", "f4", "f4", "f4", "b1", "f4", "b1")
_READING = [("owner", "i8"), ("second", "i8"), *zip(READING, _TYPES, strict=True)]


def read_sites(start: datetime, end: datetime) -> tuple[Observed, np.ndarray]:
    """All sites with what was read of them in [start, end), month by month, and their ids in its order."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        sites, pieces = fetch_arrays(cursor, _SITES, _SITE, KIND_PARAMETERS), []
        while start < end:
            until = min(start + ONE_READ, end)
            pieces.append(fetch_arrays(cursor, _READINGS, _READING, {"start": start, "end": until}))
            start = until
    rows = np.concatenate(pieces) if pieces else np.zeros(0, _READING)
    owner = np.searchsorted(sites["site"], rows["owner"])
    readings = Log.sorted(owner, rows["second"], **{name: rows[name] for name in READING})
    return observed_sites(sites["kind"].astype("i8"), sites["power_kw"].copy(), readings), sites["site"].copy()


def sites_with_readings_only():
    """Sites of which there are readings that no tick made, and no word of a charger before the last days of them."""
    readings = Reading.objects.filter(from_ticks=False)
    last = readings.aggregate(last=Max("at"))["last"]
    if last is None:
        return Site.objects.none()
    told = StatusReport.objects.filter(charger__site=OuterRef("pk"), reported_at__lt=last - timedelta(days=MEMORY_DAYS))
    return Site.objects.filter(Exists(readings.filter(site=OuterRef("pk"))), ~Exists(told))
