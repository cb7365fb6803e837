from django.db import models
from django.db.models import F, Q

from stations.access import ScopedQuerySet
from telemetry.models import Cause


class IncidentQuerySet(ScopedQuerySet):
    def open(self):
        return self.filter(closed_at__isnull=True)


class Incident(models.Model):
    """Something is wrong with a site or charger, or about to be."""

    class Source(models.TextChoices):
        PREDICTION = "prediction", "Prediction"
        STATUS = "status", "Status report"
        PERSON = "person", "Person"

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="incidents")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="incidents", null=True, blank=True)
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.UNKNOWN)
    source = models.CharField(max_length=12, choices=Source)
    risk = models.FloatField("risk when opened", null=True, blank=True)
    diagnosis = models.ForeignKey(
        "telemetry.Diagnosis", models.SET_NULL, null=True, blank=True, related_name="incidents",
        help_text="How sure the cause is, told from what, and what else it may be.",
    )  # fmt: skip
    summary = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
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
        ]

    def __str__(self) -> str:
        return f"{self.summary}"
