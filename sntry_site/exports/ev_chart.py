"""The quarterly reports that the United States ask of stations they have paid for: EV-ChART modules 2, 3 and 4.

Columns, lengths and rules are those of the public EV-ChART source (module definitions 2, 3 and 4, and its checks).
"""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd

from stations.spreadsheets import safe
from telemetry.analyses.inputs import SHORTEST_MINUTES, Inputs
from telemetry.analyses.scope import Scope
from telemetry.reliability.uptime import EXCLUSIONS, period_uptime

from .quarter import Quarter
from .streaming import rows_of

PLACE = ("station_id", "port_id", "network_provider")
COLUMNS = {
    2: (*PLACE, "charger_id", "session_id", "connector_id", "session_start", "session_end", "session_error",
        "error_other", "energy_kwh", "power_kw", "payment_method", "payment_other"),
    3: (*PLACE, "uptime_reporting_start", "uptime_reporting_end", "uptime", "total_outage", "total_outage_excl"),
    4: (*PLACE, "outage_id", "outage_duration", "excluded_outage", "excluded_outage_reason", "excluded_outage_notes"),
}  # fmt: skip
TITLES = {2: "charging sessions", 3: "uptime", 4: "outages"}
LONGEST_ID, LONGEST_NOTE = 36, 255
LARGEST = 99_999.99  # kWh and kW: seven digits, two of them after the point
# In the order in which 23 CFR 680.116(b)(3) lists them; EV-ChART takes 1 to 6.
REASONS = {
    "utility": 1, "vehicle": 2, "scheduled_maintenance": 3, "vandalism": 4, "natural_disaster": 5, "closed_hours": 6,
}  # fmt: skip
CONNECTOR = "1"  # a charger is one port with one cable
NO_ERROR, UNKNOWN_END = "none", "not recorded"
YEAR = pd.DateOffset(years=1)

_PORTS = """
FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
JOIN stations_operator operator ON operator.id = site.operator_id
"""
_HAS_REPORTED = """EXISTS (
    SELECT FROM telemetry_statusreport report WHERE report.charger_id = charger.id AND report.reported_at < %(end)s)"""
_SESSIONS = f"""
SELECT site.external_id, charger.external_id, operator.name, charger.cabinet_id, session.id, session.started_at,
    session.ended_at, session.success, session.energy_kwh, outage.error_code, outage.vendor_code
{_PORTS}
LEFT JOIN telemetry_chargingsession session ON session.charger_id = charger.id AND session.started_at >= %(start)s
    AND session.started_at < %(end)s AND session.ended_at IS NOT NULL AND session.energy_kwh <= {LARGEST}
LEFT JOIN LATERAL (
    SELECT error_code, vendor_code FROM telemetry_outage WHERE charger_id = charger.id AND session.success IS FALSE
        AND started_at BETWEEN session.started_at AND session.ended_at + interval '5 minutes'
    ORDER BY started_at LIMIT 1
) AS outage ON true
WHERE site.operator_id = ANY(%(operators)s) AND (session.id IS NOT NULL OR {_HAS_REPORTED} OR EXISTS (
    SELECT FROM telemetry_chargingsession one WHERE one.charger_id = charger.id AND one.started_at < %(end)s))
ORDER BY site.external_id, charger.external_id, session.started_at
"""  # noqa: S608  (constants of this code)
_OUTAGES = f"""
SELECT site.external_id, charger.external_id, operator.name, greatest(outage.started_at, %(start)s),
    CASE WHEN outage.id IS NOT NULL THEN extract(epoch FROM
        least(coalesce(outage.ended_at, %(end)s), %(end)s) - greatest(outage.started_at, %(start)s)) / 60 END,
    outage.excluded_reason, outage.excluded_evidence
{_PORTS}
LEFT JOIN telemetry_outage outage ON outage.charger_id = charger.id AND outage.started_at < %(end)s
    AND (outage.ended_at IS NULL OR outage.ended_at > %(start)s)
    AND coalesce(outage.ended_at, %(end)s) - outage.started_at >= %(shortest)s * interval '1 minute'
    AND least(coalesce(outage.ended_at, %(end)s), %(end)s) - greatest(outage.started_at, %(start)s)
        >= interval '0.6 seconds'
WHERE site.operator_id = ANY(%(operators)s) AND {_HAS_REPORTED}
ORDER BY site.external_id, charger.external_id, outage.started_at
"""  # noqa: S608  (constants of this code)


