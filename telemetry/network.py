"""The whole network as one array: read in one query, written back in one COPY and one UPDATE."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db import connection

from stations.arrays import copy_in, fetch_arrays, ten_thousandths
from stations.models import LocationType, PricingType
from stations.models.places import ChargerType

from .models.sites import PRICE_AT
from .risk.features import feature_matrix

NETWORK = [
    ("site", "i8"),
    ("operator", "i8"),
    ("latitude", "f8"),
    ("longitude", "f8"),
    ("location_type", "i4"),
    ("charger_type", "i4"),
    ("pricing_type", "i4"),
    ("power_kw", "f8"),
    ("session_minutes", "f8"),
    ("ports_total", "i2"),
    ("ports_out_of_service", "i2"),
    ("ports_faulted", "i2"),
    ("base_price", "i8"),
    ("price_is_regulated", "?"),
    ("price", "i8"),
    ("old_out_of_service", "i2"),
    ("old_utilization", "f8"),
    ("old_risk", "f8"),
    ("was_stressed", "?"),
    ("stressed", "?"),
    ("usual_utilization", "f8"),
    ("climate_utilization", "f8"),
    ("climate_temperature_f", "f8"),
    ("precipitation_mm", "f8"),
    ("weather", "i2"),
    ("gas_price", "f8"),
    ("traffic_index", "f8"),
]
# Prices travel as whole ten-thousandths, so that no rounding of floats ever touches money.
_READ = f"""
SELECT site.id, site.operator_id, coalesce(site.latitude, 'nan'), coalesce(site.longitude, 'nan'),
       coalesce(array_position(%(location_types)s::text[], site.location_type::text), 0),
       coalesce(array_position(%(charger_types)s::text[], site.charger_type::text), 0),
       coalesce(array_position(%(pricing_types)s::text[], site.pricing_type::text), 0),
       site.power_kw, site.session_minutes, site.ports_total::smallint,
       least(coalesce(out.ports, 0), site.ports_total)::smallint,
       least(coalesce(out.faulted, 0), site.ports_total)::smallint,
       (site.base_price * 10000)::bigint, site.price_is_regulated, ({PRICE_AT} * 10000)::bigint,
       state.ports_out_of_service, state.utilization, state.risk, state.is_stressed,
       stress.site_id IS NOT NULL, state.usual_utilization, usual.utilization, usual.temperature_f,
       usual.precipitation_mm, usual.weather, usual.gas_price, usual.traffic_index
