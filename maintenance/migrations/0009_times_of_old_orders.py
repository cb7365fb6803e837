"""Orders that were closed before their times had columns get them from their steps."""

from django.db import migrations

FILL = """
UPDATE maintenance_workorder work_order SET
    accepted_at = coalesce(work_order.accepted_at, steps.accepted_at),
    arrived_at = coalesce(work_order.arrived_at, steps.arrived_at),
    resolved_at = coalesce(work_order.resolved_at, steps.resolved_at, work_order.closed_at)
FROM (
    SELECT order_id, min(at) FILTER (WHERE new_state IN ('accepted', 'en_route')) AS accepted_at,
        min(at) FILTER (WHERE new_state = 'in_progress') AS arrived_at,
        min(at) FILTER (WHERE new_state = 'resolved') AS resolved_at
    FROM maintenance_workorderchange GROUP BY order_id
) AS steps
WHERE steps.order_id = work_order.id AND work_order.state = 'closed' AND work_order.resolved_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("maintenance", "0008_planned_work")]
    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
