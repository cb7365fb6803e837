"""The statements that open and move work orders, many at once; `WorkOrder.objects` alone uses them."""

# One statement: an incident, its order, the order's first steps, its checklist and its parts are there together or not
# at all. An open incident without an order gets it; an order that is open already stops all.
OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(%(sites)s::bigint[], %(chargers)s::bigint[], %(causes)s::text[], %(sources)s::text[],
        %(risks)s::float8[], %(titles)s::text[], %(priorities)s::text[], %(technicians)s::bigint[],
        %(diagnoses)s::bigint[], %(severities)s::text[], %(reasons)s::text[], %(respond_by)s::timestamptz[],
        %(due_at)s::timestamptz[], %(follows)s::bigint[], %(incidents)s::bigint[]) WITH ORDINALITY
        AS w (site_id, charger_id, cause, source, risk, title, priority, technician_id, diagnosis_id, severity, reason,
            respond_by, due_at, follows_id, incident_id, number)
), known AS (
    SELECT wanted.number, incident.id FROM wanted
    JOIN maintenance_incident incident ON incident.id = wanted.incident_id AND incident.closed_at IS NULL
    UNION ALL
    SELECT wanted.number, incident.id FROM wanted
    JOIN maintenance_incident incident ON incident.site_id = wanted.site_id AND incident.closed_at IS NULL
        AND incident.charger_id IS NOT DISTINCT FROM wanted.charger_id AND incident.cause = wanted.cause
    WHERE wanted.incident_id IS NULL
), fresh AS (
    INSERT INTO maintenance_incident (site_id, charger_id, cause, source, risk, summary, opened_at, diagnosis_id,
        severity, severity_reason)
    SELECT site_id, charger_id, cause, source, risk, title, %(at)s, diagnosis_id, severity, reason FROM wanted
    WHERE number NOT IN (SELECT number FROM known) ORDER BY number
    ON CONFLICT (site_id, charger_id, cause) WHERE closed_at IS NULL DO NOTHING
    RETURNING id, site_id, charger_id, cause
), incident AS (
    SELECT number, id FROM known UNION ALL
    SELECT wanted.number, fresh.id FROM fresh JOIN wanted ON wanted.site_id = fresh.site_id
        AND wanted.cause = fresh.cause AND wanted.charger_id IS NOT DISTINCT FROM fresh.charger_id
), work_order AS (
    INSERT INTO maintenance_workorder (incident_id, site_id, charger_id, cause, state, priority, title, technician_id,
        opened_at, changed_at, version, respond_by, due_at, follows_id)
    SELECT incident.id, wanted.site_id, wanted.charger_id, wanted.cause,
        CASE WHEN technician_id IS NULL THEN 'triaged' ELSE 'assigned' END, priority, title, technician_id,
        %(at)s, %(at)s, CASE WHEN technician_id IS NULL THEN 2 ELSE 3 END, respond_by, due_at, follows_id
    FROM incident JOIN wanted USING (number) ORDER BY number
    ON CONFLICT (site_id, charger_id, cause) WHERE closed_at IS NULL DO NOTHING
    RETURNING id, incident_id, technician_id, priority, cause
), step AS (
    INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note, by_id)
    SELECT work_order.id, %(at)s, old_state, new_state, left(note, 300), %(by)s
    FROM work_order LEFT JOIN incident ON incident.id = work_order.incident_id
    LEFT JOIN wanted ON wanted.number = incident.number
    LEFT JOIN maintenance_technician technician ON technician.id = work_order.technician_id,
    LATERAL (VALUES
        (1, '', 'new', 'opened'),
        (2, 'new', 'triaged', concat_ws(': ', work_order.priority, nullif(wanted.reason, ''))),
        (3, 'triaged', 'assigned', 'sent ' || technician.code)
    ) AS step (place, old_state, new_state, note)
    WHERE place < 3 OR technician.id IS NOT NULL ORDER BY work_order.id, place
), item AS (
    INSERT INTO maintenance_checklistitem (order_id, place, text, kind, required, answer)
    SELECT work_order.id, item.place, item.text, item.kind, item.required, ''
    FROM work_order JOIN unnest(%(item_causes)s::text[], %(item_places)s::smallint[], %(item_texts)s::text[],
        %(item_kinds)s::text[], %(item_required)s::boolean[]) AS item (cause, place, text, kind, required)
        ON item.cause = work_order.cause
), part AS (
    INSERT INTO maintenance_orderpart (order_id, part_id, proposed, reserved, used, by_cause)
    SELECT work_order.id, part.id, 1, 0, 0, true
    FROM work_order JOIN unnest(%(part_causes)s::text[], %(part_names)s::text[]) AS proposal (cause, name)
        ON proposal.cause = work_order.cause
    JOIN maintenance_part part ON part.name = proposal.name
)
SELECT id FROM work_order ORDER BY id
"""
# The state, what follows from it, and the row that says so. `version`: of one order, the state that its reader saw.
# What a duplicate was about is under the incident of the other order, while that is open.
MOVE = """
WITH old AS (
    SELECT id, state, technician_id AS whose FROM maintenance_workorder
    WHERE id = ANY(%(ids)s) AND closed_at IS NULL AND state = ANY(%(sources)s)
        AND (%(version)s::int IS NULL OR version = %(version)s) ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE maintenance_workorder work_order SET state = %(state)s, changed_at = %(at)s, version = version + 1,
        technician_id = CASE WHEN %(state)s = 'triaged' THEN NULL
            ELSE coalesce(%(technician)s::bigint, technician_id) END,
        accepted_at = CASE WHEN %(state)s = 'accepted' THEN coalesce(accepted_at, %(at)s) ELSE accepted_at END,
        arrived_at = CASE WHEN %(state)s = 'in_progress' THEN coalesce(arrived_at, %(at)s) ELSE arrived_at END,
        resolved_at = CASE WHEN %(state)s = 'resolved' THEN %(at)s
            WHEN %(state)s = 'in_progress' THEN NULL ELSE resolved_at END,
        hold_reason = %(hold_reason)s, held_since = CASE WHEN %(state)s = 'on_hold' THEN %(at)s::timestamptz END,
        by_hand = by_hand OR %(by_hand)s,
        duplicate_of_id = CASE WHEN %(state)s = 'duplicate' THEN %(duplicate_of)s::bigint END,
        closed_at = CASE WHEN %(final)s THEN greatest(%(at)s, opened_at) END
    FROM old WHERE work_order.id = old.id
    RETURNING work_order.id, work_order.incident_id, old.state AS old_state, work_order.version,
        old.whose AS technician_before, work_order.technician_id AS technician_now, work_order.site_id,
        work_order.charger_id
), other AS (
    SELECT work_order.incident_id, work_order.site_id, work_order.charger_id FROM maintenance_workorder work_order
    JOIN maintenance_incident incident ON incident.id = work_order.incident_id AND incident.closed_at IS NULL
    WHERE work_order.id = %(duplicate_of)s::bigint AND work_order.closed_at IS NULL
), under AS (
    INSERT INTO maintenance_incident_chargers (incident_id, charger_id)
    SELECT other.incident_id, member.charger_id FROM moved JOIN other USING (site_id)
    JOIN LATERAL (
        SELECT moved.charger_id UNION
        SELECT charger_id FROM maintenance_incident_chargers WHERE incident_id = moved.incident_id
    ) AS member ON member.charger_id IS DISTINCT FROM other.charger_id AND member.charger_id IS NOT NULL
    ON CONFLICT DO NOTHING
), step AS (
    INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note, by_id, key)
    SELECT id, %(at)s, old_state, %(state)s, %(note)s, %(by)s, %(key)s FROM moved ORDER BY id
), incident AS (
    UPDATE maintenance_incident SET closed_at = greatest(%(at)s, opened_at)
    WHERE %(ends_incident)s AND closed_at IS NULL AND id IN (SELECT incident_id FROM moved)
        AND id NOT IN (SELECT incident_id FROM other) RETURNING id
), told AS (
    INSERT INTO maintenance_incidentchange (incident_id, at, kind, note, by_id)
    SELECT id, %(at)s, 'closed', %(note)s, %(by)s FROM incident
)
SELECT id, version, technician_before, technician_now FROM moved ORDER BY id
"""
# What is not a step of its own: another priority, another technician. It is a row and a version like a step.
CHANGE = """
WITH old AS (
    SELECT id, state, technician_id AS whose FROM maintenance_workorder
    WHERE id = ANY(%(ids)s) AND closed_at IS NULL AND {column} IS DISTINCT FROM %(value)s ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE maintenance_workorder work_order SET {column} = %(value)s, changed_at = %(at)s, version = version + 1
    FROM old WHERE work_order.id = old.id RETURNING work_order.id, old.state, work_order.version,
        old.whose AS technician_before, work_order.technician_id AS technician_now
), step AS (
    INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note, by_id, key)
    SELECT id, %(at)s, state, state, %(note)s, %(by)s, NULL FROM moved
)
SELECT id, version, technician_before, technician_now FROM moved ORDER BY id
"""
RESUME = """
UPDATE maintenance_workorder work_order SET due_at = resumed.due_at
FROM unnest(%s::bigint[], %s::timestamptz[]) AS resumed (id, due_at) WHERE work_order.id = resumed.id
"""
NOTE_FOUND = """
UPDATE maintenance_workorder SET found_cause = found.cause
FROM unnest(%s::bigint[], %s::text[]) AS found (id, cause)
WHERE maintenance_workorder.id = found.id AND found_cause = ''
"""
# Resolved orders whose charger, or site, works and where somebody has charged since; `is_well` false: it is out again.
VERIFIABLE = """
SELECT work_order.id, out.charger_id IS NULL AS is_well FROM maintenance_workorder work_order
LEFT JOIN LATERAL (
    SELECT state.charger_id FROM stations_charger charger
    JOIN telemetry_chargerstate state ON state.charger_id = charger.id
    WHERE charger.site_id = work_order.site_id AND charger.id = coalesce(work_order.charger_id, charger.id)
        AND state.status IN ('FAULTED', 'OFFLINE') LIMIT 1
) AS out ON true
WHERE work_order.state = 'resolved' AND (out.charger_id IS NOT NULL OR EXISTS (
    SELECT 1 FROM stations_charger charger
    JOIN telemetry_chargingsession session ON session.charger_id = charger.id
        AND session.started_at >= work_order.resolved_at AND session.success
    WHERE charger.site_id = work_order.site_id AND charger.id = coalesce(work_order.charger_id, charger.id)
))
ORDER BY work_order.id
"""
# Deadlines of orders on which somebody is to act; each is told of once when a quarter of its time is left, two hours at
# most, and once when it is over. One that waits has its clock stopped, and simulated crews without an account read no
# mail. `mark` says when an order was last told of: a deadline that has moved on since counts anew.
DEADLINES = """
WITH deadline AS (
    SELECT work_order.id, deadline.kind, deadline.at,
        deadline.at - least(interval '2 hours', (deadline.at - work_order.opened_at) / 4) AS near_from
    FROM maintenance_workorder work_order
    JOIN stations_site site ON site.id = work_order.site_id
    JOIN stations_operator operator ON operator.id = site.operator_id
    LEFT JOIN maintenance_technician technician ON technician.id = work_order.technician_id
    CROSS JOIN LATERAL (VALUES
        ('respond', work_order.respond_by, work_order.accepted_at IS NULL AND work_order.arrived_at IS NULL),
        ('resolve', work_order.due_at, true)
    ) AS deadline (kind, at, is_open)
    WHERE work_order.closed_at IS NULL AND work_order.held_since IS NULL AND deadline.is_open
        AND work_order.state NOT IN ('resolved', 'verified') AND deadline.at IS NOT NULL
        AND NOT (operator.is_simulated AND NOT work_order.by_hand AND technician.user_id IS NULL)
), due AS (
    SELECT DISTINCT ON (deadline.id) deadline.id, deadline.kind, deadline.at
    FROM deadline JOIN maintenance_workorder work_order USING (id)
    WHERE CASE WHEN %(is_over)s THEN deadline.at <= %(at)s AND coalesce(late_told_at < deadline.at, true)
        ELSE near_from <= %(at)s AND deadline.at > %(at)s AND coalesce(warned_at < near_from, true) END
    ORDER BY deadline.id, deadline.at DESC
), locked AS (
    SELECT id FROM maintenance_workorder WHERE id IN (SELECT id FROM due) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE maintenance_workorder work_order SET warned_at = CASE WHEN %(is_over)s THEN warned_at ELSE %(at)s END,
    late_told_at = CASE WHEN %(is_over)s THEN %(at)s ELSE late_told_at END
FROM due JOIN locked USING (id) WHERE work_order.id = due.id
RETURNING due.id, due.kind, due.at
"""
