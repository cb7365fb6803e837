from django.db import models
from django.db.models import Q


class Outbox(models.Model):
    """A side effect to be carried out after the transaction that asked for it, once per idempotency key."""

    kind = models.CharField(max_length=50)
    idempotency_key = models.CharField(max_length=200, unique=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True, help_text="Given up after the last attempt.")
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "outbox"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="outbox_due", condition=Q(done_at__isnull=True, dead_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.idempotency_key}"
