"""Who is told of what about work orders, wherever it was done, each thing once: by mail, and on the board."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from maintenance import dispatch_proposal
from maintenance.models import ServiceCentre, Technician, WorkOrder
from maintenance.models.opening import Wanted
from stations import outbox
from stations.access import sync_roles
from stations.models import FleetEvent, Membership, Operator, Outbox, Site

from . import fleet

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 1, 15, tzinfo=UTC)
HOSTILE = "Mall\nBcc: all@example.com <b>"


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def site(operator) -> Site:
    return fleet.site(operator, 1, time_zone="America/Chicago")


@pytest.fixture
def ada(operator) -> Technician:
    return technician("ada", operator)


@pytest.fixture
def bob(operator) -> Technician:
    return technician("bob", operator)


def technician(name: str, *operators: Operator, email: str | None = None, **fields) -> Technician:
    centre, _ = ServiceCentre.objects.get_or_create(name="Depot", defaults={"latitude": 30.2, "longitude": -97.7})
    email = f"{name}@example.com" if email is None else email
    user = fleet.person(name, "technician", *operators, email=email, **fields)
    return Technician.objects.create(code=name.upper(), centre=centre, user=user)


def opened(site: Site, who: Technician | None = None, urgent: bool = False) -> WorkOrder:
    wanted = Wanted(site.pk, None, "cooling_thermal", "status", None, "hot", urgent=urgent, zone=site.time_zone)
    return WorkOrder.objects.open_orders([wanted.sent(who and who.pk, site.time_zone)], NOW)[0]


def told() -> list[tuple[str, str]]:
    """Whom, and what after the name of the order's site, in the order in which it was asked for; then forgotten."""
    rows = [(row.payload["to"][0], row.payload["subject"].partition(" 1 ")[2]) for row in Outbox.objects.order_by("pk")]
    assert all(len(row.payload["to"]) == 1 for row in Outbox.objects.all()), "nobody learns the addresses of others"
    Outbox.objects.all().delete()
    return rows


def lines(kind: str) -> list[str]:
    return list(FleetEvent.objects.filter(kind=kind).order_by("pk").values_list("message", flat=True))


def test_who_gets_a_new_order_is_told_with_what_and_where_and_by_when(site, ada):
    order = opened(site, ada, urgent=True)
    body = Outbox.objects.get().payload["body"].splitlines()
    assert body == ["Urgent: hot", "Site 1, Austin", "Due 2026-07-01 18:00 (America/Chicago)", "Technician: ADA"]
    assert told() == [("ada@example.com", "is yours")]
    assert order.technician == ada


def test_another_technician_and_the_one_before_are_told(site, ada, bob):
    order = opened(site, ada)
    told()
    WorkOrder.objects.change([order.pk], "technician_id", bob.pk, NOW, "nearer")
    assert told() == [("bob@example.com", "is yours"), ("ada@example.com", "is no longer yours")]
    order.move("triaged", by=None)
    assert told() == [("bob@example.com", "is no longer yours")]
    order.move("assigned", by=None, technician_id=ada.pk)
    order.move("cancelled", by=None)
    assert told() == [("ada@example.com", "is yours"), ("ada@example.com", "is called off")]


def test_the_same_technician_again_is_no_news(site, ada):
    order = opened(site, ada)
    order.move("accepted", by=None)
    told()
    order.move("assigned", by=None)
    assert told() == []


def test_the_dispatch_board_tells_all_at_once(client, operator, ada, bob):
    desk = fleet.person("desk", "dispatcher", operator, email="desk@example.com")
    orders = [opened(fleet.site(operator, number), ada) for number in range(2, 6)]
    told()
    with CaptureQueriesContext(connection) as few:
        dispatch_proposal.apply([(orders[0].pk, bob.pk, None)], desk)
    with CaptureQueriesContext(connection) as many:
        dispatch_proposal.apply([(order.pk, bob.pk, None) for order in orders[1:]], desk)
    assert len(many) == len(few), "never a query for each order"
    assert [whom for whom, _ in told()].count("bob@example.com") == 4
    assert lines("WORK_ORDER_SENT")[0] == f"{orders[0].number} sent to BOB: hot"
    assert FleetEvent.objects.filter(kind="WORK_ORDER_SENT", actor=desk, operator=operator).count() == 4
    client.force_login(desk)
    assert b"sent to BOB" in client.get(reverse("board")).content


