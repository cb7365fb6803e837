from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Min, Q

CLAIM = timedelta(seconds=60)
BACKOFF = [timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800)]
ATTEMPTS = len(BACKOFF) + 1
# What goes to systems of others, which may be away for a night.
PATIENT_BACKOFF = [*BACKOFF, *(timedelta(hours=hours) for hours in (2, 6, 12))]
PATIENT_ATTEMPTS = len(PATIENT_BACKOFF) + 1


class OutboxQuerySet(models.QuerySet):
    def waiting(self):
        """Rows that are neither carried out nor given up."""
        return self.filter(done_at__isnull=True, dead_at__isnull=True)

    def bury_abandoned(self, now: datetime) -> int:
        """Give up the rows whose last attempt ended with the death of its process."""
        spent = Q(lane="", attempts__gte=ATTEMPTS) | Q(attempts__gte=PATIENT_ATTEMPTS)
        abandoned = self.waiting().filter(spent, claimed_at__lte=now - CLAIM)
        return abandoned.update(dead_at=now, last_error="The process stopped in the middle of the last attempt.")

    def due(self, now: datetime):
        """Rows that somebody may take now."""
        free = Q(claimed_at__isnull=True) | Q(claimed_at__lte=now - CLAIM)
        return self.waiting().filter(free, due_at__lte=now)

    def due_lanes(self, now: datetime) -> list[str]:
        """The lanes in which something is due, the one that has waited longest first."""
        lanes = self.due(now).exclude(lane="").values_list("lane").annotate(first=Min("due_at")).order_by("first")
        return [lane for lane, _ in lanes]

    def drop_old(self, before: datetime) -> None:
        """Forget what was carried out or given up before that."""
        self.filter(Q(done_at__lt=before) | Q(dead_at__lt=before)).delete()

    @transaction.atomic
    def claim_next(self, now: datetime, lane: str = "") -> "Outbox | None":
        """Take the row of a lane that has been due longest and is nobody else's; its attempt counts from here on.

        A claim that is a minute old is void, because whoever made it has died.
        """
        row = self.due(now).filter(lane=lane).select_for_update(skip_locked=True).order_by("due_at", "id").first()
        if row is None:
            return None
        row.attempts, row.claimed_at = row.attempts + 1, now
        row.save(update_fields=["attempts", "claimed_at"])
        return row


class Outbox(models.Model):
    """A side effect to be carried out after the transaction that asked for it, once per idempotency key."""

    kind = models.CharField(max_length=50)
    idempotency_key = models.CharField(max_length=200, unique=True)
    lane = models.CharField(
        max_length=30, blank=True, default="", db_default="",
        help_text="Of a receiver outside, which is tried for a day and holds up nobody else.",
    )  # fmt: skip
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
        pauses = PATIENT_BACKOFF if self.lane else BACKOFF
        if self.attempts > len(pauses):
            values["dead_at"] = at
        else:
            values["due_at"] = at + pauses[self.attempts - 1]
        Outbox.objects.waiting().filter(pk=self.pk, claimed_at=self.claimed_at).update(**values)
