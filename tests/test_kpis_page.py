"""The page of the key figures: whose orders it counts, what its address may ask for, its file, and what it costs."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from maintenance.models import Incident, ServiceCentre, Technician, WorkOrder
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
def desk(client, operator):
    client.force_login(fleet.person("desk", "dispatcher", operator))
    return client


def repaired(operator, number: int, hours: float, days_ago: float = 5, **fields) -> WorkOrder:
    """An order whose failure was repaired after so many hours."""
    at = timezone.now() - timedelta(days=days_ago)
    done = at + timedelta(hours=hours)
    here = fleet.site(operator, number, **fields)
    order = fleet.work_order(
        here, charger=fleet.charger(here), opened_at=at, state="closed", accepted_at=at, arrived_at=at,
        resolved_at=done, closed_at=done, minutes_work=60,
    )  # fmt: skip
    Incident.objects.filter(pk=order.incident_id).update(source="status", closed_at=done)
    return order


def tile(client, slug: str, **asked) -> dict:
    tiles = client.get(reverse("dispatch-kpis"), asked).context["tiles"]
    return next(each for each in tiles if each["kpi"].slug == slug)


def test_a_period_is_laid_beside_the_one_before_and_other_operators_do_not_count(desk, operator):
    repaired(operator, 1, 2)
    repaired(operator, 2, 4)
    repaired(operator, 3, 9, days_ago=35)
    repaired(operator, 4, 11, days_ago=40)
    repaired(Operator.objects.create(name="Copperline"), 5, 100)
    found = tile(desk, "repair")
    assert (found["value"], found["n"], found["before"]) == ("3.00", 2, "10.00")
    assert found["change"].startswith("−7.00 (")
    assert found["verdict"] == ""
    assert tile(desk, "truck-rolls")["n"] == 2


def test_a_change_that_is_no_chance_has_a_word(desk, operator):
    for number in range(6):
        repaired(operator, number, 2 + number / 10)
        repaired(operator, 10 + number, 20 + number / 10, days_ago=35)
    assert tile(desk, "repair")["verdict"] == "better"


def test_filters_stand_in_the_address(desk, operator):
    order = repaired(operator, 1, 2, city="Austin")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    repaired(operator, 2, 4, city="Boston")
    assert tile(desk, "repair", city="Boston")["value"] == "4.00"
    assert tile(desk, "repair", team=centre.pk)["n"] == 0
    order.technician = Technician.objects.create(code="ADA", centre=centre)
    order.save()
    assert tile(desk, "repair", team=centre.pk)["value"] == "2.00"
    assert tile(desk, "repair", cause="meter_fault")["n"] == 0
    assert tile(desk, "repair", operator=operator.pk, days=7)["n"] == 2
    assert tile(desk, "repair", to="2020-01-01")["n"] == 0


def test_an_address_that_makes_no_sense_is_told_so(desk, operator):
    foreign = Operator.objects.create(name="Copperline")
    for asked, status in (
        ({"days": "x"}, 400), ({"days": 0}, 400), ({"days": 10**9}, 400), ({"to": "tomorrow"}, 400),
        ({"cause": HOSTILE}, 400), ({"team": "²"}, 400), ({"team": "9" * 30}, 400), ({"operator": foreign.pk}, 404),
        ({"operator": "x"}, 404), ({"city": HOSTILE + "\x00"}, 200), ({"to": "9999-01-01"}, 400),
    ):  # fmt: skip
        assert desk.get(reverse("dispatch-kpis"), asked).status_code == status, asked


def test_only_staff_who_see_work_orders_see_it(client, operator):
    assert client.get(reverse("dispatch-kpis")).status_code == 302
    client.force_login(fleet.person("partner", "partner", operator))
    assert client.get(reverse("dispatch-kpis")).status_code == 403


def test_the_file_has_every_figure_and_no_formula(desk, operator):
    repaired(operator, 1, 2)
    Operator.objects.filter(pk=operator.pk).update(currency="=1+")
    answer = desk.get(reverse("dispatch-kpis"), {"format": "csv", "days": 7})
    assert answer["Content-Disposition"].startswith('attachment; filename="key-figures-')
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 11 * (3 + 12)
    assert {row["what"] for row in rows} == {"period", "period before", "change", "part"}
    [repair] = [row for row in rows if row["figure"] == "Time to repair" and row["what"] == "period"]
    assert (float(repair["value"]), repair["low"], repair["count"]) == (pytest.approx(2), "", "1")
    assert {row["unit"] for row in rows if row["figure"] == "Cost of an order"} == {"'=1+"}


def test_more_orders_cost_no_more_queries(desk, operator):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert desk.get(reverse("dispatch-kpis")).status_code == 200
        return len(asked)

    repaired(operator, 1, 2)
    few = queries()
    for number in range(2, 12):
        repaired(operator, number, number)
    assert queries() == few <= 10
