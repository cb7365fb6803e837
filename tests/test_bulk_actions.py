"""What is done to many rows is said first, done once it is confirmed, and done by a job where there are many."""

import pytest

from maintenance.models import OrderPart, Technician, WorkOrder
from stations import bulk_actions
from stations.access import sync_roles
from stations.jobs import run
from stations.models import Job, Operator

from . import fleet

ORDERS = "/admin/maintenance/workorder/"


@pytest.fixture
def orders(db):
    sync_roles()
    here = fleet.site(Operator.objects.create(name="Northline"), 1)
    return [fleet.work_order(here, charger=fleet.charger(here, number)) for number in range(1, 9)]


@pytest.fixture
def ops(client, orders):
    client.force_login(fleet.person("ops", "ops", orders[0].site.operator))
    return client


def chosen(orders, action: str = "cancel", **more) -> dict:
    return {"action": action, "_selected_action": [order.pk for order in orders], **more}


def open_orders() -> int:
    return WorkOrder.objects.open().count()


@pytest.mark.django_db
def test_nothing_is_done_before_it_is_confirmed_and_then_all_of_it(ops, orders):
    page = ops.post(ORDERS, chosen(orders))
    text = page.content.decode()
    assert open_orders() == 8
    assert "Cancel, with its incident (8)" in text
    assert "and 3 more" in text
    assert "nobody goes there" in text
    page = ops.post(ORDERS, chosen(orders, _confirmed="yes", reason="no parts this year"), follow=True)
    assert open_orders() == 0
    assert "8 of 8 orders are now cancelled" in page.content.decode()
    assert orders[0].changes.latest("pk").note == "no parts this year"
    history = ops.get(f"{ORDERS}{orders[0].pk}/history/").content.decode()
    assert "no parts this year" in history


@pytest.mark.django_db
def test_an_action_that_needs_an_answer_asks_again_without_it(ops, orders):
    technician = Technician.objects.create(code="T1", centre=fleet_centre())
    page = ops.post(ORDERS, chosen(orders, "send", _confirmed="yes"))
    assert "This field is required" in page.content.decode()
    ops.post(ORDERS, chosen(orders[:2], "send", _confirmed="yes", technician=technician.pk))
    assert WorkOrder.objects.filter(technician=technician, state="assigned").count() == 2
    ops.post(ORDERS, chosen(orders[:2], "set_priority", _confirmed="yes", priority="urgent"))
    assert WorkOrder.objects.filter(priority="urgent").count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_done_by_a_job_which_says_what_became_of_them(ops, orders, monkeypatch):
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 3)
    response = ops.post(ORDERS, chosen(orders, _confirmed="yes", reason="storm"))
    job = Job.objects.get(kind="bulk_action")
    assert response.url == job.get_absolute_url()
    assert open_orders() == 8
    assert run(job.pk)
    job.refresh_from_db()
    assert job.state == "done", job.message
    assert (open_orders(), len(job.result["said"])) == (0, 3)
    response = ops.post(ORDERS, chosen(orders, "call_duplicates", _confirmed="yes"), follow=True)
    assert "At most 3 rows can go together" in response.content.decode()


@pytest.mark.django_db
def test_the_questions_of_the_morning_are_filters(ops, orders):
    late, short, *_ = orders
    WorkOrder.objects.filter(pk=late.pk).update(due_at=fleet.NOW)
    from maintenance.models import Part

    OrderPart.objects.create(order=short, part=Part.objects.create(number="P1", name="fan"), proposed=2, reserved=0)
    asked = {"late": [late], "parts": [short], "nobody": orders, "held": []}
    for question, rows in asked.items():
        listed = ops.get(ORDERS, {"attention": question}).context["cl"].queryset
        assert set(listed) == set(rows), question


def fleet_centre():
    from maintenance.models import ServiceCentre

    return ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
