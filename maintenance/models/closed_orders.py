"""Work orders that were opened, done and closed elsewhere: they come in whole, with their incidents and steps."""

_KNOWN = """
CREATE TEMPORARY TABLE closed_orders ON COMMIT DROP AS
SELECT coalesce(known.id, nextval(pg_get_serial_sequence('maintenance_workorder', 'id'))) AS id,
    coalesce(known.incident_id, nextval(pg_get_serial_sequence('maintenance_incident', 'id'))) AS incident_id,
    known.id IS NULL AS is_new, left(charger || CASE suspicion
        WHEN '' THEN ' out of service' ELSE ': ' || suspicion || ' suspected' END, 200) AS title, batch.*
FROM (SELECT * FROM "{table}" ORDER BY opened_at, charger_id) AS batch
LEFT JOIN LATERAL (
    SELECT id, incident_id FROM maintenance_workorder
    WHERE charger_id = batch.charger_id AND opened_at = batch.opened_at AND state = 'closed' ORDER BY id LIMIT 1
) AS known ON true
"""
_STEPS = """
CREATE TEMPORARY TABLE closed_order_steps ON COMMIT DROP AS
SELECT id AS order_id, step.* FROM closed_orders, LATERAL (VALUES
    (1, opened_at, '', 'new', 'opened'),
    (2, dispatched_at, 'new', 'en_route', 'sent'),
    (3, arrived_at, 'en_route', 'in_progress', CASE WHEN waited THEN 'there, after a wait for parts' ELSE 'there' END),
    (4, closed_at, 'in_progress', 'closed',
        concat_ws(', ', 'done', nullif(part, ''), round(minutes::numeric) || ' min'))
) AS step (place, at, old_state, new_state, note)
"""
_DIFFERENT = """
SELECT closed_orders.id FROM closed_orders JOIN maintenance_workorder known USING (id)
WHERE NOT is_new AND (known.cause, known.found_cause, known.title, known.closed_at)
    IS DISTINCT FROM (closed_orders.cause, closed_orders.found_cause, closed_orders.title, closed_orders.closed_at)
UNION
SELECT order_id FROM (
    (SELECT order_id, at, old_state, new_state, note FROM closed_order_steps
        JOIN closed_orders ON closed_orders.id = order_id AND NOT is_new
    EXCEPT SELECT order_id, at, old_state, new_state, note FROM maintenance_workorderchange)
    UNION ALL
    (SELECT order_id, at, old_state, new_state, note FROM maintenance_workorderchange
        WHERE order_id IN (SELECT id FROM closed_orders WHERE NOT is_new)
    EXCEPT SELECT order_id, at, old_state, new_state, note FROM closed_order_steps)
) AS steps
"""
_INCIDENTS = """
INSERT INTO maintenance_incident (id, site_id, charger_id, cause, source, risk, summary, opened_at, closed_at)
SELECT incident_id, site_id, charger_id, cause, 'status', NULL, title, opened_at, closed_at FROM closed_orders
WHERE is_new OR id = ANY(%(different)s)
ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, summary = excluded.summary, closed_at = excluded.closed_at
"""
_ORDERS = """
INSERT INTO maintenance_workorder (id, incident_id, site_id, charger_id, cause, found_cause, state, priority, title,
    opened_at, changed_at, closed_at, accepted_at, arrived_at, resolved_at, minutes_work, version)
SELECT id, incident_id, site_id, charger_id, cause, found_cause, 'closed', 'normal', title, opened_at, closed_at,
    closed_at, dispatched_at, arrived_at, closed_at, minutes, 4 FROM closed_orders
WHERE is_new OR id = ANY(%(different)s)
ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, found_cause = excluded.found_cause, title = excluded.title,
    changed_at = excluded.changed_at, closed_at = excluded.closed_at, accepted_at = excluded.accepted_at,
    arrived_at = excluded.arrived_at, resolved_at = excluded.resolved_at, minutes_work = excluded.minutes_work
"""
_FORGET = "DELETE FROM maintenance_workorderchange WHERE order_id = ANY(%(different)s)"
_CHANGES = """
INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note)
SELECT order_id, at, old_state, new_state, note
FROM closed_order_steps JOIN closed_orders ON closed_orders.id = order_id
WHERE is_new OR order_id = ANY(%(different)s) ORDER BY order_id, place
"""


def record_closed(cursor, table: str) -> tuple[int, int]:
    """Record the closed orders of a staging table; see `WorkOrder.objects.record_closed`."""
    cursor.execute("DROP TABLE IF EXISTS closed_orders, closed_order_steps")
    cursor.execute(_KNOWN.format(table=table))
    cursor.execute(_STEPS)
    cursor.execute("SELECT count(*) FILTER (WHERE NOT is_new), count(*) FILTER (WHERE is_new) FROM closed_orders")
    known, new = cursor.fetchone()
    different = {"different": []}
    if known:
        cursor.execute(_DIFFERENT)
        different = {"different": [row[0] for row in cursor.fetchall()]}
    for statement in (_INCIDENTS, _ORDERS, _FORGET, _CHANGES):
        cursor.execute(statement, different)
    cursor.execute("DROP TABLE closed_orders, closed_order_steps")
    return known, new + len(different["different"])