def test_the_admin_tells_of_technician_and_priority(client, operator, site, ada, bob):
    order = opened(site, ada)
    told()
    client.force_login(fleet.person("root", is_superuser=True))
    page = client.get(reverse("admin:maintenance_workorder_change", args=[order.pk])).context["adminform"].form
    values = {name: page[name].value() if page[name].value() is not None else "" for name in page.fields}
    management = {
        f"{one.formset.prefix}-{name}": number
        for one in client.get(reverse("admin:maintenance_workorder_change", args=[order.pk])).context[
            "inline_admin_formsets"
        ]
        for name, number in (("TOTAL_FORMS", 0), ("INITIAL_FORMS", 0))
    }
    changed = {**values, **management, "technician": bob.pk, "priority": "urgent"}
    answer = client.post(reverse("admin:maintenance_workorder_change", args=[order.pk]), changed)
    assert answer.status_code == 302, answer.context["errors"]
    assert sorted(told()) == [
        ("ada@example.com", "has priority urgent now"),
        ("ada@example.com", "is no longer yours"),
        ("bob@example.com", "is yours"),
    ]
    assert lines("WORK_ORDER_PRIORITY") == [f"{order.number} has priority urgent now: hot"]


def test_nobody_is_told_what_he_or_she_did(site, ada):
    order = opened(site, ada)
    told()
    order.move("triaged", by=ada.user)
    assert told() == []


def test_nobody_is_told_of_sites_that_are_not_his_or_hers(site):
    for who in (
        technician("foreign", Operator.objects.create(name="Volterra")),
        technician("gone", site.operator, is_active=False),
        technician("mute", site.operator, email=""),
    ):
        order = opened(site, who)
        assert told() == []
        order.move("cancelled", by=None)


def test_a_name_from_outside_keeps_to_its_line_and_the_mail_goes_out(site, ada, mailoutbox):
    Site.objects.update(name=HOSTILE)
    opened(site, ada)
    assert outbox.deliver_due() == 1
    [mail] = mailoutbox
    assert mail.to == ["ada@example.com"]
    assert "\n" not in mail.subject
    assert set(mail.extra_headers) == {"Message-ID"}
    assert mail.recipients() == ["ada@example.com"]


def at_deadlines(order: WorkOrder, *minutes_after: tuple[str, float]) -> None:
    for name, minutes in minutes_after:
        WorkOrder.objects.tell_deadlines(getattr(order, name) + timedelta(minutes=minutes))


def test_each_deadline_is_told_of_once_before_and_once_after(site, ada):
    fleet.person("desk", "dispatcher", site.operator, email="desk@example.com")
    fleet.person("boss", "ops", site.operator, email="boss@example.com")
    fleet.person("looker", "viewer", site.operator, email="no@example.com")
    order = opened(site, ada, urgent=True)  # accepted within an hour, resolved within eight
    told()
    at_deadlines(order, ("respond_by", -16))
    assert told() == []
    at_deadlines(order, ("respond_by", -15), ("respond_by", -10))
    people = ["ada@example.com", "boss@example.com", "desk@example.com"]
    assert sorted(told()) == [(who, "must be accepted by 2026-07-01 11:00 (America/Chicago)") for who in people]
    at_deadlines(order, ("respond_by", 0), ("respond_by", 5))
    assert sorted(told()) == [(who, "has not been accepted in time") for who in people]
    at_deadlines(order, ("due_at", -120), ("due_at", -1))
    assert sorted(told()) == [(who, "is due at 2026-07-01 18:00 (America/Chicago)") for who in people]
    at_deadlines(order, ("due_at", 0), ("due_at", 600))
    assert sorted(told()) == [(who, "is late") for who in people]
    assert len(lines("WORK_ORDER_DUE_SOON")) == len(lines("WORK_ORDER_LATE")) == 2


