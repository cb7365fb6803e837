"""In the admin a person sees and changes what his or her role and operators allow, and nothing else."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils.module_loading import autodiscover_modules

from maintenance.models import Incident, ServiceCentre, Technician, WorkOrder
from stations import jobs
from stations.access import sync_roles
from stations.models import Charger, Job, Operator, Site

from . import fleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def other(mine):
    operator = Operator.objects.create(name="Volterra")
    fleet.fill(operator, 2)
    return operator


SCOPED = ["stations_operator", "stations_site", "stations_charger", "stations_fleetevent", "telemetry_reading"]
SCOPED += ["telemetry_statusreport", "telemetry_sitestate", "telemetry_chargerstate", "telemetry_outage"]
SCOPED += ["telemetry_risk", "telemetry_chargingsession", "telemetry_siteoverride", "pricing_pricechange"]
SCOPED += ["maintenance_incident", "maintenance_workorder", "maintenance_workorderchange", "stations_job"]


@pytest.mark.parametrize("page", SCOPED)
def test_lists_and_pages_show_nothing_of_another_operator(page, mine, other, client):
    fleet.fill(mine, 1)
    client.force_login(fleet.person("ops", "ops", mine))
    shown = client.get(reverse(f"admin:{page}_changelist")).context["cl"].result_list
    model = admin.site.get_model_admin(apps.get_model(page.replace("_", ".", 1))).model
    theirs = [row for row in model._default_manager.all() if row not in list(shown)]
    assert len(shown) == 1
    assert theirs
    response = client.get(reverse(f"admin:{page}_change", args=[theirs[0].pk]))
    assert response.status_code in (302, 404)


@pytest.mark.parametrize("page", ["stations_membership", "stations_outbox", "telemetry_worldstate", "auth_user"])
def test_what_opens_doors_is_for_superusers(page, mine, other, client):
    client.force_login(fleet.person("ops", "ops", mine))
    assert client.get(reverse(f"admin:{page}_changelist")).status_code == 403


def test_a_viewer_looks_and_does_not_touch(mine, client):
    site = fleet.site(mine, 1)
    client.force_login(fleet.person("viewer", "viewer", mine))
    page = reverse("admin:stations_site_change", args=[site.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "Mine now"}).status_code == 403
    assert client.get(reverse("admin:stations_site_add")).status_code == 403
    assert client.get(reverse("import")).status_code == 403
    site.refresh_from_db()
    assert site.name == "Site 1"


def test_search_boxes_offer_nothing_of_another_operator(mine, other, client):
    fleet.charger(fleet.site(mine, 1))
    client.force_login(fleet.person("ops", "ops", mine))
    query = {"app_label": "maintenance", "model_name": "incident", "field_name": "site"}
    found = client.get(reverse("admin:autocomplete"), query).json()["results"]
    assert [row["text"] for row in found] == [str(Site.objects.get(operator=mine))]


def test_a_form_refuses_what_its_search_box_would_not_offer(mine, other, client):
    site = fleet.site(mine, 1)
    client.force_login(fleet.person("ops", "ops", mine))
    values = {"external_id": "C1", "cabinet_port": 1, "power_kw": 50, "site": Site.objects.filter(operator=other)[0].pk}
    response = client.post(reverse("admin:stations_charger_add"), values)
    assert "site" in response.context["adminform"].form.errors
    response = client.post(reverse("admin:stations_charger_add"), {**values, "site": site.pk})
    assert Charger.objects.get(external_id="C1").site == site


def test_filters_name_no_other_operator(mine, other, client):
    client.force_login(fleet.person("ops", "ops", mine))
    assert "Volterra" not in client.get(reverse("admin:stations_site_changelist")).content.decode()


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("reading", "site"),
        ("statusreport", "charger"),
        ("chargingsession", "charger"),
        ("softevents", "charger"),
        ("outage", "charger"),
    ],
)
def test_a_place_filter_names_a_place_only_to_those_who_may_see_it(page, place, mine, other, client):
    theirs = (Site if place == "site" else Charger).objects.first()
    url = f"{reverse(f'admin:telemetry_{page}_changelist')}?{place}__id__exact={theirs.pk}"
    client.force_login(fleet.person("ops", "ops", mine))
    assert str(theirs) not in client.get(url).content.decode()
    client.force_login(fleet.person("colleague", "ops", other))
    assert str(theirs) in client.get(url).content.decode()


def test_who_adds_an_operator_sees_it_and_may_still_import(mine, client):
    user = fleet.person("ops", "ops", mine)
    client.force_login(user)
    client.post(reverse("admin:stations_operator_add"), {"name": "Harbor Electric", "currency": "USD"})
    assert set(Operator.objects.visible_to(user).values_list("name", flat=True)) == {"Northline", "Harbor Electric"}
    added = Operator.objects.get(name="Harbor Electric")
    page = reverse("admin:stations_operator_change", args=[added.pk])
    client.post(page, {"name": "Harbor", "currency": "USD"})
    assert added.memberships.count() == 1
    assert client.get(reverse("import")).status_code == 200


def test_the_import_page_is_offered_to_those_who_may_import(mine, client):
    user = fleet.person("ops", "ops", mine)
    client.force_login(user)
    offered = f'href="{reverse("import")}"'
    assert client.get(reverse("admin:index")).content.decode().count(offered) == 2, "in the menu and on the dashboard"
    Operator.objects.create(name="Volterra")
    assert offered not in client.get(reverse("admin:index")).content.decode()


def test_the_dashboard_counts_what_its_reader_may_see(mine, other, client):
    client.force_login(fleet.person("ops", "ops", mine))
    figures = {tile.title: tile.figure for tile in client.get(reverse("admin:index")).context["tiles"]}
    assert figures["Open work orders"] == "0"
    client.force_login(fleet.person("colleague", "ops", other))
    figures = {tile.title: tile.figure for tile in client.get(reverse("admin:index")).context["tiles"]}
    assert figures["Open work orders"] == "2"


def test_the_dashboard_of_a_person_without_a_role_says_so(mine, client):
    client.force_login(fleet.person("newcomer"))
    assert "Ask an administrator for a role" in client.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize("page", ["stations_fleetevent", "telemetry_statusreport", "telemetry_reading", "stations_job"])
def test_history_is_not_changed_even_by_superusers(page, mine, other, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    row = client.get(reverse(f"admin:{page}_changelist")).context["cl"].result_list[0]
    before = type(row).objects.values().get(pk=row.pk)
    client.post(reverse(f"admin:{page}_change", args=[row.pk]), {})
    assert type(row).objects.values().get(pk=row.pk) == before
    assert client.post(reverse(f"admin:{page}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert client.get(reverse(f"admin:{page}_add")).status_code == 403


def test_orders_move_by_their_own_steps_and_only_those_one_may_see(mine, other, client):
    order = fleet.work_order(fleet.site(mine, 1))
    theirs = WorkOrder.objects.exclude(pk=order.pk).first()
    client.force_login(fleet.person("dispatcher", "dispatcher", mine))
    chosen = {"action": "cancel", "_confirmed": "yes", "_selected_action": [order.pk, theirs.pk]}
    client.post(reverse("admin:maintenance_workorder_changelist"), chosen)
    order.refresh_from_db()
    assert order.state == "new", "nobody has said why"
    client.post(reverse("admin:maintenance_workorder_changelist"), {**chosen, "reason": "not ours"})
    order.refresh_from_db()
    theirs.refresh_from_db()
    assert (order.state, theirs.state) == ("cancelled", "new")
    assert (order.changes.get().by.username, order.changes.get().note) == ("dispatcher", "not ours")
    assert Incident.objects.get(work_orders=order).closed_at is not None


def test_an_order_that_gets_its_technician_is_assigned_with_a_step_that_says_who_did_it(mine, client):
    order = fleet.work_order(fleet.site(mine, 1))
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    technician = Technician.objects.create(code="T1", centre=centre)
    client.force_login(fleet.person("dispatcher", "dispatcher", mine))
    values = {"title": "Check the fan", "priority": "urgent", "technician": technician.pk}
    inlines = ("changes", "comments", "checklist", "parts")
    inline = {f"{name}-{count}_FORMS": 0 for name in inlines for count in ("TOTAL", "INITIAL")}
    client.post(reverse("admin:maintenance_workorder_change", args=[order.pk]), {**values, **inline})
    order.refresh_from_db()
    assert (order.title, order.priority, order.technician, order.state) == (
        *list(values.values())[:2],
        technician,
        "assigned",
    )
    steps = [(step.new_state, step.note, step.by.username) for step in order.changes.order_by("pk")]
    assert steps == [
        ("new", "priority urgent", "dispatcher"),
        ("triaged", "in the admin", "dispatcher"),
        ("assigned", "sent T1", "dispatcher"),
    ]
    assert order.version == 4


def test_an_incident_that_is_open_already_is_refused_in_words(mine, client):
    site = fleet.site(mine, 1)
    client.force_login(fleet.person("ops", "ops", mine))
    when = {"opened_at_0": "2026-11-20", "opened_at_1": "12:00"}
    values = {"site": site.pk, "charger": "", "cause": "unknown", "severity": "moderate", **when}
    values["summary"] = "smoke"
    assert client.post(reverse("admin:maintenance_incident_add"), values).status_code == 302
    assert Incident.objects.get().source == "person"
    again = client.post(reverse("admin:maintenance_incident_add"), values)
    assert "open there already" in str(again.context["adminform"].form.errors)


def test_a_job_is_seen_by_its_owner_and_colleagues_and_its_rows_by_no_stranger(mine, other, client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "r.csv").write_text("line,reason\n2,<b>not a number</b>\n")
    owner = fleet.person("owner", "ops", mine)
    job = Job.objects.create(kind="import_readings", state="done", created_by=owner, result_file="r.csv")
    page, file = (reverse(name, args=[job.pk]) for name in ("job", "job-file"))
    for user in (owner, fleet.person("colleague", "ops", mine)):
        client.force_login(user)
        assert "&lt;b&gt;not a number" in client.get(page).content.decode()
        response = client.get(file)
        assert response["Content-Disposition"] == f'attachment; filename="job-{job.pk}.csv"'
        assert response["X-Content-Type-Options"] == "nosniff"
        assert b"".join(response).startswith(b"line,reason")
    for user in (fleet.person("stranger", "ops", other), fleet.person("both", "technician", mine)):
        client.force_login(user)
        assert client.get(page).status_code in (403, 404)
        assert client.get(file).status_code in (403, 404)


def test_rows_of_the_sites_own_jobs_are_for_superusers(mine, client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "r.csv").write_text("line,reason\n2,secret\n")
    job = Job.objects.create(kind="import_readings", state="done", result_file="r.csv")
    page, file = (reverse(name, args=[job.pk]) for name in ("job", "job-file"))
    client.force_login(fleet.person("viewer", "viewer", mine))
    assert "secret" not in client.get(page).content.decode()
    assert client.get(file).status_code == 404
    client.force_login(fleet.person("chief", is_superuser=True))
    assert "secret" in client.get(page).content.decode()


def test_refused_values_are_not_in_the_result_that_everybody_reads(mine, client):
    result = {"bad_rows": 1, "bad_cells": ["line 2, price: 'secret' is not a number"]}
    job = Job.objects.create(kind="import_readings", state="done", result=result)
    client.force_login(fleet.person("viewer", "viewer", mine))
    page = client.get(job.get_absolute_url()).content.decode()
    assert "Bad rows" in page
    assert "secret" not in page


def test_a_job_about_a_file_does_not_become_everybodys_when_its_owner_goes(mine, client):
    owner, colleague = fleet.person("owner", "ops", mine), fleet.person("colleague", "ops", mine)
    about_file = Job.objects.create(kind="import_readings", created_by=owner, upload="uploads/a.csv")
    of_rows = [Job.objects.create(kind=kind, created_by=owner) for kind in Job.PERSONAL]
    training = Job.objects.create(kind="train_risk", created_by=owner)
    owner.delete()
    assert list(Job.objects.visible_to(colleague)) == [training]
    assert {about_file, *of_rows} < set(Job.objects.visible_to(fleet.person("chief", is_superuser=True)))


def test_each_kind_of_job_is_of_people_or_of_the_whole_network():
    autodiscover_modules("jobs")
    of_all = {"check_world", "compare_policies", "extend_history", "prepare_reliability", "train_causes", "train_risk"}
    of_files = {"import_orders", "import_readings", "import_sessions", "import_soft_events", "import_status"}
    of_operator = {"operator_dump"}
    kinds = {kind for kind in jobs._kinds if not kind.startswith("test.")}
    assert kinds == {*Job.PERSONAL, *of_all, *of_files, *of_operator}
