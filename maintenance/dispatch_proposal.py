"""A proposal of who does which open order and when, from what the database knows now; a person takes it or not."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from .models import OrderPart, Refused, Stock, Technician, WorkOrder
from .models.declined import declined
from .models.steps import roles_of
from .routing import dispatching
from .routing.dispatching import People, Why, Work
from .routing.route import drive_times
from .states import Priority, State
from .transitions import DISPATCHER, OPS

TO_PLAN = (State.NEW, State.TRIAGED, State.ASSIGNED)  # later on somebody has said yes
TAKEN = (State.ACCEPTED, State.EN_ROUTE, State.IN_PROGRESS)
MOST_ORDERS = 900  # a form that takes them all stays below Django's limit of 1,000 fields
USUAL_MINUTES = 60.0  # on site, where nobody knows what it takes
NOTE = "by the dispatch proposal"
IN_WORDS = {
    Why.NO_PLACE: "its site has no place on the map",
    Why.NO_SKILL: "nobody of its operator has the skill",
    Why.TOO_FAR: "everybody with the skill is more than 150 km away",
    Why.NO_TIME: "everybody near with the skill has a full shift",
}
BUT_DECLINED = ", but for who has declined it: choose on the board"
_SET_STOPS = """
UPDATE maintenance_workorder work_order SET stop = chosen.stop
FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS chosen (id, technician_id, stop)
WHERE work_order.id = chosen.id AND work_order.technician_id = chosen.technician_id AND work_order.closed_at IS NULL
"""


@dataclass(frozen=True)
class ProposedStop:
    """One order in a proposal: who goes, as which stop, after how long a drive; or why nobody does."""

    order: WorkOrder
    technician: Technician | None
    stop: int | None  # from 1 on
    drive_minutes: float | None
    has_part: bool
    why: str  # empty where somebody goes

    @property
    def is_change(self) -> bool:
        """Whether somebody else would go than who is sent now."""
        return self.technician is not None and self.order.technician_id != self.technician.pk

    @property
    def choice(self) -> tuple[int, int, int]:
        """What `apply` takes: order, technician, stop."""
        return self.order.pk, self.technician.pk, self.stop


@dataclass(frozen=True)
class Proposal:
    """All open orders that nobody has accepted, by technician and stop; those without anybody last."""

    stops: list[ProposedStop]
    source: str  # of the drive times: "osrm" or "estimate"

    @property
    def choices(self) -> list[tuple[int, int, int]]:
        """All of it, as `apply` takes it."""
        return [each.choice for each in self.stops if each.technician]


def propose(orders, at: datetime) -> Proposal:
    """Propose who does those of `orders` (a WorkOrder queryset) that nobody has accepted: 900 at most.

    A fixed number of queries, and one question to OSRM where there are up to a hundred places.
    """
    planned = list(
        orders.filter(state__in=TO_PLAN)
        .select_related("site", "charger", "technician", "incident__diagnosis")
        .order_by(F("due_at").asc(nulls_last=True), "pk")[:MOST_ORDERS]
    )
    people = list(Technician.objects.with_memberships().order_by("code"))
    if not planned or not people:
        return Proposal([_unserved(order, Why.NO_SKILL) for order in planned], "estimate")
    taken = list(WorkOrder.objects.filter(state__in=TAKEN, technician__in=people).select_related(
        "site", "incident__diagnosis"))  # fmt: skip
    said_no = declined([order.pk for order in planned])
    work = _work(planned, people, said_no)
    minutes, source = _drives(_starts(people, taken), planned)
    plan = dispatching.propose(minutes, work, _staff(people, taken, at))
    stops = [_stop(place, order, people, plan, work, order.pk in said_no) for place, order in enumerate(planned)]
    stops.sort(key=lambda each: (each.technician is None, each.technician and each.technician.code, each.stop or 0))
    return Proposal(stops, source)


def apply(choices: list[tuple[int, int, int | None]], by, at: datetime | None = None) -> list[int]:
    """Send technicians as chosen: (order, technician, stop or None) each; returns the orders for which it was done.

    Orders that somebody has accepted or ended meanwhile, or that `by` or the technician may not see, are left alone;
    and without a person (`by` None) those that the technician has declined. Raises Refused if `by` dispatches nobody.
    """
    if by is not None and not roles_of(by) & {DISPATCHER, OPS}:
        raise Refused(["Only a dispatcher or ops may send technicians."])
    at = at or timezone.now()
    wanted = {order: (technician, stop) for order, technician, stop in choices}
    visible = WorkOrder.objects.visible_to(by) if by is not None else WorkOrder.objects.all()
    with transaction.atomic():
        open_orders = (
            visible.filter(pk__in=wanted, state__in=TO_PLAN)
            .select_for_update(of=["self"], no_key=True)
            .select_related("site")
            .order_by("pk")
        )
        people = Technician.objects.with_memberships().in_bulk({technician for technician, _ in wanted.values()})
        orders = [each for each in open_orders if people[wanted[each.pk][0]].may_go_to(each.site.operator_id)]
        if by is None:
            said_no = declined([order.pk for order in orders])
            orders = [order for order in orders if wanted[order.pk][0] not in said_no.get(order.pk, ())]
        done = _send(orders, {order: technician for order, (technician, _) in wanted.items()}, at, by)
        with connection.cursor() as cursor:
            rows = [(order, *wanted[order]) for order in done]
            cursor.execute(_SET_STOPS, [list(column) for column in zip(*rows, strict=True)] or [[], [], []])
    return done


def _send(orders: list[WorkOrder], technician_of: dict[int, int], at: datetime, by) -> list[int]:
    """Bring locked orders to their technicians by the steps that orders take; returns those that are there."""
    WorkOrder.objects.move([order.pk for order in orders if order.state == State.NEW], State.TRIAGED, at, NOTE, by)
    by_technician: dict[int, list[WorkOrder]] = defaultdict(list)
    for order in orders:
        by_technician[technician_of[order.pk]].append(order)
    done = []
    for technician, theirs in sorted(by_technician.items()):
        new = [order.pk for order in theirs if order.state != State.ASSIGNED]
        old = [order.pk for order in theirs if order.state == State.ASSIGNED]
        done += WorkOrder.objects.move(new, State.ASSIGNED, at, NOTE, by, technician_id=technician)
        WorkOrder.objects.change(old, "technician_id", technician, at, NOTE, by)
        done += old
    return done


def _stop(place: int, order: WorkOrder, people: list[Technician], plan, work: Work, is_declined: bool) -> ProposedStop:
    person = int(plan.person[place])
    if person < 0:
        return _unserved(order, Why(int(plan.why[place])), BUT_DECLINED if is_declined else "")
    return ProposedStop(
        order, people[person], int(plan.stop[place]) + 1, float(plan.drive_minutes[place]),
        bool(work.has_part[person, place]), "",
    )  # fmt: skip


def _unserved(order: WorkOrder, why: Why, but: str = "") -> ProposedStop:
    return ProposedStop(order, None, None, None, False, IN_WORDS[why] + but)


def _work(orders: list[WorkOrder], people: list[Technician], said_no: dict[int, set[int]]) -> Work:
    skills = [order.repair.skill if order.repair else "" for order in orders]
    able = {skill: np.array([person.can(skill) for person in people]) for skill in set(skills)}
    operators = [order.site.operator_id for order in orders]
    may = {operator: np.array([person.may_go_to(operator) for person in people]) for operator in set(operators)}
    willing = np.array([[one.pk not in said_no.get(order.pk, ()) for order in orders] for one in people])
    able = np.column_stack([able[skill] & may[operator] for skill, operator in zip(skills, operators, strict=True)])
    return Work(
        onsite_minutes=np.array([_onsite(order) for order in orders]),
        urgency=np.array([Priority.values.index(order.priority) for order in orders]),
        has_place=np.array([order.site.latitude is not None for order in orders]),
        able=able & willing,
        has_part=_has_part(orders, people),
    )


def _onsite(order: WorkOrder) -> float:
    return float(order.repair.onsite_minutes) if order.repair else USUAL_MINUTES


def _has_part(orders: list[WorkOrder], people: list[Technician]) -> np.ndarray:
    """Whether each person's van or centre holds what each order takes, (n, m); what lies aside for an order is its."""
    place_of = {order.pk: place for place, order in enumerate(orders)}
    needs = OrderPart.objects.filter(order__in=place_of, proposed__gt=F("used") + F("reserved"))
    needs = list(needs.values_list("order", "part", F("proposed") - F("used") - F("reserved")))
    free = _free_pieces({part for _, part, _ in needs}, people)
    has = np.ones((len(people), len(orders)), bool)
    for order, part, pieces in needs:
        has[:, place_of[order]] &= free[part] >= pieces
    return has


