"""What has changed that partners may want to know, noted by the database in the transaction that changed it."""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from django.db import connection, models
from django.db.models.functions import Now

# Whoever takes rows deletes them in the transaction that queues the messages, so that none is lost or told twice.
TAKE = """
DELETE FROM stations_partnernews WHERE id IN (
    SELECT id FROM stations_partnernews WHERE due_at <= %s ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING kind, row_id, is_new, noted_at
"""


class Noted(NamedTuple):
    """A row that has changed: whether it is a new one, and when that was first noted and last."""

    is_new: bool
    first_at: datetime
    last_at: datetime


class PartnerNewsQuerySet(models.QuerySet):
    def take(self, now: datetime, most: int) -> tuple[dict[str, dict[int, Noted]], int]:
        """Take what is due out of the table, as kind -> row -> what is noted of it, and how many rows that were."""
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [now, most])
            rows = cursor.fetchall()
        found: dict[str, dict[int, Noted]] = defaultdict(dict)
        for kind, row, is_new, at in rows:
            known = found[kind].get(row, Noted(False, at, at))
            found[kind][row] = Noted(known.is_new or is_new, min(known.first_at, at), max(known.last_at, at))
        return found, len(rows)


class PartnerNews(models.Model):
    """A row that has changed. Written by triggers while somebody listens, and deleted by whoever tells of it.

    Because it is of the transaction of the change itself, nothing is missed, however late that is committed.
    """

    kind = models.CharField(max_length=10, help_text="Of the row: site, charger, status, session, bill, price, ...")
    row_id = models.BigIntegerField()
    is_new = models.BooleanField(default=False, db_default=False)
    noted_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), db_index=True, help_text="Prices begin and end by themselves.")

    objects = PartnerNewsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "partner news"

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"
