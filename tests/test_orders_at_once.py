"""Of people who do the same to an order, or want the last part, at the same moment one wins; the rest are told."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from maintenance.models import (
    Incident,
    Overtaken,
    Part,
    Refused,
    ServiceCentre,
    Stock,
    Technician,
    WorkOrder,
    WorkOrderChange,
)
from stations.models import Operator

from . import fleet
from .at_once import tried_at_once

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 50
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def verified():
    """An order that only has to be closed."""
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    resolved = NOW + timedelta(minutes=1)
    return fleet.work_order(site, state="verified", version=7, opened_at=NOW, resolved_at=resolved, **fleet.REPORT)


def test_of_fifty_who_close_an_order_at_once_one_wins_and_the_others_see_what_changed(verified):
    def close(place: int) -> bool:
        return WorkOrder.objects.get(pk=verified.pk).move("closed", by=None, expected_version=7, note=f"by {place}")

    results = tried_at_once(AT_ONCE, close)
    refused = [result for result in results if isinstance(result, Overtaken)]
    assert (results.count(True), len(refused)) == (1, AT_ONCE - 1), results
    assert {(refusal.order.state, refusal.order.version) for refusal in refused} == {("closed", 8)}
    assert "it is closed now (version 8)" in str(refused[0])
    assert WorkOrderChange.objects.get(order=verified).note == f"by {results.index(True)}"
    verified.refresh_from_db()
    assert (verified.state, verified.version) == ("closed", 8)


def test_without_the_guard_many_would_win(verified):
    """The negative control: the same race, where the version is looked at but not held."""
    looked = threading.Barrier(AT_ONCE)

    def close(place: int) -> bool:
        order = WorkOrder.objects.get(pk=verified.pk)
        if order.version != 7:
            raise Overtaken(order)
        looked.wait(120)
        WorkOrder.objects.filter(pk=order.pk).update(state="closed", version=8, closed_at=timezone.now())
        WorkOrderChange.objects.create(order=order, at=NOW, old_state="verified", new_state="closed")
        return True

    results = tried_at_once(AT_ONCE, close)
    assert results.count(True) > 1
    assert WorkOrderChange.objects.filter(order=verified).count() > 1


def test_a_request_that_is_sent_again_and_again_counts_once(verified):
    def close(place: int) -> bool:
        return WorkOrder.objects.get(pk=verified.pk).move("closed", by=None, key="the same request")

    results = tried_at_once(10, close)
    assert sorted(map(str, results)) == ["False"] * 9 + ["True"]
    assert WorkOrderChange.objects.get(order=verified).key == "the same request"


def test_the_last_pieces_of_a_part_go_to_as_many_orders_as_there_are_and_are_used_once():
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    technician = Technician.objects.create(code="T1", centre=centre)
    part = Part.objects.create(number="P-1", name="meter")
    stock = Stock.objects.create(part=part, centre=centre)
    stock.receive(3, NOW)
    causes = ["meter_fault", "unknown"]
    orders = [
        fleet.work_order(site, charger=fleet.charger(site, number), cause=causes[number % 2], technician=technician)
        for number in range(1, 21)
    ]
    got = tried_at_once(20, lambda place: orders[place].need_part(part.pk, 1, NOW))
    assert got.count(True) == 3, got
    stock.refresh_from_db()
    assert (stock.quantity, stock.reserved) == (3, 3)
    lucky = orders[got.index(True)]
    tried_at_once(10, lambda place: WorkOrder.objects.get(pk=lucky.pk).use_parts([part.pk], NOW))
    stock.refresh_from_db()
    assert (stock.quantity, stock.reserved) == (2, 2)
    assert lucky.parts.get().used == 1


def test_of_two_who_call_each_others_orders_duplicates_one_wins_and_one_order_is_left():
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    orders = [fleet.work_order(site, cause=cause) for cause in ("unknown", "hmi_display")]
    boss = fleet.person("boss", is_superuser=True)

    def call(place: int) -> bool:
        this, that = orders[place % 2], orders[1 - place % 2]
        return WorkOrder.objects.get(pk=this.pk).move("duplicate", by=boss, duplicate_of=that.pk)

    results = tried_at_once(10, call)
    assert results.count(True) == 1, results
    assert sum(isinstance(result, Refused) for result in results) == 9, results
    assert WorkOrder.objects.open().count() == 1


def test_of_many_who_merge_incidents_round_in_a_circle_one_incident_is_left_with_all_chargers():
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    chargers = [fleet.charger(site, number) for number in range(3)]
    about = {"site": site, "source": "person", "summary": "odd", "opened_at": NOW}
    incidents = [Incident.objects.create(charger=charger, **about) for charger in chargers]

    def merge(place: int) -> None:
        one, into = incidents[place % 3], incidents[(place + 1) % 3]
        Incident.objects.get(pk=one.pk).merge_into(Incident.objects.get(pk=into.pk), None, NOW)

    results = tried_at_once(12, merge)
    assert results.count(None) == 2, results
    assert sum(isinstance(result, ValidationError) for result in results) == 10, results
    left = Incident.objects.open().get()
    assert {left.charger_id, *left.chargers.values_list("pk", flat=True)} == {charger.pk for charger in chargers}
