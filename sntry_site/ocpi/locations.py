"""Sites as locations, chargers as EVSEs; each has the time of the newest change of anything in it."""

from django.conf import settings
from django.db.models import Case, F, Max, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from pricing.models import PriceChange
from pricing.tariff import tariffs
from stations.models import Charger, Site
from stations.models.ocpi import COUNTRIES

from . import mapping
from .frame import Refused, check_version, page, party_of, speaks
from .tariffs import ids_now

COLUMNS = ("pk", "name", "city", "region", "latitude", "longitude", "time_zone", "contact_phone", "operator__name",
           "pricing_type", "updated", "touched")  # fmt: skip
CHARGER = ("pk", "external_id", "connector_type", "power_kw", "changed_at", "site_id", "site__charger_type",
           "site__power_kw", "state__status", "state__changed_at")  # fmt: skip


@speaks("GET")
def locations(request, connection, version: str):
    """A page of the operator's sites."""
    check_version(version)
    return page(request, sites(connection), "updated", lambda rows: objects(rows, connection, version))


@speaks("GET")
def one(request, connection, version: str, location: str, evse: str = "", connector: str = ""):
    """A location, one of its EVSEs, or the connector of that."""
    check_version(version)
    is_number = location.isascii() and location.isdecimal() and len(location) < 19
    rows = list(sites(connection).filter(pk=location)) if is_number else []
    if not rows:
        raise Refused(2003, "There is no such location.", 404)
    found = objects(rows, connection, version)[0]
    if evse:
        found = next((each for each in found["evses"] if each["uid"] == evse), None)
    if found and connector:
        found = next((each for each in found["connectors"] if each["id"] == connector), None)
    if found is None:
        raise Refused(2003, "There is no such EVSE or connector at this location.", 404)
    return found


def sites(connection):
    """Sites of the operator that have a place, oldest first; `updated` is the newest change in each."""
    now = Value(timezone.now())
    of_site = {"site": OuterRef("pk")}
    changed = Greatest("changed_at", Coalesce("state__changed_at", "changed_at"))
    chargers = Charger.objects.filter(**of_site).order_by().values("site").annotate(newest=Max(changed))
    passed = Case(When(ends_at__lte=now, then="ends_at"), When(starts_at__lte=now, then="starts_at"),
                  default="announced_at")  # fmt: skip
    prices = PriceChange.objects.filter(**of_site).order_by().values("site").annotate(newest=Max(passed))
    touched = Greatest("changed_at", Coalesce(Subquery(prices.values("newest")), "changed_at"))
    rows = Site.objects.filter(operator=connection.partner.operator, latitude__isnull=False).annotate(
        touched=touched, updated=Greatest(touched, Coalesce(Subquery(chargers.values("newest")), F("changed_at")))
    )
    return rows.order_by("pk").values(*COLUMNS)


def objects(rows: list[dict], connection, version: str) -> list[dict]:
    """Locations of these rows: the chargers in one query, the prices in two."""
    party, ids = party_of(connection), [row["pk"] for row in rows]
    known = tariffs(ids, timezone.now())
    chargers: dict[int, list[dict]] = {}
    for charger in Charger.objects.filter(site__in=ids).order_by("pk").values(*CHARGER):
        chargers.setdefault(charger["site_id"], []).append(charger)
    made = []
    for row in rows:
        row["time_zone"] = row["time_zone"] or settings.DATA_TIME_ZONE
        names = ids_now(known[row["pk"]], row["pricing_type"]) if row["pk"] in known else []
        evses = [mapping.evse(each, party, names, row["touched"], version) for each in chargers.get(row["pk"], [])]
        made.append(mapping.location(row, evses, party, COUNTRIES[connection.country_code], version))
    return made
