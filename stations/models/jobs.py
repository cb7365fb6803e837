from django.conf import settings
from django.db import models
from django.db.models import Q


class Job(models.Model):
    """A long task: what it is, how far it is, how it ended. The row is the queue; the broker only carries its id."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"queued": "offline", "running": "in-use", "done": "available", "failed": "critical"}[self.value]

        @property
        def shape(self) -> str:
            return {"queued": "○", "running": "■", "done": "●", "failed": "▲"}[self.value]

    kind = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    parameters = models.JSONField(default=dict, blank=True)
    upload = models.FileField(upload_to="uploads/%Y/%m/", blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True, help_text="Empty while the amount of work is not known.")
    message = models.CharField(max_length=300, blank=True)
    result = models.JSONField(default=dict, blank=True)
    result_file = models.FileField(upload_to="results/%Y/%m/", blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["heartbeat_at"], name="job_unfinished", condition=Q(state__in=["queued", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    @property
    def percent(self) -> int | None:
        """How much is done, 0-100; None while the total is not known."""
        return min(100, 100 * self.done // self.total) if self.total else None
