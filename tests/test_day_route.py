"""A technician's day as a route: its data, its map with turns, and no page that waits for a routing server."""

import time

import pytest
from django.core.cache import cache
from django.urls import reverse

from maintenance import outside
from maintenance.models import ServiceCentre, Technician
from maintenance.routing import osrm
from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .live_server import elsewhere
from .osrm_server import OsrmServer

HOSTILE = "<img src=x onerror=alert(1)>"
LATITUDES = (30.40, 30.20, 30.45)


@pytest.fixture
def server(settings, monkeypatch):
    cache.clear()
    monkeypatch.setattr(osrm, "breaker", outside.Breaker())
    running = OsrmServer()
    settings.OSRM_URL = running.url
    yield running
    running.close()


def a_day() -> Technician:
    """A technician with three stops, and an order at a site without a place."""
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.27, longitude=-97.74)
    user = fleet.person("ada", "technician", operator)
    ada = Technician.objects.create(code="ADA", centre=centre, user=user)
    for number, latitude in enumerate(LATITUDES, 1):
        site = fleet.site(operator, number, latitude=latitude, name=f"Site {number} {HOSTILE}")
        fleet.work_order(site, technician=ada, state="assigned", title=HOSTILE)
    lost = fleet.site(operator, 9, latitude=None, longitude=None)
    fleet.work_order(lost, technician=ada, state="assigned")
    return ada


@pytest.fixture
def technician(db):
    return a_day()


def route_of(client, technician) -> dict:
    client.force_login(technician.user)
    return client.get(reverse("work-route-data")).json()


def test_the_data_of_a_route_has_its_line_stops_and_turns(server, client, technician):
    route = route_of(client, technician)
    assert (route["source"], route["is_estimate"]) == ("osrm", False)
    assert [stop["latitude"] for stop in route["stops"]] == [30.20, 30.40, 30.45]
    assert [stop["number"] for stop in route["stops"]] == [1, 2, 3]
    assert route["stops"][0]["steps"][1]["text"] == "Turn left onto I 35."
    assert route["km"] == pytest.approx(sum(stop["km"] for stop in route["stops"]))
    assert route["geometry"][0] == [30.27, -97.74]
    assert [order["site"] for order in route["unplaced"]] == ["Site 9"]


def test_without_a_server_it_is_an_estimate_that_says_so_and_has_no_turns(client, technician, settings):
    settings.OSRM_URL = ""
    route = route_of(client, technician)
    assert (route["source"], route["is_estimate"]) == ("estimate", True)
    assert all(stop["steps"] == [] for stop in route["stops"])
    assert len(route["geometry"]) == 4
    assert "<" in route["stops"][0]["site"], "as data it is what it is; the script sets it as text"


def test_planned_stops_and_what_is_under_way_come_in_their_order(server, client, technician):
    orders = list(technician.work_orders.order_by("pk"))
    for stop, order in enumerate(orders[:3], 1):
        type(order).objects.filter(pk=order.pk).update(stop=stop)
    assert [stop["latitude"] for stop in route_of(client, technician)["stops"]] == list(LATITUDES)
    type(orders[0]).objects.filter(pk=orders[2].pk).update(state="en_route")
    assert [stop["latitude"] for stop in route_of(client, technician)["stops"]] == [30.45, 30.40, 30.20]


def test_the_list_of_the_day_waits_for_no_server_and_asks_for_itself_afterwards(server, client, technician):
    server.behaviour = "slow"
    client.force_login(technician.user)
    begun = time.monotonic()
    page = client.get(reverse("work-day")).content.decode()
    assert time.monotonic() - begun < 20  # it would be 30
    assert server.asked == []
    assert "estimate" in page
    assert 'hx-get="/work/?route"' in page
    server.behaviour = "good"
    page = client.get(reverse("work-day") + "?route").content.decode()
    assert len(server.asked) == 1
    assert "estimate" not in page
    page = client.get(reverse("work-day")).content.decode()
    assert len(server.asked) == 1, "what is kept is used"
    assert "estimate" not in page
    assert 'hx-get="/work/?route"' not in page


def test_where_the_server_fails_the_list_does_not_ask_again_and_again(server, client, technician):
    server.behaviour = "error"
    client.force_login(technician.user)
    page = client.get(reverse("work-day") + "?route").content.decode()
    assert "estimate" in page
    assert 'hx-get="/work/?route"' not in page


def test_a_day_without_stops_has_an_empty_route(client, technician, settings):
    settings.OSRM_URL = ""
    technician.work_orders.update(technician=None)
    route = route_of(client, technician)
    assert (route["stops"], route["geometry"], route["km"]) == ([], [], 0)


def test_a_stranger_sees_no_route(client, technician):
    assert client.get(reverse("work-route-data")).status_code == 302
    client.force_login(fleet.person("ops", "ops"))
    assert client.get(reverse("work-route-data")).status_code == 403


@pytest.mark.browser
def test_the_map_draws_the_line_the_stops_and_the_turns_and_runs_no_name(transactional_db, start_site, open_page):
    server = OsrmServer()
    cache.clear()
    technician = elsewhere(a_day)
    site = start_site(OSRM_URL=server.url)
    watched = open_page(site, technician.user, width=360, height=740, dark=True)
    page = watched.page
    page.goto(f"{site.url}/work/")
    page.get_by_role("link", name="Map and turns").click()
    page.get_by_text("3 stops", exact=False).wait_for()
    assert page.locator(".route-mark").all_inner_texts() == ["", "1", "2", "3"]
    assert page.locator("#route-stops > li").count() == 3
    assert not page.locator("#route-label").is_visible()
    assert page.locator("path.leaflet-interactive, .leaflet-overlay-pane path").count() >= 1
    page.get_by_text("3 turns").first.click()
    page.get_by_role("button", name="Turn left onto I 35.").first.click()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert watched.errors == []
    server.close()


@pytest.mark.browser
def test_the_map_of_an_estimate_says_so(transactional_db, live_site, open_page):
    technician = elsewhere(a_day)
    watched = open_page(live_site, technician.user)
    page = watched.page
    page.goto(f"{live_site.url}/work/route/")
    page.get_by_text("there is no list of turns", exact=False).wait_for()
    assert page.locator("#route-label").is_visible()
    assert page.locator("details").count() == 1, "only the user's menu"
    assert watched.errors == []
