"""From when to when a site's price differs, why, and what decided it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from stations.access import ScopedQuerySet


class PriceChangeQuerySet(ScopedQuerySet):
    def in_force(self, at):
        """Changes whose period [starts_at, ends_at) contains `at`."""
        return self.filter(starts_at__lte=at, ends_at__gt=at)


class PriceChange(models.Model):
    """A period in which a site's price differs. Periods of one site never overlap (exclusion constraint)."""

    class Kind(models.TextChoices):
        SURGE = "surge", "Surge"
        REROUTE = "reroute", "Reroute discount"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"surge": "watch", "reroute": "in-use"}[self.value]

        @property
        def shape(self) -> str:
            return {"surge": "◆", "reroute": "■"}[self.value]

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="price_changes")
    kind = models.CharField(max_length=8, choices=Kind)
    starts_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField(help_text="It ends by itself then, if nothing ends it earlier.")
    applied = models.BooleanField(default=True, help_text="False once the site's price has been put back.")
    old_price = models.DecimalField(max_digits=8, decimal_places=4)
    new_price = models.DecimalField(max_digits=8, decimal_places=4)
    surge = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reroutes",
        help_text="The surge whose load this takes.",
    )
    reason = models.CharField(max_length=200)
    inputs = models.JSONField(default=dict, help_text="What decided it, as it was then.")
    policy = models.CharField(max_length=30, default="original")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the policy.",
    )

    objects = PriceChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="price_change_period_not_backwards", condition=Q(ends_at__gte=F("starts_at"))),
            models.CheckConstraint(
                name="price_change_prices_not_negative", condition=Q(old_price__gte=0, new_price__gte=0)
            ),
            models.UniqueConstraint(
                fields=["site"], condition=Q(applied=True), name="price_change_one_applied_per_site"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.old_price} → {self.new_price}"
