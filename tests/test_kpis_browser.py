"""The page of the key figures in a real Chromium, as wide as a phone: nothing sticks out, definitions unfold."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk():
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    for number in range(8):
        at = timezone.now() - timedelta(days=5 * number + 1)
        hours = {name: at + timedelta(hours=after) for name, after in (("accepted_at", 1), ("arrived_at", 2))}
        done = at + timedelta(hours=3 + number)
        fleet.work_order(
            fleet.site(operator, number), opened_at=at, state="closed", resolved_at=done, closed_at=done, **hours
        )
    return fleet.person("desk", "dispatcher", operator)


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_figures_fit_and_say_what_they_are(live_site, desk, open_page, width, dark):
    watched = open_page(live_site, desk, width=width, dark=dark)
    page = watched.page
    page.goto(live_site.url + "/dispatch/")
    page.get_by_role("link", name="Key figures").click()
    page.get_by_role("heading", name="Time to arrive").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    arrive = page.locator("#arrive")
    assert arrive.locator(".figure").inner_text() == "2.00 h"
    assert arrive.locator("svg circle").count() >= 6
    arrive.get_by_text("What this says").click()
    arrive.get_by_text("until somebody was at the site").wait_for()
    page.get_by_label("Period").select_option("7 days")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**days=7**")
    assert "n = 2" in page.locator("#arrive").inner_text()
