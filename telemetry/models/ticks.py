"""The beat of the live network."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

SLOT_SECONDS = 10


class Tick(models.Model):
    """One beat of the network. Whoever inserts the slot does its work; everyone else finds the row and leaves."""

    slot = models.BigIntegerField(unique=True, help_text="floor(epoch seconds / 10)")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)
    sites = models.IntegerField(default=0)
    version = models.BigIntegerField(default=0)
    scorer = models.CharField(max_length=50, blank=True)
    milliseconds = models.JSONField(default=dict, blank=True, help_text="How long each phase took.")

    class Meta:
        ordering = ["-slot"]

    def __str__(self) -> str:
        return f"tick {self.slot}"


class SiteOverride(models.Model):
    """Somebody holds a simulated site under stress until a time; the tick obeys."""

    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="override_ends_after_start", condition=Q(ends_at__gte=F("starts_at")))
        ]
        indexes = [models.Index(fields=["ends_at"], name="override_by_end")]

    def __str__(self) -> str:
        return f"stress at {self.site_id}"


class WorldState(models.Model):
    """What the simulated world remembers between ticks. Nothing that scores may read it."""

    shard = models.IntegerField(unique=True)
    slot = models.BigIntegerField()
    blob = models.BinaryField()

    def __str__(self) -> str:
        return f"world shard {self.shard} at {self.slot}"
