"""What the key figures are counted from: orders, failures and ports as frames, by one statement each."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from django.db import connection

from stations.arrays import fetch_arrays

from .kpis import WATCHED_HOURS, Frames

_LOOK_BACK = timedelta(hours=WATCHED_HOURS)


@dataclass(frozen=True)
class Asked:
    """Of whom: operators (ids, None: all), a city, a cause and a team (id of a service centre); empty: all of them."""

    operators: tuple[int, ...] | None = None
    city: str = ""
    cause: str = ""
    centre: int | None = None


def _hours(column: str) -> str:
    return f"coalesce(date_part('epoch', {column}) / 3600, 'NaN')"  # date_part, because extract is numeric and slow


_TIMES = {
    "begun": "incident.opened_at", "opened": "o.opened_at", "acknowledged": "incident.acknowledged_at",
    "accepted": "o.accepted_at", "arrived": "o.arrived_at", "resolved": "o.resolved_at", "ended": "o.closed_at",
    "respond_by": "o.respond_by", "due": "o.due_at", "held": "o.held_since",
}  # fmt: skip
_ORDER_TYPES = [
    ("order", "i8"), ("site", "i8"), ("place", "i8"), ("cause", "i8"), *((name, "f8") for name in _TIMES),
    ("is_prediction", "b1"), ("is_follow_up", "b1"), ("is_continued", "b1"), ("is_called_off", "b1"),
    ("is_asked", "b1"), ("parts_used", "i8"), ("parts_unforeseen", "i8"), ("cost", "f8"),
]  # fmt: skip
_WHERE = """(%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
    AND (%(city)s = '' OR site.city = %(city)s)"""
_ORDERS = f"""
SELECT o.id, o.site_id, coalesce(o.charger_id, -o.site_id),
    hashtext(coalesce(nullif(o.found_cause, ''), o.cause))::int8,
    {", ".join(_hours(column) for column in _TIMES.values())},
    incident.source = 'prediction', o.follows_id IS NOT NULL, follow_up.follows_id IS NOT NULL, o.state = 'cancelled',
    (%(cause)s = '' OR coalesce(nullif(o.found_cause, ''), o.cause) = %(cause)s)
        AND (%(centre)s::bigint IS NULL OR coalesce(technician.centre_id = %(centre)s, false)),
    coalesce(parts.kinds, 0)::int8, coalesce(parts.unforeseen, 0)::int8,
    coalesce((coalesce(o.minutes_travel, 0) + o.minutes_work) / 60
        * coalesce(centre.hourly_cost, (SELECT avg(hourly_cost) FROM maintenance_servicecentre))
        + coalesce(parts.cost, 0), 'NaN')::float8
FROM maintenance_workorder o
JOIN maintenance_incident incident ON incident.id = o.incident_id
JOIN stations_site site ON site.id = o.site_id
LEFT JOIN maintenance_technician technician ON technician.id = o.technician_id
LEFT JOIN maintenance_servicecentre centre ON centre.id = technician.centre_id
LEFT JOIN (SELECT DISTINCT follows_id FROM maintenance_workorder WHERE follows_id IS NOT NULL) AS follow_up
    ON follow_up.follows_id = o.id
LEFT JOIN (
    SELECT order_id, count(*) AS kinds, count(*) FILTER (WHERE NOT by_cause) AS unforeseen,
        sum(used * part.unit_cost)::float8 AS cost
    FROM maintenance_orderpart need JOIN maintenance_part part ON part.id = need.part_id WHERE used > 0
    GROUP BY order_id
) AS parts ON parts.order_id = o.id
WHERE o.state <> 'duplicate' AND o.opened_at < %(now)s AND (o.closed_at IS NULL OR o.closed_at >= %(since)s)
    AND {_WHERE}
"""  # noqa: S608  (all columns are ours)
_FAILURE_TYPES = [
    ("site", "i8"), ("place", "i8"), ("incident", "i8"), ("begun", "f8"),
    ("is_tried", "b1"), ("is_healed", "b1"), ("is_decided", "b1"), ("is_asked", "b1"),
]  # fmt: skip
_FAILURES = f"""
SELECT incident.site_id, coalesce(under.charger_id, incident.charger_id, -incident.site_id), incident.id,
    {_hours("incident.opened_at")}, tried.incident_id IS NOT NULL,
    coalesce(tried.has_helped AND NOT coalesce(visited.has_been, false), false),
    incident.closed_at IS NOT NULL OR visited.incident_id IS NOT NULL,
    (%(cause)s = '' OR incident.cause = %(cause)s) AND %(centre)s::bigint IS NULL
FROM maintenance_incident incident
JOIN stations_site site ON site.id = incident.site_id
LEFT JOIN maintenance_incident_chargers under ON under.incident_id = incident.id
LEFT JOIN (
    SELECT incident_id, bool_or(helped) AS has_helped FROM maintenance_remoteattempt GROUP BY incident_id
) AS tried ON tried.incident_id = incident.id
LEFT JOIN (
    SELECT incident_id, bool_or(arrived_at IS NOT NULL) AS has_been FROM maintenance_workorder GROUP BY incident_id
) AS visited ON visited.incident_id = incident.id
WHERE incident.source <> 'prediction' AND incident.merged_into_id IS NULL AND incident.opened_at >= %(since)s
    AND incident.opened_at < %(now)s AND {_WHERE}
"""  # noqa: S608  (made of constants)
_PORTS = f"""
SELECT site.id, coalesce(nullif(count(charger.id), 0), site.ports_total)::int8
FROM stations_site site LEFT JOIN stations_charger charger ON charger.site_id = site.id
WHERE {_WHERE} GROUP BY site.id
"""  # noqa: S608  (made of constants)


def hours(at: datetime) -> float:
    """A moment as the frames have it: hours since 1970."""
    return at.timestamp() / 3600


def frames(asked: Asked, since: datetime, now: datetime) -> Frames:
    """All that is needed for periods that begin at `since` or later, as it is known at `now`; three statements."""
    operators = None if asked.operators is None else list(asked.operators)
    values = {
        "operators": operators, "city": asked.city, "cause": asked.cause, "centre": asked.centre,
        "since": since - _LOOK_BACK, "now": now,
    }  # fmt: skip
    with connection.cursor() as cursor:
        orders = fetch_arrays(cursor, _ORDERS, _ORDER_TYPES, values)
        failures = fetch_arrays(cursor, _FAILURES, _FAILURE_TYPES, values)
        ports = fetch_arrays(cursor, _PORTS, [("site", "i8"), ("ports", "i8")], values)
    return Frames(pd.DataFrame(orders), pd.DataFrame(failures), pd.DataFrame(ports), hours(now))