def asked_for(module: str, quarter: str, now: datetime) -> tuple[int, Quarter]:
    """What an address asks for. Raises ValueError with a sentence that names what is wrong."""
    if module not in map(str, COLUMNS):
        raise ValueError("“module” must be 2, 3 or 4.")
    wanted = Quarter.named(quarter)
    wanted.check_over(now)
    return int(module), wanted


def report(module: int, quarter: Quarter, operators: list[int]) -> Iterator[tuple]:
    """The rows of a module (2, 3 or 4) for a quarter and operators (ids); read as they are asked for."""
    return {2: sessions, 3: uptimes, 4: outages}[module](quarter, operators)


def sessions(quarter: Quarter, operators: list[int]) -> Iterator[tuple]:
    """Module 2: sessions that began in the quarter and are over; a port without any has one row that says so."""
    for site, port, operator, cabinet, pk, started, ended, success, kwh, error, vendor in rows_of(
        _SESSIONS, {"start": quarter.starts_at, "end": quarter.ends_at, "operators": operators}
    ):
        place = _place(site, port, operator)
        if pk is None:
            yield (*place, *[""] * (len(COLUMNS[2]) - len(PLACE)))
            continue
        hours = (ended - started).total_seconds() / 3600
        power = min(kwh / hours, LARGEST) if hours else 0.0
        told = {True: NO_ERROR, False: error or vendor or "unsuccessful", None: UNKNOWN_END}[success]
        other = vendor if success is False and error else ""
        yield (
            *place, fitting_id(cabinet), str(pk), CONNECTOR, _time(started), _time(ended), safe(told), safe(other),
            f"{kwh:.2f}", f"{power:.2f}", "other", "not recorded",
        )  # fmt: skip


def uptimes(quarter: Quarter, operators: list[int]) -> Iterator[tuple]:
    """Module 3: uptime of each port in the year that ends with the quarter, by 23 CFR 680.116(b).

    It is blank for a port that has not been in service for all of that year, unless its station is so old that
    EV-ChART refuses a blank: then it is the share of the time that the port has been in service.
    """
    end = pd.Timestamp(quarter.ends_at)
    start = end - YEAR
    inputs = Inputs(Scope(start.to_pydatetime(), end.to_pydatetime(), tuple(operators)))
    ports = inputs.chargers
    if ports.empty:
        return
    outages = inputs.outages.rename(columns={"charger_id": "port_id"})
    found = period_uptime(outages, ports.rename(columns={"charger_id": "port_id"}), start, end).set_index("port_id")
    station_since = ports.groupby("site_id")["since"].transform("min")
    for port, opened in zip(ports.itertuples(), station_since, strict=True):
        row = found.loc[port.charger_id]
        is_blank = port.since > start and opened >= start - YEAR
        yield (
            *_place(port.site, port.charger, port.operator), _time(start), _time(end),
            "" if is_blank else f"{row.percent:.2f}", f"{row.outage_minutes:.2f}", f"{row.excluded_minutes:.2f}",
        )  # fmt: skip


def outages(quarter: Quarter, operators: list[int]) -> Iterator[tuple]:
    """Module 4: outages as far as they lie in the quarter; a port without any has one row that says so.

    One that goes on from the quarter before begins with this one, so that no minute is in two reports.
    """
    shown = {"start": quarter.starts_at, "end": quarter.ends_at, "operators": operators, "shortest": SHORTEST_MINUTES}
    for site, port, operator, started, minutes, reason, evidence in rows_of(_OUTAGES, shown):
        if minutes is None:
            yield (*_place(site, port, operator), "", "", "", "", "")
            continue
        # Without evidence the rule counts it all the same.
        is_excluded = reason in EXCLUSIONS["nevi"] and bool(evidence)
        why = (REASONS[reason], safe(evidence)[:LONGEST_NOTE]) if is_excluded else ("", "")
        yield (
            *_place(site, port, operator), _time(started), f"{minutes:.2f}", str(is_excluded).upper(), *why,
        )  # fmt: skip


def fitting_id(external_id: str) -> str:
    """An ID as EV-ChART takes it: one that is too long, or that a spreadsheet takes for a formula, as a UUID of it."""
    if len(external_id) <= LONGEST_ID and external_id == safe(external_id) and external_id.strip() == external_id:
        return external_id
    return str(uuid.uuid5(uuid.NAMESPACE_OID, external_id))


def provider(operator: str) -> str:
    """A network's name in the way of EV-ChART's own list: shell_recharge."""
    return re.sub("[^a-z0-9]+", "_", operator.lower()).strip("_") or fitting_id(f"={operator}")


def _place(site: str, port: str, operator: str) -> tuple[str, str, str]:
    return fitting_id(site), fitting_id(port), provider(operator)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
