from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

CLAIM = timedelta(seconds=60)
BACKOFF = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800)]
ATTEMPTS = len(BACKOFF) + 1


class OutboxQuerySet(models.QuerySet):
    def waiting(self):
        """Rows that are neither carried out nor given up."""
        return self.filter(done_at__isnull=True, dead_at__isnull=True)

    def bury_abandoned(self, now: datetime) -> int:
        """Give up the rows whose last attempt ended with the death of its process."""
        abandoned = self.waiting().filter(attempts__gte=ATTEMPTS, claimed_at__lte=now - CLAIM)
        return abandoned.update(dead_at=now, last_error="The process stopped in the middle of the last attempt.")

    @transaction.atomic
    def claim_next(self, now: datetime) -> "Outbox | None":
        """Take the row that has been due longest and is nobody else's; its attempt counts from here on.

        A claim that is a minute old is void, because whoever made it has died.
        """
        due = self.waiting().filter(Q(claimed_at__isnull=True) | Q(claimed_at__lte=now - CLAIM), due_at__lte=now)
        row = due.select_for_update(skip_locked=True).order_by("due_at", "id").first()
        if row is None:
            return None
        row.attempts, row.claimed_at = row.attempts + 1, now
        row.save(update_fields=["attempts", "claimed_at"])
        return row


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

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "outbox"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="outbox_due", condition=Q(done_at__isnull=True, dead_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.idempotency_key}"

    def note_delivery(self, at: datetime) -> int:
        """It was carried out: 1, or 0 if this claim had become void and somebody else did it first."""
        return Outbox.objects.waiting().filter(pk=self.pk).update(done_at=at, claimed_at=None, last_error="")

    def note_failure(self, error: Exception, at: datetime) -> None:
        """It failed: try again after a pause, or give up after the last attempt."""
        values = {"claimed_at": None, "last_error": f"{type(error).__name__}: {error}".replace("\0", "")[:2000]}
        if self.attempts >= ATTEMPTS:
            values["dead_at"] = at
        else:
            values["due_at"] = at + BACKOFF[self.attempts - 1]
        Outbox.objects.waiting().filter(pk=self.pk, claimed_at=self.claimed_at).update(**values)
