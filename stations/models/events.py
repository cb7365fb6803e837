from django.conf import settings
from django.db import models

from ..access import ScopedQuerySet


class FleetEventQuerySet(ScopedQuerySet):
    operator_path = "operator"

    def newest(self, count: int = 50):
        """The last `count` events, newest first."""
        return self.select_related("site", "operator").order_by("-id")[:count]

    def add(self, events: list["FleetEvent"]) -> list["FleetEvent"]:
        """Append `events` in one statement; the same objects come back with their ids."""
        return self.bulk_create(events)


class FleetEvent(models.Model):
    """Something that happened to the fleet, in one line; rows are added and never changed."""

    class Kind(models.TextChoices):
        TRAFFIC_SURGE_DETECTED = "TRAFFIC_SURGE_DETECTED", "Traffic surge"
        RISK_RAISED = "RISK_RAISED", "Risk raised"
        SURGE_OPENED = "SURGE_OPENED", "Surge"
        SURGE_ANNOUNCED = "SURGE_ANNOUNCED", "Surge announced"
        SURGE_CANCELLED = "SURGE_CANCELLED", "Surge called off"
        SURGE_CLOSED = "SURGE_CLOSED", "Surge ended"
        REROUTE_OPENED = "REROUTE_OPENED", "Reroute"
        REROUTE_ANNOUNCED = "REROUTE_ANNOUNCED", "Reroute announced"
        REROUTE_CANCELLED = "REROUTE_CANCELLED", "Reroute called off"
        REROUTE_CLOSED = "REROUTE_CLOSED", "Reroute ended"
        LIMIT_OPENED = "LIMIT_OPENED", "Power limited"
        LIMIT_CLOSED = "LIMIT_CLOSED", "Power limit ended"
        PRICE_PROPOSED = "PRICE_PROPOSED", "Price proposed"
        PRICES_STOPPED = "PRICES_STOPPED", "Prices stopped"
        PRICES_RELEASED = "PRICES_RELEASED", "Prices released"
        WORK_ORDER_OPENED = "WORK_ORDER_OPENED", "Work order"
        WORK_ORDER_SENT = "WORK_ORDER_SENT", "Technician sent"
        WORK_ORDER_PRIORITY = "WORK_ORDER_PRIORITY", "Priority changed"
        WORK_ORDER_DUE_SOON = "WORK_ORDER_DUE_SOON", "Work order nearly late"
        WORK_ORDER_LATE = "WORK_ORDER_LATE", "Work order late"
        WORK_ORDER_CLOSED = "WORK_ORDER_CLOSED", "Work order closed"
        CHARGER_FAULTED = "CHARGER_FAULTED", "Charger fault"
        CHARGER_RECOVERED = "CHARGER_RECOVERED", "Charger recovered"
        DANGER_REPORTED = "DANGER_REPORTED", "Danger reported"
        STRESSED = "STRESSED", "Stress (simulated)"
        HEALED = "HEALED", "Heal"

    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=30, choices=Kind)
    operator = models.ForeignKey("stations.Operator", models.CASCADE, related_name="+")
    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="events", null=True, blank=True)
    message = models.CharField(max_length=300)
    old_price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    new_price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, related_name="+", null=True, blank=True, help_text="Empty: the loop."
    )

    objects = FleetEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["site", "id"], name="fleet_event_by_site")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.message}"
