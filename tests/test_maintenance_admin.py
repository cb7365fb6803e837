"""What desks do in the admin: see to incidents, take in parts, plan work; each leaves its row."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from maintenance.admin.incidents import IncidentForm
from maintenance.models import Incident, Part, PlannedWork, ServiceCentre, Stock, Technician, WorkOrder
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db
INLINES = ("changes", "attempts", "driver_reports")
NO_ROWS = {f"{name}-{count}_FORMS": 0 for name in INLINES for count in ("TOTAL", "INITIAL")}


@pytest.fixture
def site(client):
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    client.force_login(fleet.person("desk", "dispatcher", operator))
    return fleet.site(operator, 1)


def incident(site, charger=None, **fields) -> Incident:
    opened = timezone.now() - timedelta(hours=1)
    values = {"source": "driver", "summary": "dark screen", "opened_at": opened, "cause": "hmi_display", **fields}
    return Incident.objects.create(site=site, charger=charger, **values)


def act(client, model: str, action: str, *rows, **fields) -> str:
    chosen = {"action": action, "_confirmed": "yes", "_selected_action": [row.pk for row in rows], **fields}
    page = client.post(reverse(f"admin:maintenance_{model}_changelist"), chosen, follow=True)
    return " ".join(str(message) for message in page.context["messages"])


def test_incidents_are_acknowledged_and_sent_out_and_no_one_twice(client, site):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    Technician.objects.create(code="IT", centre=centre, skills=["it"])
    able = Technician.objects.create(code="EL", centre=centre, skills=["electronics"])
    one = incident(site)
    assert act(client, "incident", "acknowledge", one) == "1 incidents are acknowledged now."
    assert act(client, "incident", "open_orders", one) == "1 work orders were opened."
    assert "1 have one open" in act(client, "incident", "open_orders", one)
    order = WorkOrder.objects.get()
    assert (order.incident, order.technician, order.cause) == (one, able, "hmi_display")
    assert order.changes.first().by.username == "desk"


def test_incidents_of_a_site_are_merged_into_the_oldest_and_those_of_others_are_not(client, site):
    first, second = incident(site, fleet.charger(site, 1)), incident(site, fleet.charger(site, 2))
    elsewhere = incident(fleet.site(site.operator, 2))
    told = act(client, "incident", "merge", first, second, elsewhere)
    assert "Choose another open incident of the same site." in told
    assert "1 incidents were merged into dark screen." in told
    second.refresh_from_db()
    assert (second.merged_into, second.closed_at is None) == (first, False)


def test_an_incident_is_put_off_only_for_a_reason_and_a_row_says_who(client, site):
    one = incident(site)
    url = reverse("admin:maintenance_incident_change", args=[one.pk])
    until = timezone.now() + timedelta(days=2)
    values = {
        "summary": one.summary,
        "site": site.pk,
        "charger": "",
        "cause": one.cause,
        "severity": "minor",
        **NO_ROWS,
    }
    values |= {"opened_at_0": "2026-01-01", "opened_at_1": "12:00", "severity_reason": ""}
    values |= {"snoozed_until_0": f"{until:%Y-%m-%d}", "snoozed_until_1": "12:00", "snooze_reason": ""}
    refused = client.post(url, values)
    assert "Say why it can wait." in str(refused.context["adminform"].form.errors)
    assert client.post(url, {**values, "snooze_reason": "the road is closed"}).status_code == 302
    one.refresh_from_db()
    assert one.snoozed_until.date() == until.date()
    change = one.changes.get()
    assert (change.kind, change.by.username) == ("snoozed", "desk")
    client.post(url, {**values, "snoozed_until_0": "", "snoozed_until_1": "", "snooze_reason": "the road is closed"})
    one.refresh_from_db()
    assert (one.snoozed_until, one.changes.first().kind) == (None, "woken")


def test_parts_come_in_by_a_movement_and_what_is_put_aside_cannot_go(client, site):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    part = Part.objects.create(number="P-1", name="meter", reorder_point=3)
    stock = Stock.objects.create(part=part, centre=centre, quantity=2, reserved=2)
    url = reverse("admin:maintenance_stock_change", args=[stock.pk])
    values = {"part": part.pk, "centre": centre.pk, "technician": "", "note": "delivery 7"}
    refused = client.post(url, {**values, "pieces": -1})
    assert "Only 0 pieces are free" in str(refused.context["adminform"].form.errors)
    assert client.post(url, {**values, "pieces": 5}).status_code == 302
    stock.refresh_from_db()
    movement = stock.movements.get()
    assert (stock.quantity, movement.kind, movement.pieces, movement.by.username) == (7, "receive", 5, "desk")
    lists = reverse("admin:maintenance_stock_changelist")
    assert client.get(lists, {"delivery": "needed"}).context["cl"].result_count == 0
    Stock.objects.update(quantity=4)
    assert client.get(lists, {"delivery": "needed"}).context["cl"].result_count == 1


def test_work_is_planned_for_chargers_of_its_site_and_called_off(client, site):
    other = fleet.charger(fleet.site(site.operator, 2))
    first = datetime.now(UTC) + timedelta(days=3)
    values = {"title": "Clean the filters", "site": site.pk, "minutes": 60, "repeats": "weekly", "ends_on": ""}
    values |= {"first_at_0": f"{first:%Y-%m-%d}", "first_at_1": "09:00", "technician": ""}
    url = reverse("admin:maintenance_plannedwork_add")
    refused = client.post(url, {**values, "chargers": [other.pk]})
    assert "choose chargers of that site" in str(refused.context["adminform"].form.errors)
    refused = client.post(url, {**values, "first_at_0": "0001-01-01"})
    assert "between 1990 and 2200" in str(refused.context["adminform"].form.errors)
    assert client.post(url, values).status_code == 302
    work = PlannedWork.objects.get()
    assert work.by.username == "desk"
    spell = work.spells.first()
    assert "1 of 1 were called off" in act(client, "plannedspell", "call_off", spell)
    spell.refresh_from_db()
    assert spell.state == "called_off"


def test_an_order_shows_all_that_it_lacks(client, site):
    order = fleet.work_order(site, state="in_progress", by_hand=True)
    order.checklist.create(text="Switched off")
    page = client.get(reverse("admin:maintenance_workorder_change", args=[order.pk])).content.decode()
    for sentence in ("Checklist: Switched off.", "A photo before the work.", "What was done (action code)."):
        assert sentence in page


def test_an_incident_that_is_closed_while_its_form_is_saved_stays_closed(client, site, monkeypatch):
    one, clean = incident(site), IncidentForm.clean

    def closes_meanwhile(form):
        values = clean(form)
        Incident.objects.close([one.pk], timezone.now(), "works again")
        return values

    monkeypatch.setattr(IncidentForm, "clean", closes_meanwhile)
    values = {"summary": "a dark screen", "site": site.pk, "cause": one.cause, "severity": "minor", **NO_ROWS}
    values |= {"opened_at_0": "2026-01-01", "opened_at_1": "12:00"}
    assert client.post(reverse("admin:maintenance_incident_change", args=[one.pk]), values).status_code == 302
    one.refresh_from_db()
    assert (one.summary, one.closed_at is None) == ("a dark screen", False)


def test_what_has_ended_is_only_looked_at(client, site):
    order = fleet.work_order(site, state="closed", closed_at=fleet.NOW, **fleet.REPORT)
    order.checklist.create(text="Switched off")
    url = reverse("admin:maintenance_workorder_change", args=[order.pk])
    page = client.get(url).content.decode()
    assert fleet.REPORT["resolution"] in page
    assert 'name="resolution"' not in page
    assert 'name="checklist-0-answer"' not in page
    assert client.post(url, {"resolution": "changed afterwards"}).status_code == 403


def test_a_technician_without_skills_in_the_form_has_an_empty_list(client, site):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    person = Technician.objects.create(code="IT", centre=centre, skills=["it"])
    values = {"code": "IT", "centre": centre.pk, "skills": ""}
    assert client.post(reverse("admin:maintenance_technician_change", args=[person.pk]), values).status_code == 302
    person.refresh_from_db()
    assert person.skills == []


def test_duplicates_go_under_the_oldest_order_of_their_site_and_their_charger_is_not_sent_for_again(client, site):
    charger, now = fleet.charger(site), timezone.now()
    oldest = fleet.work_order(site, state="triaged", cause="grid_supply")
    order = fleet.work_order(site, state="triaged", charger=charger)
    elsewhere = fleet.work_order(fleet.site(site.operator, 2), state="triaged")
    told = act(client, "workorder", "call_duplicates", oldest, order, elsewhere)
    assert told.startswith(f"1 orders are duplicates of {oldest} now; 1 were at another site")
    order.refresh_from_db()
    assert (order.state, order.duplicate_of, order.incident.closed_at is None) == ("duplicate", oldest, False)
    assert list(oldest.incident.chargers.all()) == [charger]
    assert Incident.objects.covered([charger.pk]) == {charger.pk}
    assert Incident.objects.need_an_order([charger.pk], now) == []


def test_the_form_of_an_order_refuses_a_technician_who_may_not_go_there(client, site):
    order = fleet.work_order(site, state="triaged")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    stranger = Technician.objects.create(code="ADA", centre=centre, user=fleet.person("ada", "technician"))
    url = reverse("admin:maintenance_workorder_change", args=[order.pk])
    inlines = ("changes", "comments", "checklist", "parts")
    rows = {f"{name}-{count}_FORMS": 0 for name in inlines for count in ("TOTAL", "INITIAL")}
    values = {"title": order.title, "priority": order.priority, "technician": stranger.pk, **rows}
    page = client.post(url, values)
    [error] = page.context["adminform"].form.errors["technician"]
    assert error.startswith(f"ADA's account is no member of {site.operator}")
    assert "1 were too far on, or not of ADA's operators" in act(
        client, "workorder", "send", order, technician=stranger.pk
    )
    order.refresh_from_db()
    assert order.technician is None
    stranger.user.memberships.create(operator=site.operator)
    assert client.post(url, values).status_code == 302
    order.refresh_from_db()
    assert (order.technician, order.state) == (stranger, "assigned")


def test_orders_that_end_by_a_desks_word_take_a_note_that_stays_with_them(client, site):
    client.force_login(fleet.person("ops", "ops", site.operator))
    order = fleet.work_order(site, state="resolved", resolved_at=fleet.NOW, **fleet.REPORT)
    act_without = {"action": "close", "_confirmed": "yes", "_selected_action": [order.pk]}
    page = client.post(reverse("admin:maintenance_workorder_changelist"), act_without)
    assert page.context["form"].errors == {"reason": ["This field is required."]}
    order.refresh_from_db()
    assert order.state == "resolved"
    told = act(client, "workorder", "close", order, reason="seen charging by the site's staff")
    assert told == "1 of 1 orders are now closed."
    assert set(order.changes.values_list("note", flat=True)) == {"seen charging by the site's staff"}
