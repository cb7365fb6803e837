"""What policies look at, read from the database in a fixed number of queries."""

from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from stations.arrays import fetch_arrays
from stations.models.places import ChargerType
from telemetry.models.status import ChargerStatus

BUSY = (ChargerStatus.PREPARING, ChargerStatus.CHARGING, ChargerStatus.FINISHING, ChargerStatus.RESERVED)
HEAT_KNOWN_FOR = timedelta(hours=1)  # a temperature that was told longer ago says nothing about now
_REAL = [
    ("site", "i8"), ("operator", "i8"), ("latitude", "f8"), ("longitude", "f8"), ("kind", "i4"), ("power_kw", "f8"),
    ("ports", "i8"), ("utilization", "f8"), ("risk", "f8"), ("base", "i8"), ("fixed", "?"),
]  # fmt: skip
_READ_REAL = """
SELECT site.id, site.operator_id, coalesce(site.latitude, 'nan'), coalesce(site.longitude, 'nan'),
    coalesce(array_position(%(kinds)s::text[], site.charger_type::text), 0), site.power_kw,
    coalesce(chargers.working, 0), coalesce(chargers.busy::float8 / nullif(chargers.working, 0), 0), state.risk,
    (site.base_price * 10000)::bigint, site.price_is_regulated OR site.pricing_type = 'free'
FROM stations_site site
JOIN stations_operator operator ON operator.id = site.operator_id AND NOT operator.is_simulated
JOIN telemetry_sitestate state ON state.site_id = site.id
LEFT JOIN (
    SELECT charger.site_id, count(*) FILTER (WHERE told.status = ANY(%(working)s)) AS working,
        count(*) FILTER (WHERE told.status = ANY(%(busy)s)) AS busy
    FROM telemetry_chargerstate told JOIN stations_charger charger ON charger.id = told.charger_id
    GROUP BY charger.site_id
) chargers ON chargers.site_id = site.id
ORDER BY site.id
"""
_READ_HEAT = """
SELECT charger.site_id, max(state.temperature_c) FROM telemetry_chargerstate state
JOIN stations_charger charger ON charger.id = state.charger_id
WHERE charger.site_id = ANY(%(sites)s) AND state.temperature_c IS NOT NULL AND state.last_report_at > %(since)s
GROUP BY charger.site_id ORDER BY charger.site_id
"""


def real_sites() -> np.ndarray:
    """The sites of real operators as their chargers say: one that has told nothing has no port that works."""
    asked = {"kinds": ChargerType.values, "working": [ChargerStatus.AVAILABLE, *BUSY], "busy": list(BUSY)}
    with connection.cursor() as cursor:
        return fetch_arrays(cursor, _READ_REAL, _REAL, asked)


def hottest_cabinets(site: np.ndarray, at: datetime) -> np.ndarray:
    """°C in the hottest cabinet of each site (ids), as told within the last hour; NaN where none was."""
    heat = np.full(len(site), np.nan)
    if not len(site):
        return heat
    asked = {"sites": site.tolist(), "since": at - HEAT_KNOWN_FOR}
    with connection.cursor() as cursor:
        known = fetch_arrays(cursor, _READ_HEAT, [("site", "i8"), ("heat", "f8")], asked)
    if len(known):
        place = np.searchsorted(known["site"], site).clip(max=len(known) - 1)
        heat = np.where(known["site"][place] == site, known["heat"][place], np.nan)
    return heat
