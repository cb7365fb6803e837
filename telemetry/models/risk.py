"""What is expected to fail, and the models that say so."""

from django.db import models, transaction
from django.db.models import Q

from stations.access import ScopedQuerySet

from .sites import RiskLevel


class RiskModelQuerySet(models.QuerySet):
    def active(self, kind: str = "state_classifier"):
        """The model that scores now, or None."""
        return self.filter(kind=kind, state=RiskModel.State.ACTIVE).first()


class RiskModel(models.Model):
    """A trained model and where its file is; the file is loaded only if its hash is the one in this row."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"candidate": "in-use", "active": "available", "retired": "offline"}[self.value]

        @property
        def shape(self) -> str:
            return {"candidate": "■", "active": "●", "retired": "○"}[self.value]

    kind = models.CharField(max_length=30, default="state_classifier")
    state = models.CharField(max_length=10, choices=State, default=State.CANDIDATE)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    scikit_learn = models.CharField("scikit-learn", max_length=20)
    features = models.JSONField(default=list)
    rows = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    trained_at = models.DateTimeField()

    objects = RiskModelQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(state="active"), name="risk_model_one_active_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk} ({self.state})"

    def activate(self) -> None:
        """Let this model score from now on; the one that did so before is retired."""
        with transaction.atomic():
            type(self).objects.filter(kind=self.kind, state=self.State.ACTIVE).update(state=self.State.RETIRED)
            type(self).objects.filter(pk=self.pk).update(state=self.State.ACTIVE)
        self.state = self.State.ACTIVE


class RiskQuerySet(ScopedQuerySet):
    pass


class Risk(models.Model):
    """A site's risk at the moment it became critical, with the reason."""

    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="risks")
    at = models.DateTimeField(db_index=True)
    probability = models.FloatField("risk, 24 h")
    level = models.CharField(max_length=10, choices=RiskLevel)
    reason = models.CharField("why", max_length=200)
    model = models.ForeignKey(RiskModel, models.SET_NULL, null=True, blank=True, help_text="Empty: scored by the rule.")

    objects = RiskQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(name="risk_probability_0_to_1", condition=Q(probability__range=(0, 1)))]

    def __str__(self) -> str:
        return f"{self.site_id} {self.probability:.0%} at {self.at:%Y-%m-%d %H:%M}"
