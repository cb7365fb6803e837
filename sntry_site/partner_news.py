"""What has happened since partners were last told: one query per kind of event for all subscriptions at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from maintenance.models import Incident, WorkOrderChange
from pricing.models import PriceChange
from stations.models import Webhook, WebhookDelivery, WebhookEvent
from telemetry.models import ChargerState, Risk

from .ocpi.mapping import moment

LOOK_BACK = timedelta(seconds=60)  # what was committed later than it was noted; the keys keep it from going out twice
LONGEST = timedelta(hours=24)
SITE = ("site__external_id", "site__operator_id")
CHARGER = ("charger__external_id", "charger__site__external_id", "charger__site__operator_id")


@dataclass(frozen=True)
class News:
    """One event; its key is the same whenever it is looked at."""

    event: str
    key: str
    at: datetime
    operator: int
    site: str
    charger: str | None
    data: dict

    @property
    def payload(self) -> dict:
        return {"at": moment(self.at), "site": self.site, "charger": self.charger, "data": self.data}


def tell_webhooks(now: datetime) -> int:
    """Queue the messages of what has happened; how many are new. The same number of queries for any network."""
    with transaction.atomic():
        hooks = list(
            Webhook.objects.active().select_for_update(skip_locked=True, of=("self",)).select_related("partner")
        )
        if not hooks:
            return 0
        since = max(min(hook.told_until for hook in hooks), now - LONGEST) - LOOK_BACK
        wanted = {event for hook in hooks for event in hook.events}
        operators = {hook.partner.operator_id for hook in hooks}
        news = [each for event, read in SOURCES.items() if event & wanted for each in read(since, now, operators)]
        messages = [
            WebhookDelivery(webhook=hook, key=each.key, event=each.event, payload=each.payload)
            for hook in hooks
            for each in news
            if each.event in hook.events and each.operator == hook.partner.operator_id
            and each.at >= max(hook.told_until, hook.created_at) - LOOK_BACK and each.at >= hook.created_at
        ]  # fmt: skip
        new = WebhookDelivery.objects.ask(messages) if messages else 0
        Webhook.objects.filter(pk__in=[hook.pk for hook in hooks]).update(told_until=now)
    return new


def incidents(since: datetime, now: datetime, operators: set[int]) -> list[News]:
    """Incidents that were opened or closed."""
    rows = Incident.objects.filter(Q(opened_at__gt=since) | Q(closed_at__gt=since), site__operator__in=operators)
    told = []
    for pk, site, operator, charger, opened, closed, cause, severity, summary in rows.values_list(
        "pk", *SITE, "charger__external_id", "opened_at", "closed_at", "cause", "severity", "summary"
    ):
        data = {"incident": pk, "cause": cause, "severity": severity, "summary": summary}
        if opened > since:
            told.append(News("incident.opened", f"incident:{pk}:opened", opened, operator, site, charger, data))
        if closed and closed > since:
            told.append(News("incident.closed", f"incident:{pk}:closed", closed, operator, site, charger, data))
    return told


def risks(since: datetime, now: datetime, operators: set[int]) -> list[News]:
    """Sites whose level of risk has changed."""
    rows = Risk.objects.filter(at__gt=since, site__operator__in=operators)
    return [
        News("risk.level", f"risk:{pk}", at, operator, site, charger,
             {"level": level, "probability": round(probability, 4), "reason": reason})
        for pk, site, operator, charger, at, level, probability, reason in rows.values_list(
            "pk", *SITE, "charger__external_id", "at", "level", "probability", "reason"
        )
    ]  # fmt: skip


def prices(since: datetime, now: datetime, operators: set[int]) -> list[News]:
    """Price changes that were announced, began or ended; one that was called off before its start did neither."""
    passed = (
        Q(announced_at__gt=since) | Q(starts_at__gt=since, starts_at__lte=now) | Q(ends_at__gt=since, ends_at__lte=now)
    )
    rows = PriceChange.objects.filter(passed, site__operator__in=operators)
    told = []
    for pk, site, operator, kind, *times, old, new, reason in rows.values_list(
        "pk", *SITE, "kind", "announced_at", "starts_at", "ends_at", "old_price", "new_price", "reason"
    ):
        data = {"price_change": pk, "kind": kind, "old_price": str(old), "new_price": str(new), "reason": reason}
        data |= {"starts_at": moment(times[1]), "ends_at": moment(times[2])}
        was_called_off = times[1] == times[2]
        for what, at in zip(("announced", "began", "ended"), times, strict=True):
            if since < at <= now and (what == "announced" or not was_called_off):
                key = f"price:{pk}:{what}"
                told.append(News("price.changed", key, at, operator, site, None, {**data, "what": what}))
    return told


def orders(since: datetime, now: datetime, operators: set[int]) -> list[News]:
    """Steps of work orders."""
    rows = WorkOrderChange.objects.filter(at__gt=since, order__site__operator__in=operators)
    columns = ("order__site__external_id", "order__site__operator_id", "order__charger__external_id")
    return [
        News("work_order.state", f"order:{order}:{pk}", at, operator, site, charger,
             {"work_order": order, "old_state": old, "new_state": new})
        for pk, order, site, operator, charger, at, old, new in rows.values_list(
            "pk", "order_id", *columns, "at", "old_state", "new_state"
        )
        if old != new
    ]  # fmt: skip


def statuses(since: datetime, now: datetime, operators: set[int]) -> list[News]:
    """Chargers of whose new status we have learnt; of several between two looks only the last."""
    rows = ChargerState.objects.filter(changed_at__gt=since, charger__site__operator__in=operators)
    return [
        News("charger.status", f"status:{pk}:{changed.timestamp():.6f}", changed, operator, site, charger,
             {"status": status, "error_code": error, "vendor_code": vendor, "since": moment(began) if began else None})
        for pk, charger, site, operator, changed, status, error, vendor, began in rows.values_list(
            "charger_id", *CHARGER, "changed_at", "status", "error_code", "vendor_code", "since"
        )
    ]  # fmt: skip


SOURCES = {
    frozenset({WebhookEvent.INCIDENT_OPENED.value, WebhookEvent.INCIDENT_CLOSED.value}): incidents,
    frozenset({WebhookEvent.RISK_LEVEL.value}): risks,
    frozenset({WebhookEvent.PRICE_CHANGED.value}): prices,
    frozenset({WebhookEvent.WORK_ORDER_STATE.value}): orders,
    frozenset({WebhookEvent.CHARGER_STATUS.value}): statuses,
}
