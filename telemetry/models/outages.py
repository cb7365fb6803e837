from datetime import datetime

from django.db import models
from django.db.models import DurationField, F, Q, Sum, Value
from django.db.models.functions import Coalesce, Greatest

from stations.access import ScopedQuerySet
from stations.models import Charger

from .recording import rebuild
from .status import FAULT_STATES

AT_ONCE = 100  # chargers whose states are locked together while their outages are derived again


class Exclusion(models.TextChoices):
    """Why an outage need not count against uptime; which of them a programme accepts stands in reliability.uptime."""

    UTILITY = "utility", "Utility service interruption"
    VEHICLE = "vehicle", "Fault of the vehicle"
    SCHEDULED_MAINTENANCE = "scheduled_maintenance", "Scheduled maintenance"
    VANDALISM = "vandalism", "Vandalism"
    NATURAL_DISASTER = "natural_disaster", "Natural disaster"
    CLOSED_HOURS = "closed_hours", "Outside of opening hours"
    INTERNET = "internet", "Internet or cellular outage"


class OutageQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def mark_excluded(self, ids, reason: str, evidence: str = "") -> int:
        """Say why these outages do not count against uptime, and what shows it; an empty reason lets them count again.

        Without evidence (a note, a photo, the number of a work order) federal uptime counts them all the same.
        """
        return self.filter(pk__in=list(ids)).update(excluded_reason=reason, excluded_evidence=evidence)

    def hours_of_year(self, charger_ids: list[int], at: datetime) -> dict[int, float]:
        """Hours of this year, by charger, in which it was out and nothing excuses it."""
        year = at.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        begins, ends = Greatest("started_at", Value(year)), Coalesce("ended_at", Value(at))
        of_year = self.filter(charger__in=charger_ids, excluded_reason="").filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=year)
        )
        lasted = of_year.values("charger").annotate(lasts=Sum(ends - begins, output_field=DurationField()))
        return {row["charger"]: row["lasts"].total_seconds() / 3600 for row in lasted.order_by()}

    def rebuild(self, progress=lambda done, total, message=None: None) -> int:
        """Derive the outages and states of all chargers anew from their reports; return how many outages changed.

        What `StatusReport.objects.record` keeps up to date is the same, so that nothing should change. What a person
        wrote about an outage stays with it while it begins at the same time.
        """
        ids, changed = list(Charger.objects.order_by("pk").values_list("pk", flat=True)), 0
        for place in range(0, len(ids), AT_ONCE):
            progress(place, len(ids))
            changed += rebuild(ids[place : place + AT_ONCE], FAULT_STATES)
        return changed


class Outage(models.Model):
    """A spell in which a charger could not be used, derived from its status reports."""

    charger = models.ForeignKey("stations.Charger", models.CASCADE, related_name="outages", db_index=False)
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it still goes on.")
    left_censored = models.BooleanField(default=False, help_text="It had begun before the first report.")
    status = models.CharField(max_length=11, help_text="The fault state in which it began.")
    error_code = models.CharField(max_length=50, blank=True)
    vendor_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    excluded_reason = models.CharField(
        max_length=100, blank=True, choices=Exclusion, help_text="Why it does not count against uptime."
    )
    excluded_evidence = models.CharField(
        max_length=255, blank=True, default="", db_default="",
        help_text="What shows that: a note, a photo, the number of a work order. "
        "Without it federal uptime counts the outage.",
    )  # fmt: skip

    objects = OutageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charger", "started_at"], name="outage_once_per_charger_and_start"),
            models.UniqueConstraint(
                fields=["charger"], condition=Q(ended_at__isnull=True), name="outage_one_open_per_charger"
            ),
            models.CheckConstraint(
                name="outage_ends_after_start", condition=Q(ended_at__isnull=True) | Q(ended_at__gt=F("started_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} from {self.started_at:%Y-%m-%d %H:%M}"
