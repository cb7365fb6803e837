"""The assistant's panel and the page of jobs in a real Chromium: one page load each."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from stations import live
from stations.models import Job, Operator
from telemetry.models import SiteState

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


@pytest.fixture
def network():
    """One site at risk with a name that would like to be markup, and two jobs."""
    now = timezone.now()
    site = fleet.site(Operator.objects.create(name="Northline"), 1, name=HOSTILE)
    SiteState.objects.create(site=site, at=now, risk=0.82, level="critical", reason="full load, hot", expected_loss=120)


@pytest.fixture
def running(boss):
    """A job of the boss that is a third done."""
    now = timezone.now()
    about = {"started_at": now - timedelta(seconds=75), "heartbeat_at": now, "attempts": 1, "created_by": boss}
    return Job.objects.create(kind="import_status", state="running", done=400, total=1200, message=HOSTILE, **about)


def test_the_panel_opens_answers_follows_up_and_closes_by_keyboard(network, boss, live_site, open_page):
    watched = open_page(live_site, boss)
    page = watched.page
    page.goto(f"{live_site.url}/reliability/")
    page.locator("[data-assistant]").focus()
    page.keyboard.press("Enter")
    page.locator("#assistant-question").wait_for()
    page.get_by_role("button", name="What is most at risk?").click()
    page.locator(".fact-card .badge", has_text="Critical").wait_for()
    assert HOSTILE in page.locator(".fact-card").first.inner_text()
    page.locator("#assistant-question").fill("why?")
    page.keyboard.press("Enter")
    page.locator(".assistant-said", has_text="because of full load, hot").nth(1).wait_for()
    assert page.locator("#assistant-question").input_value() == ""
    page.keyboard.press("Escape")
    page.locator("#assistant").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.matches('[data-assistant]')")
    assert page.title() != "taken"
    assert watched.errors == []


def test_a_job_moves_is_called_off_and_ends_in_front_of_its_reader(running, boss, live_site, open_page):
    watched = open_page(live_site, boss)
    page = watched.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{live_site.url}/jobs/")
    page.locator("#jobs-connection-text", has_text="Live").wait_for(timeout=120_000)
    row = page.locator(f"#job-{running.pk}")
    assert "33 %" in row.inner_text()

    def move(**values):
        Job.objects.filter(pk=running.pk).update(**values)
        live.publish("jobs", {})

    elsewhere(move, done=900)
    row.get_by_text("75 %").wait_for()
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("Stopping").wait_for()
    elsewhere(move, state="cancelled", finished_at=timezone.now(), message="Cancelled at 900 of 1,200.")
    row.get_by_text("Cancelled at 900").wait_for()
    page.locator(".own-toast", has_text="Cancelled").wait_for(timeout=120_000)
    assert page.title() != "taken"
    assert watched.errors == []
