from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Sum


class AssistantCallQuerySet(models.QuerySet):
    def tokens_since(self, moment) -> int:
        """Tokens that questions have cost since `moment`, failed ones included."""
        used = self.filter(asked_at__gte=moment).aggregate(i=Sum("tokens_in"), o=Sum("tokens_out"))
        return (used["i"] or 0) + (used["o"] or 0)

    def drop_old(self, at: datetime) -> int:
        """Drop what is older than EVENT_DAYS; returns how many."""
        return self.filter(asked_at__lt=at - timedelta(days=settings.EVENT_DAYS)).delete()[0]


class AssistantCall(models.Model):
    """One question to a language model: what it took and whether its answer was shown. Not what was asked or said."""

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField(db_index=True)
    was_shown = models.BooleanField(default=False)
    failure = models.CharField("why it was not shown", max_length=200, blank=True)
    model = models.CharField("language model", max_length=80)
    prompt_hash = models.CharField(max_length=64, blank=True)
    latency_ms = models.IntegerField("latency (ms)", null=True, blank=True)
    tokens_in = models.IntegerField(null=True, blank=True)
    tokens_out = models.IntegerField(null=True, blank=True)
    cost = models.DecimalField(
        "cost ($)", max_digits=10, decimal_places=6, null=True, blank=True, help_text="Empty: the prices are not set."
    )

    objects = AssistantCallQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="assistant_call_shown_or_failed",
                condition=models.Q(was_shown=True, failure="") | (models.Q(was_shown=False) & ~models.Q(failure="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} {'answered' if self.was_shown else f'was not shown: {self.failure}'}"
