"""The dispatch board in a real Chromium: choosing, sending, the map, lanes that stay fresh, as wide as a phone, too."""

import pytest
from django.utils import timezone

from maintenance.models import ServiceCentre, Technician, WorkOrder
from maintenance.models.opening import Wanted
from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk():
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.2, longitude=-97.7)
    Technician.objects.create(code="ADA", centre=centre, works_weekends=True)
    for number in range(3):
        here = fleet.site(operator, number, latitude=30.3 + number / 10)
        WorkOrder.objects.open_orders([Wanted(here.pk, None, "cooling_thermal", "status", None, "hot")], timezone.now())
    return fleet.person("desk", "dispatcher", operator)


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_orders_are_chosen_and_sent_and_the_lanes_follow(live_site, desk, open_page, width, dark):
    watched = open_page(live_site, desk, width=width, dark=dark)
    page = watched.page
    page.goto(live_site.url + "/dispatch/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator(".leaflet-marker-icon").nth(3).wait_for()
    assert page.get_by_role("button", name="Send to the chosen orders").is_disabled()
    for box in page.locator("#lanes input[type=checkbox]").all()[:2]:
        box.check()
    page.get_by_text("2 chosen").wait_for()
    page.locator("#technician").select_option(label="ADA · Depot · 0 open")
    page.get_by_role("button", name="Send to the chosen orders").click()
    page.get_by_text("2 orders sent.").wait_for()
    assert elsewhere(lambda: WorkOrder.objects.filter(state="assigned").count()) == 2
    page.get_by_role("link", name="Propose who goes where").click()
    page.get_by_role("button", name="Send as ticked").click()
    page.get_by_text("3 orders sent.").wait_for()
    assert elsewhere(lambda: sorted(WorkOrder.objects.values_list("stop", flat=True))) == [1, 2, 3]
    elsewhere(lambda: WorkOrder.objects.first().move("accepted", by=None))
    page.evaluate("document.getElementById('lanes').dispatchEvent(new CustomEvent('sntry:refresh'))")
    page.locator(".lane:has-text('Accepted') .order").first.wait_for()
    assert watched.errors == []
