"""The surge policies in force and those that were: editing one makes a new version, and the old stays."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Exists, F, Q
from django.utils import timezone

from stations.access import ScopedQuerySet

from ..policy import SHIPPED, Policy

_SHARE = [MinValueValidator(0), MaxValueValidator(1)]
_NOT_NEGATIVE = [MinValueValidator(0)]
_TIMES = [MinValueValidator(1), MaxValueValidator(10)]  # a slip of the finger is no policy
_AT_MOST_TENFOLD = [MinValueValidator(0), MaxValueValidator(9)]
A_DAY = [MaxValueValidator(86_400)]  # the loop looks back two days, for what rests
NOT_STORED = ("id",)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # shipped policies have always been there


def own_or_for_all(user) -> Q:
    """Rows of the operators of which `user` is a member and, to whoever is a member anywhere, rows for all."""
    operators = user.memberships.values("operator_id")
    return Q(operator__in=operators) | Q(operator=None) & Exists(operators)


class SurgePolicyQuerySet(ScopedQuerySet):
    operator_path = "operator"

    def visible_to(self, user):
        """The policies of the operators of which `user` is a member, and to members those that are for all."""
        if not user.is_active or user.is_superuser:
            return super().visible_to(user)
        return self.filter(own_or_for_all(user))

    def in_force(self, at: datetime) -> list["SurgePolicy"]:
        """The versions whose period holds `at` and that are for somebody, the most special last."""
        self.ensure_shipped()
        valid = self.filter(Q(valid_until=None) | Q(valid_until__gt=at), valid_from__lte=at)
        rows = list(valid.exclude(applies_to=SurgePolicy.For.NOBODY).prefetch_related("sites").order_by("pk"))
        return sorted(rows, key=lambda policy: policy.rank)

    def ensure_shipped(self) -> None:
        """See to it that there is a first version of each policy that Sntry ships."""
        known = set(self.filter(operator=None).values_list("name", flat=True))
        used_by = {"original": SurgePolicy.For.SIMULATED, "guarded": SurgePolicy.For.REAL}
        rows = []
        for name in SHIPPED.keys() - known:
            numbers = {key: value for key, value in vars(SHIPPED[name]).items() if key not in NOT_STORED}
            applies_to = used_by.get(name, SurgePolicy.For.NOBODY)
            rows.append(SurgePolicy(**numbers, applies_to=applies_to, valid_from=BEGINNING))
        self.bulk_create(sorted(rows, key=lambda row: row.name), ignore_conflicts=True)

    def assigned(self, rows: list["SurgePolicy"], site, operator, is_simulated) -> np.ndarray:
        """Index into `rows` of the policy of each site, -1 for none; the most special one counts."""
        chosen = np.full(len(site), -1)
        for number, policy in enumerate(rows):
            chosen[policy.covers(site, operator, is_simulated)] = number
        return chosen


class SurgePolicy(models.Model):
    """One version of a policy. Changes point at the version that made them, so a version never changes."""

    class For(models.TextChoices):
        NOBODY = "nobody", "Nobody: kept for the record and the lab"
        SIMULATED = "simulated", "All simulated operators"
        REAL = "real", "All real operators"
        OPERATOR = "operator", "One operator"

    class Mode(models.TextChoices):
        AUTONOMOUS = "autonomous", "Autonomous: acts by itself"
        ADVISORY = "advisory", "Advisory: proposes, somebody approves"

    class Trigger(models.TextChoices):
        HEAT = "heat", "Heat in the cabinet or derating; risk where neither is known"
        RISK = "risk", "Risk"

    name = models.SlugField(max_length=30)
    version = models.PositiveIntegerField(default=1, editable=False)
    applies_to = models.CharField("for", max_length=10, choices=For, default=For.NOBODY)
    operator = models.ForeignKey("stations.Operator", models.PROTECT, null=True, blank=True, related_name="policies")
    sites = models.ManyToManyField(
        "stations.Site", blank=True, related_name="policies", help_text="Empty: all sites of the operator."
    )
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Empty: until further notice.")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.ADVISORY)

    trigger = models.CharField(max_length=4, choices=Trigger, default=Trigger.HEAT)
    heat_on_c = models.FloatField("heat, on above (°C)", default=58)
    heat_off_c = models.FloatField("heat, off below (°C)", default=50)
    derated_on = models.FloatField("power lost to heat, on above (0-1)", default=0.15, validators=_SHARE)
    derated_off = models.FloatField("power lost to heat, off below (0-1)", default=0.05, validators=_SHARE)
    risk_on = models.FloatField("risk, on above (0-1)", default=0.6, validators=_SHARE)
    risk_off = models.FloatField("risk, off below (0-1)", default=0.4, validators=_SHARE)

    multiplier = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal("1.75"), validators=_TIMES)
    cap_share = models.DecimalField("cap above base (share)", max_digits=6, decimal_places=4, default=Decimal("0.75"),
                                    validators=_AT_MOST_TENFOLD)  # fmt: skip
    cap_amount = models.DecimalField(
        "cap above base (money)", max_digits=8, decimal_places=4, null=True, blank=True, validators=_NOT_NEGATIVE
    )
    discount = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal("0.70"), validators=_SHARE)
    floor_share = models.DecimalField("floor below base (share)", max_digits=6, decimal_places=4,
                                      default=Decimal("0.30"), validators=_SHARE)  # fmt: skip
    marginal_cost = models.DecimalField(
        max_digits=8, decimal_places=4, default=0, validators=_NOT_NEGATIVE, help_text="No discount goes below it."
    )
    discount_budget = models.DecimalField(
        "discount budget per operator and day", max_digits=10, decimal_places=2, null=True, blank=True,
        validators=_NOT_NEGATIVE, help_text="Estimated cost, in the operator's currency. Empty: no limit.",
    )  # fmt: skip
    approval_above = models.DecimalField(
        "approval for rises above (share)", max_digits=6, decimal_places=4, null=True, blank=True,
        validators=_NOT_NEGATIVE,
    )  # fmt: skip

    neighbour_below = models.FloatField("neighbour below utilization (0-1)", default=0.6, validators=_SHARE)
    neighbour_risk_below = models.FloatField("neighbour below risk (0-1)", default=0.4, validators=_SHARE)
    neighbour_rise = models.FloatField("expected rise of its load (share)", default=0.3, validators=_NOT_NEGATIVE)
    neighbour_full = models.FloatField("expected load at most (0-1)", default=0.8, validators=_SHARE)
    neighbour_power = models.FloatField("its power at least (share)", default=0.5, validators=_NOT_NEGATIVE)
    radius_km = models.FloatField("radius (km)", default=25, validators=_NOT_NEGATIVE)
    same_operator = models.BooleanField("neighbours of the same operator only", default=False)
    needs_alternative = models.BooleanField("no surge without an alternative near", default=False)

    shortest_seconds = models.PositiveIntegerField("minimum dwell (s)", default=60)
    longest_seconds = models.PositiveIntegerField("longest surge (s)", default=1800, validators=[MinValueValidator(1)])
    cool_down_seconds = models.PositiveIntegerField("cool-down (s)", default=300, validators=A_DAY)
    changes_per_day = models.PositiveIntegerField("surges per day", null=True, blank=True, help_text="Empty: no limit.")
    surge_seconds_per_day = models.PositiveIntegerField("surge seconds per day", null=True, blank=True)
    notice_seconds = models.PositiveIntegerField("notice (s)", default=0, help_text="Before a price rises.")
    power_share = models.DecimalField("power allowed while stressed (share)", max_digits=4, decimal_places=3,
                                      default=1, validators=_SHARE)  # fmt: skip
    price_after_seconds = models.PositiveIntegerField("limit power alone for (s)", default=0)

    objects = SurgePolicyQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-version"]
        verbose_name_plural = "surge policies"
        constraints = [
            models.UniqueConstraint(
                fields=["name", "operator", "version"], name="surge_policy_version_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="surge_policy_operator_where_it_is_for_one",
                condition=Q(applies_to="operator", operator__isnull=False)
                | ~Q(applies_to="operator") & (Q(operator__isnull=True) | Q(applies_to="nobody")),
                violation_error_message="Choose an operator exactly where the policy is for one operator.",
            ),
            models.CheckConstraint(
                name="surge_policy_ends_below_where_it_begins",
                condition=Q(heat_off_c__lte=F("heat_on_c"), risk_off__lte=F("risk_on"))
                & Q(derated_off__lte=F("derated_on")),
                violation_error_message="What ends a surge must not lie above what begins it.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def rank(self) -> int:
        """How special it is: one for some sites goes before one for an operator, and that before one for all."""
        if self.applies_to != self.For.OPERATOR:
            return 0
        return 2 if self.sites.all() else 1

    @property
    def numbers(self) -> Policy:
        """The same as the engine's own row."""
        return Policy(**{each.name: getattr(self, each.name) for each in fields(Policy) if hasattr(self, each.name)})

    def covers(self, site: np.ndarray, operator: np.ndarray, is_simulated: np.ndarray) -> np.ndarray:
        """Which sites (ids) of which operators (ids) it is for."""
        if self.applies_to == self.For.OPERATOR:
            listed = [each.pk for each in self.sites.all()]
            return (operator == self.operator_id) & (np.isin(site, listed) if listed else True)
        return is_simulated if self.applies_to == self.For.SIMULATED else ~is_simulated

    def clean(self) -> None:
        if self.surge_seconds_per_day is not None and self.surge_seconds_per_day < self.shortest_seconds:
            raise ValidationError({"surge_seconds_per_day": "A day must have room for one surge of the minimum dwell."})
        if self.longest_seconds < self.shortest_seconds:
            raise ValidationError({"longest_seconds": "The longest surge must not be shorter than the minimum dwell."})
        if self.valid_until is not None and self.valid_until <= max(self.valid_from, timezone.now()):
            raise ValidationError({"valid_until": "A policy must end after it begins, and not in the past."})

    @transaction.atomic
    def save_as_new_version(self, at: datetime) -> None:
        """Store this as the next version, from `valid_from` on but not before `at`.

        The version before it holds until then, so that there is always one, and stays as it was; one that is planned
        for when this has ended stays planned.
        """
        same = SurgePolicy.objects.select_for_update(no_key=True).filter(name=self.name, operator=self.operator)
        last = same.order_by("-version").first()
        self.version, self.valid_from = (last.version + 1 if last else 1), max(self.valid_from, at)
        same = same if self.valid_until is None else same.filter(valid_from__lt=self.valid_until)
        same.filter(Q(valid_until=None) | Q(valid_until__gt=self.valid_from)).update(valid_until=self.valid_from)
        self.pk, self._state.adding = None, True
        self.save(force_insert=True)