def _free_pieces(parts: set[int], people: list[Technician]) -> dict[int, np.ndarray]:
    """Part -> how many pieces each person finds free in the van or, if there are more, in the centre."""
    rows = Stock.objects.filter(part__in=parts).values_list(
        "part", "technician", "centre", F("quantity") - F("reserved")
    )
    lying = {(part, technician, centre): pieces for part, technician, centre, pieces in rows}
    return {
        part: np.array(
            [max(lying.get((part, one.pk, None), 0), lying.get((part, None, one.centre_id), 0)) for one in people]
        )
        for part in parts
    }


def _starts(people: list[Technician], taken: list[WorkOrder]) -> list[tuple[float, float]]:
    """Where each person is: at the site that he or she is driving to or working at, else at the centre."""
    sites = {
        order.technician_id: (order.site.latitude, order.site.longitude)
        for order in taken
        if order.state != State.ACCEPTED and order.site.latitude is not None
    }
    return [sites.get(person.pk, (person.centre.latitude, person.centre.longitude)) for person in people]


def _drives(starts: list[tuple[float, float]], orders: list[WorkOrder]) -> tuple[np.ndarray, str]:
    """Minutes between all starts and all orders, and their source; nan where a site has no place."""
    places = [*starts, *((order.site.latitude, order.site.longitude) for order in orders)]
    known = np.array([latitude is not None for latitude, _ in places])
    _, between, source = drive_times([place for place in places if place[0] is not None], dispatching.FARTHEST_MINUTES)
    minutes = np.full((len(places), len(places)), np.nan)
    minutes[np.ix_(known, known)] = between
    return minutes, source


def _staff(people: list[Technician], taken: list[WorkOrder], at: datetime) -> People:
    load: dict[int, float] = defaultdict(float)
    for order in taken:
        load[order.technician_id] += _onsite(order)
    shifts = [person.next_shift(at) for person in people]
    return People(
        load=np.array([load[person.pk] for person in people]),
        shift=np.array([(ends - begins).total_seconds() / 60 for begins, ends in shifts]),
        wait=np.array([(begins - at).total_seconds() / 60 for begins, _ in shifts]),
    )
