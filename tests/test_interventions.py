"""What people do to a site from the board takes its turn with the loop, whenever in a slot they press."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from maintenance.models import WorkOrder
from pricing.models import PriceChange
from sntry_site import interventions, tasks
from stations.models import FleetEvent, Operator, Site
from telemetry import live_history
from telemetry.models import ChargerState, SiteState

from . import fleet

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


@pytest.fixture
def site(db, settings):
    settings.TICK_SURGE_CHANCE = 0.0
    live_history.ensure_partition(START.date())
    here = fleet.live_site(Operator.objects.create(name="Northline Charging", is_simulated=True), 1, ports_total=8)
    here.refresh_from_db()
    return here


def show(at: datetime) -> SiteState:
    """What a press shows at once."""
    tasks.advance(at, seconds=0)
    return SiteState.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("pressed_at", [1, 9.9])
def test_stress_holds_through_the_tick_of_its_own_slot(site, pressed_at):
    interventions.stress_site(site, None, second(pressed_at))
    assert show(second(pressed_at + 0.05)).is_stressed
    tasks.tick(second(9.95))
    state = SiteState.objects.get()
    assert state.is_stressed
    assert state.risk > 0.9


@pytest.mark.django_db
@pytest.mark.parametrize("pressed_at", [21, 29.9])
def test_heal_holds_through_the_tick_of_its_own_slot(site, pressed_at):
    interventions.stress_site(site, None, second(1))
    tasks.tick(second(9))
    tasks.tick(second(19))
    interventions.heal_site(site, None, second(pressed_at))
    show(second(pressed_at + 0.05))
    tasks.tick(second(29.95))
    state = SiteState.objects.get()
    assert not state.is_stressed
    assert state.price == site.base_price
    assert not WorkOrder.objects.open().exists()
    assert not ChargerState.objects.faulted().exists()


@pytest.mark.django_db
def test_heal_says_what_it_did_to_each_price(site):
    near = fleet.live_site(site.operator, 2, usual=0.1, latitude=30.35)
    interventions.stress_site(site, None, second(0))
    tasks.tick(second(0))
    interventions.heal_site(site, None, second(12))
    tasks.tick(second(12))
    told = FleetEvent.objects.filter(kind__endswith="_CLOSED", site__in=[site, near]).exclude(old_price=None)
    assert {(event.kind, event.site_id) for event in told} == {("SURGE_CLOSED", site.pk), ("REROUTE_CLOSED", near.pk)}
    assert set(SiteState.objects.values_list("price", flat=True)) == {site.base_price}


@pytest.mark.django_db
def test_pressing_often_does_not_age_the_world(site):
    interventions.stress_site(site, None, second(0))
    for number in range(15):
        show(START + timedelta(milliseconds=10 + number))
    assert not ChargerState.objects.faulted().exists()


@pytest.mark.django_db
def test_dispatch_opens_one_order_and_returns_it_again(site):
    tasks.tick(START)
    first = interventions.dispatch_site(site, None, second(1))
    assert interventions.dispatch_site(site, None, second(2)) == first


@pytest.mark.django_db
@pytest.mark.parametrize("place", [{}, {"latitude": None, "longitude": None}])
def test_a_site_that_was_just_added_in_the_admin_can_be_sent_a_technician(site, place):
    added = fleet.site(site.operator, 2, **place)
    SiteState.objects.filter(site=added).delete()
    added = Site.objects.get(pk=added.pk)
    order = interventions.dispatch_site(added, None, second(1))
    assert (order.site, order.title) == (added, "asked for from the board")
    assert SiteState.objects.get(site=added).ports_available == added.ports_total


def in_thread(results: list, function, *arguments) -> threading.Thread:
    def run():
        try:
            results.append(function(*arguments))
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_a_heal_in_the_middle_of_a_tick_waits_its_turn_and_still_heals(site, monkeypatch):
    interventions.stress_site(site, None, second(0))
    tasks.tick(second(0))
    paused, go, results = threading.Event(), threading.Event(), []
    really_score = tasks.live_risk.score

    def score_slowly(*arguments):
        paused.set()
        go.wait(60)
        return really_score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(tasks.live_risk, "score", score_slowly)
        ticking = in_thread(results, tasks.tick, second(10))
        assert paused.wait(60)
        healing = in_thread(results, interventions.heal_site, site, None, second(11))
        healing.join(0.5)
        assert healing.is_alive(), "it waits for the tick"
        go.set()
        ticking.join(120)
        healing.join(120)
    assert [type(result).__name__ for result in results] == ["Tick", "str"]
    tasks.tick(second(20))
    state = SiteState.objects.get()
    assert not state.is_stressed
    assert state.price == site.base_price
    assert not WorkOrder.objects.open().exists()


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_get_the_same_order(site):
    tasks.tick(START)
    results: list = []
    threads = [in_thread(results, interventions.dispatch_site, site, None, second(1)) for _ in range(4)]
    for thread in threads:
        thread.join(120)
    assert len({order.pk for order in results}) == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_undo_a_press(site, settings):
    from sntry_site.celery import app

    away = {"transport": "redis", "broker_write_url": "redis://127.0.0.1:1/0"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.conf, "broker_write_url", away["broker_write_url"])
        interventions.stress_site(site, None, second(0))
    tasks.tick(second(5))
    assert SiteState.objects.get().is_stressed
    assert not PriceChange.objects.filter(applied=False).exists()
