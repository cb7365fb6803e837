"""Who is told about work orders: technicians and desks by mail, everybody on the board; each thing once.

Told is what happens to orders, never what chargers report: an alarm that flaps opens no order, and so tells nobody.
Nobody is told what he or she did, nor of sites of operators of which he or she is no member.
"""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from stations import outbox
from stations.models import FleetEvent

from .states import Priority, State

DESKS = ["dispatcher", "ops"]
MOST_SINGLE = 5  # of more orders at one moment a person gets one mail, because a storm of them is read by nobody
MOST_LISTED = 50
_TECHNICIANS = """
SELECT told.order_id, person.id, person.email
FROM unnest(%(orders)s::bigint[], %(technicians)s::bigint[]) AS told (order_id, technician_id)
JOIN maintenance_workorder work_order ON work_order.id = told.order_id
JOIN stations_site site ON site.id = work_order.site_id
JOIN maintenance_technician technician ON technician.id = told.technician_id
JOIN auth_user person ON person.id = technician.user_id AND person.is_active AND person.email <> ''
WHERE person.id IS DISTINCT FROM %(by)s AND (person.is_superuser OR EXISTS (
    SELECT 1 FROM stations_membership member
    WHERE member.user_id = person.id AND member.operator_id = site.operator_id
))
"""
_DESKS = """
SELECT work_order.id, person.id, person.email FROM maintenance_workorder work_order
JOIN stations_site site ON site.id = work_order.site_id
JOIN stations_membership member ON member.operator_id = site.operator_id
JOIN auth_user person ON person.id = member.user_id AND person.is_active AND person.email <> ''
WHERE work_order.id = ANY(%(orders)s) AND EXISTS (
    SELECT 1 FROM auth_user_groups belongs JOIN auth_group role ON role.id = belongs.group_id
    WHERE belongs.user_id = person.id AND role.name = ANY(%(desks)s)
)
"""


class Moved(NamedTuple):
    """An order that was changed: its version now, and whose it was and is."""

    order: int
    version: int
    before: int | None
    now: int | None


class Deadline(NamedTuple):
    """A deadline of an order that is near or over: when it must be accepted ("respond") or resolved ("resolve")."""

    order: int
    kind: str
    at: datetime


def tell_opened(orders) -> None:
    """Orders (a queryset) are new: their technicians."""
    sent = {each.pk: each for each in orders.filter(technician__isnull=False).select_related("site", "technician")}
    _mail("sent", {pk: (each.technician_id, each.version) for pk, each in sent.items()}, sent, "is yours")


def tell_moved(orders, moved: list[Moved], state: str, at: datetime, by=None) -> None:
    """Orders came into `state`: who has one now, who has it no more, whose is called off; and what people did."""
    called_off = state in (State.CANCELLED, State.DUPLICATE)
    old = {each.order: (each.before, each.version) for each in moved if each.before and (called_off or _changed(each))}
    new = {each.order: (each.now, each.version) for each in moved if each.now and _changed(each) and not called_off}
    if not old and not new:
        return
    known = _read(orders, {**old, **new})
    _mail("sent", new, known, "is yours", by)
    _mail("taken", old, known, "is called off" if called_off else "is no longer yours", by)
    if by is not None:
        _tell_board("WORK_ORDER_SENT", [(known[pk], f"sent to {known[pk].technician}") for pk in new], at, by)


def tell_priority(orders, moved: list[Moved], at: datetime, by=None) -> None:
    """Orders have another priority: their technicians, and the board."""
    known = _read(orders, [each.order for each in moved])
    for priority in {each.priority for each in known.values()}:
        whose = {
            each.order: (each.now, each.version)
            for each in moved
            if each.now and known[each.order].priority == priority
        }
        _mail("priority", whose, known, f"has priority {priority} now", by)
    told = [(each, f"has priority {each.priority} now") for each in known.values()]
    _tell_board("WORK_ORDER_PRIORITY", told, at, by)


