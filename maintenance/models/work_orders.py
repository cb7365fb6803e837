from django.conf import settings
from django.db import models
from django.db.models import F, Q

from stations.access import ScopedQuerySet

from .causes import Cause


class WorkOrderQuerySet(ScopedQuerySet):
    def open(self):
        return self.filter(closed_at__isnull=True)


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
