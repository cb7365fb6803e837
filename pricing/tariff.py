"""What a driver is told before a session: the price now, what it is for, and what changes next and when.

The one place that knows: pages and the API read this, so that nobody shows another price than the one that is asked.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Q

from stations.models import PricingType
from telemetry.models import SiteState

from .models import PriceChange


@dataclass(frozen=True)
class Tariff:
    """A site's price for a session that starts now, which it then keeps; `next_price` holds from `changes_at` on."""

    site_id: int
    zone: ZoneInfo  # of the site's clocks
    price: Decimal
    base_price: Decimal
    currency: str
    unit: str  # "per kWh", "per minute" or "free"
    reason: str  # why the price differs now, empty while it does not
    next_price: Decimal | None
    changes_at: datetime | None
    change_id: int | None  # of the price change that holds now
    announced_ids: tuple[int, ...]  # of those that are to begin
    power_share: Decimal  # of the rated power that a session gets now; an announced surge goes on with its limit

    @property
    def says(self) -> str:
        """The tariff in words, as a screen shows it before the start; times are by the clock of the site."""
        if self.unit == PricingType.FREE.label:
            return "Free."
        said = f"{_amount(self.price)} {self.currency} {self.unit}, for the whole of a session that starts now"
        if self.changes_at is None:
            return f"{said}."
        return f"{said}; {_amount(self.next_price)} from {self.changes_at.astimezone(self.zone):%Y-%m-%d %H:%M %Z} on."


def tariffs(site_ids: list[int], at: datetime) -> dict[int, Tariff]:
    """The tariff of each of these sites at `at`, in two queries.

    A change in force ends by itself when its period does, or earlier when its site calms down; an announced one that
    begins before that comes first.
    """
    states = SiteState.objects.filter(site__in=site_ids).select_related("site__operator")
    planned: dict[int, list[PriceChange]] = {}
    changes = PriceChange.objects.open_ones().filter(Q(applied=True) | Q(starts_at__gt=at), site__in=site_ids)
    for change in changes.filter(ends_at__gt=at).order_by("starts_at"):
        planned.setdefault(change.site_id, []).append(change)
    return {state.site_id: _tariff(state, planned.get(state.site_id, []), at) for state in states}


def _tariff(state: SiteState, changes: list[PriceChange], at: datetime) -> Tariff:
    site = state.site
    now = next((change for change in changes if change.applied), None)
    ahead = [(change.starts_at, change.new_price) for change in changes if not change.applied]
    if now is not None and now.new_price != site.base_price:
        ahead.append((now.ends_at, site.base_price))
    changes_at, next_price = min(ahead, default=(None, None))
    return Tariff(
        site_id=site.pk,
        zone=site.zone,
        price=state.price_at(at),
        base_price=site.base_price,
        currency=site.operator.currency,
        unit=PricingType(site.pricing_type).label,
        reason=now.reason if now else "",
        next_price=next_price,
        changes_at=changes_at,
        change_id=now.pk if now else None,
        announced_ids=tuple(change.pk for change in changes if not change.applied),
        power_share=min((change.power_share for change in changes), default=Decimal(1)),
    )


def _amount(amount: Decimal) -> str:
    """At least two digits after the point, and no more than it has."""
    short = amount.quantize(Decimal("0.01"))
    return str(short if short == amount else amount.normalize())
