"""What `figures` needs, read in two statements: a row for each closed order, and for each closed incident."""

from datetime import datetime

import pandas as pd
from django.db import connection

from .figures import FIGURE_COLUMNS

_ORDERS = """
SELECT work_order.site_id,
    extract(epoch FROM work_order.accepted_at - work_order.opened_at) / 3600,
    extract(epoch FROM work_order.arrived_at - work_order.opened_at) / 3600,
    extract(epoch FROM work_order.resolved_at - work_order.opened_at) / 3600,
    CASE WHEN work_order.due_at IS NOT NULL THEN work_order.resolved_at <= work_order.due_at END,
    NOT (steps.reopened OR steps.waited OR followed.id IS NOT NULL),
    CASE WHEN work_order.charger_id IS NOT NULL AND work_order.closed_at <= %(now)s - interval '30 days' THEN EXISTS (
        SELECT 1 FROM maintenance_workorder again WHERE again.charger_id = work_order.charger_id
            AND again.site_id = work_order.site_id AND again.opened_at > work_order.closed_at
            AND again.opened_at <= work_order.closed_at + interval '30 days') END,
    parts.is_right, work_order.arrived_at IS NOT NULL,
    (coalesce(parts.cost, 0) + coalesce(centre.hourly_cost, 85)
        * (coalesce(work_order.minutes_work, 0) + coalesce(work_order.minutes_travel, 0))::numeric / 60)::float8
FROM maintenance_workorder work_order
JOIN stations_site site ON site.id = work_order.site_id
LEFT JOIN maintenance_technician technician ON technician.id = work_order.technician_id
LEFT JOIN maintenance_servicecentre centre ON centre.id = technician.centre_id
LEFT JOIN maintenance_workorder followed ON followed.follows_id = work_order.id
LEFT JOIN LATERAL (
    SELECT coalesce(bool_or(old_state IN ('resolved', 'verified') AND new_state = 'in_progress'), false) AS reopened,
        coalesce(bool_or(new_state = 'on_hold'), false) AS waited
    FROM maintenance_workorderchange WHERE order_id = work_order.id
) AS steps ON true
LEFT JOIN LATERAL (
    SELECT sum(need.used * part.unit_cost) AS cost,
        CASE WHEN bool_or(need.used > 0) THEN bool_and(need.by_cause) FILTER (WHERE need.used > 0) END AS is_right
    FROM maintenance_orderpart need JOIN maintenance_part part ON part.id = need.part_id
    WHERE need.order_id = work_order.id
) AS parts ON true
WHERE work_order.state IN ('closed', 'could_not_complete') AND work_order.closed_at >= %(since)s
    AND work_order.closed_at <= %(now)s AND (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
"""
_INCIDENTS = """
SELECT incident.site_id, NOT EXISTS (SELECT 1 FROM maintenance_workorder WHERE incident_id = incident.id)
FROM maintenance_incident incident JOIN stations_site site ON site.id = incident.site_id
WHERE incident.source = 'status' AND incident.merged_into_id IS NULL AND incident.closed_at >= %(since)s
    AND incident.closed_at <= %(now)s AND (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
"""
_HEALING = """
SELECT incident.cause, count(DISTINCT (attempt.incident_id, attempt.charger_id)),
    count(DISTINCT (attempt.incident_id, attempt.charger_id)) FILTER (WHERE helped AND rung = 'soft_reset'),
    count(DISTINCT (attempt.incident_id, attempt.charger_id)) FILTER (WHERE helped AND rung = 'hard_reset'),
    count(*)
FROM maintenance_remoteattempt attempt JOIN maintenance_incident incident ON incident.id = attempt.incident_id
JOIN stations_site site ON site.id = incident.site_id
WHERE attempt.at >= %(since)s AND attempt.at <= %(now)s
    AND (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
GROUP BY incident.cause ORDER BY count(*) DESC, incident.cause
"""


def closed_orders(since: datetime, now: datetime, operators: list[int] | None) -> pd.DataFrame:
    """The orders that were closed between two times, of some operators (None: of all)."""
    return pd.DataFrame(_rows(_ORDERS, since, now, operators), columns=FIGURE_COLUMNS)


def closed_incidents(since: datetime, now: datetime, operators: list[int] | None) -> pd.DataFrame:
    """The incidents of a status that were closed between two times, and whether nobody was sent."""
    return pd.DataFrame(_rows(_INCIDENTS, since, now, operators), columns=["site", "is_remote"])


def healing(since: datetime, now: datetime, operators: list[int] | None) -> list[tuple]:
    """By cause: failures at which something was tried from afar, healed by a soft and by a hard reset, and tries."""
    return _rows(_HEALING, since, now, operators)


def _rows(statement: str, since: datetime, now: datetime, operators: list[int] | None) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"since": since, "now": now, "operators": operators})
        return cursor.fetchall()
