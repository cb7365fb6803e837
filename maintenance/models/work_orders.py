from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

import numpy as np
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q

from stations.access import ScopedQuerySet
from telemetry.models import Cause
from telemetry.risk.taxonomy import REPAIR_OF, Repair

from .closed_orders import record_closed

# One statement: an incident, its order and the order's first step are there together or not at all. An incident that
# is open already for the same site, charger and cause stops all three.
_OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(%(sites)s::bigint[], %(chargers)s::bigint[], %(causes)s::text[], %(sources)s::text[],
                         %(risks)s::float8[], %(titles)s::text[], %(priorities)s::text[], %(technicians)s::bigint[],
                         %(diagnoses)s::bigint[])
        AS w (site_id, charger_id, cause, source, risk, title, priority, technician_id, diagnosis_id)
), incident AS (
    INSERT INTO maintenance_incident (site_id, charger_id, cause, source, risk, summary, opened_at, diagnosis_id)
    SELECT site_id, charger_id, cause, source, risk, title, %(at)s, diagnosis_id FROM wanted
    ON CONFLICT (site_id, charger_id, cause) WHERE closed_at IS NULL DO NOTHING
    RETURNING id, site_id, charger_id, cause
), work_order AS (
    INSERT INTO maintenance_workorder
        (incident_id, site_id, charger_id, cause, state, priority, title, technician_id, opened_at, changed_at)
    SELECT incident.id, wanted.site_id, wanted.charger_id, wanted.cause,
           CASE WHEN technician_id IS NULL THEN 'new' ELSE 'assigned' END, priority, title, technician_id,
           %(at)s, %(at)s
    FROM incident JOIN wanted ON wanted.site_id = incident.site_id AND wanted.cause = incident.cause
        AND wanted.charger_id IS NOT DISTINCT FROM incident.charger_id
    ON CONFLICT (site_id, charger_id, cause) WHERE closed_at IS NULL DO NOTHING
    RETURNING id, state
), step AS (
    INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note, by_id)
    SELECT id, %(at)s, '', state, 'opened', %(by)s FROM work_order
)
SELECT id FROM work_order ORDER BY id
"""
_MOVE = """
WITH old AS (
    SELECT id, state FROM maintenance_workorder WHERE id = ANY(%(ids)s) AND closed_at IS NULL FOR UPDATE
), moved AS (
    UPDATE maintenance_workorder work_order SET state = %(state)s, changed_at = %(at)s,
        closed_at = CASE WHEN %(final)s THEN greatest(%(at)s, opened_at) END
    FROM old WHERE work_order.id = old.id
    RETURNING work_order.id, work_order.incident_id, old.state AS old_state
), step AS (
    INSERT INTO maintenance_workorderchange (order_id, at, old_state, new_state, note, by_id)
    SELECT id, %(at)s, old_state, %(state)s, %(note)s, %(by)s FROM moved
), incident AS (
    UPDATE maintenance_incident SET closed_at = greatest(%(at)s, opened_at)
    WHERE %(final)s AND closed_at IS NULL AND id IN (SELECT incident_id FROM moved)
)
SELECT id FROM moved
"""


@dataclass(frozen=True)
class Wanted:
    """A work order that should be open: where, why, and how sure we are."""

    site_id: int
    charger_id: int | None
    cause: str
    source: str
    risk: float | None
    title: str
    urgent: bool = False
    technician_id: int | None = None
    diagnosis_id: int | None = None

    def sent(self, technician_id: int | None) -> "Wanted":
        """The same order with a technician."""
        return replace(self, technician_id=technician_id)


class WorkOrderQuerySet(ScopedQuerySet):
    def open(self):
        """Orders that are not finished."""
        return self.filter(closed_at__isnull=True)

    def open_orders(self, wanted: list[Wanted], at: datetime, by=None) -> list["WorkOrder"]:
        """Open an incident and an order for each of `wanted` that has none open; returns the new orders."""
        if not wanted:
            return []
        columns = {
            "sites": [w.site_id for w in wanted],
            "chargers": [w.charger_id for w in wanted],
            "causes": [w.cause for w in wanted],
            "sources": [w.source for w in wanted],
            "risks": [w.risk for w in wanted],
            "titles": [w.title[:200] for w in wanted],
            "priorities": [WorkOrder.Priority.URGENT if w.urgent else WorkOrder.Priority.NORMAL for w in wanted],
            "technicians": [w.technician_id for w in wanted],
            "diagnoses": [w.diagnosis_id for w in wanted],
        }
        with connection.cursor() as cursor:
            cursor.execute(_OPEN, {**columns, "at": at, "by": by and by.pk})
            ids = [row[0] for row in cursor.fetchall()]
        return list(
            self.filter(pk__in=ids).select_related("site__operator", "charger", "technician__user").order_by("pk")
        )

    def move(self, ids: list[int], state: str, at: datetime, note: str = "", by=None) -> list[int]:
        """Bring open orders into `state`, each with a row that says so; the only place where a state changes.

        Closing an order closes its incident. Orders that are finished already are left alone; returns those moved.
        """
        if not ids:
            return []
        parameters = {"ids": list(ids), "state": state, "at": at, "note": note, "by": by and by.pk}
        parameters["final"] = state in (WorkOrder.State.CLOSED, WorkOrder.State.CANCELLED)
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, parameters)
            return [row[0] for row in cursor.fetchall()]

    def record_closed(self, cursor, table: str) -> tuple[int, int]:
        """Record orders that were closed elsewhere, with their incidents and steps: the rows of a staging table.

        Its columns: charger_id, site_id, charger (external id), opened_at, dispatched_at, arrived_at, closed_at, cause
        (suspected), suspicion (in words), found_cause, part, waited, minutes on site (may be null). Returns how many
        were known by charger and opening, and how many rows are new or different.
        """
        with transaction.atomic():
            return record_closed(cursor, table)

    def found_causes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Charger ids, when opened (seconds since 1970) and causes that technicians found and wrote down."""
        found = self.exclude(found_cause="").exclude(charger=None).order_by("opened_at")
        rows = list(found.values_list("charger_id", "opened_at", "found_cause"))
        charger, opened, cause = zip(*rows, strict=True) if rows else ((), (), ())
        seconds = [int(moment.timestamp()) for moment in opened]
        return np.array(charger, "i8"), np.array(seconds, "i8"), np.array(cause, "U20")

    def note_found_causes(self, causes: dict[int, str]) -> None:
        """Write down what was found, by order, where nobody has."""
        if not causes:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE maintenance_workorder SET found_cause = found.cause"
                " FROM unnest(%s::bigint[], %s::text[]) AS found (id, cause) WHERE maintenance_workorder.id = found.id"
                " AND found_cause = ''",
                [list(causes), list(causes.values())],
            )

    def closed_by_people_since(self, moment: datetime) -> list["WorkOrder"]:
        """Orders of simulated operators that somebody closed by hand since `moment`: the repair is theirs, too."""
        by_hand = WorkOrderChange.objects.filter(new_state=WorkOrder.State.CLOSED, at__gte=moment, by__isnull=False)
        closed = self.filter(site__operator__is_simulated=True, closed_at__gte=moment, pk__in=by_hand.values("order"))
        return list(closed.order_by("pk"))

    def advance_simulated_crews(self, at: datetime) -> list["WorkOrder"]:
        """Move the orders of simulated operators on by a crew that needs a minute or two a step; returns those closed.

        It stands in for people where there are none: an operator's own orders are moved by its technicians alone.
        """
        due = reduce(or_, (Q(state=state, changed_at__lte=at - lasts) for state, _, lasts in CREW_STEPS))
        waiting = self.open().filter(due, site__operator__is_simulated=True).values_list("state", "pk")
        by_state = defaultdict(list)
        for state, pk in waiting:
            by_state[state].append(pk)
        closed: list[int] = []
        for state, following, _ in CREW_STEPS:
            moved = self.move(by_state[state], following, at, "simulated crew")
            closed += moved if following == WorkOrder.State.CLOSED else []
        if not closed:
            return []
        return list(self.filter(pk__in=closed).order_by("pk"))


