"""The statements about many incidents at once; `Incident.objects` alone uses them."""

CLOSE = """
WITH closed AS (
    UPDATE maintenance_incident SET closed_at = greatest(%(at)s, opened_at), snoozed_until = NULL
    WHERE id = ANY(%(ids)s) AND closed_at IS NULL RETURNING id
)
INSERT INTO maintenance_incidentchange (incident_id, at, kind, note, by_id)
SELECT id, %(at)s, %(kind)s, %(note)s, %(by)s FROM closed RETURNING incident_id
"""
# One that is open for the same site, charger and cause takes the chargers in; a snoozed one stays asleep.
OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(%(sites)s::bigint[], %(chargers)s::bigint[], %(causes)s::text[], %(sources)s::text[],
        %(severities)s::text[], %(reasons)s::text[], %(summaries)s::text[], %(diagnoses)s::bigint[]) WITH ORDINALITY
        AS w (site_id, charger_id, cause, source, severity, reason, summary, diagnosis_id, number)
), opened AS (
    INSERT INTO maintenance_incident (site_id, charger_id, cause, source, severity, severity_reason, summary,
        diagnosis_id, opened_at)
    SELECT site_id, charger_id, cause, source, severity, reason, summary, diagnosis_id, %(at)s
    FROM wanted ORDER BY number
    ON CONFLICT (site_id, charger_id, cause) WHERE closed_at IS NULL DO NOTHING
    RETURNING id, site_id, charger_id, cause
), every AS (
    SELECT wanted.number, opened.id FROM opened JOIN wanted ON wanted.site_id = opened.site_id
        AND wanted.cause = opened.cause AND wanted.charger_id IS NOT DISTINCT FROM opened.charger_id
    UNION
    SELECT wanted.number, incident.id FROM wanted JOIN maintenance_incident incident ON incident.closed_at IS NULL
        AND incident.site_id = wanted.site_id AND incident.cause = wanted.cause
        AND incident.charger_id IS NOT DISTINCT FROM wanted.charger_id
), under AS (
    INSERT INTO maintenance_incident_chargers (incident_id, charger_id)
    SELECT every.id, member.charger_id FROM every
    JOIN unnest(%(member_numbers)s::bigint[], %(member_chargers)s::bigint[]) AS member (number, charger_id)
        USING (number)
    ON CONFLICT DO NOTHING
)
SELECT id FROM opened ORDER BY id
"""
# Chargers that an open incident is about: their own, or one of their site that they are under.
COVERED = """
SELECT charger_id FROM maintenance_incident WHERE closed_at IS NULL AND charger_id = ANY(%(chargers)s)
UNION
SELECT under.charger_id FROM maintenance_incident_chargers under
JOIN maintenance_incident incident ON incident.id = under.incident_id AND incident.closed_at IS NULL
WHERE under.charger_id = ANY(%(chargers)s)
"""
CHARGERS_OF_OPEN = """
SELECT charger_id FROM maintenance_incident WHERE closed_at IS NULL AND charger_id IS NOT NULL
UNION
SELECT under.charger_id FROM maintenance_incident_chargers under
JOIN maintenance_incident incident ON incident.id = under.incident_id AND incident.closed_at IS NULL
"""
# Incidents of chargers that are out, that nobody has put off and for which no order is open; with those chargers. One
# that a driver or a partner calls dangerous needs somebody though its charger says that it works.
NEED_AN_ORDER = """
SELECT incident.id, incident.site_id, incident.charger_id, incident.cause, incident.source, incident.severity,
    incident.severity_reason, incident.summary, incident.diagnosis_id, array_agg(out.charger_id)
FROM maintenance_incident incident
LEFT JOIN LATERAL (
    SELECT incident.charger_id WHERE incident.charger_id IS NOT NULL
    UNION ALL SELECT charger_id FROM maintenance_incident_chargers WHERE incident_id = incident.id
) AS out ON out.charger_id = ANY(%(chargers)s)
WHERE incident.closed_at IS NULL AND (incident.snoozed_until IS NULL OR incident.snoozed_until <= %(at)s)
    AND NOT EXISTS (SELECT 1 FROM maintenance_workorder work_order WHERE work_order.incident_id = incident.id
        AND work_order.closed_at IS NULL)
    AND (out.charger_id IS NOT NULL OR EXISTS (
        SELECT 1 FROM maintenance_driverreport report WHERE report.incident_id = incident.id
        AND report.problem = 'danger') OR (incident.source = 'partner' AND incident.severity = 'critical'))
GROUP BY incident.id ORDER BY incident.id
"""
# Incidents whose chargers all work, for which nobody is on the way, and that are proven well: since the last one came
# back somebody has charged there, or it has stayed well for an hour. What people have said, which chargers do not know,
# is over when nobody has said it again for a day; what is put off waits for its time.
WELL_AGAIN = """
SELECT incident.id FROM maintenance_incident incident
JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state.status IN ('FAULTED', 'OFFLINE')) AS bad, max(outage.ended_at) AS back_at
    FROM (
        SELECT incident.charger_id WHERE incident.charger_id IS NOT NULL
        UNION SELECT charger_id FROM maintenance_incident_chargers WHERE incident_id = incident.id
    ) AS member (charger_id)
    JOIN telemetry_chargerstate state USING (charger_id)
    LEFT JOIN LATERAL (
        SELECT coalesce(ended_at, %(at)s) AS ended_at FROM telemetry_outage WHERE charger_id = member.charger_id
        ORDER BY started_at DESC LIMIT 1
    ) AS outage ON true
) AS now ON true
WHERE incident.closed_at IS NULL AND now.bad = 0
    AND (incident.snoozed_until IS NULL OR incident.snoozed_until <= %(at)s)
    AND NOT EXISTS (SELECT 1 FROM maintenance_workorder work_order WHERE work_order.incident_id = incident.id
        AND work_order.closed_at IS NULL)
    AND CASE WHEN incident.source = 'status'
    THEN coalesce(now.back_at, incident.opened_at) <= %(well_since)s OR EXISTS (
        SELECT 1 FROM telemetry_chargingsession session
        WHERE session.charger_id IN (
            SELECT incident.charger_id UNION
            SELECT charger_id FROM maintenance_incident_chargers WHERE incident_id = incident.id)
        AND session.started_at >= coalesce(now.back_at, incident.opened_at) AND session.success)
    ELSE incident.source <> 'prediction' AND greatest(now.back_at, incident.opened_at, (
        SELECT max(report.at) FROM maintenance_driverreport report WHERE report.incident_id = incident.id
    )) <= %(silent_since)s END
ORDER BY incident.id
"""
