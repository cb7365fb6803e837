"""The page for drivers: the nearest, the best by the formula, the price that is asked, and nothing kept of anybody."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.core.cache import cache
from django.utils import timezone

from maintenance.routing.estimate import haversine_km
from pricing.tariff import tariffs
from sntry_site.drive import CELL, REACH_KM, advice, map_of_sites, place_of, public_sites
from sntry_site.pages import drive, limits
from stations.models import Operator, Site
from telemetry.models import SiteState

from . import fleet
from .live_server import elsewhere
from .osrm_server import OsrmServer

AUSTIN = (30.30, -97.70)
CELL_OF_AUSTIN = (60, -196)


@pytest.fixture
def city(db):
    """Four sites to the east of a driver, each 0.05 degrees further: dear, cheap, full and silent."""
    drive._kept.clear()
    operator = Operator.objects.create(name="Northline")
    sites = [
        fleet.site(operator, n, latitude=30.3, longitude=-97.7 + 0.05 * n, base_price=price, power_kw=50)
        for n, price in enumerate(("0.90", "0.30", "0.10", "0.05"))
    ]
    SiteState.objects.ensure()
    SiteState.objects.update(at=timezone.now(), ports_available=2, ports_occupied=2, utilization=0.5)
    SiteState.objects.filter(site=sites[2]).update(utilization=0.95, ports_available=0)
    SiteState.objects.filter(site=sites[3]).update(at=timezone.now() - timedelta(hours=1))
    return sites


def told_near(place) -> dict:
    """What is advised of the sites in the database."""
    return advice(place, map_of_sites()["cells"], lambda cell: public_sites(cell, timezone.now()))


def test_the_nearest_come_first_and_the_best_is_the_lowest_of_distance_and_price(city):
    told = told_near(AUSTIN)
    assert [site["name"] for site in told["nearest"]] == ["Site 0", "Site 1", "Site 2"]
    assert told["best"]["name"] == "Site 1"
    assert told["best"]["cost"] == pytest.approx(4.80 / 10 + 0.30, abs=0.002)


def test_a_price_per_minute_is_compared_at_the_power_of_a_port(city):
    city[1].pricing_type = "per_minute"
    city[1].save()
    told = {site["name"]: site for site in public_sites(CELL_OF_AUSTIN, timezone.now())}
    assert told["Site 1"]["comparable"] == pytest.approx(0.30 * 60 / 50)
    assert told["Site 1"]["price"] == "$0.30 per minute"


def test_drivers_are_told_the_price_that_a_session_would_get_and_when_it_changes(city):
    now = timezone.now()
    fleet.price_change(city[0], starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1), applied=True)
    SiteState.objects.set_prices({city[0].pk: Decimal("0.60")}, {city[0].pk: now + timedelta(hours=1)})
    told, asked = public_sites(CELL_OF_AUSTIN, now)[0], tariffs([city[0].pk], now)[city[0].pk]
    assert told["price"] == "$0.60 per kWh"
    assert asked.price == Decimal("0.60")
    assert told["next_price"] == "$0.90 per kWh"
    assert told["changes_at"] == f"{asked.changes_at:%Y-%m-%dT%H:%M:%SZ}"


def test_all_sites_are_read_in_as_many_queries_as_one(city, django_assert_num_queries):
    with django_assert_num_queries(3):
        public_sites(CELL_OF_AUSTIN, timezone.now())


def test_a_place_is_typed_as_a_city_or_as_degrees(city):
    fleet.site(city[0].operator, 9, city="Austin", region="MN", latitude=43.67, longitude=-92.97)
    SiteState.objects.ensure()
    cities = map_of_sites()["cities"]
    assert place_of("30.3, -97.7", cities) == AUSTIN
    assert place_of(" austin, TX", cities) == pytest.approx((30.3, -97.625))  # of two, the one with more sites
    assert place_of("Austin, mn", cities) == (43.67, -92.97)
    assert place_of("Atlantis", cities) is None
    assert place_of("95, 200", cities) is None
    assert place_of("", cities) is None


def test_a_few_cells_give_the_same_answer_as_all_sites_of_the_network():
    rng = np.random.default_rng(8)
    for latitude, longitude, spread in [(30.3, -97.7, 1.5), (-17.8, 179.95, 0.6), (64.1, -21.9, 4.0)]:
        sites = [_site(latitude + spread * north, longitude + spread * east, number) for number, (north, east) in
                 enumerate(rng.normal(size=(400, 2)))]  # fmt: skip
        cells: dict = {}
        for site in sites:
            cells.setdefault((site["latitude"] // CELL, site["longitude"] // CELL), []).append(site)
        asked = []
        told = advice((latitude, longitude), list(cells), lambda cell: asked.append(cell) or cells[cell])  # noqa: B023
        far = haversine_km(latitude, longitude, *np.array([(s["latitude"], s["longitude"]) for s in sites]).T)
        cost = [km / 10 + s["comparable"] if s["choice"] else np.inf for km, s in zip(far, sites, strict=True)]
        assert [site["id"] for site in told["nearest"]] == list(np.argsort(far)[:3])
        assert told["best"]["id"] == int(np.argmin(cost))
        assert 1 <= len(asked) < len(cells) / 2


def _site(latitude: float, longitude: float, number: int) -> dict:
    turned = (longitude + 180) % 360 - 180
    told = {"comparable": (number * 7 % 50) / 100, "choice": number % 3 == 0, "stress": "calm"}
    return {"id": number, "latitude": latitude, "longitude": turned, **told}


def test_no_site_beyond_the_reach_is_a_choice_but_the_nearest_are_told(city):
    far = (30.3, -97.7 - 1.2 * REACH_KM / 96)
    told = told_near(far)
    assert told["best"] is None
    assert [site["name"] for site in told["nearest"]] == ["Site 0", "Site 1", "Site 2"]


def test_nobody_needs_a_cookie_and_what_was_typed_is_not_in_any_address(client, city):
    page = client.get("/drive/")
    assert not page.cookies
    assert page["Cache-Control"] == "public, max-age=60"
    assert "Cookie" not in page.get("Vary", "")
    found = client.post("/drive/", {"place": "Austin"})
    assert "Best choice" in found.content.decode()
    assert found["Cache-Control"] == "no-store"
    assert not found.cookies
    assert b'method="post"' in found.content


def test_what_is_typed_is_shown_as_text_and_an_unknown_place_says_what_to_do(client, city):
    text = client.post("/drive/", {"place": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in text
    assert "Type a city that has sites" in text


def test_sites_are_sent_by_the_cell_once_and_then_only_whether_they_changed(client, city):
    Site.objects.filter(pk=city[3].pk).update(longitude=-120.2)
    assert client.get("/drive/map.json").json()["cells"] == [[60, -241, 1], [60, -196, 3]]
    first = client.get("/drive/sites/60_-196.json")
    assert [site["name"] for site in first.json()] == ["Site 0", "Site 1", "Site 2"]
    assert first["Cache-Control"] == "public, max-age=10"
    assert client.get("/drive/sites/60_-196.json", headers={"If-None-Match": first["ETag"]}).status_code == 304
    for unknown in ("0_0", "60_-195", "060_-196", "x"):
        assert client.get(f"/drive/sites/{unknown}.json").status_code == 404


@pytest.mark.parametrize("is_cache_alive", [True, False])
def test_one_address_that_asks_too_often_waits_also_without_redis(client, city, is_cache_alive, monkeypatch):
    def away(*_, **__):
        raise ConnectionError

    if not is_cache_alive:
        monkeypatch.setattr(cache, "add", away)
    cache_of_others = {"REMOTE_ADDR": f"203.0.113.{10 + is_cache_alive}"}
    limits._here.clear()
    asked = {"site": city[0].external_id, "place": "30.3, -97.7"}
    answers = [client.post("/drive/route/", asked, **cache_of_others).status_code for _ in range(61)]
    assert answers[:30] == [200] * 30
    assert 429 in answers


def test_the_way_is_an_estimate_that_says_so_and_refuses_places_that_are_none(client, city):
    way = client.post("/drive/route/", {"site": city[1].external_id, "place": "30.3, -97.7"}).json()
    assert way["is_estimate"]
    assert way["km"] == pytest.approx(4.8 * 1.3, abs=0.1)
    assert client.post("/drive/route/", {"site": city[1].external_id, "place": "here"}).status_code == 422


def test_the_prices_of_a_week_are_drawn(client, city):
    now = timezone.now()
    fleet.price_change(city[0], starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))
    text = client.get(f"/drive/prices/{city[0].external_id}/").content.decode()
    assert "1 change" in text
    assert "between $0.40 and $0.90" in text


@pytest.fixture
def osrm():
    server = OsrmServer()
    yield server
    server.close()


def test_a_driver_finds_a_charger_on_a_small_phone(start_site, osrm, city, open_page):
    live = start_site(OSRM_URL=osrm.url)
    watched = open_page(live, width=360, height=740)
    page, asked = watched.page, []
    page.on("request", lambda request: asked.append((request.url, request.post_data or "")))
    page.goto(f"{live.url}/drive/")
    keys_find_and_explain(page)
    page.keyboard.type("30.30, -97.70")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Best choice").wait_for()
    assert page.locator(".stop h3").all_text_contents() == ["Site 1", "Site 0", "Site 1", "Site 2"]
    expected = elsewhere(lambda: told_near(AUSTIN))
    in_page = page.evaluate(
        "async () => Sntry.drive.advice((await (await fetch('/drive/map.json')).json()).cells, [30.30, -97.70])"
    )
    assert [site["km"] for site in in_page["nearest"]] == pytest.approx([site["km"] for site in expected["nearest"]])
    assert in_page["best"]["cost"] == pytest.approx(expected["best"]["cost"])
    page.get_by_role("button", name="Prices").first.click()
    page.locator(".price-history").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    the_browser_says_where_it_is(page)
    assert not any("97.7" in url or "97.7" in body for url, body in asked)  # the place has not left the browser
    the_way_is_by_road_or_an_estimate_that_says_so(page, osrm)
    assert not page.context.cookies()
    assert not watched.errors


def keys_find_and_explain(page) -> None:
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")


def the_browser_says_where_it_is(page) -> None:
    page.get_by_role("button", name="Use where I am").click()
    page.get_by_text("did not say where you are").wait_for()  # because nobody has allowed it
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 30.3, "longitude": -97.61})
    page.get_by_role("button", name="Use where I am").click()
    page.locator("#near-title + .stop h3", has_text="Site 2").wait_for()
    assert page.locator("#drive-note").is_hidden()


def the_way_is_by_road_or_an_estimate_that_says_so(page, osrm) -> None:
    assert page.locator("#way-label").is_visible()
    osrm.behaviour = "error"
    by_road = page.get_by_role("button", name="Show the way by road")
    with page.expect_response("**/drive/route/"):
        by_road.click()
    assert page.locator("#way-label").is_visible()
    osrm.behaviour = "good"
    page.locator("#near-title ~ .stop", has_text="Site 1").get_by_role("button", name="Map").click()
    by_road.click()
    page.locator("#turns li", has_text="I 35").wait_for()
    assert page.locator("#turns li").first.text_content().startswith("Head")
    assert page.locator("#way-label").is_hidden()
    assert "Site 1: " in page.locator("#way-words").text_content()
