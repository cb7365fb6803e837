"""What a policy would do if somebody approved it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from stations.access import ScopedQuerySet

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
            PriceProposal.of(each, discounts.get(each.site), inputs.get(each.site, {}), policies[each.policy], at)
            for each in openings
            if each.kind == SURGE
        ]
        self.bulk_create(rows, ignore_conflicts=True)
        new = self.waiting().filter(created_at=at, site__in=[row.site_id for row in rows])
        return list(new.select_related("site", "policy", "neighbour"))

    def lapse(self, at: datetime) -> int:
        """Close those that have waited for too long."""
        late = self.waiting().filter(expires_at__lte=at)
        return late.update(state=PriceProposal.State.EXPIRED, decided_at=at)


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
    minutes = models.PositiveIntegerField(help_text="How long the price would hold.")
    base_price = models.DecimalField(max_digits=8, decimal_places=4)
    new_price = models.DecimalField(max_digits=8, decimal_places=4)
    neighbour = models.ForeignKey("stations.Site", models.PROTECT, null=True, blank=True, related_name="+")
    neighbour_base_price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
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
    def of(cls, surge: Opening, discount: Opening | None, inputs: dict, policy, at: datetime) -> "PriceProposal":
        """The proposal that a surge and its discount are, not saved yet."""
        return cls(
            site_id=surge.site,
            policy=policy,
            created_at=at,
            expires_at=at + WAITS,
            minutes=max(int((surge.ends_at - surge.starts_at).total_seconds() // 60), 1),
            base_price=surge.old_price,
            new_price=surge.new_price,
            neighbour_id=discount and discount.site,
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
        if self.base_price and not self.base_price <= self.new_price <= self.highest_price:
            raise ValidationError(
                {"new_price": f"The policy allows {self.base_price} to {self.highest_price}; choose a price between."}
            )

    @property
    def highest_price(self):
        """The most that its policy allows."""
        return price_for(SURGE, self.base_price, self.policy.numbers)

    def openings(self, at: datetime) -> list[Opening]:
        """The surge and the discount as they would begin now, with the policy's notice."""
        policy = self.policy.numbers
        starts_at = at + timedelta(seconds=policy.notice_seconds)
        period = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=self.minutes)}
        common = {"policy": policy, "needs_approval": False, **period}
        surge = Opening(
            site=self.site_id, kind=SURGE, surge_site=None, old_price=self.base_price, new_price=self.new_price,
            power_share=policy.power_share, cost=0, **common,
        )  # fmt: skip
        if self.neighbour_id is None:
            return [surge]
        discount = Opening(
            site=self.neighbour_id, kind=REROUTE, surge_site=self.site_id, old_price=self.neighbour_base_price,
            new_price=self.neighbour_price, power_share=1, cost=self.cost, **common,
        )  # fmt: skip
        return [surge, discount]

    @transaction.atomic
    def decide(self, state: str, by, at: datetime) -> None:
        """Note what somebody decided; the caller opens the changes of one that is approved."""
        PriceProposal.objects.filter(pk=self.pk, state=self.State.WAITING).update(
            state=state, decided_by=by, decided_at=at
        )
        self.refresh_from_db()
