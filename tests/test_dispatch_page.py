"""The dispatch board: whose orders stand in which lane, what filters leave, and who may send whom where."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from maintenance import dispatch_proposal
from maintenance.models import DriverReport, ServiceCentre, Technician, WorkOrder
from maintenance.models.opening import Wanted
from sntry_site.pages import dispatch
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def technician(operator):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.2, longitude=-97.7)
    return Technician.objects.create(code="ADA", centre=centre, works_weekends=True)


@pytest.fixture
def desk(client, operator):
    client.force_login(fleet.person("desk", "dispatcher", operator))
    return client


def opened(operator, number: int, *, urgent: bool = False, technician=None, **fields) -> WorkOrder:
    here = fleet.site(operator, number, **fields)
    wanted = Wanted(
        here.pk, None, "cooling_thermal", "status", None, "hot", urgent=urgent,
        technician_id=technician and technician.pk,
    )  # fmt: skip
    [order] = WorkOrder.objects.open_orders([wanted], timezone.now())
    return order


def lane_of(client, order, **asked) -> str | None:
    """The name of the lane in which the order stands."""
    lanes = client.get(reverse("dispatch"), asked).context["lanes"]
    return next((lane.name for lane in lanes if order in lane.orders), None)


def test_orders_stand_in_the_lane_of_their_state_and_only_those_of_ones_operators(desk, operator, technician):
    first, second = opened(operator, 1), opened(operator, 2, technician=technician)
    foreign = opened(Operator.objects.create(name="Copperline"), 3)
    assert lane_of(desk, first) == "To assign"
    assert lane_of(desk, second) == "Assigned"
    assert lane_of(desk, foreign) is None
    second.move("accepted", by=None)
    assert lane_of(desk, second) == "Accepted"


def test_filters_stand_in_the_address(desk, operator, technician):
    urgent, calm = opened(operator, 1, urgent=True, city="Austin"), opened(operator, 2, city="Boston")
    assert lane_of(desk, urgent, priority="urgent")
    assert lane_of(desk, calm, priority="urgent") is None
    assert lane_of(desk, calm, city="Boston")
    assert lane_of(desk, urgent, city="Boston") is None
    assert lane_of(desk, calm, technician=technician.pk) is None
    assert lane_of(desk, calm, operator=operator.pk)
    WorkOrder.objects.filter(pk=calm.pk).update(due_at=timezone.now() - timedelta(hours=1))
    assert lane_of(desk, calm, due="late")
    assert lane_of(desk, urgent, due="late") is None
    page = desk.get(reverse("dispatch"), {"operator": "x", "priority": HOSTILE, "city": "\x00", "due": "never"})
    assert page.status_code == 200


def test_names_never_become_markup(desk, operator):
    opened(operator, 1, name=HOSTILE)
    page = desk.get(reverse("dispatch")).content.decode()
    assert HOSTILE not in page
    assert HOSTILE not in desk.get(reverse("dispatch-proposal")).content.decode()


def test_one_technician_is_sent_to_all_that_were_chosen(desk, operator, technician):
    orders = [opened(operator, number) for number in range(3)]
    data = {"order": [order.pk for order in orders[:2]], "technician": technician.pk, "asked": "city=Austin"}
    answer = desk.post(reverse("dispatch-send"), data)
    assert answer.headers["Location"] == "/dispatch/?city=Austin"
    assert [lane_of(desk, order) for order in orders] == ["Assigned", "Assigned", "To assign"]
    step = orders[0].changes.first()
    assert (step.new_state, step.by.username) == ("assigned", "desk")


def test_a_proposal_is_taken_as_ticked(desk, operator, technician):
    orders = [opened(operator, number) for number in range(2)]
    page = desk.get(reverse("dispatch-proposal"))
    stops = page.context["proposal"].stops
    assert {stop.order for stop in stops} == set(orders)
    assert "estimate" in page.content.decode()
    chosen = stops[0]
    ticked = f"{chosen.order.pk}-{chosen.technician.pk}-{chosen.stop}"
    assert ticked in page.content.decode()
    desk.post(reverse("dispatch-send"), {"order": [ticked]})
    chosen.order.refresh_from_db()
    assert (chosen.order.state, chosen.order.technician, chosen.order.stop) == ("assigned", technician, chosen.stop)
    assert lane_of(desk, stops[1].order) == "To assign"


def test_what_somebody_has_accepted_meanwhile_is_left_alone_and_said(desk, operator, technician):
    order = opened(operator, 1, technician=technician)
    order.move("accepted", by=None)
    answer = desk.post(reverse("dispatch-send"), {"order": [order.pk], "technician": technician.pk}, follow=True)
    assert "left alone" in answer.content.decode()
    order.refresh_from_db()
    assert order.state == "accepted"


@pytest.mark.parametrize(
    "data", [{}, {"order": ["1"]}, {"order": ["a-b-c"]}, {"order": ["1-2"]}, {"order": ["1"], "technician": "9" * 30},
             {"order": ["1"], "technician": "4711"}]
)  # fmt: skip
def test_nonsense_is_refused(desk, operator, data):
    assert desk.post(reverse("dispatch-send"), data).status_code == 400


def test_a_stop_that_no_day_has_is_none(desk, operator, technician):
    order = opened(operator, 1)
    desk.post(reverse("dispatch-send"), {"order": [f"{order.pk}-{technician.pk}-99999999999"]})
    order.refresh_from_db()
    assert (order.technician, order.stop) == (technician, None)


def test_orders_of_others_are_never_sent(desk, technician):
    foreign = opened(Operator.objects.create(name="Copperline"), 3)
    desk.post(reverse("dispatch-send"), {"order": [foreign.pk], "technician": technician.pk})
    foreign.refresh_from_db()
    assert foreign.technician is None


def test_who_may_only_look_sends_nobody(client, operator, technician):
    order = opened(operator, 1)
    client.force_login(fleet.person("looker", "viewer", operator))
    assert 'type="checkbox"' not in client.get(reverse("dispatch")).content.decode()
    answer = client.post(reverse("dispatch-send"), {"order": [order.pk], "technician": technician.pk}, follow=True)
    assert "Only a dispatcher or ops" in answer.content.decode()
    order.refresh_from_db()
    assert order.state in ("new", "triaged")
    client.force_login(User.objects.create_user("stranger", is_staff=True))
    assert client.get(reverse("dispatch")).status_code == 403


def test_a_full_board_needs_no_query_per_order(desk, operator, technician, django_assert_max_num_queries):
    for number in range(12):
        opened(operator, number, technician=technician if number % 2 else None)
    desk.get(reverse("dispatch"))
    with django_assert_max_num_queries(14):
        desk.get(reverse("dispatch"))


def test_orders_of_one_site_are_called_the_same_on_the_board(desk, operator):
    first = opened(operator, 1)
    second = fleet.work_order(first.site, charger=fleet.charger(first.site), state="triaged")
    elsewhere = opened(operator, 2)
    foreign = opened(Operator.objects.create(name="Copperline"), 3)
    data = {"order": [second.pk, first.pk, elsewhere.pk, foreign.pk], "asked": "city=Austin"}
    answer = desk.post(reverse("dispatch-duplicates"), data)
    assert answer.headers["Location"] == "/dispatch/?city=Austin"
    told = " ".join(str(message) for message in desk.get(reverse("dispatch")).context["messages"])
    assert f"1 order ended as the same as {first}." in told
    assert "2 left alone" in told
    second.refresh_from_db()
    assert (second.state, second.duplicate_of) == ("duplicate", first)
    assert WorkOrder.objects.open().count() == 3
    assert desk.post(reverse("dispatch-duplicates"), {"order": [first.pk]}).status_code == 400
    desk.force_login(fleet.person("looker", "viewer", operator))
    assert desk.post(reverse("dispatch-duplicates"), data).status_code == 403


def test_only_technicians_who_may_go_there_are_offered(desk, operator, technician):
    other = Operator.objects.create(name="Copperline")
    own = fleet.person("own", "technician", operator)
    for code, user in (("OWN", own), ("THEIRS", fleet.person("theirs", "technician", other))):
        Technician.objects.create(code=code, centre=technician.centre, user=user)

    def offered(**asked):
        return [each.code for each in desk.get(reverse("dispatch"), asked).context["technicians"]]

    assert offered() == offered(operator=other.pk) == ["ADA", "OWN"]
    own.is_active = False
    own.save()
    assert offered() == ["ADA"]
    desk.force_login(fleet.person("boss", is_superuser=True))
    assert offered() == ["ADA", "THEIRS"]
    assert offered(operator=operator.pk) == ["ADA"]


def test_an_order_on_hold_is_late_nowhere(desk, operator, technician):
    order = opened(operator, 1, technician=technician)
    long_ago = timezone.now() - timedelta(hours=3)
    reason = {"hold_reason": "parts", "held_since": long_ago}
    WorkOrder.objects.filter(pk=order.pk).update(state="on_hold", due_at=long_ago, **reason)
    page = desk.get(reverse("dispatch"))
    assert page.context["late"] == 0
    assert lane_of(desk, order) == "On hold"
    assert lane_of(desk, order, due="late") is None


def test_of_many_orders_the_first_due_are_shown_and_all_are_counted(desk, operator, monkeypatch):
    monkeypatch.setattr("sntry_site.pages.dispatch.MOST_PER_LANE", 3)
    orders = [opened(operator, number) for number in range(5)]
    for hours, order in enumerate(reversed(orders), -1):
        WorkOrder.objects.filter(pk=order.pk).update(due_at=timezone.now() + timedelta(hours=hours + 0.5))
    page = desk.get(reverse("dispatch"))
    lane = page.context["lanes"][0]
    assert (lane.orders, lane.more, lane.count) == (orders[:1:-1], 2, 5)
    assert (page.context["total"], page.context["to_assign"], page.context["late"]) == (5, 5, 1)
    assert "and 2 more, due later" in page.content.decode()


def test_an_order_is_found_by_its_number_its_site_and_its_charger(desk, operator):
    first, second = opened(operator, 1, name="Mill Street"), opened(operator, 2, name="Harbour")
    third = fleet.work_order(first.site, charger=fleet.charger(first.site, 7), state="triaged")
    for words, found in (
        (first.number, {first}), (str(1000 + second.pk), {second}), ("harb", {second}), ("wo-1", set()),
        (third.charger.external_id, {third}), (first.site.external_id, {first, third}), ("%", set()),
    ):  # fmt: skip
        lanes = desk.get(reverse("dispatch"), {"find": words}).context["lanes"]
        assert {order for lane in lanes for order in lane.orders} == found, words


def test_what_people_report_and_nobody_is_sent_for_is_counted_until_a_desk_decides(desk, operator):
    site = fleet.site(operator, 1)
    DriverReport.objects.file(site, None, "slow", "", timezone.now())
    elsewhere = fleet.site(Operator.objects.create(name="Copperline"), 2)
    DriverReport.objects.file(elsewhere, None, "slow", "", timezone.now())
    page = desk.get(reverse("dispatch"))
    assert "1 report to decide" in page.content.decode()
    listed = desk.get(reverse("admin:maintenance_incident_changelist"), {"attention": "undecided"})
    incident = listed.context["cl"].result_list[0]
    assert incident.site == site
    about = (site.pk, None, incident.cause, "driver", None, "slow")
    [order] = WorkOrder.objects.open_orders([Wanted(*about, incident_id=incident.pk)], timezone.now())
    assert desk.get(reverse("dispatch")).context["undecided"] == 0
    order.move("cancelled", by=None)


def test_a_whole_proposal_fits_into_one_form_and_what_it_leaves_out_is_said(
    desk, operator, technician, monkeypatch, settings
):
    assert dispatch_proposal.MOST_ORDERS <= dispatch.MOST_AT_ONCE < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS - 10
    monkeypatch.setattr(dispatch_proposal, "MOST_ORDERS", 2)
    for number in range(3):
        opened(operator, number)
    page = desk.get(reverse("dispatch-proposal"))
    assert len(page.context["proposal"].stops) == 2
    assert "The 2 that are due first; 1 more are due later." in page.content.decode()
