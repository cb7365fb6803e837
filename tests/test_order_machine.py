"""Three people and the loop do what they like to work orders, in any order; what must always hold, holds."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from maintenance.models import (
    Overtaken,
    Part,
    Photo,
    Refused,
    ServiceCentre,
    Stock,
    Technician,
    WorkOrder,
    WorkOrderChange,
)
from maintenance.models.opening import Wanted
from maintenance.states import ENDED_STATES, HoldReason, Priority, State
from maintenance.transitions import TRANSITIONS
from stations.models import Operator

from . import fleet

STEPS = int(os.environ.get("ORDER_STEPS", "10000"))
PARTS = max(STEPS // 50_000, 1)  # of a long run: each begins with other chances, and they may run side by side
STEPS_AN_EXAMPLE = 250
START = datetime(2026, 7, 1, 8, tzinfo=UTC)
CAUSES = ("meter_fault", "connector_lock")
ACTORS = ("loop", "technician", "dispatcher", "ops")
STOCK = {"van": 1, "centre": 2}  # pieces of each part at the beginning
ONE_OPEN = "SELECT 1 FROM maintenance_workorder WHERE closed_at IS NULL GROUP BY charger_id, cause HAVING count(*) > 1"
LEDGER = """
SELECT stock.quantity, stock.reserved,
    coalesce(sum(CASE kind WHEN 'receive' THEN pieces WHEN 'consume' THEN -pieces ELSE 0 END), 0),
    coalesce(sum(CASE kind WHEN 'reserve' THEN pieces WHEN 'receive' THEN 0 ELSE -pieces END), 0),
    (SELECT coalesce(sum(reserved), 0) FROM maintenance_orderpart WHERE stock_id = stock.id),
    (SELECT coalesce(sum(used), 0) FROM maintenance_orderpart), sum(stock.quantity) OVER ()
