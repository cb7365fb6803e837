"""From a failure in the world to a verified charger: incident, note, order, route, repair, with nobody typing."""

from datetime import UTC, datetime, timedelta

import pytest

from maintenance.models import Incident, ServiceCentre, Technician, WorkOrder
from maintenance.routing.route import route_for
from sntry_site import demo_crews, tasks
from stations.models import FleetEvent, Operator
from telemetry import live_fleet
from telemetry.models import ChargerState, Outage, StatusReport, WorldState
from telemetry.simulation import causes

from . import fleet

START = datetime(2026, 7, 5, 12, tzinfo=UTC)  # a Sunday: no planned services


@pytest.fixture
def here(db, settings, monkeypatch):
    """A simulated site near a service centre with people and parts, who write down what they find."""
    monkeypatch.setattr(live_fleet, "WRONG_SHARE", 0.0)  # else it hangs on the number of the order
    settings.TICK_SURGE_CHANCE, settings.GEMINI_API_KEY, settings.OSRM_URL = 0.0, "", ""
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.4, longitude=-97.7, time_zone="America/Chicago")
    Technician.objects.create(code="AUS-1", centre=centre, skills=["hv"])
    Technician.objects.create(code="AUS-2", centre=centre, skills=["it"])
    demo_crews.create_parts()
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    return fleet.live_site(operator, 1, ports_total=4, time_zone="America/Chicago")


def test_a_failure_becomes_a_verified_repair_with_nobody_typing(here, django_capture_on_commit_callbacks):
    def beats(first: int, last: int) -> None:
        for number in range(first, last):
            with django_capture_on_commit_callbacks(execute=True):
                tasks.tick(START + timedelta(seconds=10 * number))

    beats(0, 1)
    charger = here.chargers.first()
    sites, memory = WorldState.objects.remembered()
    row = memory["charger"] == charger.pk
    memory["down"][row], memory["session_from"][row] = causes.MODULE, 0
    memory["gives_up_at"][row] = (START + timedelta(minutes=4)).timestamp()
    WorldState.objects.remember(sites, memory, 0)
    codes = {"error_codes": ["OverCurrentFailure"], "vendor_codes": ["CX004"]}
    StatusReport.objects.record([charger.pk], [START + timedelta(seconds=5)], ["FAULTED"], **codes)

    beats(1, 12)
    assert not Incident.objects.exists(), "two minutes have not passed yet"
    beats(12, 14)
    incident = Incident.objects.get()
    assert (incident.charger, incident.source, incident.severity) == (charger, "status", "moderate")
    assert incident.note.cause == "power_module", "told from the codes, by rule"
    assert not WorkOrder.objects.exists()

    beats(14, 26)
    assert [attempt.rung for attempt in incident.attempts.order_by("pk")] == ["poll", "soft_reset", "hard_reset"]
    order = WorkOrder.objects.get()
    assert (order.incident, order.charger, order.state) == (incident, charger, "assigned")
    centre = order.technician.centre
    route = route_for([(here.latitude, here.longitude)], (centre.latitude, centre.longitude))
    assert (route.source, len(route.legs)) == ("estimate", 1)
    assert 10 < route.minutes < 60

    beats(26, 100)
    order.refresh_from_db()
    incident.refresh_from_db()
    assert (order.state, order.found_cause, order.action) == ("closed", "power_module", "part_swapped")
    used = order.parts.get(used=1)
    assert used.part.name == "rectifier module"
    assert [(m.kind, m.pieces) for m in order.stock_movements.order_by("pk")] == [("reserve", 1), ("consume", 1)]
    assert incident.closed_at == order.closed_at
    assert not ChargerState.objects.faulted().exists()
    assert Outage.objects.get(charger=charger).ended_at == order.resolved_at
    assert charger.sessions.filter(started_at=order.resolved_at, success=True, energy_kwh__gt=0.5).exists()
    assert not order.changes.exclude(by=None).exists(), "nobody has typed anything"
    kinds = set(FleetEvent.objects.values_list("kind", flat=True))
    assert {"WORK_ORDER_OPENED", "WORK_ORDER_CLOSED"} <= kinds
