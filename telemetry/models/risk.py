"""What is expected to fail, and where the past of each charger is kept for it."""

from django.db import models
from django.db.models import Q

from stations.access import ScopedQuerySet

from .model_versions import ModelVersion
from .sites import RiskLevel


class RiskQuerySet(ScopedQuerySet):
    pass


class Risk(models.Model):
    """A site's risk when its level changed, and each hour while it is above low, with the reasons."""

    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="risks")
    at = models.DateTimeField(db_index=True)
    probability = models.FloatField("risk, 24 h", help_text="The highest of its chargers.")
    p_any = models.FloatField("chance of any, 24 h", null=True, blank=True, help_text="That any of its chargers fails.")
    level = models.CharField(max_length=10, choices=RiskLevel)
    reason = models.CharField("why", max_length=200)
    charger = models.ForeignKey(
        "stations.Charger", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False,
        help_text="The charger whose risk it is. Empty: scored as a whole.",
    )  # fmt: skip
    features_hash = models.CharField(max_length=16, blank=True, default="", db_default="")
    model = models.ForeignKey(
        ModelVersion, models.SET_NULL, null=True, blank=True, help_text="Empty: scored by the rule."
    )

    objects = RiskQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(name="risk_probability_0_to_1", condition=Q(probability__range=(0, 1)))]

    def __str__(self) -> str:
        return f"{self.site_id} {self.probability:.0%} at {self.at:%Y-%m-%d %H:%M}"


class ChargerRiskQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"


class ChargerRisk(models.Model):
    """A charger's risk now. Written by `telemetry.live_risk` alone."""

    charger = models.OneToOneField("stations.Charger", models.CASCADE, primary_key=True, related_name="forecast")
    at = models.DateTimeField()
    probability = models.FloatField("risk, 24 h", null=True, help_text="Empty: it is out of order now.")
    reason = models.CharField("why", max_length=200, blank=True)
    model = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)

    objects = ChargerRiskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="charger_risk_0_to_1", condition=Q(probability__range=(0, 1))),
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} {self.probability:.0%}" if self.probability is not None else f"{self.charger_id}"


class PastOfChargers(models.Model):
    """The features of each charger's past, kept between ticks: one compact array per shard."""

    shard = models.IntegerField(unique=True)
    at = models.DateTimeField(help_text="Up to when the past is in it.")
    schema_hash = models.CharField(max_length=64)
    blob = models.BinaryField()

    def __str__(self) -> str:
        return f"past of shard {self.shard} up to {self.at:%Y-%m-%d %H:%M}"