FROM stations_site site
JOIN stations_operator operator ON operator.id = site.operator_id AND operator.is_simulated
JOIN telemetry_sitestate state ON state.site_id = site.id
JOIN telemetry_climatology usual ON usual.site_id = site.id AND usual.month = %(month)s AND usual.hour = %(hour)s
LEFT JOIN (
    SELECT charger.site_id, count(*) AS ports, count(*) FILTER (WHERE charger_state.status <> 'UNAVAILABLE') AS faulted
    FROM telemetry_chargerstate charger_state
    JOIN stations_charger charger ON charger.id = charger_state.charger_id
    WHERE charger_state.status IN ('FAULTED', 'OFFLINE', 'UNAVAILABLE')
    GROUP BY charger.site_id
) out ON out.site_id = site.id
LEFT JOIN (
    SELECT DISTINCT site_id FROM telemetry_siteoverride WHERE starts_at <= %(at)s AND ends_at > %(at)s
) stress ON stress.site_id = site.id
ORDER BY site.id
"""  # noqa: S608  (a constant of this code)


def read_network(at: datetime) -> np.ndarray:
    """The simulated sites as they stand at `at`, ordered by id, with what is usual now."""
    local = local_time(at)
    parameters = {
        "at": at,
        "month": local.month,
        "hour": local.hour,
        "location_types": LocationType.values,
        "charger_types": ChargerType.values,
        "pricing_types": PricingType.values,
    }
    with connection.cursor() as cursor:
        return fetch_arrays(cursor, _READ, NETWORK, parameters)


def local_time(at: datetime) -> datetime:
    """`at` in the time zone of the data, which months and hours of the climatology follow."""
    return at.astimezone(_data_zone(settings.DATA_TIME_ZONE))


@lru_cache
def _data_zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def live_features(network: np.ndarray, measured, at: datetime) -> np.ndarray:
    """Features of the whole network at a tick, shape (sites, 21)."""
    local = local_time(at)
    columns = {
        "network": network["operator"],
        "charger_type": network["charger_type"],
        "power_output_kw": network["power_kw"],
        "ports_total": network["ports_total"],
        "utilization_rate": measured.utilization,
        "estimated_wait_time_mins": measured.wait_minutes,
        "avg_session_duration_mins": network["session_minutes"],
        "location_type": network["location_type"],
        "current_price": network["price"] / 10_000,
        "pricing_type": network["pricing_type"],
        "gas_price_per_gallon": network["gas_price"],
        "temperature_f": measured.temperature_f,
        "precipitation_mm": network["precipitation_mm"],
        "weather_condition": network["weather"],
        "traffic_congestion_index": network["traffic_index"],
        "local_event": np.zeros(len(network)),
    }
    return feature_matrix(columns, np.array(local.hour), np.array(local.weekday()), np.array(local.month))


_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS tick_stage (
    site_id bigint, ports_available smallint, ports_occupied smallint, ports_out_of_service smallint, status smallint,
    utilization double precision, wait_minutes double precision, temperature_f double precision,
    precipitation_mm double precision, weather smallint, gas_price double precision, traffic_index double precision,
    risk double precision, p_any double precision, level smallint, revenue_at_risk double precision,
    expected_loss double precision, is_stressed boolean
) ON COMMIT DELETE ROWS;
DELETE FROM tick_stage
"""
_UPDATE = """
UPDATE telemetry_sitestate state SET
    at = %(at)s, version = %(version)s, ports_available = stage.ports_available, ports_occupied = stage.ports_occupied,
    ports_out_of_service = stage.ports_out_of_service, status = stage.status, utilization = stage.utilization,
    wait_minutes = stage.wait_minutes, temperature_f = stage.temperature_f, precipitation_mm = stage.precipitation_mm,
    weather = stage.weather, gas_price = stage.gas_price, traffic_index = stage.traffic_index, risk = stage.risk,
    p_any = nullif(stage.p_any, 'nan'),
    level = (ARRAY['low', 'watch', 'critical'])[stage.level + 1], revenue_at_risk = stage.revenue_at_risk,
    expected_loss = stage.expected_loss::numeric(12, 2), is_stressed = stage.is_stressed,
    reason = coalesce(why.reason, '')
FROM tick_stage stage
LEFT JOIN unnest(%(reason_sites)s::bigint[], %(reasons)s::text[]) AS why (site_id, reason)
    ON why.site_id = stage.site_id
WHERE state.site_id = stage.site_id
"""


def write_readings(at: datetime, network: np.ndarray, measured, risk: np.ndarray) -> None:
    """Append one live reading per site: one COPY into the partition of the day."""
    count = len(network)
    columns = {
        "site_id": network["site"],
        "at": np.full(count, np.datetime64(at.replace(tzinfo=None), "us")),
        "ports_available": measured.ports_available.astype("i2"),
        "ports_occupied": measured.ports_occupied.astype("i2"),
        "ports_out_of_service": network["ports_out_of_service"],
        "utilization": measured.utilization.astype("f4"),
        "wait_minutes": measured.wait_minutes.astype("f4"),
        "temperature_f": measured.temperature_f.astype("f4"),
        "price": ten_thousandths(network["price"]),
        "risk": risk.astype("f4"),
    }
    with connection.cursor() as cursor:
        copy_in(cursor, "telemetry_livereading", columns)


def write_states(at: datetime, version: int, columns: dict[str, np.ndarray], reasons: dict[int, str]) -> None:
    """Bring the live row of every site in `columns` up to date: one COPY into a stage, one UPDATE from it.

    `columns` are those of the stage, without the price: methods of `SiteState.objects` alone write that.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        copy_in(cursor, "tick_stage", columns)
        parameters = {
            "at": at,
            "version": version,
            "reason_sites": list(reasons),
            "reasons": list(reasons.values()),
        }
        cursor.execute(_UPDATE, parameters)


def next_version() -> tuple[int, int]:
    """The version of the next push and that of the last one; called under the loop's lock, so nobody is between."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM telemetry_live_version")
        previous = cursor.fetchone()[0]
        cursor.execute("SELECT nextval('telemetry_live_version')")
        return cursor.fetchone()[0], previous
