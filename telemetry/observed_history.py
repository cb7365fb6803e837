"""What was observed of the network between two times, from the database: one query per table and month."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection, transaction

from stations.arrays import fetch_arrays
from stations.models.places import ChargerType

from .models import Weather
from .models.soft_events import COUNTS
from .models.status import FAULT_STATES
from .risk.observed import FAULT, PLANNED, UP, Log, Observed

ONE_READ = timedelta(days=31)  # columns come as one row, which PostgreSQL limits to a gigabyte
KINDS = (ChargerType.DC_FAST, ChargerType.HYPER_FAST, ChargerType.LEVEL_2)  # as observed.Observed.kind counts them
KIND_PARAMETERS = {"kinds": [kind.value for kind in KINDS]}
WET = (Weather.LIGHT_RAIN, Weather.HEAVY_RAIN)

QUERY_CHARGERS = """
SELECT charger.id, charger.site_id, site.operator_id,
    coalesce(array_position(%(kinds)s::text[], site.charger_type::text), 1) - 1,
    CASE WHEN charger.power_kw > 0 THEN charger.power_kw ELSE site.power_kw END
FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
WHERE (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
    AND (%(sites)s::bigint[] IS NULL OR site.id = ANY(%(sites)s))
ORDER BY charger.site_id, charger.id
"""
CHARGERS = [("charger", "i8"), ("site", "i8"), ("operator", "i8"), ("kind", "i4"), ("power_kw", "f8")]
_WINDOW = "{time} >= %(start)s AND {time} < %(end)s AND {owner} = ANY(%(owners)s)"
_REPORTS = f"""
SELECT charger_id, extract(epoch FROM reported_at)::bigint,
    CASE WHEN status = ANY(%(faults)s) THEN {FAULT} WHEN status = 'UNAVAILABLE' THEN {PLANNED} ELSE {UP} END::smallint,
    coalesce(temperature_c, 'nan')::real
FROM telemetry_statusreport WHERE {_WINDOW.format(time="reported_at", owner="charger_id")}
"""  # noqa: S608  (made of constants)
_SOFT = f"""
SELECT charger_id, extract(epoch FROM at)::bigint + 1800, {", ".join(COUNTS)}
FROM telemetry_softevents WHERE {_WINDOW.format(time="at", owner="charger_id")}
"""  # noqa: S608  (made of constants)
_SESSIONS = f"""
SELECT charger_id, extract(epoch FROM ended_at)::bigint, success IS NOT FALSE
FROM telemetry_chargingsession WHERE ended_at IS NOT NULL AND ended_at < %(until)s
    AND {_WINDOW.format(time="started_at", owner="charger_id")}
"""  # noqa: S608  (made of constants)
_READINGS = f"""
SELECT site_id, extract(epoch FROM at)::bigint, utilization::real, ((temperature_f - 32) / 1.8)::real,
    weather = ANY(%(wet)s)
FROM telemetry_reading WHERE {_WINDOW.format(time="at", owner="site_id")}
"""  # noqa: S608  (made of constants)
_KEY = [("owner", "i8"), ("second", "i8")]
_TABLES = {
    "reports": (_REPORTS, [*_KEY, ("state", "i2"), ("temperature_c", "f4")]),
    "soft": (_SOFT, [*_KEY, *((name, "i2") for name in COUNTS)]),
    "sessions": (_SESSIONS, [*_KEY, ("success", "b1")]),
    "readings": (_READINGS, [*_KEY, ("load", "f4"), ("ambient_c", "f4"), ("is_wet", "b1")]),
}


@dataclass(frozen=True)
class History:
    """What was observed, and which charger and site (ids) its indices mean."""

    observed: Observed
    charger_ids: np.ndarray
    site_ids: np.ndarray


def read_observed(
    start: datetime, end: datetime, operators=None, progress=lambda done, total, message: None
) -> History:
    """What the chargers of `operators` (ids; None: all) told in [start, end); tables are read month by month."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        parameters = KIND_PARAMETERS | {"operators": None if operators is None else list(operators), "sites": None}
        chargers = fetch_arrays(cursor, QUERY_CHARGERS, CHARGERS, parameters)
        return _history(cursor, chargers, start, end, progress)


def read_observed_of(cursor, chargers: np.ndarray, start: datetime, end: datetime) -> History:
    """The same for some chargers (rows of CHARGERS, in order of site and id)."""
    return _history(cursor, chargers, start, end, lambda done, total, message: None)


def _history(cursor, chargers: np.ndarray, start: datetime, end: datetime, progress) -> History:
    site_ids, site = np.unique(chargers["site"], return_inverse=True)
    order = np.argsort(chargers["charger"])
    places = {"charger": (chargers["charger"][order], order), "site": (site_ids, np.arange(len(site_ids)))}
    logs = {}
    for number, (name, (query, dtype)) in enumerate(_TABLES.items()):
        progress(number, len(_TABLES), f"reading {name}")
        ids, place = places["site" if name == "readings" else "charger"]
        rows = _read(cursor, query, dtype, ids, start, end)
        owner = place[np.searchsorted(ids, rows["owner"])] if len(rows) else np.zeros(0, "i8")
        values = {column: rows[column] for column, _ in dtype[2:]}
        logs[name] = Log.sorted(owner, rows["second"], **values)
    observed = Observed(site.astype("i8"), chargers["kind"].astype("i8"), chargers["power_kw"].copy(), **logs)
    return History(observed, chargers["charger"].copy(), site_ids)


def _read(cursor, query: str, dtype, ids: np.ndarray, start: datetime, end: datetime) -> np.ndarray:
    pieces = []
    while start < end:
        parameters = {
            "start": start,
            "end": min(start + ONE_READ, end),
            "until": end,
            "owners": ids.tolist(),
            "faults": list(FAULT_STATES),
            "wet": [int(weather) for weather in WET],
        }
        pieces.append(fetch_arrays(cursor, query, dtype, parameters))
        start += ONE_READ
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype)