class WorkOrder(models.Model):
    """What a technician does about an incident."""

    class State(models.TextChoices):
        """States of an order; word, shape and colour stand here once."""

        NEW = "new", "New"
        ASSIGNED = "assigned", "Assigned"
        EN_ROUTE = "en_route", "En route"
        IN_PROGRESS = "in_progress", "In progress"
        CLOSED = "closed", "Closed"
        CANCELLED = "cancelled", "Cancelled"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"new": "watch", "closed": "available", "cancelled": "offline"}.get(self.value, "in-use")

        @property
        def shape(self) -> str:
            return {"watch": "◆", "available": "●", "offline": "○", "in-use": "■"}[self.colour]

    class Priority(models.TextChoices):
        LOW = "low", "Low"
        NORMAL = "normal", "Normal"
        URGENT = "urgent", "Urgent"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"low": "offline", "normal": "in-use", "urgent": "critical"}[self.value]

        @property
        def shape(self) -> str:
            return {"low": "○", "normal": "■", "urgent": "▲"}[self.value]

    incident = models.ForeignKey("maintenance.Incident", models.PROTECT, related_name="work_orders")
    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="work_orders")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="work_orders", null=True, blank=True)
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.UNKNOWN)
    found_cause = models.CharField(
        "cause found", max_length=20, choices=Cause, blank=True, db_default="", help_text="What the technician found."
    )
    state = models.CharField(max_length=12, choices=State, default=State.NEW)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    title = models.CharField(max_length=200)
    technician = models.ForeignKey(
        "maintenance.Technician", models.PROTECT, null=True, blank=True, related_name="work_orders"
    )
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = WorkOrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "charger", "cause"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="work_order_one_open_per_site_charger_cause",
            ),
            models.CheckConstraint(
                name="work_order_closed_when_ended",
                condition=Q(closed_at__isnull=False, state__in=["closed", "cancelled"])
                | (Q(closed_at__isnull=True) & ~Q(state__in=["closed", "cancelled"])),
            ),
            models.CheckConstraint(
                name="work_order_closes_after_opening",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"WO-{1000 + self.pk}"

    @property
    def repair(self) -> Repair | None:
        """The part, skill and minutes that its cause takes, or the likeliest one's; None where nothing is known."""
        diagnosis = self.incident.diagnosis
        return REPAIR_OF.get(self.cause) or (diagnosis.repair if diagnosis else None)


class WorkOrderChange(models.Model):
    """One step of a work order: who, when, from what, to what, and why."""

    order = models.ForeignKey(WorkOrder, models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    old_state = models.CharField(max_length=12, blank=True)
    new_state = models.CharField(max_length=12, choices=WorkOrder.State)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.old_state or '–'} → {self.new_state}"


# What a simulated crew does, and how long it stays in a state first. The last step closes the order.
CREW_STEPS = [
    (WorkOrder.State.NEW, WorkOrder.State.ASSIGNED, timedelta(minutes=1)),
    (WorkOrder.State.ASSIGNED, WorkOrder.State.EN_ROUTE, timedelta(minutes=1)),
    (WorkOrder.State.EN_ROUTE, WorkOrder.State.IN_PROGRESS, timedelta(minutes=2)),
    (WorkOrder.State.IN_PROGRESS, WorkOrder.State.CLOSED, timedelta(minutes=3)),
]
