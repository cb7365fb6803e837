"""What the chargers of the live network do ends in the database: reports, sessions, orders and repairs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from maintenance.models import WorkOrder
from sntry_site import interventions, tasks
from stations.models import FleetEvent, Operator
from telemetry import live_fleet
from telemetry.live_fleet import LiveFleet
from telemetry.models import (
    ChargerState,
    ChargingSession,
    Climatology,
    LiveReading,
    Outage,
    SiteState,
    SoftEvents,
    StatusReport,
    Tick,
    WorldState,
)
from telemetry.models.ticks import slot_of
from telemetry.network import read_network
from telemetry.simulation import causes

from . import fleet

pytestmark = pytest.mark.django_db
START = datetime(2026, 7, 5, 12, tzinfo=UTC)  # a Sunday: no planned services


@pytest.fixture(autouse=True)
def calm_world(settings):
    settings.TICK_SURGE_CHANCE = 0.0


@pytest.fixture
def here():
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    site = fleet.live_site(operator, 1, usual=0.6, ports_total=16)
    site.refresh_from_db()
    return site


def beat(number: int) -> None:
    tasks.tick(START + timedelta(seconds=10 * number))


def at(number: int) -> int:
    return int((START + timedelta(seconds=10 * number)).timestamp())


def stop(charger, cause: int, *, fixed_at: int = 0, gives_up_at: int = 0) -> None:
    """A charger stops for a hidden cause, and says so."""
    sites, memory = WorldState.objects.remembered()
    row = memory["charger"] == charger.pk
    memory["down"][row], memory["fixed_at"][row], memory["gives_up_at"][row] = cause, fixed_at, gives_up_at
    memory["session_from"][row] = 0
    WorldState.objects.remember(sites, memory, 0)
    StatusReport.objects.record([charger.pk], [START + timedelta(seconds=5)], ["FAULTED"])


def remembered(charger) -> np.void:
    memory = WorldState.objects.remembered()[1]
    return memory[memory["charger"] == charger.pk][0]


def test_cars_charge_and_what_they_pay_is_fixed_when_they_begin(here):
    for number in range(60):
        beat(number)
    assert ChargerState.objects.filter(status="CHARGING").exists()
    going_on = list(ChargingSession.objects.filter(ended_at=None))
    assert going_on
    assert {session.price for session in going_on} == {Decimal("0.4")}
    SiteState.objects.set_prices({here.pk: Decimal("0.7000")})
    for number in range(60, 240):
        beat(number)
    for session in going_on:
        session.refresh_from_db()
    ended = [session for session in going_on if session.ended_at]
    assert ended
    assert {session.price for session in going_on} == {Decimal("0.4")}
    for session in ended:
        assert session.success is not None
        assert session.energy_kwh <= 150 * session.minutes / 60


def test_cars_that_history_left_at_chargers_go_on_charging_and_leave_when_their_time_is_over(here):
    long, short = here.chargers.order_by("pk")[:2]
    begun = [START - timedelta(minutes=2), START - timedelta(hours=9)]
    StatusReport.objects.record([long.pk, short.pk], begun, ["CHARGING", "CHARGING"])
    beat(0)
    going_on = ChargingSession.objects.get(charger=long)
    assert (going_on.started_at, going_on.ended_at, going_on.price) == (begun[0], None, Decimal("0.4"))
    over = ChargingSession.objects.get(charger=short, started_at=begun[1])
    assert over.ended_at == START
    assert 0 < over.energy_kwh <= 150 * 9
    assert ChargerState.objects.get(charger=long).status == "CHARGING"
    for number in range(1, 5):
        beat(number)
    assert ChargingSession.objects.filter(charger=long).count() == 1, "taken over once"
    assert remembered(long)["session_from"] == int(begun[0].timestamp())


def test_nobody_charges_where_a_charger_is_out_of_order(here):
    beat(0)
    charger = here.chargers.first()
    stop(charger, causes.CABLE)
    for number in range(1, 40):
        beat(number)
    assert not ChargingSession.objects.filter(charger=charger, started_at__gt=START + timedelta(seconds=5)).exists()


def test_what_a_reset_clears_needs_no_order(here):
    beat(0)
    charger = here.chargers.first()
    stop(charger, causes.FIRMWARE, fixed_at=at(5), gives_up_at=at(1))
    for number in range(1, 7):
        beat(number)
    assert not WorkOrder.objects.exists()
    assert Outage.objects.get(charger=charger).ended_at == START + timedelta(seconds=50)
    event = FleetEvent.objects.get(kind="CHARGER_RECOVERED")
    assert event.message == f"{charger.external_id} is back after a reset from afar"


def test_ports_that_come_back_at_the_same_moment_are_one_line(here):
    beat(0)
    both = list(here.chargers.order_by("pk")[:2])
    for charger in both:
        stop(charger, causes.FIRMWARE, fixed_at=at(5), gives_up_at=at(1))
    for number in range(1, 7):
        beat(number)
    event = FleetEvent.objects.get(kind="CHARGER_RECOVERED")
    assert event.message == f"{both[0].external_id}, {both[1].external_id} are back after a reset from afar"


def test_an_order_is_opened_once_nothing_more_can_be_done_from_afar_and_only_it_repairs(here, monkeypatch):
    monkeypatch.setattr(live_fleet, "WRONG_SHARE", 0)  # because which orders get a wrong cause hangs on their number
    beat(0)
    charger = here.chargers.first()
    stop(charger, causes.COOLING, gives_up_at=at(20))
    for number in range(1, 20):
        beat(number)
    assert not WorkOrder.objects.exists()
    beat(20)
    order = WorkOrder.objects.get(charger=charger)
    assert order.opened_at == START + timedelta(seconds=200)
    assert [attempt.rung for attempt in order.incident.attempts.order_by("pk")] == ["poll", "soft_reset", "hard_reset"]
    assert remembered(charger)["down"] == causes.COOLING
    for number in range(21, 95):
        beat(number)
    order.refresh_from_db()
    assert order.state == "closed"
    assert order.found_cause == "cooling_thermal"
    assert (remembered(charger)["down"], remembered(charger)["fouling"]) == (-1, pytest.approx(0, abs=1e-5))
    assert ChargerState.objects.get(charger=charger).status in ("AVAILABLE", "CHARGING", "PREPARING")


def test_an_order_for_a_site_at_risk_services_it_and_finds_what_announced_itself(here):
    beat(0)
    sites, memory = WorldState.objects.remembered()
    memory["fouling"], memory["trouble"][3] = 0.2, causes.GFCI
    WorldState.objects.remember(sites, memory, 0)
    order = fleet.work_order(here, state="in_progress", opened_at=START - timedelta(hours=1))
    beat(1)
    order.refresh_from_db()
    assert order.state == "resolved"
    _, memory = WorldState.objects.remembered()
    assert memory["fouling"].max() < 0.01
    assert memory["trouble"][3] == -1
    assert order.found_cause in causes.NAMES
    for number in range(2, 24):
        beat(number)
    order.refresh_from_db()
    assert order.state == "closed", "somebody has charged there since"


def test_one_finding_in_twenty_is_wrong(here):
    beat(0)

    live = LiveFleet(read_network(START), WorldState.objects.remembered()[1], START)
    live.memory["down"][0] = causes.MODULE
    found = [live._found(np.array([0]), order) for order in range(1000)]
    assert np.mean(np.array(found) != "power_module") == pytest.approx(0.05, abs=0.02)


def test_a_stressed_site_heats_trips_and_cools_when_healed(here):
    beat(0)
    interventions.stress_site(here, None, START + timedelta(seconds=10))
    for number in range(1, 10):
        beat(number)
    faults = FleetEvent.objects.filter(kind="CHARGER_FAULTED")
    assert faults.filter(message__contains="HighTemperature").exists()
    hot = StatusReport.objects.filter(status="FAULTED", error_code="HighTemperature").first()
    assert hot.temperature_c > 70
    assert hot.vendor_code == "CX003"
    interventions.heal_site(here, None, START + timedelta(seconds=100))
    for number in range(10, 18):
        beat(number)
    _, memory = WorldState.objects.remembered()
    assert memory["cabinet_c"].max() < 55
    assert not memory["is_trip"].any()


def test_what_a_person_says_of_a_charger_cuts_its_session_and_lasts(here):
    beat(0)
    busy = here.chargers.order_by("pk").first()
    sites, memory = WorldState.objects.remembered()
    row = memory["charger"].tolist().index(busy.pk)
    memory["session_from"][row], memory["session_until"][row] = START.timestamp(), START.timestamp() + 900
    memory["kilowatts"][row] = 50
    WorldState.objects.remember(sites, memory, slot_of(START))
    ChargingSession.objects.create(charger=busy, started_at=START)
    StatusReport.objects.record([busy.pk], [START + timedelta(seconds=5)], ["UNAVAILABLE"])
    beat(1)
    session = ChargingSession.objects.get(charger=busy)
    assert (session.success, session.ended_at) == (False, START + timedelta(seconds=10))
    beat(4 * 360)  # four hours later nobody has said otherwise
    assert ChargerState.objects.get(charger=busy).status == "UNAVAILABLE"


def test_a_port_that_is_added_changes_no_other_charger(here):
    behind = fleet.live_site(here.operator, 2, ports_total=8)
    before = LiveFleet(read_network(START), WorldState.objects.remembered()[1], START)
    added = fleet.charger(here, 17)
    after = LiveFleet(read_network(START), WorldState.objects.remembered()[1], START + timedelta(hours=1))
    kept = after.ids != added.pk
    assert after.ids[kept].tolist() == before.ids.tolist()
    np.testing.assert_array_equal(after.fleet.chargers.frailty[:, kept], before.fleet.chargers.frailty)
    assert behind.chargers.count() == 8


def test_soft_events_of_a_half_hour_are_told_with_the_first_beat_after_it(here):
    beat(0)
    sites, memory = WorldState.objects.remembered()
    memory["events"][2] = [3, 0, 1, 0, 2]
    WorldState.objects.remember(sites, memory, slot_of(START))
    beat(178)
    assert not SoftEvents.objects.exists()
    beat(183)  # those between were missed
    told = SoftEvents.objects.get(charger=here.chargers.order_by("pk")[2])
    assert told.at == START
    assert (told.missed_heartbeats, told.power_dips, told.retries) >= (3, 1, 2)
    assert not WorldState.objects.remembered()[1]["events"].any()


def test_nothing_ages_between_two_ticks(here):
    beat(0)
    before = WorldState.objects.remembered()[1]
    tasks.advance(START + timedelta(seconds=3), seconds=0)
    assert WorldState.objects.remembered()[1].tobytes() == before.tobytes()


def test_the_same_seed_and_slot_give_the_same_chargers(here):
    beat(0)
    first = WorldState.objects.remembered()[1]
    for model in (Tick, LiveReading, ChargingSession, StatusReport, ChargerState, WorldState):
        model.objects.all().delete()
    beat(0)
    assert WorldState.objects.remembered()[1].tobytes() == first.tobytes()


def test_rain_reaches_the_chargers(here):
    Climatology.objects.update(weather=4)
    beat(START.minute)
    memory = WorldState.objects.remembered()[1]
    for number in range(1, 31):
        beat(number)
    assert memory["moisture"].max() <= WorldState.objects.remembered()[1]["moisture"].max() == 1
