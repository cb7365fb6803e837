"""The world check in the admin: a job lives in a world, its page lays that and the loaded history beside the bands."""

import re

import pytest
from django.core.management import call_command
from django.urls import reverse

from sntry_site import jobs as site_jobs
from sntry_site.world_check import loaded_sample
from stations import jobs
from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.models import ChargerState, Reading
from telemetry.models.status import OUT_STATES
from telemetry.simulation.check import findings
from telemetry.simulation.parameters import SCENARIOS

from . import fleet

ALL_KINDS = "statuses,soft-events,sessions,orders"
pytestmark = pytest.mark.django_db


@pytest.fixture
def ops(client):
    sync_roles()
    user = fleet.person("ops", "ops", Operator.objects.create(name="Northline"))
    client.force_login(user)
    return user


def load_history(extras=ALL_KINDS, days=12):
    made = {"sites": 12, "days": days, "seed": 2, "end": "2025-07-20", "scenario": "poor", "verbosity": 0}
    call_command("generate_history", load=True, extras=extras, **made)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(site_jobs, "CHECKED_SITES", 12)
    monkeypatch.setattr(site_jobs, "CHECKED_DAYS", 6)


def test_the_loaded_history_has_the_availability_that_its_readings_tell():
    load_history()
    sample = loaded_sample()
    assert (sample.days, len(sample.site)) == (12, ChargerState.objects.count())
    told = Reading.objects.order_by("at").values_list("at", "ports_out_of_service", "ports_total")
    first = told.first()[0]
    out = sum(row[1] for row in told if row[0] > first) / sum(row[2] for row in told if row[0] > first)
    planned = ChargerState.objects.filter(status__in=OUT_STATES).filter(status="UNAVAILABLE").count()
    assert planned < 5
    assert 1 - sample.availability.mean() == pytest.approx(out, abs=0.01)
    found = {one.name: one for one in findings(sample, SCENARIOS["poor"])}
    assert "failed sessions: internal" not in found
    assert found["faults fixed remotely"].value > 50
    low, high = found["availability"].interval
    assert low < found["availability"].value < high


def test_a_history_without_status_reports_is_not_laid_beside_anything():
    assert loaded_sample() is None
    load_history(extras="", days=1)
    assert loaded_sample() is None


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_a_check_is_a_job_whose_page_shows_the_figures_beside_their_bands(ops, client, small):
    load_history()
    for operator in Operator.objects.all():
        ops.memberships.get_or_create(operator=operator)
    assert "No world has been checked" in client.get(reverse("world-check")).content.decode()
    response = client.post(reverse("world-check"), {"scenario": "poor"})
    job = Job.objects.get()
    assert (response.status_code, job.kind, job.parameters) == (302, "check_world", {"scenario": "poor"})
    waiting = client.get(response["Location"]).content.decode()
    assert reverse("admin:stations_job_progress", args=[job.pk]) in waiting
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "done", job.message
    text = client.get(response["Location"]).content.decode()
    assert job.result["summary"] in text
    assert text.count("<figure") == 6
    labels = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert len(labels) == 6
    assert all(re.search(r"\d", label) or "Most outages" in label for label in labels)
    assert "loaded history" in text
    assert " nan" not in text
    page = client.get(job.get_absolute_url()).content.decode()
    assert job.result["summary"] in page
    assert "concentration" not in page.lower()


def test_only_those_who_may_see_every_operator_may_check(ops, client):
    assert client.get(reverse("world-check")).status_code == 200
    assert 'name="scenario"' in client.get(reverse("world-check")).content.decode()
    assert client.post(reverse("world-check"), {"scenario": "null"}).context["form"].errors["scenario"]
    Operator.objects.create(name="Volterra")
    assert client.get(reverse("world-check")).status_code == 403
    assert client.post(reverse("world-check"), {"scenario": "poor"}).status_code == 403
    assert not Job.objects.exists()
