"""The registry of trained models: what each was made of, how it did, and which of them scores."""

from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q


class ModelVersionQuerySet(models.QuerySet):
    def of(self, kind: str, level: str = "", horizon_hours: int | None = None):
        """The versions of one kind; of one level and horizon where these are given."""
        versions = self.filter(kind=kind)
        if level:
            versions = versions.filter(level=level)
        return versions if horizon_hours is None else versions.filter(horizon_hours=horizon_hours)

    def active(self, kind: str = "state_classifier", level: str = "", horizon_hours: int | None = None):
        """The version that scores now, or None."""
        return self.of(kind, level, horizon_hours).filter(state=ModelVersion.State.ACTIVE).order_by("-pk").first()


class ModelVersion(models.Model):
    """A trained model: what it was made of, how it did, and where its file is.

    The file is loaded only if its hash is the one in this row; see telemetry/model_registry.py.
    """

    class Kind(models.TextChoices):
        FORECAST = "forecast", "Forecast"
        STATE_CLASSIFIER = "state_classifier", "State classifier"
        CAUSES = "causes", "Root causes"

    class Level(models.TextChoices):
        CHARGER = "charger", "Charger"
        SITE = "site", "Site"

    class State(models.TextChoices):
        CANDIDATE = "candidate", "Candidate"
        SHADOW = "shadow", "Shadow"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"candidate": "in-use", "shadow": "watch", "active": "available", "retired": "offline"}[self.value]

        @property
        def shape(self) -> str:
            return {"candidate": "■", "shadow": "◆", "active": "●", "retired": "○"}[self.value]

    kind = models.CharField(max_length=30, choices=Kind, default=Kind.STATE_CLASSIFIER)
    level = models.CharField(max_length=10, choices=Level, default=Level.SITE, db_default="site")
    horizon_hours = models.SmallIntegerField(
        "horizon (h)", default=0, db_default=0, help_text="0: it tells the present, not the future."
    )
    state = models.CharField(
        max_length=10, choices=State, default=State.CANDIDATE,
        help_text="Shadow: passed the gate and stands by for the active one.",
    )  # fmt: skip
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    scikit_learn = models.CharField("scikit-learn", max_length=20)
    code_version = models.CharField(max_length=60, blank=True, default="", db_default="")
    features = models.JSONField(default=list)
    feature_types = models.JSONField(default=list, blank=True, help_text="Empty: all are float32.")
    schema_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    data_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    ranges = models.JSONField(default=dict, blank=True, help_text="Times of training, calibration and test.")
    rows = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    thresholds = models.JSONField(default=dict, blank=True)
    trained_at = models.DateTimeField()
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Empty: the gate did.",
    )  # fmt: skip
    reason = models.CharField(max_length=300, blank=True, default="", db_default="", help_text="Why it has this state.")

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "model"
        permissions = [("promote_modelversion", "Can decide which model scores")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "level", "horizon_hours"],
                condition=Q(state="active"),
                name="model_version_one_active_per_kind_level_and_horizon",
            )
        ]

    def __str__(self) -> str:
        ahead = f", {self.horizon_hours} h" if self.horizon_hours else ""
        return f"{self.get_kind_display()}{ahead} #{self.pk} ({self.state})"

    @property
    def may_score(self) -> bool:
        """Whether a tick can score by it. The chance that any port of a site fails is no risk to act on: thresholds are
        made for the riskiest charger."""
        return not (self.kind == self.Kind.FORECAST and self.level == self.Level.SITE)

    def activate(self, at: datetime | None = None, by=None, reason: str = "") -> None:
        """Let this version score from now on; the one that did so before is retired."""
        with transaction.atomic():
            rivals = type(self).objects.of(self.kind, self.level, self.horizon_hours).exclude(pk=self.pk)
            rivals.filter(state=self.State.ACTIVE).update(state=self.State.RETIRED)
            self.state, self.promoted_at, self.promoted_by, self.reason = self.State.ACTIVE, at, by, reason[:300]
            self.save(update_fields=["state", "promoted_at", "promoted_by", "reason"])

    def put(self, state: str, reason: str = "") -> None:
        """Give it another state than active, and say why."""
        if state == self.State.ACTIVE:
            raise ValueError("only `activate` makes a version active")
        self.state, self.reason = state, reason[:300]
        self.save(update_fields=["state", "reason"])
