"""What was answered to requests that may come twice, so that they count once."""

from datetime import datetime, timedelta

from django.db import models, transaction

KEPT = timedelta(hours=24)


class AnsweredRequestQuerySet(models.QuerySet):
    @transaction.atomic
    def claim(self, caller: str, key: str, request_hash: str, now: datetime) -> tuple["AnsweredRequest", bool]:
        """The row of this caller and key, and whether it is the caller's to work on now, which begins with `hold`.

        One that nobody holds has no answer because whoever worked on it has died: it is free for the next.
        """
        values = {"request_hash": request_hash, "asked_at": now}
        row, is_new = self.get_or_create(caller=caller, key=key, defaults=values)
        if is_new:
            return row, True
        free = self.select_for_update(skip_locked=True).filter(pk=row.pk).first()
        if free is None:
            return row, False
        is_over = free.status is None or free.asked_at <= now - KEPT
        if is_over:
            free.request_hash, free.asked_at, free.status, free.body = request_hash, now, None, b""
            free.save()
        return free, is_over

    def hold(self, row: "AnsweredRequest") -> bool:
        """Lock a claimed row until the caller's transaction ends; False if somebody else has taken it in between.

        The lock, which ends with the connection, is what tells work under way from work whose process has died.
        """
        return self.select_for_update().filter(pk=row.pk, asked_at=row.asked_at, status=None).first() is not None

    def drop_unanswered(self, row: "AnsweredRequest") -> None:
        """Forget a claim whose work has failed, unless somebody else has taken it meanwhile: theirs may be answered."""
        self.filter(pk=row.pk, asked_at=row.asked_at, status=None).delete()

    def drop_old(self, now: datetime) -> int:
        """Delete what is older than a day; returns how many."""
        return self.filter(asked_at__lte=now - KEPT).delete()[0]


class AnsweredRequest(models.Model):
    """A request with an Idempotency-Key, and its answer once there is one; kept for a day."""

    caller = models.CharField(max_length=40, help_text="The partner or person, such as partner:3.")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64, help_text="Of method, address and body.")
    asked_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty: it is being worked on.")
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(default=b"")

    objects = AnsweredRequestQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="answered_once_per_caller_and_key")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}: {self.status or 'in flight'}"
