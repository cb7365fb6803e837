"""What the card of an order shows: what is where, what is probably wrong, what can be done next."""

import uuid
from dataclasses import dataclass

from django.utils import timezone

from telemetry.models import Cause, ChargerStatus

from ..fault_meanings import meaning
from ..models import OrderPart, Part, Photo, Stock, WorkOrder
from ..states import Action, HoldReason, State
from . import times

# What the one big button does, in the technician's words; the table of transitions says whether it may be done.
NEXT = {
    State.ASSIGNED: (State.ACCEPTED, "Accept"),
    State.ACCEPTED: (State.EN_ROUTE, "Start travel"),
    State.EN_ROUTE: (State.IN_PROGRESS, "Arrived"),
    State.IN_PROGRESS: (State.RESOLVED, "Done"),
    State.ON_HOLD: (State.IN_PROGRESS, "Go on"),
}
BACK = {
    State.ASSIGNED: (State.TRIAGED, "Not for me"),
    State.ACCEPTED: (State.TRIAGED, "Give back"),
    State.EN_ROUTE: (State.ACCEPTED, "Not on my way"),
    State.RESOLVED: (State.IN_PROGRESS, "Work on it again"),
}
AT_WORK = (State.EN_ROUTE, State.IN_PROGRESS, State.ON_HOLD)
HIGH_VOLTAGE = "Lock out before opening. Output over 60 V can remain for 5 minutes: test that it is dead."


@dataclass(frozen=True)
class ChargerNow:
    """What a charger says of itself, in plain words."""

    charger: object
    status: ChargerStatus
    meaning: str
    since: object
    codes: str


def charger_now(charger) -> ChargerNow:
    """The last status of a charger; UNKNOWN where it has never told one."""
    state = getattr(charger, "state", None)
    if state is None:
        return ChargerNow(charger, ChargerStatus.UNKNOWN, "It has never reported.", None, "")
    status = ChargerStatus(state.status)
    codes = ", ".join(code for code in (state.error_code, state.vendor_code) if code)
    return ChargerNow(charger, status, meaning(state.status, state.error_code, state.vendor_code), state.since, codes)


def chargers_of(order: WorkOrder) -> list[ChargerNow]:
    """The charger that an order is about; for an order of a whole site those that do not work."""
    if order.charger:
        return [charger_now(order.charger)]
    out = order.site.chargers.filter(state__status__in=("FAULTED", "OFFLINE")).select_related("state")
    return [charger_now(charger) for charger in out.order_by("external_id")[:20]]


def card(order: WorkOrder, user, *, problems=(), notice: str = "") -> dict:
    """Everything that the templates of a card need; `problems` is why the last request was refused."""
    state, following = State(order.state), order.following(user)
    travel, work = times.spent(order, timezone.now())
    note = order.incident.notes.order_by("-pk").first()
    return {
        "order": order,
        "state": state,
        "problems": list(problems),
        "notice": notice,
        "key": uuid.uuid4().hex,
        "next": _offered(NEXT, state, following),
        "back": _offered(BACK, state, following),
        "may_hold": State.ON_HOLD in following,
        "may_give_up": State.COULD_NOT_COMPLETE in following,
        "same": _same(order) if State.DUPLICATE in following else [],
        "is_at_work": state in AT_WORK,
        "holds": HoldReason.choices,
        "actions": Action.choices,
        "causes": Cause.choices,
        "kinds": Photo.Kind,
        "repair": order.repair,
        "warning": HIGH_VOLTAGE if order.repair and order.repair.skill == "hv" else "",
        "note": note,
        "chargers": chargers_of(order),
        "attempts": order.incident.attempts.filter(helped=False).select_related("charger").order_by("pk")[:12],
        "checklist": order.checklist.all(),
        "travel": travel,
        "work": work,
        "since": order.changes.filter(new_state=order.state).order_by("-pk").first(),
        **parts(order),
    }


def _same(order: WorkOrder):
    """Other open orders of the site, of which this may be one."""
    return WorkOrder.objects.twins_of(order.pk).select_related("charger", "technician").order_by("pk")[:20]


def parts(order: WorkOrder) -> dict:
    """What an order needs of parts and where they lie, and what else the van has."""
    needs = list(order.parts.select_related("part", "stock__centre", "stock__technician"))
    van = Stock.objects.filter(technician=order.technician_id, quantity__gt=0).select_related("part")
    known = {need.part_id for need in needs if need.proposed}
    return {"order": order, "needs": needs, "van": [stock for stock in van if stock.part_id not in known]}


def not_at_work(order: WorkOrder) -> list[str]:
    """Why nothing of what proves the work can be changed now: before the road it is too early, after it too late."""
    if order.state in AT_WORK:
        return []
    return [
        f"{order.number} is {order.get_state_display().lower()}: its report can be changed only while you work on it."
    ]


def need_of(order: WorkOrder, pk: int) -> OrderPart | None:
    return order.parts.filter(pk=pk).first()


def in_catalogue(pk: str) -> Part | None:
    return Part.objects.filter(pk=pk).first() if pk.isdecimal() else None


def _offered(table: dict, state: State, following: list[State]):
    """(state, words) of the button of this table, if the order may go there."""
    to, words = table.get(state, (None, ""))
    return (to, words) if to in following else None
