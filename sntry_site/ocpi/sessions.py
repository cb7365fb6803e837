"""Charging sessions, and what is billed of those that are over."""

from django.db.models import F

from pricing.models import PriceChange
from stations.models.ocpi import COUNTRIES
from telemetry.models import ChargingSession

from . import mapping
from .frame import check_version, page, party_of, speaks

COLUMNS = ("pk", "charger_id", "charger__site_id", "started_at", "ended_at", "energy_kwh", "success", "price",
           "changed_at", "charger__site__pricing_type")  # fmt: skip
PLACE = ("charger__site__name", "charger__site__city", "charger__site__latitude", "charger__site__longitude",
         "charger__connector_type", "charger__power_kw", "charger__site__charger_type",
         "charger__site__power_kw")  # fmt: skip


@speaks("GET")
def sessions(request, connection, version: str):
    """A page of sessions, oldest first."""
    check_version(version, ("2.2.1",))
    party = party_of(connection)
    rows = of_operator(connection).values(*COLUMNS, currency=F("charger__site__operator__currency"))
    return page(request, rows, "changed_at", lambda found: [mapping.session(row, party) for row in found])


@speaks("GET")
def cdrs(request, connection, version: str):
    """A page of what is billed: sessions that are over, gave energy and have a price."""
    check_version(version, ("2.2.1",))
    return page(request, billed(connection), "changed_at", lambda found: bills(found, connection))


def of_operator(connection):
    """The operator's sessions at sites that are locations, oldest first: none names a location that is not there."""
    at_sites = {"charger__site__operator": connection.partner.operator, "charger__site__latitude__isnull": False}
    return ChargingSession.objects.filter(**at_sites).order_by("pk")


def billed(connection):
    """Those of them that are over, gave energy and have a price."""
    rows = of_operator(connection).filter(ended_at__isnull=False, energy_kwh__gt=0, price__isnull=False)
    return rows.values(*COLUMNS, *PLACE, currency=F("charger__site__operator__currency"))


def bills(rows: list[dict], connection) -> list[dict]:
    """CDRs of these sessions, each with the tariff that held when it began."""
    party, country = party_of(connection), COUNTRIES[connection.country_code]
    held = changes_of(rows)
    made = []
    for row in rows:
        row["charger"] = {
            "connector_type": row["charger__connector_type"], "power_kw": row["charger__power_kw"],
            "site__charger_type": row["charger__site__charger_type"], "site__power_kw": row["charger__site__power_kw"],
        }  # fmt: skip
        made.append(mapping.cdr(row, party, country, mapping.tariff(_tariff(row, held), party)))
    return made


def changes_of(rows: list[dict]) -> dict[int, list[tuple]]:
    """Site -> (id, from, until, price) of the changes in which these sessions may have begun."""
    if not rows:
        return {}
    first, last = min(row["started_at"] for row in rows), max(row["started_at"] for row in rows)
    around = PriceChange.objects.filter(
        site__in={row["charger__site_id"] for row in rows}, starts_at__lte=last, ends_at__gt=first
    )
    found: dict[int, list[tuple]] = {}
    for site, *rest in around.values_list("site_id", "pk", "starts_at", "ends_at", "new_price"):
        found.setdefault(site, []).append(tuple(rest))
    return found


def _tariff(row: dict, held: dict[int, list[tuple]]) -> dict:
    """The change in whose period the session began at its price, or else the base price."""
    site, at = row["charger__site_id"], row["started_at"]
    told = {"currency": row["currency"], "pricing_type": row["charger__site__pricing_type"], "price": row["price"]}
    for pk, starts, ends, price in held.get(site, []):
        if starts <= at < ends and price == row["price"]:
            return {**told, "id": mapping.change_tariff_id(site, pk), "starts_at": starts, "updated": at}
    return {**told, "id": mapping.base_tariff_id(site, told["pricing_type"], row["price"]), "updated": at}
