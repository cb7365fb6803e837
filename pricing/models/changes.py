"""From when to when a site's price differs, why, and what decided it."""

from datetime import datetime

from django.conf import settings
from django.db import models, transaction
from django.db.models import Case, F, Q, Sum, Value, When
from django.db.models.functions import Greatest, Least

from stations.access import ScopedQuerySet
from stations.models import Site
from telemetry.models import SiteState

from ..engine import LIMIT, REROUTE, SURGE, Applied, Opening
from ..periods import Past
from ..policy import SCALE
from .policies import SurgePolicy

HEALED = "healed"
IS_OPEN = Q(applied=True) | Q(ended_because="")  # in these words, because an index is made of them


class PriceChangeQuerySet(ScopedQuerySet):
    def applied(self):
        """Changes that hold their site's price now, whether or not they are due to end."""
        return self.filter(applied=True)

    def open_ones(self):
        """Changes that are announced or in force."""
        return self.filter(IS_OPEN)

    def that_began(self):
        """Without those that were announced and called off, which have a period of no length."""
        return self.exclude(starts_at=F("ends_at"))

    def for_engine(self) -> list[Applied]:
        """The open ones as the engine's own rows."""
        rows = list(self.open_ones())
        policies = SurgePolicy.objects.in_bulk({row.policy_id for row in rows})
        numbers = {key: policy.numbers for key, policy in policies.items()}
        return [
            Applied(
                row.pk,
                row.site_id,
                row.kind,
                row.starts_at,
                row.ends_at,
                row.surge_id,
                numbers[row.policy_id],
                row.applied,
                int(row.old_price * SCALE),
            )
            for row in rows
        ]

    def past_surges(self, since: datetime) -> list[Past]:
        """Surges that began since then, for rest and daily limits; what a person healed needs no rest."""
        rows = self.that_began().filter(kind=SURGE, starts_at__gte=since).exclude(ended_because=HEALED)
        return [Past(*row) for row in rows.values_list("site_id", "starts_at", "ends_at")]

    def spent(self, since: datetime) -> dict[int, object]:
        """Estimated cost of the discounts that were announced since then, by operator."""
        rows = self.that_began().filter(kind=REROUTE, announced_at__gte=since).order_by()
        return dict(rows.values_list("site__operator").annotate(total=Sum("cost")))

    def end_with_next_beat(self, site_id: int, at: datetime) -> int:
        """Let the open changes of a site and the discounts of its surge be over at `at`; the next beat ends them."""
        around = self.open_ones().filter(Q(site=site_id) | Q(surge__site=site_id))
        return around.update(ends_at=Greatest("starts_at", Value(at)), ended_because=HEALED)

    def close(self, at: datetime, why: dict[int, str] | str = "") -> list["PriceChange"]:
        """End these changes at `at`, put the base price back, and return them. `why` is by id or for all."""
        with transaction.atomic():
            rows = self.open_ones()
            changes = list(rows.select_related("site").select_for_update(of=("self",), no_key=True).order_by("pk"))
            reasons = why if isinstance(why, dict) else {each.pk: why for each in changes}
            told = Case(*(When(pk=each.pk, then=Value(reasons[each.pk])) for each in changes), default=Value(""))
            self.model.objects.filter(pk__in=[change.pk for change in changes]).update(
                applied=False,
                ends_at=Least("ends_at", Greatest("starts_at", Value(at))),
                ended_because=Case(When(ended_because="", then=told), default=F("ended_because")),
            )
            SiteState.objects.set_prices({each.site_id: each.site.base_price for each in changes if each.applied})
        return changes

    def begin_due(self, at: datetime) -> list["PriceChange"]:
        """Let the announced changes whose time has come hold their prices; returns them with their sites."""
        with transaction.atomic():
            due = list(
                self.open_ones()  # said twice, because an index holds these
                .filter(applied=False, ended_because="", starts_at__lte=at)
                .select_related("site")
                .select_for_update(of=("self",), no_key=True)
            )
            if due:
                self.model.objects.filter(pk__in=[change.pk for change in due]).update(applied=True)
                _hold(due)
        return due

    def open(
        self, openings: list[Opening], inputs: dict[int, dict], policies: dict, at: datetime, by=None
    ) -> list["PriceChange"]:
        """Open these changes and set the prices of those that begin at once; returns what was opened, with sites.

        `policies` gives the stored version of each policy of the engine. A change that would overlap another of its
        site is left out: the exclusion constraint is the judge.
        """
        with transaction.atomic():
            firsts = [each for each in openings if each.kind != REROUTE]
            surges = self._open_rows(firsts, {}, inputs, policies, at, by)
            by_site = {surge.site_id: surge for surge in surges}
            wanted = [each for each in openings if each.kind == REROUTE and each.surge_site in by_site]
            opened = surges + self._open_rows(wanted, by_site, inputs, policies, at, by)
            _hold([each for each in opened if each.applied])
        return opened

    def _open_rows(self, openings, surges, inputs, policies, at, by) -> list["PriceChange"]:
        if not openings:
            return []
        sites = Site.objects.select_related("operator").in_bulk([opening.site for opening in openings])
        rows = [
            PriceChange(
                site=sites[opening.site],
                kind=opening.kind,
                announced_at=at,
                starts_at=opening.starts_at,
                ends_at=opening.ends_at,
                applied=opening.starts_at <= at,
                old_price=opening.old_price,
                new_price=opening.new_price,
                power_share=opening.power_share,
                cost=opening.cost,
                surge=surges.get(opening.surge_site),
                reason=_reason(opening, surges),
                inputs=inputs.get(opening.site, {}),
                policy=policies[opening.policy],
                by=by,
            )
            for opening in openings
        ]
        self.bulk_create(rows, ignore_conflicts=True)
        known = self.filter(site__in=sites, announced_at=at, ended_because="")
        stored = {(site, kind): pk for site, kind, pk in known.values_list("site_id", "kind", "pk")}
        for row in rows:
            row.pk = stored.get((row.site_id, row.kind))
        return [row for row in rows if row.pk]


