"""From when to when a site's price differs, why, and what decided it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest, Least

from stations.access import ScopedQuerySet
from stations.models import Site
from telemetry.models import SiteState

from .engine import Applied, Opening, Policy, price_for


class PriceChangeQuerySet(ScopedQuerySet):
    def applied(self):
        """Changes that hold their site's price now, whether or not they are due to end."""
        return self.filter(applied=True)

    def for_engine(self) -> list[Applied]:
        """The same as the engine's own rows."""
        rows = self.applied().values_list("pk", "site_id", "kind", "starts_at", "ends_at", "surge_id")
        return [Applied(*row) for row in rows]

    def end_with_next_beat(self, site_id: int, at: datetime) -> int:
        """Let the applied changes of a site and the reroutes of its surge be over at `at`; the next beat ends them."""
        around = self.applied().filter(Q(site=site_id) | Q(surge__site=site_id))
        return around.update(ends_at=Greatest("starts_at", Value(at)))

    def close(self, at: datetime) -> list["PriceChange"]:
        """End these changes at `at`, put the base price back, and return them."""
        with transaction.atomic():
            changes = list(self.applied().select_related("site").select_for_update(of=("self",)))
            self.model.objects.filter(pk__in=[change.pk for change in changes]).update(
                applied=False, ends_at=Least("ends_at", Greatest("starts_at", Value(at)))
            )
            SiteState.objects.set_prices({change.site_id: change.site.base_price for change in changes})
        return changes

    def open(
        self, openings: list[Opening], inputs: dict[int, dict], at: datetime, policy: Policy
    ) -> list["PriceChange"]:
        """Open these changes at `at` and set the prices; returns those that were opened, with their sites.

        A change that would overlap another of its site is left out: the exclusion constraint is the judge.
        """
        with transaction.atomic():
            surges = self._open_rows([o for o in openings if o.kind == "surge"], {}, inputs, at, policy)
            by_site = {surge.site_id: surge for surge in surges}
            wanted = [o for o in openings if o.kind == "reroute" and o.surge_site in by_site]
            opened = surges + self._open_rows(wanted, by_site, inputs, at, policy)
            SiteState.objects.set_prices({change.site_id: change.new_price for change in opened})
        return opened

    def _open_rows(self, openings, surges, inputs, at, policy) -> list["PriceChange"]:
        sites = Site.objects.select_related("operator").in_bulk([opening.site for opening in openings])
        rows = [
            PriceChange(
                site=sites[opening.site],
                kind=opening.kind,
                starts_at=at,
                ends_at=at + timedelta(seconds=policy.longest_seconds),
                old_price=sites[opening.site].base_price,
                new_price=price_for(opening.kind, sites[opening.site].base_price, policy),
                surge=surges.get(opening.surge_site),
                reason=_reason(opening, surges),
                inputs=inputs[opening.site],
                policy=policy.name,
            )
            for opening in openings
        ]
        self.bulk_create(rows, ignore_conflicts=True)
        stored = dict(self.filter(site__in=sites, starts_at=at, applied=True).values_list("site_id", "pk"))
        for row in rows:
            row.pk = stored.get(row.site_id)
        return [row for row in rows if row.pk]


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


def _reason(opening: Opening, surges: dict[int, PriceChange]) -> str:
    if opening.kind == PriceChange.Kind.SURGE:
        return "entered critical stress"
    return f"takes load from {surges[opening.surge_site].site.name}"[:200]
