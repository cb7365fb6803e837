"""What a policy would do if somebody approved it."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q, Sum

from stations.access import ScopedQuerySet
from stations.models import PricingType

from ..engine import REROUTE, SURGE, Opening
from ..policy import expected_effect, price_for

WAITS = timedelta(minutes=30)  # what nobody decides in that time was about another moment


class PriceProposalQuerySet(ScopedQuerySet):
    def waiting(self):
        """Those that nobody has decided yet."""
        return self.filter(state=PriceProposal.State.WAITING)

    def propose(
        self, openings: list[Opening], inputs: dict[int, dict], policies: dict, at: datetime
    ) -> list["PriceProposal"]:
        """Queue surges with the discounts that belong to them; one waits per site. Returns those that are new."""
        discounts = {each.surge_site: each for each in openings if each.kind == REROUTE}
        rows = [
            PriceProposal.of(each, discounts.get(each.site), inputs.get(each.site, {}), policies, at)
            for each in openings
            if each.kind == SURGE
        ]
        self.bulk_create(rows, ignore_conflicts=True)
        new = self.waiting().filter(created_at=at, site__in=[row.site_id for row in rows])
        return list(new.select_related("site", "policy", "neighbour"))

    def lapse(self, at: datetime) -> int:
        """Close those that have waited for too long, or were made from tariffs or by a version that hold no more."""
        over = Q(expires_at__lte=at) | Q(policy__valid_until__lte=at)
        other = ~Q(site__base_price=F("base_price")) | _untouchable("site")
        other |= Q(neighbour__isnull=False) & (
            ~Q(neighbour__base_price=F("neighbour_base_price")) | _untouchable("neighbour")
        )
        late = self.waiting().filter(over | other).values_list("pk", flat=True)
        return self.filter(pk__in=list(late)).update(state=PriceProposal.State.EXPIRED, decided_at=at)

    def promised(self) -> dict[int, Decimal]:
        """Estimated cost of the discounts that wait, by operator: approved all, they would be spent."""
        rows = self.waiting().filter(neighbour__isnull=False).order_by()
        return dict(rows.values_list("neighbour__operator").annotate(total=Sum("cost")))

    def refusals(self, since: datetime) -> list[tuple[int, datetime]]:
        """(site, when) of what somebody has rejected since then."""
        rows = self.filter(state=PriceProposal.State.REJECTED, decided_at__gte=since)
        return list(rows.values_list("site_id", "decided_at"))


def _untouchable(path: str) -> Q:
    return Q(**{f"{path}__price_is_regulated": True}) | Q(**{f"{path}__pricing_type": PricingType.FREE})


class PriceProposal(models.Model):
    """A surge, and the discount next door that goes with it, that waits for somebody's decision."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Expired"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"waiting": "watch", "approved": "available"}.get(self.value, "offline")

        @property
        def shape(self) -> str:
            return {"waiting": "◆", "approved": "●", "rejected": "■", "expired": "■"}[self.value]

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="price_proposals")
    policy = models.ForeignKey("pricing.SurgePolicy", models.PROTECT, related_name="proposals")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    minutes = models.PositiveIntegerField(
        validators=[MinValueValidator(1)], help_text="How long the price would hold; not longer than was proposed."
    )
    proposed_minutes = models.PositiveIntegerField(
        editable=False, help_text="What the policy's longest surge and what is left of the day allow."
    )
    base_price = models.DecimalField(max_digits=8, decimal_places=4)
    new_price = models.DecimalField(max_digits=8, decimal_places=4)
    neighbour = models.ForeignKey("stations.Site", models.PROTECT, null=True, blank=True, related_name="+")
    neighbour_base_price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    neighbour_policy = models.ForeignKey(
        "pricing.SurgePolicy", models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The version that made the discount: that of the neighbour.",
    )  # fmt: skip
    neighbour_price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    cost = models.DecimalField("discount costs about", max_digits=10, decimal_places=2, default=0)
    reason = models.CharField(max_length=200)
    inputs = models.JSONField(default=dict, help_text="What it was decided from, as it was then.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    change = models.ForeignKey("pricing.PriceChange", models.PROTECT, null=True, blank=True, related_name="proposals")

    objects = PriceProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site"], name="price_proposal_one_waiting_per_site", condition=Q(state="waiting")
            ),
            models.CheckConstraint(
                name="price_proposal_prices_not_negative", condition=Q(base_price__gte=0, new_price__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site}: {self.base_price} → {self.new_price}"

    @classmethod
    def of(
        cls, surge: Opening, discount: Opening | None, inputs: dict, policies: dict, at: datetime
    ) -> "PriceProposal":
        """The proposal that a surge and its discount are, not saved yet."""
        policy = policies[surge.policy]
        minutes = max(int((surge.ends_at - surge.starts_at).total_seconds() // 60), 1)
        return cls(
            site_id=surge.site,
            policy=policy,
            created_at=at,
            expires_at=at + WAITS,
            minutes=minutes,
            proposed_minutes=minutes,
            base_price=surge.old_price,
            new_price=surge.new_price,
            neighbour_id=discount and discount.site,
            neighbour_policy=discount and policies[discount.policy],
            neighbour_base_price=discount and discount.old_price,
            neighbour_price=discount and discount.new_price,
            cost=discount.cost if discount else 0,
            reason=f"stressed: {policy.get_trigger_display().lower()}"[:200],
            inputs=inputs,
        )

    @property
    def effect(self) -> tuple[float, float, float]:
        """Expected change of demand (share), at the middle elasticity and over the range of the evidence."""
        return expected_effect(float(self.new_price / self.base_price)) if self.base_price else (0.0, 0.0, 0.0)

    def clean(self) -> None:
        if self.base_price and not self.is_price_allowed:
            raise ValidationError(
                {"new_price": f"The policy allows {self.base_price} to {self.highest_price}; choose a price between."}
            )
        if not self.are_minutes_allowed:
            raise ValidationError({"minutes": f"Write 1 to {self.proposed_minutes} minutes: more was not proposed."})

    @property
    def is_price_allowed(self) -> bool:
        """Whether the price, edited or not, keeps to the policy."""
        return self.base_price <= self.new_price <= self.highest_price

    @property
    def are_minutes_allowed(self) -> bool:
        """Whether the minutes, edited or not, keep to what was proposed, which knows the longest surge and the day."""
        return 1 <= self.minutes <= self.proposed_minutes

    @property
    def cost_now(self) -> Decimal:
        """Estimated cost of the discount for the minutes as somebody has edited them."""
        return (self.cost * self.minutes / self.proposed_minutes).quantize(Decimal("0.01"))

    @property
    def highest_price(self):
        """The most that its policy allows."""
        return price_for(SURGE, self.base_price, self.policy.numbers)

    def openings(self, at: datetime) -> list[Opening]:
        """The surge and the discount as they would begin now, with the policy's notice."""
        policy = self.policy.numbers
        starts_at = at + timedelta(seconds=policy.notice_seconds)
        ends_at = starts_at + timedelta(minutes=self.minutes)
        surge = Opening(
            site=self.site_id, kind=SURGE, surge_site=None, policy=policy, old_price=self.base_price,
            new_price=self.new_price, power_share=policy.power_share, starts_at=starts_at, ends_at=ends_at,
            needs_approval=False, cost=0,
        )  # fmt: skip
        if self.neighbour_id is None:
            return [surge]
        theirs = (self.neighbour_policy or self.policy).numbers
        discount = Opening(
            site=self.neighbour_id, kind=REROUTE, surge_site=self.site_id, policy=theirs,
            old_price=self.neighbour_base_price, new_price=self.neighbour_price, power_share=1, starts_at=starts_at,
            ends_at=min(ends_at, starts_at + timedelta(seconds=theirs.longest_seconds)), needs_approval=False,
            cost=self.cost_now,
        )  # fmt: skip
        return [surge, discount]

    @transaction.atomic
    def decide(self, state: str, by, at: datetime) -> None:
        """Note what somebody decided; the caller opens the changes of one that is approved."""
        PriceProposal.objects.filter(pk=self.pk, state=self.State.WAITING).update(
            state=state, decided_by=by, decided_at=at
        )
        self.refresh_from_db()
