from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import OuterRef, Q, Subquery, Sum
from django.utils import timezone

from stations.access import ScopedQuerySet
from telemetry.models import Cause


class RootCauseNoteQuerySet(ScopedQuerySet):
    operator_path = "incident__site__operator"

    def current(self):
        """The newest note of each incident: the one that is shown."""
        newest = self.model.objects.filter(incident=OuterRef("incident")).order_by("-pk").values("pk")[:1]
        return self.filter(pk=Subquery(newest))

    def drop_old(self, at: datetime) -> int:
        """Drop what was written more than EVENT_DAYS ago about incidents that are closed; returns how many."""
        oldest = at - timedelta(days=settings.EVENT_DAYS)
        return self.filter(made_at__lt=oldest, incident__closed_at__lt=oldest).delete()[0]

    def tokens_since(self, moment) -> int:
        """Tokens that notes have cost since `moment`, failed ones included."""
        used = self.filter(made_at__gte=moment).aggregate(i=Sum("tokens_in"), o=Sum("tokens_out"))
        return (used["i"] or 0) + (used["o"] or 0)


class RootCauseNote(models.Model):
    """What is probably wrong and what to do, in words, for people. Nothing in Sntry acts on a note.

    Rows are added, never changed; the newest of an incident counts.
    """

    class Source(models.TextChoices):
        RULES = "rules", "By rule"
        GEMINI = "gemini", "AI, unverified"

    incident = models.ForeignKey("maintenance.Incident", models.CASCADE, related_name="notes")
    source = models.CharField(max_length=6, choices=Source)
    summary = models.CharField(max_length=400)
    cause = models.CharField(max_length=20, choices=Cause)
    confidence = models.FloatField(null=True, blank=True, help_text="Of the cause. Empty: nobody has worked it out.")
    evidence = models.JSONField(default=list, help_text="Each with the id of a fact and what it speaks for.")
    facts = models.JSONField(default=list, help_text="What was known then: id, kind and text of each.")
    parts = models.JSONField(default=list)
    steps = models.JSONField(default=list)
    safety = models.CharField("safety warning", max_length=300, help_text="From our own table, whoever wrote the rest.")
    more_safety = models.CharField("the model's own warning", max_length=250, blank=True)
    failure = models.CharField(
        "why no AI note", max_length=200, blank=True, help_text="Why a rule wrote it and not Gemini."
    )
    model = models.CharField("language model", max_length=80, blank=True)
    prompt_hash = models.CharField(max_length=64, blank=True)
    latency_ms = models.IntegerField("latency (ms)", null=True, blank=True)
    tokens_in = models.IntegerField(null=True, blank=True)
    tokens_out = models.IntegerField(null=True, blank=True)
    cost = models.DecimalField(
        "cost ($)", max_digits=10, decimal_places=6, null=True, blank=True, help_text="Empty: the prices are not set."
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = RootCauseNoteQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "root-cause note"
        constraints = [
            models.CheckConstraint(
                name="note_confidence_0_to_1",
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0, confidence__lte=1),
            ),
            models.CheckConstraint(
                name="note_by_gemini_names_its_model",
                condition=Q(source="rules") | (Q(source="gemini", failure="") & ~Q(model="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()}: {self.summary}"

    @property
    def is_unverified(self) -> bool:
        return self.source == self.Source.GEMINI

    @property
    def percent(self) -> int | None:
        """How sure it is, in whole percents."""
        return None if self.confidence is None else round(100 * self.confidence)

    @property
    def cited(self) -> list[dict[str, str]]:
        """The facts that it cites, each with what it is said to speak for."""
        texts = {fact["id"]: fact["text"] for fact in self.facts}
        return [
            {"id": line["fact"], "text": texts[line["fact"]], "why": line["why"]}
            for line in self.evidence
            if line["fact"] in texts
        ]

    @staticmethod
    def cost_of(tokens_in: int, tokens_out: int) -> Decimal | None:
        """Dollars for so many tokens, by the setting GEMINI_PRICES; None where it is not set."""
        if len(settings.GEMINI_PRICES) != 2:
            return None
        price_in, price_out = map(Decimal, settings.GEMINI_PRICES)
        return ((tokens_in * price_in + tokens_out * price_out) / 1_000_000).quantize(Decimal("0.000001"))
