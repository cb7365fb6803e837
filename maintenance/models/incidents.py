from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q

from stations.access import ScopedQuerySet
from telemetry.models import Cause

from ..states import Severity

LONGEST_SNOOZE = timedelta(days=14)
_CLOSE = """
WITH closed AS (
    UPDATE maintenance_incident SET closed_at = greatest(%(at)s, opened_at)
    WHERE id = ANY(%(ids)s) AND closed_at IS NULL RETURNING id
)
INSERT INTO maintenance_incidentchange (incident_id, at, kind, note, by_id)
SELECT id, %(at)s, %(kind)s, %(note)s, %(by)s FROM closed RETURNING incident_id
"""


class IncidentQuerySet(ScopedQuerySet):
    def open(self):
        return self.filter(closed_at__isnull=True)

    def awake(self, at: datetime):
        """Open ones that nobody has put off."""
        return self.open().exclude(snoozed_until__gt=at)

    def close(self, ids: list[int], at: datetime, note: str, by=None, kind: str = "closed") -> list[int]:
        """Close these, each with a row that says why; those that are closed already are left alone."""
        if not ids:
            return []
        values = {"ids": list(ids), "at": at, "kind": kind, "note": note[:300], "by": by and by.pk}
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE, values)
            return [row[0] for row in cursor.fetchall()]


class Incident(models.Model):
    """Something is wrong with a site or charger, or about to be."""

    class Source(models.TextChoices):
        PREDICTION = "prediction", "Prediction"
        STATUS = "status", "Status report"
        PERSON = "person", "Person"
        DRIVER = "driver", "Driver"
        PARTNER = "partner", "Partner"

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="incidents")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="incidents", null=True, blank=True)
    chargers = models.ManyToManyField(
        "stations.Charger", related_name="site_incidents", blank=True, help_text="Of an incident of the whole site."
    )
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.UNKNOWN)
    source = models.CharField(max_length=12, choices=Source)
    severity = models.CharField(
        max_length=8, choices=Severity, default=Severity.MODERATE, db_default=Severity.MODERATE.value
    )
    severity_reason = models.CharField("why so severe", max_length=200, blank=True, default="", db_default="")
    risk = models.FloatField("risk when opened", null=True, blank=True)
    diagnosis = models.ForeignKey(
        "telemetry.Diagnosis", models.SET_NULL, null=True, blank=True, related_name="incidents",
        help_text="How sure the cause is, told from what, and what else it may be.",
    )  # fmt: skip
    summary = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged")
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "charger", "cause"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="incident_one_open_per_site_charger_cause",
            ),
            models.CheckConstraint(
                name="incident_closes_after_opening",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
            models.CheckConstraint(name="incident_not_merged_into_itself", condition=~Q(merged_into=F("pk"))),
            models.CheckConstraint(
                name="incident_snoozed_for_a_reason", condition=Q(snoozed_until__isnull=True) | ~Q(snooze_reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.summary}"

    @cached_property
    def note(self):
        """The root-cause note that counts: the newest; None before there is one."""
        return self.notes.first()


class IncidentChange(models.Model):
    """What happened to an incident: who, when, what, and why."""

    class Kind(models.TextChoices):
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        SNOOZED = "snoozed", "Snoozed"
        WOKEN = "woken", "Woken"
        MERGED = "merged", "Merged"
        REPORTED = "reported", "Reported again"
        CLOSED = "closed", "Closed"

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.note}" if self.note else self.get_kind_display()
