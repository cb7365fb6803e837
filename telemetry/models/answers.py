from collections.abc import Iterable
from datetime import date

from django.db import connection, models
from django.db.models import Sum

_GATHER = """
WITH gone AS (DELETE FROM telemetry_latechange RETURNING kind, operator_id, day, changes)
INSERT INTO telemetry_latechange (kind, operator_id, day, changes)
SELECT kind, operator_id, day, sum(changes) FROM gone GROUP BY kind, operator_id, day
"""


class ReliabilityAnswer(models.Model):
    """What a question of the reliability pages got: kept until what it was made of changes."""

    question = models.CharField(max_length=20)
    key = models.CharField(max_length=64, unique=True, help_text="Of the question and what it was asked of.")
    scope = models.JSONField()
    input_version = models.CharField(max_length=100, help_text="Of the rows that it was made of.")
    answer = models.JSONField()
    seconds = models.FloatField("took (s)")
    computed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-computed_at"]

    def __str__(self) -> str:
        return f"{self.question} of {self.computed_at:%Y-%m-%d %H:%M}"


class LateChangeQuerySet(models.QuerySet):
    def count_of(self, kinds: Iterable[str], first: date, end: date, operators: Iterable[int] | None) -> list[tuple]:
        """(kind, how often rows of days in [first, end) were changed after their day), of operators (None: all)."""
        rows = self.filter(kind__in=list(kinds), day__gte=first, day__lt=end)
        if operators is not None:
            rows = rows.filter(operator__in=list(operators))
        return list(rows.order_by("kind").values_list("kind").annotate(Sum("changes")))

    def gather(self) -> None:
        """One row for each kind, operator and day: the counts stay what they are."""
        with connection.cursor() as cursor:
            cursor.execute(_GATHER)


class LateChange(models.Model):
    """Rows of a day that was over were written, changed or deleted. Only triggers of the database write it (0012)."""

    class Kind(models.TextChoices):
        REPORTS = "reports"
        SESSIONS = "sessions"
        READINGS = "readings"

    kind = models.CharField(max_length=10)
    operator = models.ForeignKey("stations.Operator", models.CASCADE, related_name="+", db_index=False)
    day = models.DateField(help_text="Of the rows (UTC).")
    changes = models.BigIntegerField()

    objects = LateChangeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="late_change_by_day")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.day}"
