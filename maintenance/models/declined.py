"""Who has said no to an order: it goes to others first, and back to them only by a person's choice."""

from django.db import connection

# Of an order, and of those before it that could not be completed: who gave it back, and who could not complete it. Who
# has it now was chosen by a person, or has said nothing yet.
_DECLINED = """
WITH RECURSIVE line AS (
    SELECT id AS order_id, id AS of_id, follows_id, technician_id AS whose FROM maintenance_workorder
    WHERE id = ANY(%(orders)s) AND closed_at IS NULL
    UNION ALL
    SELECT line.order_id, before.id, before.follows_id, line.whose
    FROM line JOIN maintenance_workorder before ON before.id = line.follows_id
), said_no AS (
    SELECT line.order_id, line.whose, technician.id AS technician_id FROM line
    JOIN maintenance_workorderchange change ON change.order_id = line.of_id AND change.new_state = 'triaged'
        AND change.old_state IN ('assigned', 'accepted')
    JOIN maintenance_technician technician ON technician.user_id = change.by_id
    UNION
    SELECT line.order_id, line.whose, before.technician_id FROM line
    JOIN maintenance_workorder before ON before.id = line.of_id AND before.state = 'could_not_complete'
)
SELECT order_id, technician_id FROM said_no
WHERE technician_id IS NOT NULL AND technician_id IS DISTINCT FROM whose
"""


def declined(orders: list[int]) -> dict[int, set[int]]:
    """Order -> the technicians who have declined it or could not complete it; one query for all."""
    said_no: dict[int, set[int]] = {}
    if orders:
        with connection.cursor() as cursor:
            cursor.execute(_DECLINED, {"orders": list(orders)})
            for order, technician in cursor.fetchall():
                said_no.setdefault(order, set()).add(technician)
    return said_no
