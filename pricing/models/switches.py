"""Switches: prices that must not be touched, of one operator or of all, for a reason that somebody gives."""

from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Q

from stations.access import ScopedQuerySet

from .policies import own_or_for_all


class PricingStopQuerySet(ScopedQuerySet):
    operator_path = "operator"

    def visible_to(self, user):
        """The switches of the operators of which `user` is a member, and to members those that are for all."""
        if not user.is_active or user.is_superuser:
            return super().visible_to(user)
        return self.filter(own_or_for_all(user))

    def in_force(self, at: datetime):
        """Switches that stop prices at `at`; one counts once it is stored, because a tick's time lies before now."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at))

    def stopped(self, operator: np.ndarray, at: datetime) -> np.ndarray:
        """Whether the prices of sites of these operators (ids) must not be touched at `at`."""
        ids = set(self.in_force(at).values_list("operator", flat=True))
        return np.ones(len(operator), bool) if None in ids else np.isin(operator, list(ids))


class PricingStop(models.Model):
    """From when to when no policy may touch prices or power, of one operator or of the whole network."""

    class Why(models.TextChoices):
        SWITCHED_OFF = "off", "Switched off"
        EMERGENCY = "emergency", "Declared emergency"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"off": "watch", "emergency": "critical"}[self.value]

        @property
        def shape(self) -> str:
            return {"off": "◆", "emergency": "▲"}[self.value]

    operator = models.ForeignKey(
        "stations.Operator", models.PROTECT, null=True, blank=True, related_name="pricing_stops",
        help_text="Empty: the whole network.",
    )  # fmt: skip
    why = models.CharField(max_length=10, choices=Why, default=Why.SWITCHED_OFF)
    note = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until somebody ends it.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = PricingStopQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at"]

    def __str__(self) -> str:
        return f"{self.get_why_display()}: {self.operator or 'the whole network'}"