FROM maintenance_stock stock LEFT JOIN maintenance_stockmovement movement ON movement.stock_id = stock.id
GROUP BY stock.id
"""


A_MOVE = {
    "number": st.integers(0, 30),
    "step": st.integers(0, 20),
    "actor": st.sampled_from([*ACTORS, "ops", "loop"]),
    "stale": st.integers(0, 9),
    "note": st.sampled_from(["", "because"]),
    "other": st.integers(0, 30),
}


class World:
    """Made once, outside of all examples: a site with three chargers, the people, and little stock."""

    def __init__(self):
        self.site = fleet.site(Operator.objects.create(name="Northline", is_simulated=True), 1)
        self.chargers = [fleet.charger(self.site, number).pk for number in range(1, 4)]
        for role in ("technician", "dispatcher", "ops"):
            Group.objects.get_or_create(name=role)
        centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
        people = {name: fleet.person(name, name) for name in ACTORS[1:]}
        self.people = {"loop": None, **people}
        self.technicians = [
            Technician.objects.create(code="T1", centre=centre, user=people["technician"]),
            Technician.objects.create(code="T2", centre=centre),
        ]
        self.parts = [Part.objects.create(number=f"P-{name}", name=name) for name in ("meter", "latch actuator")]
        for part in self.parts:
            shelf = Stock.objects.create(part=part, centre=centre)
            vans = [Stock.objects.create(part=part, technician=person) for person in self.technicians]
            shelf.receive(STOCK["centre"], START)
            for van in vans:
                van.receive(STOCK["van"], START)


class Orders(RuleBasedStateMachine):
    """The model: of each order, the state and version that it must have."""

    world: World
    steps = moved = closed = 0

    @initialize()
    def begin(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.at, self.number = START, 0
        self.known: dict[int, tuple[str, int]] = {}
        self.orders: dict[int, WorkOrder] = {}  # as they were read last

    def teardown(self):
        try:
            self.check_everything()
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def tick(self) -> datetime:
        type(self).steps += 1
        self.number += 1
        self.at += timedelta(minutes=7)
        return self.at

    def pick(self, number: int) -> WorkOrder:
        """An order, mostly an open one."""
        going_on = sorted(pk for pk, (state, _) in self.known.items() if state not in ENDED_STATES)
        of = going_on if going_on and number < 24 else sorted(self.known)
        return self.orders[of[number % len(of)]]

    def note(self, order: WorkOrder) -> None:
        self.known[order.pk] = (order.state, order.version)
        self.orders[order.pk] = order

    @precondition(lambda self: self.number % 5 == 0)
    @rule(charger=st.integers(0, 2), cause=st.sampled_from(CAUSES), who=st.sampled_from([None, 0, 1]))
    def open(self, charger, cause, who):
        at, charger = self.tick(), self.world.chargers[charger]
        is_open = WorkOrder.objects.open().filter(charger=charger, cause=cause).exists()
        technician = None if who is None else self.world.technicians[who].pk
        wanted = Wanted(self.world.site.pk, charger, cause, "person", None, "odd", technician_id=technician)
        new = WorkOrder.objects.open_orders([wanted], at)
        assert bool(new) != is_open
        for order in new:
            assert (order.state, order.version) == (("assigned", 3) if technician else ("triaged", 2))
            self.note(order)

    @precondition(lambda self: self.known)
    @rule(**A_MOVE)
    def one_moves(self, **about):
        self.move(**about)

    @precondition(lambda self: self.known)
    @rule(**A_MOVE)
    def another_moves(self, **about):
        self.move(**about)

    def move(self, number, step, actor, stale, note, other):
        at, order, by = self.tick(), self.pick(number), self.world.people[actor]
        state, version = self.known[order.pk]
        to = self.state(state, step)
        details = {
            "hold_reason": HoldReason.PARTS if to == State.ON_HOLD else "",
            "duplicate_of": self.pick(other).pk if to == State.DUPLICATE else None,
            "technician_id": self.world.technicians[other % 2].pk if to == State.ASSIGNED else None,
        }
        seen = version - 1 if stale == 0 else version
        ended = self.outcome(order, to, by=by, expected_version=seen, note=note, at=at, **details)
        if isinstance(ended, Exception):
            assert isinstance(ended, Refused if seen == version else Overtaken)
        else:
            type(self).moved += 1
            assert seen == version
            assert actor in TRANSITIONS[State(state)][to]
            assert actor != "technician" or self.was_his(order, by, to)
            assert (order.state, order.version) == (to, version + 1)
            self.note(order)
        if to == State.COULD_NOT_COMPLETE:
            self.follow_ups()

    def state(self, state: str, step: int) -> State:
        """What comes next on the way to the end, or what else may follow, or anything."""
        usual = list(TRANSITIONS[State(state)])
        onward = State.RESOLVED if state == State.IN_PROGRESS else usual[0] if usual else State.CLOSED
        if step < 12:
            return onward
        return usual[step % len(usual)] if usual and step < 18 else list(State)[step % len(State)]

    def outcome(self, order: WorkOrder, to: str, **details) -> Exception | None:
        try:
            order.move(to, **details)
        except (Refused, Overtaken) as refusal:
            return refusal

    def was_his(self, order: WorkOrder, by, to: str) -> bool:
        """Whether a technician moved an order of his own; one that goes back has nobody afterwards."""
        return to == State.TRIAGED or order.technician.user_id == by.pk

    def follow_ups(self) -> None:
        for order in WorkOrder.objects.exclude(pk__in=self.known):
            assert order.follows.state == "could_not_complete"
            self.note(order)

    def still(self, order: WorkOrder) -> None:
        """The row is what the model says, or one step further when it has just been moved."""
        order.refresh_from_db()
        state, version = self.known[order.pk]
        assert order.version - version in (0, 1)
        assert order.version > version or order.state == state
        assert (order.closed_at is not None) == (order.state in ENDED_STATES)
        self.note(order)

    @precondition(lambda self: self.known)
    @rule(
        numbers=st.lists(st.integers(0, 30), min_size=1, max_size=3),
        step=st.integers(0, 20),
        actor=st.sampled_from(ACTORS),
    )
    def move_many(self, numbers, step, actor):
        at, by = self.tick(), self.world.people[actor]
        orders = [self.pick(number) for number in numbers]
        to = self.state(orders[0].state, step)
        details = {"hold_reason": "vendor"} if to == State.ON_HOLD else {}
        moved = WorkOrder.objects.move([order.pk for order in orders], to, at, "all at once", by, **details)
        for order in WorkOrder.objects.filter(pk__in=[order.pk for order in orders]).order_by("pk"):
            state, version = self.known[order.pk]
            if order.pk in moved:
                assert actor in TRANSITIONS[State(state)][to]
                assert (order.state, order.version) == (to, version + 1)
            else:
                assert (order.state, order.version) == (state, version)
            self.note(order)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 30), actor=st.sampled_from(ACTORS), value=st.integers(0, 3))
    def change(self, number, actor, value):
        at, order, by = self.tick(), self.pick(number), self.world.people[actor]
        column, new = ("priority", Priority.values[value]) if value < 2 else ("technician_id", self.technician(value))
        before = getattr(order, column)
        changed = WorkOrder.objects.change([order.pk], column, new, at, "changed", by)
        assert changed == ([order.pk] if order.closed_at is None and before != new else [])
        self.still(order)

    def technician(self, value: int) -> int:
        return self.world.technicians[value % 2].pk

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 30), is_whole=st.sampled_from([True, True, False]))
    def write_report(self, number, is_whole):
        at, order = self.tick(), self.pick(number)
        WorkOrder.objects.filter(pk=order.pk).update(**fleet.REPORT)
        order.checklist.filter(place__lt=9 if is_whole else 2).update(done_at=at)
        kinds, file = ("before", "after") if is_whole else (), f"photos/{order.pk}.jpg"
        Photo.objects.bulk_create([Photo(order=order, kind=kind, file=file, taken_at=at) for kind in kinds])

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 30), part=st.integers(0, 1), what=st.sampled_from(["need", "use", "return"]))
    def parts(self, number, part, what):
        at, order, part = self.tick(), self.pick(number), self.world.parts[part].pk
        if what == "need" and order.closed_at is None:
            order.need_part(part, 1, at)
        elif what == "use":
            used = sum(order.parts.values_list("used", flat=True))
            reserved = sum(order.parts.filter(part=part).values_list("reserved", flat=True))
            for _ in range(2):  # the second time changes nothing
                order.use_parts([part], at)
            assert sum(order.parts.values_list("used", flat=True)) == used + reserved
        elif what == "return":
            order.return_parts([part], at)

    @invariant()
    def stock_is_conserved(self):
        if self.number % 10 == 0:
            check_ledger()

    def check_everything(self):
        check_ledger()
        type(self).closed += WorkOrder.objects.filter(state=State.CLOSED).count()
        with connection.cursor() as cursor:
            cursor.execute(ONE_OPEN)
            assert cursor.fetchall() == []
        for order in WorkOrder.objects.filter(pk__in=self.known):
            changes = list(order.changes.order_by("pk"))
            assert order.version == len(changes), "one more with every row"
            assert changes[-1].new_state == order.state
            for before, after in pairwise(changes):
                assert after.old_state == before.new_state
                assert (
                    after.new_state == after.old_state or State(after.new_state) in TRANSITIONS[State(after.old_state)]
                )
            assert order.state not in ENDED_STATES or not order.parts.filter(reserved__gt=0).exists()
        assert WorkOrderChange.objects.count() == sum(version for _, version in self.known.values())


def check_ledger() -> None:
    """What lies there and what is put aside is what the movements say, never below nothing."""
    with connection.cursor() as cursor:
        cursor.execute(LEDGER)
        for quantity, reserved, received, put_aside, needed, used, left in cursor.fetchall():
            assert quantity == received
            assert 0 <= reserved <= quantity
            assert reserved == put_aside == needed
            assert used + left == 2 * (STOCK["centre"] + 2 * STOCK["van"])


@pytest.mark.django_db
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_people_do_the_life_of_an_order_stays_legal(part):
    Orders.world = World()
    Orders.steps = Orders.moved = Orders.closed = 0
    steps = STEPS / PARTS
    run_state_machine_as_test(
        seed(part)(Orders),
        settings=settings(
            max_examples=int(steps / (STEPS_AN_EXAMPLE - 40)) + 3,  # one is the simplest; the rest take 225 or more
            stateful_step_count=STEPS_AN_EXAMPLE,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{Orders.steps} steps, {Orders.moved} of them moved an order, {Orders.closed} orders closed")
    assert Orders.steps >= steps
    assert Orders.moved > steps / 10
    assert Orders.closed > 0
