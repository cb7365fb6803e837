"""One beat of the loop: readings, risk, prices, work orders and one push, once per slot."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maintenance.models import ServiceCentre, Technician, WorkOrder
from pricing.models import PriceChange
from sntry_site import tasks
from stations.models import FleetEvent, Operator
from telemetry import live_history
from telemetry.models import ChargerState, LiveReading, Outage, SiteState, StatusReport, Tick

from . import fleet

pytestmark = pytest.mark.django_db
START = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def operator():
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


@pytest.fixture(autouse=True)
def calm_world(settings):
    """No ambient surges, so that a test sees only what it asks for."""
    settings.TICK_SURGE_CHANCE = 0.0


@pytest.fixture
def pushes(monkeypatch):
    """What is published, in order, as the browsers would get it."""
    sent = []
    monkeypatch.setattr("stations.live.publish", lambda kind, payload: sent.append(payload))
    return sent


def beat(number: int = 0) -> Tick | None:
    return tasks.tick(START + timedelta(seconds=10 * number))


def states(**lookup) -> SiteState:
    return SiteState.objects.get(**lookup)


def test_a_tick_moves_every_simulated_site_and_leaves_a_reading_of_each(operator):
    sites = [fleet.live_site(operator, number) for number in range(5)]
    done = beat()
    assert (done.sites, done.scorer) == (5, "rule")
    assert LiveReading.objects.count() == 5
    for site in sites:
        state = states(site=site)
        assert state.at == START
        assert state.ports_available + state.ports_occupied + state.ports_out_of_service == site.ports_total
        assert state.version == done.version


def test_the_same_slot_is_done_once(operator):
    fleet.live_site(operator, 1)
    assert beat() is not None
    assert tasks.tick(START + timedelta(seconds=9)) is None
    assert Tick.objects.count() == LiveReading.objects.count() == 1


def test_real_operators_are_left_alone(operator):
    real = Operator.objects.create(name="Real", is_simulated=False)
    fleet.live_site(real, 1)
    assert beat().sites == 0


def test_the_same_seed_and_slot_give_the_same_readings(operator):
    fleet.live_site(operator, 1)
    beat()
    first = states().utilization
    Tick.objects.all().delete()
    LiveReading.objects.all().delete()
    beat()
    assert states().utilization == first


def test_the_number_of_statements_does_not_grow_with_the_network(operator):
    fleet.live_site(operator, 0)
    beat()
    with CaptureQueriesContext(connection) as few:
        beat(1)
    for number in range(1, 40):
        fleet.live_site(operator, number)
    beat(2)
    with CaptureQueriesContext(connection) as many:
        beat(3)
    assert len(many) == len(few)


def test_stress_is_scored_surged_rerouted_and_dispatched(operator):
    here = fleet.live_site(operator, 1, usual=0.3)
    near = fleet.live_site(operator, 2, usual=0.1, latitude=30.35)
    centre = ServiceCentre.objects.create(name="AUS", latitude=30.3, longitude=-97.7)
    technician = Technician.objects.create(code="AUS-1", centre=centre)
    beat(0)
    tasks.stress_site(here, None, START + timedelta(seconds=10))
    beat(1)
    state = states(site=here)
    assert state.risk > 0.9
    assert (state.level, state.is_stressed) == ("critical", True)
    assert "105 °F" in state.reason
    assert state.price == Decimal("0.7000")
    assert states(site=near).price == Decimal("0.2800")
    order = WorkOrder.objects.get(charger=None)
    assert (order.site, order.technician, order.cause) == (here, technician, "cooling_thermal")
    assert PriceChange.objects.get(kind="reroute").surge == PriceChange.objects.get(kind="surge")
    kinds = set(FleetEvent.objects.values_list("kind", flat=True))
    assert {"STRESSED", "RISK_RAISED", "SURGE_OPENED", "REROUTE_OPENED", "WORK_ORDER_OPENED"} <= kinds


def test_a_site_under_stress_gets_one_order_and_one_surge_however_long_it_lasts(operator):
    here = fleet.live_site(operator, 1)
    tasks.stress_site(here, None, START)
    for number in range(6):
        beat(number)
    assert WorkOrder.objects.filter(charger=None).count() == 1
    assert PriceChange.objects.filter(site=here).count() == 1
    assert states(site=here).price == Decimal("0.7000")


def test_heal_repairs_chargers_puts_prices_back_and_closes_orders(operator):
    here = fleet.live_site(operator, 1)
    near = fleet.live_site(operator, 2, usual=0.1, latitude=30.35)
    tasks.stress_site(here, None, START)
    for number in range(4):
        beat(number)
    assert Outage.objects.filter(ended_at=None).exists(), "a site held at these limits fails within hours of its time"
    tasks.heal_site(here, None, START + timedelta(seconds=40))
    beat(4)
    assert not ChargerState.objects.faulted().exists()
    assert not Outage.objects.filter(ended_at=None).exists()
    assert not WorkOrder.objects.open().exists()
    assert not PriceChange.objects.applied().exists()
    assert states(site=here).price == states(site=near).price == Decimal("0.4000")
    assert not states(site=here).is_stressed


def test_a_free_site_is_never_surged(operator):
    here = fleet.live_site(operator, 1, pricing_type="free", base_price="0")
    tasks.stress_site(here, None, START)
    beat()
    assert states(site=here).risk > 0.9
    assert not PriceChange.objects.exists()


def test_a_price_change_ends_by_itself(operator):
    here = fleet.live_site(operator, 1)
    tasks.stress_site(here, None, START)
    beat()
    beat(181)  # half an hour and a tick later; the stress has ended as well
    assert not PriceChange.objects.applied().exists()
    assert states(site=here).price == Decimal("0.4000")


def test_a_faulted_charger_gets_an_order_and_the_simulated_crew_repairs_it(operator):
    here = fleet.live_site(operator, 1)
    charger = here.chargers.first()
    StatusReport.objects.record([charger.pk], [START], ["FAULTED"])
    beat(1)
    order = WorkOrder.objects.get()
    assert order.charger == charger
    assert states(site=here).ports_out_of_service == 1
    for number in range(2, 60):
        beat(number)
    order.refresh_from_db()
    assert order.state == "closed"
    assert order.incident.closed_at is not None
    assert [change.new_state for change in order.changes.order_by("id")] == [
        "new",
        "assigned",
        "en_route",
        "in_progress",
        "closed",
    ]
    assert ChargerState.objects.get(charger=charger).status == "AVAILABLE"


def test_the_push_tells_what_changed_and_numbers_itself(operator, pushes, django_capture_on_commit_callbacks):
    here = fleet.live_site(operator, 1)
    with django_capture_on_commit_callbacks(execute=True):
        first = beat()
        tasks.stress_site(here, None, START + timedelta(seconds=10))
        second = beat(1)
    assert [push["version"] for push in pushes] == [first.version, second.version]
    assert pushes[1]["previous"] == first.version
    sites = pushes[1]["sites"]
    assert len({len(column) for column in sites.values()}) == 1
    place = sites["id"].index(here.pk)
    assert (sites["level"][place], sites["price"][place], sites["stressed"][place]) == (2, "0.70", True)
    surge = next(event for event in pushes[1]["events"] if event["kind"] == "SURGE_OPENED")
    assert (surge["site"], surge["old_price"], surge["new_price"]) == (here.external_id, "0.40", "0.70")


def test_dispatch_from_the_board_opens_one_order(operator):
    here = fleet.live_site(operator, 1)
    beat()
    first = tasks.dispatch_site(here, None, START)
    assert tasks.dispatch_site(here, None, START) == first


def test_days_are_thinned_to_half_hours_and_dropped(operator, settings):
    settings.RAW_DAYS = 2
    here = fleet.live_site(operator, 1)
    for number in (0, 1, 180):
        beat(number)
    tasks.retain(START + timedelta(days=1))
    assert here.readings.count() == 2
    assert LiveReading.objects.count() == 3
    tasks.retain(START + timedelta(days=4))
    assert here.readings.count() == 2
    assert START.date() not in live_history.days_kept()


def test_thinning_twice_changes_nothing(operator):
    here = fleet.live_site(operator, 1)
    beat()
    tasks.retain(START + timedelta(days=1))
    before = list(here.readings.values())
    tasks.retain(START + timedelta(days=1))
    assert list(here.readings.values()) == before
