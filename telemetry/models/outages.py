from django.db import models
from django.db.models import F, Q

from stations.access import ScopedQuerySet


class OutageQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def mark_excluded(self, ids, reason: str) -> int:
        """Say why these outages do not count against uptime; an empty reason lets them count again."""
        return self.filter(pk__in=list(ids)).update(excluded_reason=reason)


class Outage(models.Model):
    """A spell in which a charger could not be used, derived from its status reports."""

    charger = models.ForeignKey("stations.Charger", models.CASCADE, related_name="outages", db_index=False)
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it still goes on.")
    left_censored = models.BooleanField(default=False, help_text="It had begun before the first report.")
    status = models.CharField(max_length=11, help_text="The fault state in which it began.")
    error_code = models.CharField(max_length=50, blank=True)
    vendor_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    excluded_reason = models.CharField(max_length=100, blank=True, help_text="Why it does not count against uptime.")

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
