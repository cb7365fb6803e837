"""One beat of the loop: readings, risk, prices, work orders and one push, once per slot."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maintenance.models import ServiceCentre, Technician, WorkOrder
from pricing.models import PriceChange
from sntry_site import interventions, tasks
from stations.models import FleetEvent, Membership, Operator, Outbox, Site
from telemetry import live_history, retention
from telemetry.live_risk import Scores
from telemetry.models import (
    ChargerState,
    ChargingSession,
    Climatology,
    LiveReading,
    Outage,
    Risk,
    SiteState,
    StatusReport,
    Tick,
    WorldState,
)

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


def heat_cabinets() -> None:
    """All cabinets are as hot as after hours at full load, so that what is stressed fails at once."""
    tasks.tick(START - timedelta(seconds=10))
    memory, fleet = WorldState.objects.remembered()
    fleet["cabinet_c"] = 95
    WorldState.objects.remember(memory, fleet, 0)


def busy_tick(operator, sites: list, number: int) -> int:
    """Statements of a tick in which all of `sites` surge, reroute, fail, and have an order opened and one closed."""
    at = START + timedelta(seconds=10 * number)
    heat_cabinets()
    for site in sites:
        charger = site.chargers.first()
        StatusReport.objects.record([charger.pk], [at - timedelta(minutes=3)], ["FAULTED"])
        fleet.work_order(site, charger=charger, state="in_progress", opened_at=at - timedelta(hours=1))
        proven = site.chargers.last()
        resolved = {"state": "resolved", "resolved_at": at - timedelta(minutes=30), "cause": "meter_fault"}
        fleet.work_order(site, charger=proven, opened_at=at - timedelta(hours=1), **resolved, **fleet.REPORT)
        tried = at - timedelta(minutes=29)
        ChargingSession.objects.create(charger=proven, started_at=tried, ended_at=at, energy_kwh=1, success=True)
        interventions.stress_site(site, None, at)
    with CaptureQueriesContext(connection) as statements:
        tasks.tick(at)
    kinds = set(FleetEvent.objects.filter(at=at).values_list("kind", flat=True))
    assert {"SURGE_OPENED", "REROUTE_OPENED", "WORK_ORDER_OPENED", "WORK_ORDER_CLOSED", "CHARGER_FAULTED"} <= kinds
    return len(statements)


def test_the_number_of_statements_does_not_grow_with_what_happens(operator):
    sites = [fleet.live_site(operator, number, latitude=30 + number / 10, ports_total=16) for number in range(42)]
    busy_tick(operator, sites[:1], 1)
    few = busy_tick(operator, sites[1:3], 2)
    many = busy_tick(operator, sites[3:33], 3)
    assert abs(many - few) <= 3  # which of the few branches were taken; one for each of twenty sites would be many more


def test_stress_is_scored_surged_rerouted_and_dispatched(operator):
    here = fleet.live_site(operator, 1, usual=0.3)
    near = fleet.live_site(operator, 2, usual=0.1, latitude=30.35)
    centre = ServiceCentre.objects.create(name="AUS", latitude=30.3, longitude=-97.7)
    technician = Technician.objects.create(code="AUS-1", centre=centre)
    beat(0)
    interventions.stress_site(here, None, START + timedelta(seconds=10))
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
    interventions.stress_site(here, None, START)
    for number in range(6):
        beat(number)
    assert WorkOrder.objects.filter(charger=None).count() == 1
    assert PriceChange.objects.filter(site=here).count() == 1
    assert states(site=here).price == Decimal("0.7000")


def test_heal_repairs_chargers_puts_prices_back_and_closes_orders(operator):
    here = fleet.live_site(operator, 1)
    near = fleet.live_site(operator, 2, usual=0.1, latitude=30.35)
    interventions.stress_site(here, None, START)
    for number in range(4):
        beat(number)
    assert Outage.objects.filter(ended_at=None).exists(), "a site held at these limits fails within hours of its time"
    failed = ChargerState.objects.filter(status="FAULTED").first()
    assert (failed.error_code, 70 < failed.temperature_c < 80) == ("HighTemperature", True)
    interventions.heal_site(here, None, START + timedelta(seconds=40))
    beat(4)
    assert not ChargerState.objects.faulted().exists()
    assert not Outage.objects.filter(ended_at=None).exists()
    assert not WorkOrder.objects.open().exists()
    assert not PriceChange.objects.applied().exists()
    assert states(site=here).price == states(site=near).price == Decimal("0.4000")
    assert not states(site=here).is_stressed


def test_a_free_site_is_never_surged(operator):
    here = fleet.live_site(operator, 1, pricing_type="free", base_price="0")
    interventions.stress_site(here, None, START)
    beat()
    assert states(site=here).risk > 0.9
    assert not PriceChange.objects.exists()


def test_a_price_change_ends_by_itself_even_if_its_site_is_still_critical(operator):
    here = fleet.live_site(operator, 1)
    interventions.stress_site(here, None, START)
    beat()
    interventions.stress_site(here, None, START + timedelta(minutes=20))
    beat(181)  # half an hour and a tick later
    assert states(site=here).risk > 0.9
    assert not PriceChange.objects.applied().exists()
    assert states(site=here).price == Decimal("0.4000")
    beat(182)
    assert not PriceChange.objects.applied().exists(), "it does not begin again without a reason"


def test_a_base_price_that_was_edited_takes_effect_at_the_next_tick(
    operator, pushes, django_capture_on_commit_callbacks
):
    here, surged = fleet.live_site(operator, 1), fleet.live_site(operator, 2, latitude=35)
    interventions.stress_site(surged, None, START)
    beat()
    Site.objects.update(base_price="0.50")
    with django_capture_on_commit_callbacks(execute=True):
        beat(1)
    assert states(site=here).price == Decimal("0.5000")
    assert states(site=surged).price == Decimal("0.5000"), "a surge ends that was made from another base price"
    sites = pushes[-1]["sites"]
    assert sites["price"][sites["id"].index(here.pk)] == "0.50"


def test_a_high_risk_is_told_once_even_if_it_rises_in_steps(operator, monkeypatch):
    fleet.live_site(operator, 1)
    for number, risk in enumerate([0.3, 0.7, 0.95, 0.97]):
        scores = Scores(np.array([risk]), np.array([np.nan]), np.array([False]))
        monkeypatch.setattr(tasks.live_risk, "score", lambda *arguments, scores=scores: scores)
        beat(number)
    assert FleetEvent.objects.filter(kind="RISK_RAISED").count() == 1
    assert Risk.objects.count() == 1


def test_a_tick_may_be_asked_for_in_any_zone(operator):
    fleet.live_site(operator, 1)
    assert tasks.tick(datetime(2026, 9, 1, 23, tzinfo=timezone(timedelta(hours=-5)))).at.day == 2


def test_a_technician_with_an_address_gets_a_mail(operator):
    here = fleet.live_site(operator, 1)
    centre = ServiceCentre.objects.create(name="AUS", latitude=30.3, longitude=-97.7)
    user = User.objects.create(username="technician", email="technician@example.com")
    Technician.objects.create(code="AUS-1", centre=centre, user=user)
    Membership.objects.create(user=user, operator=operator)
    interventions.stress_site(here, None, START)
    beat()
    mail = Outbox.objects.get()
    assert mail.payload["to"] == ["technician@example.com"]
    assert WorkOrder.objects.get(charger=None).number in mail.payload["subject"]


def test_planned_work_is_no_outage(operator):
    here = fleet.live_site(operator, 1)
    StatusReport.objects.record([here.chargers.first().pk], [START], ["UNAVAILABLE"])
    beat()
    assert states(site=here).get_status_display() == "under_maintenance"
    assert not WorkOrder.objects.exists()


def test_a_faulted_charger_gets_an_order_and_the_simulated_crew_repairs_it(operator):
    here = fleet.live_site(operator, 1)
    charger = here.chargers.first()
    StatusReport.objects.record([charger.pk], [START - timedelta(minutes=3)], ["FAULTED"])
    beat(1)
    order = WorkOrder.objects.get()
    assert order.charger == charger
    assert states(site=here).ports_out_of_service == 1
    for number in range(2, 80):
        beat(number)
    order.refresh_from_db()
    assert order.state == "closed"
    assert order.incident.closed_at is not None
    steps = list(order.changes.order_by("id").values_list("new_state", flat=True))
    repair = ["new", "triaged", "assigned", "accepted", "en_route", "in_progress", "resolved", "verified", "closed"]
    assert steps == repair
    assert order.version == len(steps)
    test = charger.sessions.get(started_at=order.resolved_at)
    assert (test.success, test.energy_kwh > 0.5, test.price) == (True, True, 0)
    assert not ChargerState.objects.faulted().exists()


def test_the_push_tells_what_changed_and_numbers_itself(operator, pushes, django_capture_on_commit_callbacks):
    here = fleet.live_site(operator, 1)
    with django_capture_on_commit_callbacks(execute=True):
        first = beat()
        interventions.stress_site(here, None, START + timedelta(seconds=10))
        second = beat(1)
    assert [push["version"] for push in pushes] == [first.version, second.version]
    assert pushes[1]["previous"] == first.version
    sites = pushes[1]["sites"]
    assert len({len(column) for column in sites.values()}) == 1
    place = sites["id"].index(here.pk)
    assert (sites["level"][place], sites["price"][place], sites["stressed"][place]) == (2, "0.70", True)
    surge = FleetEvent.objects.get(kind="SURGE_OPENED")
    assert (surge.site, surge.old_price, surge.new_price) == (here, Decimal("0.4000"), Decimal("0.7000"))


def tick_reading(site: Site, seconds: int, **values) -> None:
    row = {"ports_available": 2, "ports_occupied": 2, "ports_out_of_service": 0, "utilization": 0.5, "wait_minutes": 0}
    row |= {"temperature_f": 70, "price": "0.40", "risk": 0.1, **values}
    LiveReading.objects.bulk_create([LiveReading(site=site, at=START + timedelta(seconds=seconds), **row)])


def test_half_hours_are_the_means_of_their_ticks(operator, settings):
    settings.DATA_TIME_ZONE = "America/Los_Angeles"
    here = fleet.live_site(operator, 1)
    Climatology.objects.filter(site=here, month=7, hour=5).update(traffic_index=8.5, weather=3)  # 12 UTC is 5 there
    live_history.ensure_partition(START.date())
    tick_reading(here, 0)
    busy = {"ports_available": 0, "ports_occupied": 3, "ports_out_of_service": 1, "utilization": 1.0}
    tick_reading(here, 10, **busy, wait_minutes=20, temperature_f=90, price="0.70")
    tick_reading(here, 1800)
    assert retention.retain(START + timedelta(days=1))["readings_kept"] == 2
    first, second = here.readings.order_by("at")
    assert (first.at, second.at) == (START + timedelta(minutes=30), START + timedelta(hours=1))
    assert (first.utilization, first.wait_minutes, first.temperature_f) == (0.75, 10, 80)
    assert first.price == Decimal("0.5500")
    assert first.ports_total == first.ports_available + first.ports_occupied + first.ports_out_of_service == 4
    assert (second.utilization, second.ports_occupied, second.get_status_display()) == (0.5, 2, "operational")
    assert (first.traffic_index, first.get_weather_display(), first.from_ticks) == (8.5, "light_rain", True)


def test_the_half_hour_that_has_ended_is_a_reading_at_once_because_forecasts_look_at_it(operator):
    here = fleet.live_site(operator, 1)
    live_history.ensure_partition(START.date())
    for second in (0, 1790, 1800):
        tick_reading(here, second)
    assert retention.thin_latest(START + timedelta(minutes=31)) == 1
    assert retention.thin_latest(START + timedelta(minutes=40)) == 0
    assert here.readings.get().at == START + timedelta(minutes=30)


def test_an_order_that_a_person_resolves_repairs_as_one_that_the_crew_resolves_and_keeps_what_was_found(operator):
    here = fleet.live_site(operator, 1)
    charger, person = here.chargers.first(), fleet.person("fixer", is_superuser=True)
    beat(0)
    StatusReport.objects.record([charger.pk], [START - timedelta(minutes=3)], ["FAULTED"], error_codes=["OtherError"])
    beat(1)
    order = WorkOrder.objects.open().get(charger=charger)
    fleet.do_the_work(order, person, START + timedelta(seconds=15), found_cause="vandal_impact")
    assert order.state == "resolved"
    for number in range(2, 24):
        beat(number)
    assert not ChargerState.objects.faulted().exists()
    order.refresh_from_db()
    assert order.state == "closed", "it was tried out"
    assert order.found_cause == "vandal_impact"


def test_days_are_dropped_when_their_time_is_over(operator, settings):
    settings.RAW_DAYS = 2
    here = fleet.live_site(operator, 1)
    for number in (0, 1, 180):
        beat(number)
    retention.retain(START + timedelta(days=1))
    assert here.readings.count() == 2
    assert LiveReading.objects.count() == 3
    retention.retain(START + timedelta(days=3))
    assert here.readings.count() == 2
    assert START.date() not in live_history.days_kept()
    assert not LiveReading.objects.exists()


def test_thinned_ticks_do_not_become_what_is_usual(operator):
    here = fleet.live_site(operator, 1)
    before = list(Climatology.objects.order_by("month", "hour").values("utilization"))
    interventions.stress_site(here, None, START)
    beat()
    retention.retain(START + timedelta(days=1))
    SiteState.objects.ensure()
    Climatology.objects.rebuild([here.pk])
    assert list(Climatology.objects.order_by("month", "hour").values("utilization")) in (before, [])


def test_thinning_twice_changes_nothing(operator):
    here = fleet.live_site(operator, 1)
    beat()
    retention.retain(START + timedelta(days=1))
    before = list(here.readings.values())
    retention.retain(START + timedelta(days=1))
    assert list(here.readings.values()) == before
