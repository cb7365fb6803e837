"""The page of jobs: who sees which, filters, how each ended, what came of it, who may cancel, and what toasts say."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from stations.access import sync_roles
from stations.models import AuditEntry, Job, Operator
from stations.models.jobs import JobQuerySet

from . import fleet

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def mine(db):
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.fixture
def ops(mine, client):
    user = fleet.person("ops", "ops", mine)
    client.force_login(user)
    return user


def job(**values) -> Job:
    now = timezone.now()
    return Job.objects.create(**{"kind": "import_readings", "heartbeat_at": now, "started_at": now, **values})


def text(client, name="jobs", *arguments, **query) -> str:
    response = client.get(reverse(name, args=arguments), query)
    assert response.status_code == 200
    return response.content.decode()


def test_without_jobs_the_page_says_where_they_come_from_and_filters_say_that_they_match_nothing(ops, client):
    assert "There have been no jobs yet" in text(client)
    job(created_by=ops)
    assert "No job matches these filters" in text(client, state="failed")
    assert "There have been no jobs" not in text(client, state="failed")


def test_the_list_shows_state_progress_rate_and_time_left_and_keeps_hostile_words_words(ops, client):
    begun = timezone.now() - timedelta(seconds=10_000)
    running = job(state="running", created_by=ops, started_at=begun, done=2_500_000, total=10_000_000, message=HOSTILE)
    job(state="failed", kind="train_risk", message="KeyError")
    job(state="running", kind="price_lab", started_at=begun, done=500, total=1000)
    page = text(client)
    assert ">3/min<" in page
    assert "25 %" in page
    assert re.search(r"2(50|4\d)/s", page)
    assert "8.3 h left" in page or "8.4 h left" in page
    assert "▲" in page
    assert "&lt;img" in page
    assert "<img" not in page
    assert reverse("job-cancel", args=[running.pk]) in page
    assert "Import readings" in text(client, state="running")
    assert "Train risk #" not in text(client, state="running")
    assert "Train risk #" in text(client, kind="train_risk")
    assert "Train risk #" not in text(client, whose="mine")
    for nonsense in ({"before": "x"}, {"state": "odd"}, {"kind": "\0"}, {"before": "9" * 40}):
        text(client, **nonsense)


def test_the_list_goes_on_with_older_jobs(ops, client):
    first = job(created_by=ops)
    for _ in range(41):
        job(created_by=ops)
    page = text(client)
    assert "Older jobs" in page
    assert f"#{first.pk}<" not in page
    older = text(client, before=first.pk + 3)
    assert f"#{first.pk}<" in older
    assert "hx-ws:connect" not in older


def test_strangers_see_neither_a_job_nor_its_file_nor_may_cancel_it(mine, client):
    owner, other = fleet.person("owner", "ops", mine), Operator.objects.create(name="Volterra")
    running = job(state="running", created_by=owner)
    client.force_login(fleet.person("stranger", "ops", other))
    assert "Import readings" not in text(client)
    assert client.get(reverse("job", args=[running.pk])).status_code == 404
    assert client.get(reverse("job-file", args=[running.pk])).status_code == 404
    assert client.post(reverse("job-cancel", args=[running.pk])).status_code == 404
    client.force_login(fleet.person("technician", "technician", mine))
    assert client.get(reverse("jobs")).status_code == 403
    client.logout()
    assert client.get(reverse("jobs")).status_code == 302


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("ops", 302), ("viewer", 403), ("chief", 302)])
def test_who_started_a_job_colleagues_who_may_start_jobs_and_superusers_cancel_it(mine, client, who, status):
    owner = fleet.person("owner", "viewer", mine)
    people = {"owner": lambda: owner, "chief": lambda: fleet.person("chief", is_superuser=True)}
    client.force_login(people.get(who, lambda: fleet.person(who, who, mine))())
    running, waiting = job(state="running", created_by=owner), job(created_by=owner)
    for one in (running, waiting):
        assert client.post(reverse("job-cancel", args=[one.pk])).status_code == status
        one.refresh_from_db()
        assert (one.cancel_asked_at is not None) == (status == 302)
        noted = AuditEntry.objects.filter(action="job cancelled", about="stations.job", about_id=str(one.pk))
        assert [entry.actor for entry in noted] == [who] * (status == 302)
    if status == 302:
        assert waiting.state == "cancelled"
        assert "Stopping" in text(client, "job", running.pk)
        assert "has cancelled it" in text(client, "job", running.pk)


def test_the_sites_own_jobs_are_cancelled_by_superusers_only(ops, client):
    own = job(state="running")
    assert client.post(reverse("job-cancel", args=[own.pk])).status_code == 403
    assert client.get(reverse("job-cancel", args=[own.pk])).status_code == 405


def test_an_interrupted_job_is_said_to_be_one_and_what_becomes_of_it(ops, client):
    silent = job(state="running", created_by=ops, attempts=1, heartbeat_at=timezone.now() - timedelta(seconds=75))
    assert "Interrupted" in text(client)
    assert "It is sent again by itself" in text(client, "job", silent.pk)
    JobQuerySet(Job).filter(pk=silent.pk).update(state="queued")
    assert "about to be done again from its start" in text(client, "job", silent.pk)


def test_a_done_job_links_to_what_it_has_made(ops, client):
    result = {"forecast": {"model": 7, "promoted": True}, "summary": "x"}
    page = text(client, "job", job(kind="train_risk", state="done", created_by=ops, result=result).pk)
    assert reverse("admin:telemetry_modelversion_change", args=[7]) in page
    answered = job(kind="answer_reliability", state="done", created_by=ops, parameters={"question": "uptime"})
    assert reverse("reliability-question", args=["uptime"]) in text(client, "job", answered.pk)
    odd = job(kind="answer_reliability", state="done", created_by=ops, parameters={"question": "/../x"})
    assert "The answer" not in text(client, "job", odd.pk)


def test_toasts_hear_of_my_own_jobs_that_have_ended_since(ops, mine, client):
    since = timezone.now() - timedelta(minutes=1)
    done = job(state="done", created_by=ops, finished_at=timezone.now(), result={"summary": "5 rows came in."})
    job(state="done", created_by=ops, finished_at=since - timedelta(minutes=1))
    job(state="done", created_by=fleet.person("colleague", "ops", mine), finished_at=timezone.now())
    job(created_by=ops)
    news = client.get(reverse("jobs-ended"), {"since": since.isoformat()}).json()
    assert news["running"] == 1
    assert [(one["id"], one["word"], one["message"]) for one in news["ended"]] == [(done.pk, "Done", "5 rows came in.")]
    for nonsense in ("", "yesterday", "2026-11-21", "2026-99-99T00:00"):
        assert client.get(reverse("jobs-ended"), {"since": nonsense}).json()["ended"] == []
    assert client.get(reverse("jobs-ended"), {"since": news["now"]}).json()["ended"] == []


def test_the_list_costs_a_fixed_number_of_queries(ops, client, django_assert_max_num_queries):
    for _ in range(30):
        job(created_by=ops, state="running")
    with django_assert_max_num_queries(14):
        text(client)
