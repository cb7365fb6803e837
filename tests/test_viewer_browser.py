"""The day of a partner's viewer in a real browser: looks at all that is the partner's, and changes nothing."""

import pytest
from django.utils import timezone

from sntry_site import tasks
from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def viewer():
    """A viewer of Northline, which has two sites; Southline has one."""
    sync_roles()
    northline = Operator.objects.create(name="Northline", is_simulated=True)
    southline = Operator.objects.create(name="Southline", is_simulated=True)
    for operator, number in ((northline, 1), (northline, 2), (southline, 3)):
        fleet.live_site(operator, number)
    tasks.tick(timezone.now())
    return fleet.person("eve", "viewer", northline)


def test_a_partners_viewer_sees_the_partners_network_and_can_change_nothing(live_site, viewer, open_page):
    watched = open_page(live_site, viewer, width=1024, height=800, dark=True)
    page = watched.page
    page.goto(live_site.url)
    page.locator("#connection-text", has_text="Live").wait_for(timeout=120_000)
    assert sorted(page.locator("#at-risk-body .site-name").all_text_contents()) == ["Site 1", "Site 2"]
    page.locator("#at-risk-body .site-name").first.click()
    page.get_by_text("Your role may look at sites but not act on them.").wait_for()
    assert page.locator("#actions button", has_text="Stress").or_(page.get_by_text("Dispatch order")).count() == 0
    page.locator("#actions a", has_text="Site page").click()
    page.get_by_role("heading", name="Chargers").wait_for()
    mine = page.url
    page.get_by_role("link", name="Reliability", exact=True).click()
    page.get_by_role("link", name="How often do chargers fail").click()
    page.get_by_role("heading", name="How often do chargers fail").wait_for()
    page.goto(f"{live_site.url}/admin/stations/site/")
    assert page.locator("#result_list tbody tr").count() == 2
    assert page.locator("a[href*='/add/']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024
    assert watched.errors == []
    assert page.goto(elsewhere(address_of_others, mine)).status == 404


def address_of_others(mine: str) -> str:
    """The page of Southline's site, beside the page of one's own."""
    theirs = Operator.objects.get(name="Southline").sites.get()
    return f"{mine.partition('/sites/')[0]}/sites/{theirs.external_id}/"
