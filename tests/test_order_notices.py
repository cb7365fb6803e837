"""Those whom an order concerns are told: who gets it, when its priority changes, and before it is late."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from maintenance.models import ServiceCentre, Technician, WorkOrder
from maintenance.service_levels import add_business, business_between, deadlines, resumed
from sntry_site import tasks
from stations.access import sync_roles
from stations.models import FleetEvent, Membership, Operator, Outbox

from . import fleet

DENVER = "America/Denver"
NOW = datetime(2026, 7, 1, 15, tzinfo=UTC)  # a Wednesday, nine o'clock in Denver


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(DENVER))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def test_business_hours_leave_out_nights_and_weekends_of_the_site():
    friday = local(2026, 7, 3, 17)
    assert add_business(friday, hours(2), DENVER) == local(2026, 7, 6, 9)
    assert add_business(local(2026, 7, 4, 12), hours(1), DENVER) == local(2026, 7, 6, 9), "a Saturday"
    assert business_between(friday, local(2026, 7, 6, 9), DENVER) == hours(2)
    assert business_between(local(2026, 7, 4, 1), local(2026, 7, 5, 23), DENVER) == hours(0)


def test_a_change_to_winter_time_moves_deadlines_as_it_moves_people():
    before = local(2026, 10, 30, 17)  # a Friday; the clocks go back on Sunday
    due = add_business(before, hours(2), DENVER)
    assert due == local(2026, 11, 2, 9)
    assert due - before == hours(65)


def test_urgent_orders_never_sleep_and_others_keep_business_hours():
    evening = local(2026, 7, 3, 20)
    assert deadlines("urgent", evening, DENVER) == (evening + hours(1), evening + hours(8))
    assert deadlines("normal", evening, DENVER) == (local(2026, 7, 6, 18), local(2026, 7, 8, 18))


def test_the_clock_stands_while_an_order_waits():
    opened = local(2026, 7, 1, 9)
    _, due = deadlines("normal", opened, DENVER)
    held, back = local(2026, 7, 1, 12), local(2026, 7, 6, 15)
    left = business_between(held, due, DENVER)
    assert business_between(back, resumed("normal", due, held, back, DENVER), DENVER) == left == hours(27)
    assert resumed("urgent", due, held, held + hours(5), DENVER) == due + hours(5)
    assert resumed("normal", due, due + hours(1), due + hours(9), DENVER) == due, "it was late before"


@pytest.fixture
def order(db):
    """An order at a site in Denver, opened at nine, for nobody yet."""
    sync_roles()
    site = fleet.live_site(Operator.objects.create(name="Northline", is_simulated=True), 1, time_zone=DENVER)
    respond_by, due_at = deadlines("normal", NOW, DENVER)
    return fleet.work_order(site, state="triaged", opened_at=NOW, respond_by=respond_by, due_at=due_at)


@pytest.fixture
def technician(order):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    user = User.objects.create_user("t1", email="t1@example.com")
    Membership.objects.create(user=user, operator=order.site.operator)
    return Technician.objects.create(code="T1", centre=centre, user=user)


def mails() -> list[tuple[str, list[str]]]:
    return [(row.payload["subject"], row.payload["to"]) for row in Outbox.objects.order_by("pk")]


def test_who_gets_an_order_and_whose_order_becomes_urgent_is_told(order, technician):
    order.move("assigned", by=None, technician_id=technician.pk, at=NOW)
    WorkOrder.objects.change([order.pk], "priority", "urgent", NOW + hours(1), "smoke")
    about = f"{order.number} at Site 1"
    to = ["t1@example.com"]
    assert mails() == [(f"{about} is yours", to), (f"{about} has priority urgent now", to)]
    order.refresh_from_db()
    assert (order.respond_by, order.due_at) == (NOW + hours(1), NOW + hours(8)), "counted from when it was opened"


def test_a_hold_moves_the_deadline_and_leaves_rows(order, technician):
    due = order.due_at
    order.move("assigned", by=None, technician_id=technician.pk, at=NOW)
    for state in ("accepted", "en_route", "in_progress"):
        order.move(state, by=None, at=NOW)
    order.move("on_hold", by=None, at=NOW, hold_reason="access", note="the gate is locked")
    assert (order.hold_reason, order.held_since) == ("access", NOW)
    order.move("in_progress", by=None, at=NOW + hours(3))
    assert (order.hold_reason, order.held_since) == ("", None)
    assert order.due_at == due + hours(3)


def test_before_an_order_is_late_its_technician_and_the_desk_are_told_once(order, technician, settings):
    settings.TICK_SURGE_CHANCE = 0.0
    fleet.person("desk", "dispatcher", order.site.operator, email="desk@example.com")
    fleet.person("elsewhere", "dispatcher", Operator.objects.create(name="Volterra"), email="no@example.com")
    WorkOrder.objects.filter(pk=order.pk).update(technician=technician, by_hand=True, accepted_at=NOW)
    soon = order.due_at - hours(2)
    tasks.tick(soon - timedelta(seconds=10))
    assert mails() == []
    for seconds in (0, 10):
        tasks.tick(soon + timedelta(seconds=seconds))
    told = f"{order.number} at Site 1 is due at 2026-07-06 09:00 (America/Denver)"
    assert sorted(mails()) == [(told, ["desk@example.com"]), (told, ["t1@example.com"])]
    assert FleetEvent.objects.get(kind="WORK_ORDER_DUE_SOON").message.startswith(order.number)


def test_a_waiting_order_is_not_late(order):
    WorkOrder.objects.filter(pk=order.pk).update(state="on_hold", hold_reason="parts", held_since=NOW)
    assert WorkOrder.objects.tell_deadlines(order.due_at + hours(5)) == []
