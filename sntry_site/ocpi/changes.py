"""Which objects receivers are to be told of after a change, for all connections at once."""

from datetime import datetime, timedelta

from pricing.models import PriceChange
from stations.models import Charger, OcpiConnection, OcpiPush, Site
from stations.models.partner_news import Noted
from telemetry.models import ChargingSession

from .versions import MODULES

Module = OcpiPush.Module
OLDEST_SESSION = timedelta(days=7)  # what is older when we learn of it is history, which they read from our lists


def ask_for_pushes(noted: dict[str, dict[int, Noted]], now: datetime) -> None:
    """Have the receivers of each operator told of what has changed there; a query for each kind of row."""
    connections: dict[int, list[OcpiConnection]] = {}
    for each in OcpiConnection.objects.registered().select_related("partner"):
        connections.setdefault(each.partner.operator_id, []).append(each)
    if not connections:
        return
    asked: dict[tuple, OcpiPush] = {}
    for kind, read in SOURCES.items():
        if kind not in noted:
            continue
        for operator, module, row, is_whole, at in read(noted[kind], list(connections), now):
            for each in connections[operator]:
                if not _listens(each, module, at):
                    continue
                known = asked.get((each.pk, module, row))
                is_new = is_whole or (known is not None and known.is_whole)
                asked[each.pk, module, row] = OcpiPush(
                    connection=each, module=module, row_id=row, is_whole=is_new, noted_at=at
                )
    OcpiPush.objects.ask([asked[key] for key in sorted(asked)])


def _listens(receiver: OcpiConnection, module: Module, at: datetime) -> bool:
    """Whether a receiver has an address for that module, and had registered by then."""
    is_known = module.endpoint in MODULES[receiver.version] and module.endpoint in receiver.endpoints
    return is_known and at >= receiver.registered_at


def of_sites(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The location, and the tariff of its price without a change, which may be another one now."""
    rows = Site.objects.filter(pk__in=noted, operator__in=operators)
    for pk, operator in rows.values_list("pk", "operator_id"):
        about = noted[pk]
        yield operator, Module.BASE_TARIFF, pk, True, about.last_at
        yield operator, Module.LOCATION, pk, about.is_new, about.last_at


def of_chargers(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The whole EVSE."""
    return _evses(noted, operators, is_whole=True)


def of_statuses(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The status of the EVSE."""
    return _evses(noted, operators, is_whole=False)


def _evses(noted: dict[int, Noted], operators: list[int], *, is_whole: bool):
    rows = Charger.objects.filter(pk__in=noted, site__operator__in=operators)
    for pk, operator in rows.values_list("pk", "site__operator_id"):
        yield operator, Module.EVSE, pk, is_whole, noted[pk].last_at


def of_prices(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The tariff of a price change that is new, and the location, whose connectors name other tariffs now."""
    rows = PriceChange.objects.filter(pk__in=noted, site__operator__in=operators)
    for pk, site, operator, old, new in rows.values_list(
        "pk", "site_id", "site__operator_id", "old_price", "new_price"
    ):
        if old != new:
            if noted[pk].is_new:
                yield operator, Module.TARIFF, pk, True, noted[pk].last_at
            yield operator, Module.LOCATION, site, False, noted[pk].last_at


def of_sessions(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The session."""
    for pk, operator in _recent(noted, operators, now):
        yield operator, Module.SESSION, pk, noted[pk].is_new, noted[pk].last_at


def of_bills(noted: dict[int, Noted], operators: list[int], now: datetime):
    """The CDR of a session that can be billed from now on."""
    for pk, operator in _recent(noted, operators, now):
        yield operator, Module.CDR, pk, True, noted[pk].last_at


def _recent(noted: dict[int, Noted], operators: list[int], now: datetime):
    rows = ChargingSession.objects.filter(pk__in=noted, charger__site__operator__in=operators)
    return rows.filter(started_at__gte=now - OLDEST_SESSION).values_list("pk", "charger__site__operator_id")


SOURCES = {
    "site": of_sites, "charger": of_chargers, "status": of_statuses, "price": of_prices, "session": of_sessions,
    "bill": of_bills,
}  # fmt: skip