def test_what_is_accepted_done_or_waits_is_not_told_of(site, ada):
    order = opened(site, ada, urgent=True)
    order.move("accepted", by=None, at=NOW)
    told()
    at_deadlines(order, ("respond_by", 0))
    assert told() == []
    for state in ("resolved", "verified", "on_hold"):
        values = {"state": state, "hold_reason": "", "held_since": None}
        values |= {"hold_reason": "parts", "held_since": NOW} if state == "on_hold" else {}
        WorkOrder.objects.filter(pk=order.pk).update(**values)
        at_deadlines(order, ("due_at", 1))
        assert told() == [], state


def test_a_deadline_that_has_moved_counts_anew(site, ada):
    order = opened(site, ada, urgent=True)
    order.move("accepted", by=None, at=NOW)
    at_deadlines(order, ("due_at", -60))
    told()
    WorkOrder.objects.filter(pk=order.pk).update(due_at=order.due_at + timedelta(hours=5))
    order.refresh_from_db()
    at_deadlines(order, ("due_at", -150), ("due_at", -60), ("due_at", 1))
    assert [what for _, what in told()] == ["is due at 2026-07-01 23:00 (America/Chicago)", "is late"]


def test_crews_without_an_account_are_not_warned_and_people_are(site, ada):
    Operator.objects.update(is_simulated=True)
    fleet.person("desk", "dispatcher", site.operator, email="desk@example.com")
    crew = Technician.objects.create(code="CREW", centre=ada.centre)
    orders = [opened(site, crew), opened(fleet.site(site.operator, 2), ada), opened(fleet.site(site.operator, 3))]
    told()
    assert WorkOrder.objects.tell_deadlines(orders[0].due_at) == [orders[1].pk]
    WorkOrder.objects.filter(pk=orders[0].pk).update(by_hand=True)
    assert WorkOrder.objects.tell_deadlines(orders[0].due_at) == [orders[0].pk]


def test_a_sweep_costs_the_same_for_one_order_and_for_twenty(operator, ada):
    def queries(count: int, first: int) -> int:
        order, *_ = [opened(fleet.site(operator, first + number), ada) for number in range(count)]
        with CaptureQueriesContext(connection) as asked:
            assert len(WorkOrder.objects.tell_deadlines(order.due_at)) == count
        return len(asked)

    assert queries(1, 1) == queries(20, 100) <= 12


def test_an_alarm_that_flaps_tells_nobody(site, ada):
    Membership.objects.get_or_create(user=ada.user, operator=site.operator)
    order = opened(site, ada)
    for state in ("accepted", "en_route", "in_progress"):
        order.move(state, by=None)
    told()
    for _ in range(5):  # repaired, out again
        WorkOrder.objects.filter(pk=order.pk).update(state="resolved")
        WorkOrder.objects.move([order.pk], "in_progress", NOW, "out of order again")
    assert told() == []


def test_many_orders_at_once_are_one_mail_for_each_person(operator, ada):
    sites = [fleet.site(operator, number) for number in range(60)]
    orders = [opened(site, ada, urgent=site is sites[3]) for site in sites]
    Outbox.objects.all().delete()
    fleet.person("desk", "dispatcher", operator, email="desk@example.com")
    late = max(order.due_at for order in orders)
    for _ in range(2):
        WorkOrder.objects.tell_deadlines(late)
    mails = [row.payload for row in Outbox.objects.order_by("pk")]
    assert sorted(mail["to"] for mail in mails) == [["ada@example.com"], ["desk@example.com"]]
    lines = mails[0]["body"].splitlines()
    assert mails[0]["subject"] == "60 work orders; the first is late"
    assert lines[0] == f"{orders[3].number} at Site 3 is late", "the urgent one"
    assert len(lines) == 51
    assert lines[-1] == "and 10 more; the dispatch board has them all"
    assert FleetEvent.objects.filter(kind="WORK_ORDER_LATE").count() == 60
