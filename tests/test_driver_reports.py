"""A driver says what is wrong at a site, without an account, as often as is plausible."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from maintenance.models import DriverReport, Incident, WorkOrder
from sntry_site.pages import report as report_page
from stations.models import Operator
from telemetry.models import StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert(1)</script>\u202e"'


@pytest.fixture(autouse=True)
def uncounted():
    cache.clear()


@pytest.fixture
def site():
    here = fleet.site(Operator.objects.create(name="Northline"), 1, name="Mill Street")
    charger = fleet.charger(here)
    StatusReport.objects.record([charger.pk], [timezone.now()], ["AVAILABLE"])
    return here


@pytest.fixture
def url(site):
    return reverse("report", args=[site.external_id])


def send(client, url: str, **values):
    return client.post(url, {"problem": "does_not_start", "charger": "", "text": "", **values})


def test_a_report_makes_an_incident_that_says_what_the_charger_said_of_itself(client, site, url):
    charger = site.chargers.get()
    assert f"{charger} – available" in client.get(url).content.decode()
    answer = client.post(url, {"problem": "payment", "charger": charger.pk, "text": "card declined"}, follow=True)
    assert "Your report has reached" in answer.content.decode()
    report = DriverReport.objects.get()
    assert (report.status, report.text, report.charger) == ("AVAILABLE", "card declined", charger)
    incident = report.incident
    assert (incident.source, incident.cause, incident.severity) == ("driver", "payment_auth", "moderate")
    assert not WorkOrder.objects.exists(), "the charger says that it works: a person decides"


def test_reports_about_one_charger_are_one_incident(client, site, url):
    charger = site.chargers.get()
    send(client, url, charger=charger.pk)
    send(client, url, charger=charger.pk, problem="screen")
    incident = Incident.objects.get()
    assert incident.driver_reports.count() == 2
    assert [change.kind for change in incident.changes.all()] == ["reported", "reported"]


def test_what_is_dangerous_is_critical_and_makes_the_order_urgent(client, site, url):
    charger = site.chargers.get()
    order = fleet.work_order(site, charger=charger, priority="low")
    send(client, url, charger=charger.pk, problem="danger")
    order.refresh_from_db()
    order.incident.refresh_from_db()
    assert (order.incident.severity, order.priority) == ("critical", "urgent")
    assert order.changes.get().note == "a driver says that it is dangerous"


def test_what_is_dangerous_is_in_the_note_at_once_although_there_was_one(
    client, site, url, django_capture_on_commit_callbacks
):
    for problem in ("slow", "slow", "danger"):
        with django_capture_on_commit_callbacks(execute=True):
            send(client, url, problem=problem)
    incident = Incident.objects.order_by("-pk").first()
    assert incident.notes.count() == 2, "one when it was opened, and one for the danger"
    assert incident.note.safety.startswith("A driver saw smoke")


def test_somebody_who_reports_too_often_waits_and_somebody_else_does_not(client, site, url):
    for _ in range(report_page.PER_ADDRESS):
        assert send(client, url).status_code == 302
    refused = send(client, url)
    assert refused.status_code == 429
    assert "many reports" in refused.content.decode()
    assert send(Client(REMOTE_ADDR="192.0.2.7"), url).status_code == 302
    assert DriverReport.objects.count() == report_page.PER_ADDRESS + 1


def test_a_site_takes_only_so_many_even_while_nobody_can_count_addresses(site, url, monkeypatch):
    def away(*arguments):
        raise ConnectionError

    monkeypatch.setattr(report_page.cache, "add", away)
    codes = [
        send(Client(REMOTE_ADDR=f"192.0.2.{number}"), url).status_code for number in range(report_page.PER_SITE + 1)
    ]
    assert codes == [302] * report_page.PER_SITE + [429]
    DriverReport.objects.update(at=timezone.now() - timedelta(hours=2))
    assert send(Client(), url).status_code == 302


def test_another_site_s_form_cannot_send_in_a_visitor_s_name(url):
    careful = Client(enforce_csrf_checks=True)
    assert send(careful, url).status_code == 403
    careful.get(url)
    token = careful.cookies["csrftoken"].value
    assert send(careful, url, csrfmiddlewaretoken=token).status_code == 302


def test_machines_that_fill_in_everything_leave_nothing(client, url):
    assert send(client, url, website="http://example.com").status_code == 302
    assert not DriverReport.objects.exists()


@pytest.mark.parametrize("values", [{"problem": "nonsense"}, {"charger": "999999"}, {"text": "x" * 301}])
def test_what_the_form_does_not_offer_is_refused(client, url, values):
    answer = send(client, url, **values)
    assert answer.status_code == 422
    assert not DriverReport.objects.exists()


def test_a_charger_of_another_site_is_refused(client, site, url):
    other = fleet.charger(fleet.site(site.operator, 2))
    assert send(client, url, charger=other.pk).status_code == 422


def test_hostile_words_are_only_words(client, site, url):
    site.name = HOSTILE
    site.save()
    send(client, url, text=HOSTILE)
    assert "\u202e" not in DriverReport.objects.get().text
    client.force_login(fleet.person("chief", is_superuser=True))
    pages = [url, reverse("site", args=[site.external_id])]
    for page in pages:
        assert "<script>alert(1)" not in client.get(page).content.decode()


def test_the_site_s_page_shows_the_code_of_the_report_page(client, site, url):
    client.force_login(fleet.person("chief", is_superuser=True))
    page = client.get(reverse("site", args=[site.external_id])).content.decode()
    assert f"http://testserver{url}" in page
    assert "<svg" in page


def test_an_unknown_site_has_no_page(client):
    assert client.get(reverse("report", args=["nowhere"])).status_code == 404
