"""What failures were caused by, as far as the machine can tell, and groups of failures for people to name."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from stations.access import ScopedQuerySet
from telemetry.risk.taxonomy import REPAIR_OF, Repair

from .causes import Cause
from .model_versions import ModelVersion

_ROWS_AT_ONCE = 2_000


class DiagnosisQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def record(self, kind: str, charger_ids, seconds, diagnoses, model: ModelVersion | None) -> list["Diagnosis"]:
        """Keep diagnoses (a risk.cause_classifier.Diagnoses) of failures of chargers (ids) at seconds since 1970.

        One that is known for the same charger, kind and time is replaced.
        """
        rows = [
            Diagnosis(
                charger_id=int(charger),
                kind=kind,
                at=datetime.fromtimestamp(int(second), UTC),
                cause=str(diagnoses.cause[row]),
                confidence=float(diagnoses.confidence[row]),
                others=diagnoses.others(row),
                evidence=diagnoses.evidence[row][:300],
                model=model,
            )
            for row, (charger, second) in enumerate(zip(charger_ids, seconds, strict=True))
        ]
        return self.bulk_create(
            rows,
            batch_size=_ROWS_AT_ONCE,
            update_conflicts=True,
            unique_fields=["charger", "kind", "at"],
            update_fields=["cause", "confidence", "others", "evidence", "model"],
        )

    def of_outages(self, starts: dict[int, datetime]) -> dict[int, "Diagnosis"]:
        """The diagnosis of the outage of each charger (id) that began at its time, as far as there is one."""
        found = self.filter(kind=Diagnosis.Kind.HAPPENED, charger__in=starts, at__in=set(starts.values()))
        return {one.charger_id: one for one in found if one.at == starts[one.charger_id]}


class Diagnosis(models.Model):
    """The root cause of an outage, or of one that is expected: how sure, told from what, and what else it may be."""

    class Kind(models.TextChoices):
        HAPPENED = "happened", "Outage"
        EXPECTED = "expected", "Expected failure"

    charger = models.ForeignKey("stations.Charger", models.CASCADE, related_name="diagnoses", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    at = models.DateTimeField(db_index=True, help_text="When the outage began, or when it was expected.")
    cause = models.CharField(max_length=20, choices=Cause, help_text="Unknown: no cause is likelier than not.")
    confidence = models.FloatField(help_text="Of the likeliest cause.")
    others = models.JSONField("likeliest causes", default=list, help_text="The three likeliest, each with its chance.")
    evidence = models.CharField(max_length=300)
    model = models.ForeignKey(ModelVersion, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)

    objects = DiagnosisQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "diagnoses"
        constraints = [
            models.UniqueConstraint(fields=["charger", "kind", "at"], name="diagnosis_once_per_charger_kind_and_time"),
            models.CheckConstraint(name="diagnosis_confidence_0_to_1", condition=Q(confidence__range=(0, 1))),
        ]

    def __str__(self) -> str:
        return f"{self.get_cause_display()} ({self.confidence:.0%})"

    @property
    def likeliest(self) -> list[tuple[str, float]]:
        """What the likeliest causes are called, each with its chance."""
        return [(Cause(cause).label, chance) for cause, chance in self.others if cause in Cause.values]

    @property
    def repair(self) -> Repair | None:
        """The part, skill and minutes that its likeliest cause takes; None where nothing is known."""
        return REPAIR_OF.get(self.others[0][0]) if self.others else None


class CauseGroupQuerySet(models.QuerySet):
    def replace(self, model: ModelVersion, lines: list[dict]) -> None:
        """Keep the groups that were found with a model: lines of the report's `groups`."""
        self.bulk_create(
            CauseGroup(
                model=model, number=line["number"], size=line["size"], name=line["name"][:120], lifts=line["lifts"],
                likely_cause=line.get("cause", ""), likely_share=line.get("share"), labelled=line["labelled"],
            )
            for line in lines
        )  # fmt: skip


class CauseGroup(models.Model):
    """Failures that resemble each other, found without labels; a person says what they are."""

    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="groups", help_text="Found in its training.")
    number = models.SmallIntegerField()
    size = models.IntegerField("failures")
    name = models.CharField(max_length=120, help_text="What is more frequent in it than elsewhere.")
    lifts = models.JSONField(default=dict, help_text="How many times as frequent as elsewhere.")
    likely_cause = models.CharField(max_length=20, choices=Cause, blank=True, help_text="What was found most often.")
    likely_share = models.FloatField("share of what was found", null=True, blank=True)
    labelled = models.IntegerField("with a cause found", default=0)
    confirmed_cause = models.CharField(
        max_length=20, choices=Cause, blank=True, help_text="What a person says that it is. Unknown: none of these."
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CauseGroupQuerySet.as_manager()

    class Meta:
        ordering = ["-model", "number"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="cause_group_once_per_model")]

    def __str__(self) -> str:
        return f"group {self.number} of model {self.model_id}: {self.name}"
