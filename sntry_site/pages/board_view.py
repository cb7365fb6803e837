"""What of the network somebody looks at on the board: read from the address, applied to any table with a site."""

from typing import NamedTuple

from stations.access import operator_ids
from stations.models import Operator, Site
from stations.models.places import ChargerType
from telemetry.models import RiskLevel

# Name in the address -> word on the page, column to sort by.
ORDERS = {
    "loss": ("expected loss", "expected_loss"),
    "index": ("revenue-at-risk index", "revenue_at_risk"),
    "risk": ("risk", "risk"),
}
MOST_CITIES = 500
FILTERS = ("operator", "city", "type")


class BoardView(NamedTuple):
    """Who sees the same board: the operators (None: all), and what of their sites is asked for."""

    operators: frozenset[int] | None
    city: str = ""
    charger_type: str = ""

    @property
    def is_filtered_by_place(self) -> bool:
        return bool(self.city or self.charger_type)

    def of(self, queryset, site: str = "site__"):
        """The rows of `queryset` (scoped by operator) whose site, at the path `site`, is looked at."""
        rows = queryset.of_operators(self.operators)
        if self.city:
            rows = rows.filter(**{f"{site}city": self.city})
        if self.charger_type:
            rows = rows.filter(**{f"{site}charger_type": self.charger_type})
        return rows


def view_of(user, asked) -> BoardView:
    """The view that an address or a message asks for; what makes no sense is left out, a foreign operator is empty."""
    ids = operator_ids(user)
    wanted = str(asked.get("operator") or "")
    if wanted.isdecimal() and len(wanted) < 18:
        ids = {int(wanted)} if ids is None or int(wanted) in ids else set()
    kind = asked.get("type")
    return BoardView(
        None if ids is None else frozenset(ids),
        str(asked.get("city") or "").replace("\0", "")[:100],
        kind if kind in ChargerType.values else "",
    )


def order_of(asked) -> str:
    """The order of the list that is asked for, or the usual one."""
    return asked.get("order") if asked.get("order") in ORDERS else "loss"


def level_of(asked) -> str:
    """The level that is asked for; empty: all. `risk` is watch and critical."""
    return asked.get("level") if asked.get("level") in (*RiskLevel.values, "risk") else ""


def choices(user) -> dict:
    """What the filters offer: only what the person's sites have."""
    sites = Site.objects.visible_to(user)
    cities = sites.exclude(city="").order_by("city").values_list("city", flat=True).distinct()[:MOST_CITIES]
    types = sites.order_by("charger_type").values_list("charger_type", flat=True).distinct()
    return {
        "operators": list(Operator.objects.visible_to(user).values("pk", "name")),
        "cities": list(cities),
        "types": list(types),
        "levels": {"risk": "watch and critical", "critical": "critical", "watch": "watch", "low": "low"},
    }
