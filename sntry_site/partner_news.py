"""What partners are told of changes, which the database has noted: one query per kind for all subscriptions at once."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from maintenance.models import Incident, WorkOrderChange
from pricing.models import PriceChange
from stations.models import PartnerNews, Webhook, WebhookDelivery, WebhookEvent
from stations.models.partner_news import Noted
from telemetry.models import ChargerState, Risk

from .ocpi.changes import ask_for_pushes
from .ocpi.mapping import moment

MOST = 10_000  # changes that are looked at together
SITE = ("site__external_id", "site__operator_id")
CHARGER = ("charger__external_id", "charger__site__external_id", "charger__site__operator_id")


@dataclass(frozen=True)
class News:
    """One event; its key is the same whenever it is looked at. `known_at` is when it was one."""

    event: str
    key: str
    at: datetime
    known_at: datetime
    operator: int
    site: str
    charger: str | None
    data: dict

    @property
    def payload(self) -> dict:
        return {"at": moment(self.at), "site": self.site, "charger": self.charger, "data": self.data}


def tell_partners(now: datetime) -> int:
    """Queue what is to be told of what was noted until `now`; how many messages are new.

    What was noted is deleted in the transaction that queues it. The same number of queries for any network.
    """
    told, looked_at = 0, MOST
    while looked_at == MOST:
        with transaction.atomic():
            noted, looked_at = PartnerNews.objects.take(now, MOST)
            if noted:
                told += tell_webhooks(noted, now)
                ask_for_pushes(noted, now)
    return told


def tell_webhooks(noted: dict[str, dict[int, Noted]], now: datetime) -> int:
    """Queue the messages of these changes, as far as a key of the partner may read them now; how many are new."""
    hooks = list(Webhook.objects.active().with_scopes(now).select_related("partner"))
    wanted = {event for hook in hooks for event in hook.tells}
    operators = {hook.partner.operator_id for hook in hooks}
    news = [
        each
        for kind, (events, read) in SOURCES.items()
        if events & wanted and kind in noted
        for each in read(noted[kind], now, operators)
    ]
    messages = [
        WebhookDelivery(webhook=hook, key=each.key, event=each.event, payload=each.payload)
        for hook in hooks
        for each in news
        if each.event in hook.tells and each.operator == hook.partner.operator_id and each.known_at >= hook.tells_from
    ]
    return WebhookDelivery.objects.ask(messages) if messages else 0


def incidents(noted: dict[int, Noted], now: datetime, operators: set[int]) -> list[News]:
    """Incidents that were opened or closed."""
    rows = Incident.objects.filter(pk__in=noted, site__operator__in=operators)
    told = []
    for pk, site, operator, charger, opened, closed, cause, severity, summary in rows.values_list(
        "pk", *SITE, "charger__external_id", "opened_at", "closed_at", "cause", "severity", "summary"
    ):
        data = {"incident": pk, "cause": cause, "severity": severity, "summary": summary}
        about = (operator, site, charger, data)
        if noted[pk].is_new:
            told.append(News("incident.opened", f"incident:{pk}:opened", opened, noted[pk].first_at, *about))
        if closed:
            told.append(News("incident.closed", f"incident:{pk}:closed", closed, noted[pk].last_at, *about))
    return told


def risks(noted: dict[int, Noted], now: datetime, operators: set[int]) -> list[News]:
    """Sites whose level of risk has changed."""
    rows = Risk.objects.filter(pk__in=noted, site__operator__in=operators)
    return [
        News("risk.level", f"risk:{pk}", at, noted[pk].first_at, operator, site, charger,
             {"level": level, "probability": round(probability, 4), "reason": reason})
        for pk, site, operator, charger, at, level, probability, reason in rows.values_list(
            "pk", *SITE, "charger__external_id", "at", "level", "probability", "reason"
        )
    ]  # fmt: skip


def prices(noted: dict[int, Noted], now: datetime, operators: set[int]) -> list[News]:
    """Price changes that were announced, began or ended; one that was called off before its start did neither."""
    rows = PriceChange.objects.filter(pk__in=noted, site__operator__in=operators)
    told = []
    for pk, site, operator, kind, *times, old, new, reason in rows.values_list(
        "pk", *SITE, "kind", "announced_at", "starts_at", "ends_at", "old_price", "new_price", "reason"
    ):
        data = {"price_change": pk, "kind": kind, "old_price": str(old), "new_price": str(new), "reason": reason}
        data |= {"starts_at": moment(times[1]), "ends_at": moment(times[2])}
        announced, starts, ends = times
        known_at = noted[pk].first_at if noted[pk].is_new else announced
        happened = [("announced", announced, known_at)] if noted[pk].is_new else []
        if starts < ends:
            happened += [("began", starts, max(known_at, starts)), ("ended", ends, max(known_at, ends))]
        for what, at, told_from in happened:
            if at <= now:
                key = f"price:{pk}:{what}"
                told.append(News("price.changed", key, at, told_from, operator, site, None, {**data, "what": what}))
    return told


def orders(noted: dict[int, Noted], now: datetime, operators: set[int]) -> list[News]:
    """Steps of work orders."""
    rows = WorkOrderChange.objects.filter(pk__in=noted, order__site__operator__in=operators)
    columns = ("order__site__external_id", "order__site__operator_id", "order__charger__external_id")
    return [
        News("work_order.state", f"order:{order}:{pk}", at, noted[pk].first_at, operator, site, charger,
             {"work_order": order, "old_state": old, "new_state": new})
        for pk, order, site, operator, charger, at, old, new in rows.values_list(
            "pk", "order_id", *columns, "at", "old_state", "new_state"
        )
    ]  # fmt: skip


def statuses(noted: dict[int, Noted], now: datetime, operators: set[int]) -> list[News]:
    """Chargers of whose new status we have learnt; of several between two looks only the last."""
    rows = ChargerState.objects.filter(charger__in=noted, charger__site__operator__in=operators)
    return [
        News("charger.status", f"status:{pk}:{changed.timestamp():.6f}", changed, noted[pk].last_at, operator, site,
             charger, {"status": status, "error_code": error, "vendor_code": vendor,
                       "since": moment(began) if began else None})
        for pk, charger, site, operator, changed, status, error, vendor, began in rows.values_list(
            "charger_id", *CHARGER, "changed_at", "status", "error_code", "vendor_code", "since"
        )
    ]  # fmt: skip


SOURCES = {
    "incident": ({WebhookEvent.INCIDENT_OPENED.value, WebhookEvent.INCIDENT_CLOSED.value}, incidents),
    "risk": ({WebhookEvent.RISK_LEVEL.value}, risks),
    "price": ({WebhookEvent.PRICE_CHANGED.value}, prices),
    "order": ({WebhookEvent.WORK_ORDER_STATE.value}, orders),
    "status": ({WebhookEvent.CHARGER_STATUS.value}, statuses),
}
