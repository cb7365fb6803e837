"""The figures of maintenance are those of a small world that can be counted by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from django.urls import reverse

from maintenance.figure_rows import closed_incidents, closed_orders, healing
from maintenance.figures import FIGURE_COLUMNS, figures
from maintenance.models import Incident, Part, RemoteAttempt, ServiceCentre, Technician, WorkOrder
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

NOW = datetime(2026, 9, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=365)


def ended(at, opened: datetime, **fields) -> WorkOrder:
    """An order that was accepted after one hour, with somebody there after three and done after five."""
    times = {"accepted_at": 1, "arrived_at": 3, "resolved_at": 5, "closed_at": 6}
    values = {name: opened + timedelta(hours=hours) for name, hours in times.items()}
    order = fleet.work_order(at, state="closed", opened_at=opened, **{**fleet.REPORT, **values, **fields})
    Incident.objects.filter(pk=order.incident_id).update(source="status", closed_at=order.closed_at)
    return order


@pytest.fixture
def world(db):
    """Three orders of one charger and one of another site, and three incidents that nobody was sent for."""
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    here, there = fleet.site(operator, 1), fleet.site(operator, 2)
    charger = fleet.charger(here)
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97, hourly_cost=90)
    technician = Technician.objects.create(code="T1", centre=centre)
    day = NOW - timedelta(days=100)
    first = ended(here, day, charger=charger, technician=technician, due_at=day + timedelta(hours=8))
    again = ended(here, day + timedelta(days=20), charger=charger, due_at=day)
    ended(there, NOW - timedelta(days=5))
    right, wrong = (Part.objects.create(number=f"P{n}", name=f"part {n}", unit_cost=100) for n in (1, 2))
    first.parts.create(part=right, used=1, by_cause=True)
    again.parts.create(part=wrong, used=2, by_cause=False)
    again.changes.create(at=day, old_state="resolved", new_state="in_progress")
    for number in range(3):
        closed = day + timedelta(hours=1)
        about = {"site": here, "charger": charger, "source": "status", "opened_at": day, "closed_at": closed}
        incident = Incident.objects.create(summary="odd", **about)
        tried = {"rung": "soft_reset", "at": day, "answer": "ok", "helped": number < 2}
        RemoteAttempt.objects.create(incident=incident, charger=charger, **tried)
    return operator


def test_figures_are_what_can_be_counted_by_hand(world):
    found = {row.name: row for row in figures(closed_orders(SINCE, NOW, None), closed_incidents(SINCE, NOW, None))}
    values = {name: (round(row.value, 3), row.count) for name, row in found.items()}
    assert values == {
        "Time to acknowledge": (1, 3),
        "Time to arrive": (3, 3),
        "Time to repair": (5, 3),
        "On time": (50, 2),
        "First-time fix": (66.667, 3),
        "Repeat failures": (50, 2),
        "Parts hit": (50, 2),
        "Healed remotely": (50, 6),
        "Truck rolls": (3, 3),
        "Cost of an order": (220, 3),  # 80 minutes at 90 an hour and a part; the others at 85 an hour: 313 and 113
        "Cost of all": (646.667, 3),
    }
    assert found["First-time fix"].low < 66.7 < found["First-time fix"].high
    assert healing(SINCE, NOW, None) == [("unknown", 3, 2, 0, 3)]


def test_only_those_of_the_reader_s_operators_count(world, client):
    assert len(closed_orders(SINCE, NOW, [world.pk + 1])) == 0
    client.force_login(fleet.person("ops", "ops", world))
    page = client.get(reverse("maintenance-figures"), {"days": 365}).content.decode()
    assert "First-time fix" in page
    assert "What healed itself" in page
    assert client.get(reverse("maintenance-figures"), {"days": "all"}).status_code == 400
    client.force_login(fleet.person("partner", "partner", world))
    assert client.get(reverse("maintenance-figures")).status_code == 403


def test_nothing_closed_makes_no_figures_and_no_error():
    none = pd.DataFrame(columns=FIGURE_COLUMNS), pd.DataFrame(columns=["site", "is_remote"])
    assert all(np.isnan(row.value) or row.value == 0 for row in figures(*none))


def test_the_interval_of_a_median_covers_it_as_often_as_it_says():
    rng, hits = np.random.default_rng(5), 0
    for _ in range(400):
        rows = pd.DataFrame(dict.fromkeys(FIGURE_COLUMNS, np.nan), index=range(60)).assign(site=1)
        rows["hours_to_accept"] = rng.lognormal(1, 1, 60)
        median = figures(rows, pd.DataFrame(columns=["site", "is_remote"]))[0]
        hits += median.low <= np.e <= median.high
    assert 0.93 <= hits / 400 <= 0.99
