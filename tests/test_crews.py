"""Who is sent, what simulated crews do without a part, whom they leave alone, and what reopens an order."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from django.contrib.auth.models import User

from maintenance import crews, dispatch_proposal, service_levels
from maintenance.models import OrderPart, Part, Refused, ServiceCentre, Stock, Technician, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.sending import open_orders
from sntry_site.dispatch import close_proven
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import ChargingSession, StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 1, 15, tzinfo=UTC)  # a Wednesday, ten o'clock in Austin


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


@pytest.fixture
def centre():
    return ServiceCentre.objects.create(name="Austin", latitude=30.3, longitude=-97.7, time_zone="America/Chicago")


@pytest.fixture
def site():
    return fleet.site(Operator.objects.create(name="Northline", is_simulated=True), 1)


def sent(skill: str, at: datetime = NOW) -> str:
    chosen = Technician.objects.nearest_to(np.array([30.3]), np.array([-97.7]), [skill], at)[0]
    return Technician.objects.get(pk=chosen).code


def test_who_can_do_it_goes_before_who_is_near_but_nobody_drives_across_the_country(centre):
    far = ServiceCentre.objects.create(name="Boston", latitude=42.4, longitude=-71.1)
    near = ServiceCentre.objects.create(name="Round Rock", latitude=30.5, longitude=-97.7)
    for code, where, skills in (("AUS", centre, ["it"]), ("RND", near, ["hv"]), ("BOS", far, ["certified"])):
        Technician.objects.create(code=code, centre=where, skills=skills)
    assert [sent(skill) for skill in ("it", "hv", "certified", "")] == ["AUS", "RND", "AUS", "AUS"]


def test_who_is_on_shift_goes_before_who_is_not_and_a_shift_may_pass_midnight(centre):
    shifts = {"DAY": (time(6), time(14)), "NIGHT": (time(22), time(6))}
    for code, (start, end) in shifts.items():
        Technician.objects.create(code=code, centre=centre, shift_start=start, shift_end=end)
    assert sent("") == "DAY"
    assert sent("", NOW - timedelta(hours=9)) == "NIGHT", "one in the morning"
    weekend = [person.is_on_shift(NOW + timedelta(days=3)) for person in Technician.objects.all()]
    assert weekend == [False, False]
    of_friday, of_sunday = (
        datetime(2026, 7, 4, 7, tzinfo=UTC),
        datetime(2026, 7, 6, 7, tzinfo=UTC),
    )  # two in the morning
    night = Technician.objects.get(code="NIGHT")
    assert [night.is_on_shift(at) for at in (of_friday, of_sunday)] == [True, False]


@pytest.fixture
def order(site, centre):
    """An order for a charger whose modem is broken; a crew has worked at it, and there is no modem anywhere."""
    technician = Technician.objects.create(code="T1", centre=centre)
    part = Part.objects.create(number="COM-100", name="modem", reorder_point=2)
    Stock.objects.create(part=part, centre=centre)
    wanted = Wanted(
        site.pk, fleet.charger(site).pk, "comms_backhaul", "status", None, "silent", technician_id=technician.pk
    )
    made = WorkOrder.objects.open_orders([wanted], NOW)[0]
    for state in ("accepted", "en_route", "in_progress"):
        WorkOrder.objects.move([made.pk], state, NOW)
    WorkOrder.objects.note_found_causes({made.pk: "comms_backhaul"})
    return WorkOrder.objects.get(pk=made.pk)


def test_a_crew_without_its_part_waits_for_the_delivery_and_then_uses_it(order):
    due = order.due_at
    assert crews.resolve([order], minutes(3)) == []
    order.refresh_from_db()
    assert (order.state, order.hold_reason) == ("on_hold", "parts")
    crews.wait_for_parts(minutes(8))
    order.refresh_from_db()
    assert order.state == "on_hold"
    crews.wait_for_parts(minutes(13))
    order.refresh_from_db()
    assert (order.state, order.due_at) == ("in_progress", due + timedelta(minutes=10))
    assert crews.resolve([order], minutes(16)) == [order]
    order.refresh_from_db()
    assert (order.state, order.action, OrderPart.objects.get().used) == ("resolved", "part_swapped", 1)
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved) == (3, 0)
    kinds = [movement.kind for movement in stock.movements.order_by("pk")]
    assert kinds == ["receive", "reserve", "consume"]


def test_a_part_that_was_not_needed_goes_back_and_the_right_one_is_used(order, centre):
    reader = Part.objects.create(number="PAY-110", name="card reader")
    shelves = Stock.objects.create(part=reader, centre=centre), Stock.objects.get(part__name="modem")
    for shelf in shelves:
        shelf.receive(1, NOW)
    Stock.objects.reserve([order.pk], NOW)
    WorkOrder.objects.filter(pk=order.pk).update(found_cause="payment_auth")
    crews.resolve([order], minutes(3))
    used = {need.part.name: (need.reserved, need.used, need.by_cause) for need in order.parts.select_related("part")}
    assert used == {"modem": (0, 0, True), "card reader": (0, 1, False)}
    assert [Stock.objects.get(pk=shelf.pk).quantity for shelf in shelves] == [0, 1]


def test_crews_leave_alone_what_a_person_has_taken_up_and_whose_technician_has_signed_in(order):
    assert crews.working_long_enough(minutes(5)) == [order]
    user = User.objects.create_user("t1", last_login=minutes(-60))
    Technician.objects.update(user=user)
    assert crews.working_long_enough(minutes(5)) == []
    User.objects.update(last_login=minutes(-60 * 9))
    assert crews.working_long_enough(minutes(5)) == [order]
    boss = fleet.person("boss", is_superuser=True)
    order.move("on_hold", by=boss, at=minutes(1), hold_reason="access")
    order.move("in_progress", by=boss, at=minutes(2))
    assert crews.working_long_enough(minutes(9)) == []


def test_a_charger_that_is_out_again_brings_its_order_back_and_one_that_proves_well_closes_it(order):
    Stock.objects.all().delete()
    crews.resolve([order], minutes(3))
    StatusReport.objects.record([order.charger_id], [minutes(4)], ["FAULTED"])
    assert close_proven(minutes(5)) == []
    order.refresh_from_db()
    assert (order.state, order.resolved_at) == ("in_progress", None)
    assert order.changes.first().note == "out of order again"
    crews.resolve([order], minutes(8))
    StatusReport.objects.record([order.charger_id], [minutes(8)], ["AVAILABLE"])
    failed = {"charger_id": order.charger_id, "started_at": minutes(9), "ended_at": minutes(10), "success": False}
    ChargingSession.objects.create(**failed)
    assert close_proven(minutes(11)) == [], "a session that failed proves nothing"
    ChargingSession.objects.create(**{**failed, "started_at": minutes(12), "ended_at": minutes(20), "success": True})
    assert close_proven(minutes(21)) == [order]


def test_ops_may_verify_by_a_reason_and_a_technician_may_not(order):
    Stock.objects.all().delete()
    crews.resolve([order], minutes(3))
    boss = fleet.person("boss", is_superuser=True)
    with pytest.raises(Refused, match="Say why, in a note"):
        order.move("verified", by=boss)
    own = fleet.person("tech")
    Technician.objects.update(user=own)
    with pytest.raises(Refused, match="Only ops may make an order verified"):
        order.move("verified", by=own, note="it works")
    order.move("verified", by=boss, note="tested by phone")
    order.move("closed", by=boss)
    assert order.closed_at is not None


def test_who_could_not_complete_leaves_an_order_that_follows(order):
    order.move("could_not_complete", by=None, at=minutes(3), note="the road is closed")
    following = WorkOrder.objects.get(follows=order)
    assert (following.incident, following.charger, following.state) == (order.incident, order.charger, "triaged")
    assert order.incident.closed_at is None
    assert not order.parts.filter(reserved__gt=0).exists()


def test_nobody_is_sent_who_may_not_see_the_orders_of_that_operator(site, centre):
    user = User.objects.create_user("tess")
    tess = Technician.objects.create(code="TESS", centre=centre, user=user)
    wanted = Wanted(site.pk, None, "unknown", "person", None, "odd")
    [order] = open_orders([wanted], NOW)
    assert (order.technician, order.state) == (None, "triaged")
    assert dispatch_proposal.propose(WorkOrder.objects.all(), NOW).choices == []
    assert dispatch_proposal.apply([(order.pk, tess.pk, 1)], None, NOW) == []
    user.memberships.create(operator=site.operator)
    assert dispatch_proposal.apply([(order.pk, tess.pk, 1)], None, NOW) == [order.pk]


def test_an_order_that_goes_on_where_another_ended_is_given_to_somebody_and_never_to_nobody(site, centre):
    [order] = open_orders([Wanted(site.pk, None, "unknown", "person", None, "odd")], NOW)
    boss = fleet.person("boss", is_superuser=True)
    assert WorkOrder.objects.move([order.pk], "assigned", minutes(1), by=boss) == []
    Technician.objects.create(code="T1", centre=centre)
    crews.advance(minutes(2))
    order.refresh_from_db()
    assert (order.state, order.technician.code) == ("assigned", "T1")


def test_one_place_gets_one_order_of_one_moment(site):
    places = {"site_id": site.pk, "charger_id": fleet.charger(site).pk, "risk": None, "title": "odd"}
    both = [Wanted(cause=cause, source="status", **places) for cause in ("grid_supply", "unknown")]
    [order] = open_orders([*both, both[0]], NOW)
    assert (order.changes.count(), order.version) == (2, 2)


def test_another_priority_keeps_the_time_that_an_order_has_waited(order):
    boss = fleet.person("boss", is_superuser=True)
    order.move("on_hold", by=boss, at=minutes(1), hold_reason="access")
    order.move("in_progress", by=boss, at=minutes(61))
    due = {}
    for priority in ("urgent", order.priority):
        WorkOrder.objects.change([order.pk], "priority", priority, minutes(62), "")
        due[priority] = WorkOrder.objects.get(pk=order.pk).due_at
    assert due[order.priority] == order.due_at
    assert due["urgent"] - service_levels.deadlines("urgent", NOW, "UTC")[1] == timedelta(hours=1)


def test_a_crew_keeps_what_somebody_has_written_and_adds_the_rest(order):
    Stock.objects.all().delete()
    WorkOrder.objects.filter(pk=order.pk).update(action="cleaned", minutes_work=7)
    assert crews.resolve([order], minutes(3)) == [order]
    order.refresh_from_db()
    assert (order.action, order.minutes_work, order.minutes_travel) == ("cleaned", 7, 0)
    assert order.resolution.startswith("Simulated crew")


def test_what_somebody_declined_goes_to_others_first_and_back_only_by_a_persons_choice(site, centre):
    sync_roles()
    own = fleet.person("ada", "technician", site.operator)
    ada = Technician.objects.create(code="ADA", centre=centre, user=own)
    [order] = open_orders([Wanted(site.pk, None, "unknown", "person", None, "odd")], NOW)
    assert order.technician == ada
    order.move("triaged", by=own, at=minutes(1))
    crews.advance(minutes(3))
    order.refresh_from_db()
    assert order.technician is None, "there is nobody else"
    WorkOrder.objects.move([order.pk], "triaged", minutes(4), by=fleet.person("desk", "dispatcher", site.operator))
    proposed = dispatch_proposal.propose(WorkOrder.objects.all(), NOW).stops[0]
    assert (proposed.technician, proposed.why) == (
        None, "nobody of its operator has the skill, but for who has declined it: choose on the board",
    )  # fmt: skip
    assert dispatch_proposal.apply([(order.pk, ada.pk, 1)], None, NOW) == []
    bob = Technician.objects.create(code="BOB", centre=centre)
    assert dispatch_proposal.propose(WorkOrder.objects.all(), NOW).stops[0].technician == bob
    boss = fleet.person("boss", is_superuser=True)
    assert dispatch_proposal.apply([(order.pk, ada.pk, 1)], boss, minutes(5)) == [order.pk]
    assert dispatch_proposal.propose(WorkOrder.objects.all(), NOW).stops[0].technician == ada, "a person chose her"


def test_who_could_not_complete_an_order_is_not_sent_to_the_one_that_follows(site, centre):
    ada, bob = (Technician.objects.create(code=code, centre=centre) for code in ("ADA", "BOB"))
    [order] = open_orders([Wanted(site.pk, None, "unknown", "person", None, "odd")], NOW)
    assert order.technician == ada
    for state in ("accepted", "en_route", "could_not_complete"):
        order.move(state, by=None, at=minutes(1), note="the road is closed")
    crews.advance(minutes(3))
    assert WorkOrder.objects.get(follows=order).technician == bob
