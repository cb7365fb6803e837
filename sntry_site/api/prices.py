"""Prices: now and what comes next, by the one function that sessions and pages read; announced ones; and the past."""

from django.utils import timezone

from pricing.models import PriceChange
from pricing.tariff import tariffs
from stations.models import PricingType, Scope, Site

from .access import seen
from .bodies import dumps
from .fields import Id, Moment, Number, Row, Text, Whole, Word, YesNo
from .money import Money
from .rows import Filter, Rows, after, answer, many, select

OF_SITE = {"site": Filter("site__external_id__in", many(Id()))}


class PriceRow(Row):
    site = Id(source="external_id")
    price = Money(help_text="Of a session that starts now, for the whole of it.")
    base_price = Money()
    currency = Text()
    unit = Word([kind.label for kind in PricingType])
    reason = Text(help_text="Why the price differs; empty while it does not.")
    next_price = Money(allow_null=True)
    changes_at = Moment(allow_null=True, help_text="When the next price begins; null: no change is announced.")
    power_share = Number(help_text="Share of the rated power that a session gets, 0 to 1.")


class PlaceRow(Row):
    site = Id(source="external_id")


class PricesNow(Rows):
    """What a session costs that starts now, and what is announced next."""

    row, orders = PriceRow, ("site",)
    filters = {"site": Filter("external_id__in", many(Id()))}
    scopes, staff = {"GET": Scope.PRICES_READ}, {"GET": "telemetry.view_sitestate"}

    def rows(self, request):
        return seen(Site, request.user).filter(state__isnull=False)

    def get(self, request):
        """A page of prices, by site."""
        asked = self.asked(request.query_params)
        found = select(self.page_of(self.rows(request), asked), PlaceRow, ["site"], ["external_id", "pk"])
        has_more, found = len(found) > asked.limit, found[: asked.limit]
        told = tariffs([site for *_, site in found], timezone.now())
        shown = [_shown(name, told[site]) for name, _, site in found if site in told]
        kept = [{name: row[name] for name in asked.names} for row in shown]
        following = self._next(request, asked, (*asked.names, *found[-1][1:])) if has_more else None
        return answer(request, dumps({"results": kept, "next": following}))


def _shown(site: str, tariff) -> dict:
    return {
        "site": site,
        "price": tariff.price,
        "base_price": tariff.base_price,
        "currency": tariff.currency,
        "unit": tariff.unit,
        "reason": tariff.reason,
        "next_price": tariff.next_price,
        "changes_at": tariff.changes_at,
        "power_share": float(tariff.power_share),
    }


class PriceChangeRow(Row):
    id = Whole(source="pk")
    site = Id(source="site.external_id")
    kind = Word(PriceChange.Kind.choices)
    announced_at = Moment()
    starts_at = Moment()
    ends_at = Moment(help_text="It ends by itself then, if nothing ends it earlier.")
    is_applied = YesNo(source="applied", help_text="False before it begins and once it was put back.")
    ended_because = Text(help_text="Empty: it has not ended.")
    old_price = Money()
    new_price = Money()
    power_share = Money(help_text="0 to 1.")
    reason = Text()


class PriceSchedule(Rows):
    """Price changes that are in force or announced."""

    row, filters, orders = PriceChangeRow, OF_SITE, ("id", "starts_at")
    scopes, staff = {"GET": Scope.PRICES_READ}, {"GET": "pricing.view_pricechange"}

    def rows(self, request):
        return seen(PriceChange, request.user).open_ones()


class PriceHistory(Rows):
    """Price changes that were, are and are announced, in the order in which they were decided."""

    row, feeds = PriceChangeRow, ("id",)
    filters = {
        "after": after(),
        **OF_SITE,
        "kind": Filter("kind", Word(PriceChange.Kind.choices)),
        "since": Filter("announced_at__gte", Moment(required=False)),
        "until": Filter("announced_at__lt", Moment(required=False)),
    }
    scopes, staff = {"GET": Scope.PRICES_READ}, {"GET": "pricing.view_pricechange"}

    def rows(self, request):
        return seen(PriceChange, request.user)