def tell_deadlines(orders, near: list[Deadline], over: list[Deadline], at: datetime) -> None:
    """Deadlines that are near, and those that are over: the technicians, the desks of the operators, and the board."""
    known = _read(orders, [each.order for each in [*near, *over]])
    for word, kind, deadlines in (("near", "WORK_ORDER_DUE_SOON", near), ("over", "WORK_ORDER_LATE", over)):
        for each in deadlines:
            known[each.order].told = _deadline_in_words(word, each, known[each.order].site)
        whose = {each.order: (known[each.order].technician_id, int(each.at.timestamp())) for each in deadlines}
        people = [*_technicians(whose), *_rows(_DESKS, {"orders": list(whose), "desks": DESKS})] if whose else []
        _put(f"deadline-{word}", people, whose, known)
        _tell_board(kind, [(known[pk], known[pk].told) for pk in whose], at, None)


def _deadline_in_words(word: str, deadline: Deadline, site) -> str:
    if word == "over":
        return "is late" if deadline.kind == "resolve" else "has not been accepted in time"
    return f"{'is due at' if deadline.kind == 'resolve' else 'must be accepted by'} {_local(deadline.at, site)}"


def _changed(each: Moved) -> bool:
    return each.before != each.now


def _read(orders, ids) -> dict:
    return {each.pk: each for each in orders.filter(pk__in=ids).select_related("site", "technician").order_by("pk")}


Whose = dict[int, tuple[int | None, int]]  # order -> the technician to be told, and a number that makes the mail's key


def _mail(word: str, whose: Whose, known: dict, told: str, by=None) -> None:
    if whose:
        for pk in whose:
            known[pk].told = told
        _put(word, _technicians(whose, by), whose, known)


def _technicians(whose: Whose, by=None) -> list[tuple[int, int, str]]:
    """(order, person, address) of the technicians who may be told."""
    technicians = [technician for technician, _ in whose.values()]
    return _rows(_TECHNICIANS, {"orders": list(whose), "technicians": technicians, "by": by and by.pk})


def _rows(statement: str, values: dict) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _put(word: str, people: list[tuple[int, int, str]], whose: Whose, known: dict) -> None:
    """Ask for one mail to each person about each order, or about all of them where they are many."""
    of_person: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, person, email in sorted(set(people)):
        of_person[person, email].append(pk)
    mails = {}
    for (person, email), orders in of_person.items():
        if len(orders) > MOST_SINGLE:
            key = f"work-orders-{word}-from-{orders[0]}-{whose[orders[0]][1]}-{person}"
            mails[key] = {**_list_of([known[pk] for pk in orders]), "to": [email]}
            continue
        for pk in orders:
            mails[f"work-order-{pk}-{word}-{whose[pk][1]}-{person}"] = {**_written(known[pk]), "to": [email]}
    if mails:
        outbox.put_all("mail", mails)


def _list_of(orders: list) -> dict[str, str]:
    """One mail about many orders, the most urgent first."""
    orders = sorted(orders, key=lambda order: (-Priority.values.index(order.priority), order.pk))
    lines = [f"{order.number} at {order.site.name} {order.told}" for order in orders[:MOST_LISTED]]
    more = len(orders) - len(lines)
    lines += [f"and {more} more; the dispatch board has them all"] if more else []
    subject = f"{len(orders)} work orders; the first {orders[0].told}"
    return {"subject": subject[:150], "body": "\n".join(" ".join(line.split()) for line in lines)}


def _written(order) -> dict[str, str]:
    """Subject and body. A name from outside keeps to its line, because a second one in a subject stops the mail."""
    place = ", ".join(filter(None, [order.site.name, order.site.city]))
    lines = [f"{order.get_priority_display()}: {order.title}", place]
    lines += [f"Due {_local(order.due_at, order.site)}"] if order.due_at else []
    lines += [f"Technician: {order.technician}"] if order.technician else []
    subject = " ".join(f"{order.number} at {order.site.name} {order.told}".split())[:150]
    return {"subject": subject, "body": "\n".join(" ".join(line.split()) for line in lines)}


def _local(at: datetime, site) -> str:
    """By the clock of the site."""
    return f"{at.astimezone(site.zone):%Y-%m-%d %H:%M} ({site.zone})"


def _tell_board(kind: str, told: list[tuple], at: datetime, by) -> None:
    """A line about each (order, what is said of it)."""
    FleetEvent.objects.add([
        FleetEvent(
            at=at, kind=kind, site=order.site, operator_id=order.site.operator_id, actor=by,
            message=f"{order.number} {words}: {order.title}"[:300],
        )
        for order, words in told
    ])  # fmt: skip
