"""Prices as tariffs. A surge is a tariff of its own and a new base price too: none is ever edited."""

from django.db.models import F, Q

from pricing.models import PriceChange
from pricing.tariff import Tariff
from stations.models import Site

from . import mapping
from .frame import changed_in, check_version, listed, part_of, party_of, speaks


def ids_now(tariff: Tariff, pricing_type: str) -> list[str]:
    """The tariff of a session that starts now, and those that are announced; from what sessions themselves read."""
    base = mapping.base_tariff_id(tariff.site_id, pricing_type, tariff.base_price)
    holds = tariff.change_id is not None and tariff.price != tariff.base_price
    now = mapping.change_tariff_id(tariff.site_id, tariff.change_id) if holds else base
    return [now, *(mapping.change_tariff_id(tariff.site_id, change) for change in tariff.announced_ids)]


@speaks("GET")
def tariffs(request, connection, version: str):
    """Base prices as they are and all changes of them, oldest first."""
    check_version(version, ("2.2.1",))
    party = party_of(connection)
    asked, (offset, limit) = changed_in(request, "updated"), part_of(request)
    bases, changes = base_rows(connection).filter(**asked), change_rows(connection).filter(**asked)
    first = bases.count()
    total = first + changes.count()
    rows = list(bases[offset : offset + limit])
    rest = max(offset - first, 0)
    rows += list(changes[rest : rest + limit - len(rows)])
    return listed(request, [mapping.tariff(named(row), party) for row in rows], total, offset, limit)


def base_rows(connection):
    """A row for each site's base price."""
    rows = Site.objects.filter(operator=connection.partner.operator).order_by("pk")
    return rows.values("pk", "pricing_type", price=F("base_price"), currency=F("operator__currency"),
                       updated=F("changed_at"))  # fmt: skip


def change_rows(connection):
    """A row for each surge and discount."""
    rows = PriceChange.objects.filter(~Q(new_price=F("old_price")), site__operator=connection.partner.operator)
    return rows.order_by("pk").values(
        "starts_at", "site_id", change=F("pk"), price=F("new_price"), pricing_type=F("site__pricing_type"),
        currency=F("site__operator__currency"), updated=F("announced_at"),
    )  # fmt: skip


def named(row: dict) -> dict:
    """The row with the id of its tariff."""
    if "change" in row:
        return {**row, "id": mapping.change_tariff_id(row["site_id"], row["change"])}
    return {**row, "id": mapping.base_tariff_id(row["pk"], row["pricing_type"], row["price"])}