class PriceChange(models.Model):
    """A period in which a site's price or power differs. Periods of one site never overlap (exclusion constraint)."""

    class Kind(models.TextChoices):
        SURGE = SURGE, "Surge"
        REROUTE = REROUTE, "Reroute discount"
        LIMIT = LIMIT, "Power limit"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"surge": "watch", "reroute": "in-use", "limit": "offline"}[self.value]

        @property
        def shape(self) -> str:
            return {"surge": "◆", "reroute": "■", "limit": "●"}[self.value]

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="price_changes")
    kind = models.CharField(max_length=8, choices=Kind)
    announced_at = models.DateTimeField(db_index=True, help_text="When it was decided; from then on it is shown.")
    starts_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField(help_text="It ends by itself then, if nothing ends it earlier.")
    applied = models.BooleanField(default=True, help_text="False before it begins and once it was put back.")
    ended_because = models.CharField("ended because", max_length=60, blank=True, help_text="Empty: it has not ended.")
    old_price = models.DecimalField(max_digits=8, decimal_places=4)
    new_price = models.DecimalField(max_digits=8, decimal_places=4)
    power_share = models.DecimalField("power allowed (share)", max_digits=4, decimal_places=3, default=1)
    cost = models.DecimalField("estimated cost", max_digits=10, decimal_places=2, default=0)
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
    policy = models.ForeignKey("pricing.SurgePolicy", models.PROTECT, related_name="changes")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="approved by",
        help_text="Empty: the policy acted by itself.",
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
            models.CheckConstraint(name="price_change_power_0_to_1", condition=Q(power_share__range=(0, 1))),
        ]
        indexes = [models.Index(fields=["site"], condition=IS_OPEN, name="price_change_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.old_price} → {self.new_price}"


def _hold(changes: list[PriceChange]) -> None:
    """Set the prices of these changes, each until it ends."""
    until = {each.site_id: each.ends_at for each in changes}
    SiteState.objects.set_prices({each.site_id: each.new_price for each in changes}, until)


def _reason(opening: Opening, surges: dict[int, PriceChange]) -> str:
    if opening.kind == REROUTE:
        return f"takes load from {surges[opening.surge_site].site.name}"[:200]
    return "entered critical stress" if opening.kind == SURGE else "hot: charges with less power"
