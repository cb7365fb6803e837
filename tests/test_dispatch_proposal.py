"""A proposal of who does which open order, and what happens to the orders when it is taken."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maintenance import dispatch_proposal, outside
from maintenance.models import OrderPart, Part, Refused, ServiceCentre, Stock, Technician, WorkOrder
from maintenance.routing import osrm
from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .osrm_server import OsrmServer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def centres():
    north = ServiceCentre.objects.create(name="north", latitude=30.5, longitude=-97.7)
    south = ServiceCentre.objects.create(name="south", latitude=30.1, longitude=-97.7)
    return north, south


def technician(code: str, centre: ServiceCentre, *skills: str, **fields) -> Technician:
    return Technician.objects.create(code=code, centre=centre, skills=list(skills), **fields)


def order(operator, number: int, latitude: float = 30.3, cause: str = "cooling_thermal", **fields) -> WorkOrder:
    site = fleet.site(operator, number, latitude=latitude)
    return fleet.work_order(site, cause=cause, opened_at=NOW - timedelta(hours=1), **fields)


def proposal(at=NOW):
    return dispatch_proposal.propose(WorkOrder.objects.all(), at)


def test_who_is_near_and_has_the_skill_is_proposed_with_the_drive(operator, centres):
    near, far = technician("N-1", centres[0], "mechanical"), technician("S-1", centres[1], "mechanical")
    technician("N-2", centres[0], "it")
    order(operator, 1, 30.45)
    order(operator, 2, 30.15)
    found = {each.order.site.latitude: each for each in proposal().stops}
    assert (found[30.45].technician, found[30.15].technician) == (near, far)
    assert found[30.45].drive_minutes == pytest.approx(0.05 * 111.195 * 1.3 / 45 * 60, rel=1e-3)
    assert all(each.stop == 1 and each.is_change and not each.why for each in found.values())
    assert proposal().source == "estimate"


def test_urgent_orders_are_the_first_stops(operator, centres):
    technician("N-1", centres[0])
    order(operator, 1, 30.45, priority="normal")
    order(operator, 2, 30.20, priority="urgent")
    order(operator, 3, 30.40, priority="low")
    assert [each.order.priority for each in proposal().stops] == ["urgent", "normal", "low"]


def test_the_van_or_the_centre_must_hold_the_part_or_a_colleague_is_preferred(operator, centres):
    technician("N-1", centres[0])
    with_part = technician("N-2", centres[0])
    fan = Part.objects.create(number="F1", name="fan and filter")
    Stock.objects.create(part=fan, technician=with_part, quantity=1)
    wanted = order(operator, 1)
    OrderPart.objects.create(order=wanted, part=fan, proposed=1)
    (found,) = proposal().stops
    assert (found.technician, found.has_part) == (with_part, True)
    Stock.objects.update(quantity=0)
    assert not proposal().stops[0].has_part
    Stock.objects.create(part=fan, centre=centres[0], quantity=1)
    assert proposal().stops[0].has_part


def test_accepted_work_fills_the_shift_and_is_where_the_way_goes_on(operator, centres):
    busy = technician(
        "N-1", centres[0], shift_start=time(8), shift_end=time(17, 15)
    )  # two and a quarter hours are left
    order(operator, 1, 30.10, technician=busy, state="in_progress")
    order(operator, 2, 30.11)
    (found,) = proposal().stops
    assert found.technician is None
    assert found.why == "everybody near with the skill has a full shift"
    Technician.objects.update(shift_end=time(18))
    (found,) = proposal().stops
    assert found.technician == busy
    assert found.drive_minutes < 3


def test_who_works_only_tomorrow_comes_after_who_works_now(operator, centres):
    technician("A", centres[0], shift_start=time(6), shift_end=time(14))
    now = technician("B", centres[1], shift_start=time(14), shift_end=time(22))
    order(operator, 1, 30.49)
    assert proposal().stops[0].technician == now


@pytest.mark.parametrize(
    ("at", "begins", "ends"),
    [
        ("2026-11-18T15:00", "2026-11-18T15:00", "2026-11-18T22:00"),  # Wednesday, 9:00 in Chicago
        ("2026-11-18T10:00", "2026-11-18T14:00", "2026-11-18T22:00"),
        ("2026-11-20T23:00", "2026-11-23T14:00", "2026-11-23T22:00"),  # Friday evening: Monday
        ("2026-03-06T23:00", "2026-03-09T13:00", "2026-03-09T21:00"),  # the clocks have changed in between
    ],
)
def test_the_next_shift_is_told_in_the_centres_own_time(centres, at, begins, ends):
    ServiceCentre.objects.update(time_zone="America/Chicago")
    one = Technician(centre=ServiceCentre.objects.first(), shift_start=time(8), shift_end=time(16))
    found = one.next_shift(datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert [moment.isoformat()[:16] for moment in found] == [begins, ends]
    assert not one.is_on_shift(found[1])


def test_a_night_shift_goes_on_after_midnight(centres):
    one = Technician(centre=centres[0], shift_start=time(22), shift_end=time(6))
    at = datetime(2026, 11, 18, 3, tzinfo=UTC)
    assert one.next_shift(at) == (at, datetime(2026, 11, 18, 6, tzinfo=UTC))
    assert one.is_on_shift(at)


def test_orders_without_a_place_and_without_anybody_say_so(operator, centres):
    lost = order(operator, 1)
    lost.site.latitude = lost.site.longitude = None
    lost.site.save()
    order(operator, 2, cause="meter_fault")
    assert {each.why for each in proposal().stops} == {"nobody of its operator has the skill"}
    technician("N-1", centres[0], "mechanical")
    assert {each.why for each in proposal().stops} == {
        "its site has no place on the map",
        "nobody of its operator has the skill",
    }


def test_as_many_queries_for_many_orders_as_for_one(operator, centres):
    technician("N-1", centres[0])
    counts = []
    for number in range(1, 12):
        order(operator, number, 30.3 + number / 100)
        with CaptureQueriesContext(connection) as captured:
            proposal()
        counts.append(len(captured))
    assert counts[0] == counts[-1] <= 5


def test_taking_the_proposal_assigns_each_order_by_its_steps_and_keeps_the_stops(operator, centres):
    sent = technician("N-1", centres[0])
    other = technician("S-1", centres[1])
    order(operator, 1, 30.45)
    order(operator, 2, 30.48, technician=other, state="assigned")
    dispatcher = fleet.person("dispatcher", "dispatcher", operator)
    done = dispatch_proposal.apply(proposal().choices, dispatcher, NOW)
    assert len(done) == 2
    for each in WorkOrder.objects.all():
        assert (each.state, each.technician) == ("assigned", sent)
    assert sorted(WorkOrder.objects.values_list("stop", flat=True)) == [1, 2]
    first = WorkOrder.objects.get(site__external_id__endswith="00001")
    steps = list(first.changes.order_by("pk").values_list("old_state", "new_state", "by__username", "note"))
    assert steps[-2:] == [
        ("new", "triaged", "dispatcher", "by the dispatch proposal"),
        ("triaged", "assigned", "dispatcher", "by the dispatch proposal"),
    ]
    assert not any(each.is_change for each in proposal().stops)
    dispatch_proposal.apply(proposal().choices, dispatcher, NOW)
    assert first.changes.count() == len(steps), "taking it twice must change nothing"


def test_an_order_that_somebody_has_accepted_meanwhile_is_left_alone(operator, centres):
    technician("N-1", centres[0])
    other = technician("S-1", centres[1])
    accepted = order(operator, 1, 30.45)
    choices = proposal().choices
    WorkOrder.objects.filter(pk=accepted.pk).update(state="accepted", technician=other)
    assert dispatch_proposal.apply(choices, None, NOW) == []
    accepted.refresh_from_db()
    assert (accepted.technician, accepted.stop) == (other, None)


def test_a_viewer_and_a_stranger_send_nobody(operator, centres):
    technician("N-1", centres[0])
    order(operator, 1)
    with pytest.raises(Refused, match="dispatcher"):
        dispatch_proposal.apply(proposal().choices, fleet.person("viewer", "viewer", operator), NOW)
    stranger = fleet.person("stranger", "dispatcher", Operator.objects.create(name="Volterra"))
    assert dispatch_proposal.apply(proposal().choices, stranger, NOW) == []
    assert WorkOrder.objects.get().state == "new"


def test_drive_times_are_those_of_osrm_where_it_answers(operator, centres, settings, monkeypatch):
    cache.clear()
    monkeypatch.setattr(osrm, "breaker", outside.Breaker())
    server = OsrmServer()
    settings.OSRM_URL = server.url
    technician("N-1", centres[0])
    order(operator, 1, 30.45)
    order(operator, 2, 30.30)
    found = proposal()
    server.close()
    assert found.source == "osrm"
    assert found.stops[0].drive_minutes == pytest.approx(0.05 * 111.195 * 1_200 / 12.5 / 60, rel=1e-3)
    assert len(server.asked) == 1
