"""The objects that are pushed, as they are now: a fixed number of queries for all of a round."""

from dataclasses import dataclass

from django.db.models import F

from stations.models import Charger, OcpiConnection, OcpiPush

from . import locations, mapping, sessions, tariffs
from .frame import party_of

Module = OcpiPush.Module
OF_A_SESSION = ("kwh", "status", "end_date_time", "total_cost", "last_updated")
NAMES = ("country_code", "party_id", "id")  # which are in the address and never change


@dataclass(frozen=True)
class Told:
    """What to send of an object: where (behind the module's address), all of it, and what of it may have changed.

    Without `changed` there is nothing to PATCH.
    """

    path: str
    whole: dict
    changed: dict | None = None


def objects_of(connection: OcpiConnection, pushes: list[OcpiPush]) -> dict[OcpiPush, Told]:
    """What to send of each; of what is not there any more, or goes with its location in this round, nothing."""
    rows: dict[int, list[int]] = {}
    for each in pushes:
        rows.setdefault(each.module, []).append(each.row_id)
    made = {(module, row): told for module, ids in rows.items() if module != Module.EVSE
            for row, told in SOURCES[module](connection, ids).items()}  # fmt: skip
    if Module.EVSE in rows:
        sent = {row for module, row in made if module == Module.LOCATION}
        made |= {(Module.EVSE, row): told for row, told in evses(connection, rows[Module.EVSE], sent).items()}
    return {each: made[each.module, each.row_id] for each in pushes if (each.module, each.row_id) in made}


def base_tariffs(connection: OcpiConnection, ids: list[int]) -> dict[int, Told]:
    """Tariffs of sites without a price change."""
    return {row["pk"]: _tariff(connection, row) for row in tariffs.base_rows(connection).filter(pk__in=ids)}


def change_tariffs(connection: OcpiConnection, ids: list[int]) -> dict[int, Told]:
    """Tariffs of price changes."""
    return {row["change"]: _tariff(connection, row) for row in tariffs.change_rows(connection).filter(pk__in=ids)}


def _tariff(connection: OcpiConnection, row: dict) -> Told:
    made = mapping.tariff(tariffs.named(row), party_of(connection))
    return Told(made["id"], made)


def places(connection: OcpiConnection, ids: list[int]) -> dict[int, Told]:
    """Locations with their EVSEs."""
    rows = list(locations.sites(connection).filter(pk__in=ids))
    made = locations.objects(rows, connection, connection.version)
    return {
        int(each["id"]): Told(each["id"], each, {name: each[name] for name in each if name not in NAMES})
        for each in made
    }


def evses(connection: OcpiConnection, ids: list[int], sent: set[int]) -> dict[int, Told]:
    """EVSEs, but those at the locations `sent`; of one that is known its status."""
    at = dict(Charger.objects.filter(pk__in=ids).exclude(site__in=sent).values_list("pk", "site_id"))
    found = {}
    for place, location in places(connection, sorted(set(at.values()))).items():
        for evse in location.whole["evses"]:
            if at.get(int(evse["uid"])) == place:
                changed = {name: evse[name] for name in ("status", "last_updated")}
                found[int(evse["uid"])] = Told(f"{place}/{evse['uid']}", evse, changed)
    return found


def charging(connection: OcpiConnection, ids: list[int]) -> dict[int, Told]:
    """Sessions."""
    rows = sessions.of_operator(connection).filter(pk__in=ids)
    found = {}
    for row in rows.values(*sessions.COLUMNS, currency=F("charger__site__operator__currency")):
        made = mapping.session(row, party_of(connection))
        found[row["pk"]] = Told(made["id"], made, {name: made[name] for name in OF_A_SESSION if name in made})
    return found


def bills(connection: OcpiConnection, ids: list[int]) -> dict[int, Told]:
    """CDRs."""
    made = sessions.bills(list(sessions.billed(connection).filter(pk__in=ids)), connection)
    return {int(each["id"]): Told(each["id"], each) for each in made}


SOURCES = {
    Module.BASE_TARIFF: base_tariffs, Module.TARIFF: change_tariffs, Module.LOCATION: places,
    Module.SESSION: charging, Module.CDR: bills,
}  # fmt: skip
