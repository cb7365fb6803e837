"""The reliability pages in a real Chromium: an answer comes by itself, and nothing sticks out or complains."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.jobs import answer_reliability

from .live_server import elsewhere
from .reliability_network import DAYS, END, live_through

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def do_the_job() -> None:
    job = Job.objects.get()
    answer_reliability(job, lambda done, total=None, message="": None)
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)


@pytest.fixture
def boss(db):
    """Somebody who sees everything, and a network."""
    sync_roles()
    live_through(Operator.objects.create(name="Volta"), 4, seed=1, is_used=True)
    return User.objects.create_superuser("boss", password="a long word")


def test_an_answer_comes_by_itself_and_fits_a_phone(boss, live_site, open_page):
    watched = open_page(live_site, boss, width=360, dark=True)
    page, query = watched.page, f"?days={DAYS}&to={END:%Y-%m-%d}"
    page.goto(live_site.url + reverse("reliability-question", args=["load"]) + query)
    assert page.locator(".waiting").count() == 1
    elsewhere(do_the_job)
    page.locator(".sentence").wait_for(timeout=120_000)
    assert page.locator(".waiting").count() == 0
    for address in (reverse("reliability"), reverse("reliability-question", args=["failures"])):
        page.goto(live_site.url + address + query)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address
    assert watched.errors == []
