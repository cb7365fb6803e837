"""What a dump holds: each table with its columns and the query that reads them, for one operator and a period."""
# ruff: noqa: S608  (the queries are put together from constants of this code)

from dataclasses import dataclass

import pyarrow as pa

ID, TEXT, TIME, NUMBER, YES = pa.int64(), pa.string(), pa.timestamp("us", "UTC"), pa.float64(), pa.bool_()
MONEY = pa.decimal128(12, 4)


@dataclass(frozen=True)
class Table:
    """A table of a dump; the query's columns are in the order of `columns`."""

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    query: str

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(self.columns)


_OF_SITE = "WHERE site.operator_id = %(operator)s"
_OF_CHARGER = f"""
JOIN stations_charger charger ON charger.id = one.charger_id JOIN stations_site site ON site.id = charger.site_id
{_OF_SITE}"""
_AT_SITE = f"JOIN stations_site site ON site.id = one.site_id {_OF_SITE}"

TABLES = (
    Table(
        "sites",
        (("site_id", TEXT), ("name", TEXT), ("city", TEXT), ("state", TEXT), ("latitude", NUMBER),
         ("longitude", NUMBER), ("time_zone", TEXT), ("location_type", TEXT), ("charger_type", TEXT),
         ("power_kw", NUMBER), ("ports_total", ID), ("pricing_type", TEXT), ("base_price", MONEY), ("price", MONEY),
         ("risk", NUMBER), ("risk_level", TEXT)),
        f"""SELECT site.external_id, name, city, region, latitude, longitude, time_zone, location_type, charger_type,
            power_kw, site.ports_total, pricing_type, base_price, state.price, state.risk, state.level
        FROM stations_site site LEFT JOIN telemetry_sitestate state ON state.site_id = site.id
        {_OF_SITE} ORDER BY site.external_id""",
    ),
    Table(
        "chargers",
        (("charger_id", TEXT), ("site_id", TEXT), ("cabinet_id", TEXT), ("cabinet_port", ID), ("connector_type", TEXT),
         ("model", TEXT), ("power_kw", NUMBER), ("status", TEXT), ("error_code", TEXT), ("vendor_code", TEXT),
         ("status_since", TIME)),
        f"""SELECT charger.external_id, site.external_id, cabinet_id, cabinet_port, connector_type, model,
            charger.power_kw, state.status, state.error_code, state.vendor_code, state.since
        FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
        LEFT JOIN telemetry_chargerstate state ON state.charger_id = charger.id
        {_OF_SITE} ORDER BY site.external_id, charger.external_id""",
    ),
    Table(
        "status_reports",
        (("charger_id", TEXT), ("reported_at", TIME), ("status", TEXT), ("error_code", TEXT), ("vendor_code", TEXT),
         ("temperature_c", NUMBER)),
        f"""SELECT charger.external_id, one.reported_at, one.status, one.error_code, one.vendor_code, one.temperature_c
        FROM telemetry_statusreport one {_OF_CHARGER} AND reported_at >= %(start)s AND reported_at < %(end)s
        ORDER BY charger.id, reported_at""",
    ),
    Table(
        "sessions",
        (("session_id", ID), ("charger_id", TEXT), ("started_at", TIME), ("ended_at", TIME), ("energy_kwh", NUMBER),
         ("success", YES), ("price", MONEY)),
        f"""SELECT one.id, charger.external_id, started_at, ended_at, energy_kwh, success, price
        FROM telemetry_chargingsession one {_OF_CHARGER} AND started_at >= %(start)s AND started_at < %(end)s
        ORDER BY charger.id, started_at""",
    ),
    Table(
        "readings",
        (("site_id", TEXT), ("at", TIME), ("ports_available", ID), ("ports_occupied", ID),
         ("ports_out_of_service", ID), ("utilization", NUMBER), ("wait_minutes", NUMBER), ("temperature_f", NUMBER),
         ("precipitation_mm", NUMBER), ("traffic_index", NUMBER), ("price", MONEY)),
        f"""SELECT site.external_id, at, ports_available, ports_occupied, ports_out_of_service, utilization,
            wait_minutes, temperature_f, precipitation_mm, traffic_index, one.price
        FROM telemetry_reading one {_AT_SITE} AND at >= %(start)s AND at < %(end)s ORDER BY site.id, at""",
    ),
    Table(
        "outages",
        (("charger_id", TEXT), ("started_at", TIME), ("ended_at", TIME), ("status", TEXT), ("error_code", TEXT),
         ("vendor_code", TEXT), ("excluded_reason", TEXT), ("excluded_evidence", TEXT)),
        f"""SELECT charger.external_id, started_at, ended_at, status, error_code, vendor_code, excluded_reason,
            excluded_evidence
        FROM telemetry_outage one {_OF_CHARGER} AND started_at < %(end)s AND (ended_at IS NULL OR ended_at > %(start)s)
        ORDER BY charger.id, started_at""",
    ),
    Table(
        "price_changes",
        (("site_id", TEXT), ("kind", TEXT), ("announced_at", TIME), ("starts_at", TIME), ("ends_at", TIME),
         ("old_price", MONEY), ("new_price", MONEY), ("reason", TEXT)),
        f"""SELECT site.external_id, kind, announced_at, starts_at, ends_at, old_price, new_price, reason
        FROM pricing_pricechange one {_AT_SITE} AND starts_at < %(end)s AND ends_at > %(start)s ORDER BY one.id""",
    ),
    Table(
        "incidents",
        (("incident_id", ID), ("site_id", TEXT), ("charger_id", TEXT), ("summary", TEXT), ("cause", TEXT),
         ("severity", TEXT), ("opened_at", TIME), ("closed_at", TIME)),
        f"""SELECT one.id, site.external_id, charger.external_id, summary, cause, severity, opened_at, closed_at
        FROM maintenance_incident one LEFT JOIN stations_charger charger ON charger.id = one.charger_id {_AT_SITE}
            AND opened_at < %(end)s AND (closed_at IS NULL OR closed_at > %(start)s) ORDER BY one.id""",
    ),
    Table(
        "work_orders",
        (("work_order_id", ID), ("incident_id", ID), ("site_id", TEXT), ("charger_id", TEXT), ("title", TEXT),
         ("state", TEXT), ("priority", TEXT), ("cause", TEXT), ("found_cause", TEXT), ("opened_at", TIME),
         ("due_at", TIME), ("resolved_at", TIME), ("closed_at", TIME)),
        f"""SELECT one.id, incident_id, site.external_id, charger.external_id, title, state, priority, cause,
            found_cause, opened_at, due_at, resolved_at, closed_at
        FROM maintenance_workorder one LEFT JOIN stations_charger charger ON charger.id = one.charger_id {_AT_SITE}
            AND opened_at < %(end)s AND (closed_at IS NULL OR closed_at > %(start)s) ORDER BY one.id""",
    ),
)  # fmt: skip
