"""Opening and closing an order asks nobody outside: services that are slow or away hold up nothing and lose nothing."""

import time

import pytest
from django.core.cache import cache
from django.utils import timezone

from maintenance import gemini, outside
from maintenance.models import ChecklistItem, RootCauseNote, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.notes import writing
from maintenance.routing import osrm
from sntry_site import dispatch
from stations.models import Operator

from . import fleet
from .gemini_server import GeminiServer
from .osrm_server import OsrmServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slow_services(settings, monkeypatch):
    """A Gemini and an OSRM that take half a minute for each answer."""
    cache.clear()
    servers = GeminiServer(), OsrmServer()
    servers[0].behaviour, servers[1].behaviour = "silence", "slow"
    settings.GEMINI_API_KEY, settings.OSRM_URL = "a-key", servers[1].url
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", servers[0].url)
    for module in (gemini, osrm):
        monkeypatch.setattr(module, "breaker", outside.Breaker())
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def told(monkeypatch):
    """What the workers are told."""
    messages = []
    monkeypatch.setattr(writing, "tell", lambda task, calls: messages.append((task, calls)))
    return messages


def opened_by_the_loop() -> WorkOrder:
    """An order that the loop opens for a charger of a simulated site."""
    site = fleet.live_site(Operator.objects.create(name="Northline", is_simulated=True), 1)
    wanted = [Wanted(site.pk, site.chargers.first().pk, "cooling_thermal", "status", None, "hot")]
    (order,) = dispatch.open_orders(wanted, timezone.now())
    return order


def close(order: WorkOrder) -> None:
    at = timezone.now()
    for state in ("assigned", "accepted", "en_route", "in_progress"):
        WorkOrder.objects.move([order.pk], state, at)
    ChecklistItem.objects.filter(order=order).update(done_at=at)
    done = {"action": "cleaned", "resolution": "Cleaned the filter.", "found_cause": "cooling_thermal"}
    WorkOrder.objects.filter(pk=order.pk).update(**done, minutes_work=40, minutes_travel=20)
    for state in ("resolved", "verified", "closed"):
        order.move(state, by=None)


def test_an_order_is_opened_noted_and_closed_while_gemini_and_osrm_are_silent(slow_services, told):
    begun = time.monotonic()
    order = opened_by_the_loop()
    close(order)
    assert time.monotonic() - begun < 20, "somebody waited for a service"
    assert [server.asked for server in slow_services] == [[], []]
    assert order.state == "closed"
    note = RootCauseNote.objects.get(incident=order.incident)
    assert (note.source, note.cause) == ("rules", "cooling_thermal")
    assert told == [("maintenance.write_gemini_note", [[order.incident_id, None]])]


def test_a_note_that_fails_stops_no_order(monkeypatch, told):
    def fails(*_):
        raise RuntimeError("no disk")

    monkeypatch.setattr(writing, "cases_of", fails)
    assert opened_by_the_loop().pk
    assert not RootCauseNote.objects.exists()
