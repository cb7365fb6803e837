"""The board in a real Chromium: what people see move, and what they are told when it does not."""

import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sntry_site import tasks
from stations.access import sync_roles
from stations.models import Operator, Site
from telemetry.models import SiteState

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PLACES = {"Austin": (30.27, -97.74), "Boston": (42.36, -71.06), "Seattle": (47.61, -122.33)}
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


@pytest.fixture
def network():
    """Six sites in three cities, one of them with a name that would like to be markup."""
    sync_roles()
    operator = Operator.objects.create(name="Northline", is_simulated=True)
    for number in range(6):
        city, (latitude, longitude) = list(PLACES.items())[number % 3]
        name = HOSTILE if number == 5 else f"{city} #{number}"
        fleet.live_site(operator, number, name=name, city=city, latitude=latitude + 0.02 * number, longitude=longitude)
    beat(-1)
    return operator


def beat(number: int) -> int:
    return tasks.tick(timezone.now() + timedelta(seconds=10 * number)).version


def until(page, expression: str, seconds: float = 30) -> None:
    """Ask until it is true; the driver's own waiting would need `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(100)


def wait_for_version(page, version: int) -> None:
    until(page, f"Number(document.body.dataset.version) >= {version}")


def wait_for_words(page, words: str) -> None:
    page.locator("#connection-text", has_text=words).wait_for(timeout=30_000)


def shown_sites(page) -> dict[int, tuple]:
    columns = "[s.ids, s.now.available, s.now.occupied, s.now.out, s.now.level]"
    ids, *rest = page.evaluate(f"(() => {{ const s = Sntry.sites; return {columns}.map((c) => [...c]); }})()")
    return dict(zip(ids, zip(*rest, strict=True), strict=True))


def stored_sites() -> dict[int, tuple]:
    levels = {"low": 0, "watch": 1, "critical": 2}
    return {
        state.pk: (state.ports_available, state.ports_occupied, state.ports_out_of_service, levels[state.level])
        for state in SiteState.objects.all()
    }


def test_a_person_logs_in_and_sees_the_network_move(live_site, network, boss, open_page):
    watched = open_page(live_site)
    page = watched.page
    page.goto(live_site.url)
    page.fill("#id_username", "boss")
    page.fill("#id_password", "a long word")
    page.click("button[type=submit]")
    wait_for_words(page, "Live")
    until(page, "Sntry.map.looks.length > 0")
    assert page.locator("#at-risk-body tr[data-site]").count() == 6
    for number in range(3):
        version = elsewhere(beat, number)
    wait_for_version(page, version)
    assert shown_sites(page) == elsewhere(stored_sites)
    until(page, "document.querySelectorAll('#map .leaflet-base-pane canvas').length === 1")
    assert page.locator("#map .leaflet-marks-pane canvas").count() == 1
    assert page.title() == "Board · Sntry"
    assert watched.errors == []


def test_a_site_is_stressed_from_the_list_and_everyone_sees_it(live_site, network, boss, open_page):
    first, second = open_page(live_site, boss), open_page(live_site, boss, dark=True)
    for watched in (first, second):
        watched.page.goto(live_site.url)
        wait_for_words(watched.page, "Live")
    page = first.page
    hostile = page.locator("#at-risk .site-name", has_text="<img")
    hostile.focus()
    page.keyboard.press("Enter")
    page.click("#actions button:has-text('Stress')")
    page.wait_for_selector("#actions .notice:has-text('held under stress')")
    version = elsewhere(beat, 2)  # the first slot that begins after the button was pressed
    for watched in (first, second):
        wait_for_version(watched.page, version)
        watched.page.wait_for_selector("#event-log li:has-text('Stress (simulated)')")
        watched.page.wait_for_selector("#at-risk tr:has-text('<img') .badge.critical")
    assert page.locator("#at-risk tr[data-selected]").count() == 1
    page.click("#actions button:has-text('Show on map')")
    page.wait_for_selector(".leaflet-popup .popup-name:has-text('<img')")
    assert (page.title(), first.errors, second.errors) == ("Board · Sntry", [], [])


def test_the_page_says_that_it_reconnects_and_is_right_again_afterwards(start_site, network, boss, open_page):
    site = start_site()
    watched = open_page(site, boss)
    page = watched.page
    page.goto(site.url)
    wait_for_words(page, "Live")
    site.kill()
    wait_for_words(page, "Reconnecting")
    for number in range(3):
        version = elsewhere(beat, number)
    site.start()
    wait_for_version(page, version)
    wait_for_version(page, elsewhere(beat, 3))
    wait_for_words(page, "Live")
    assert shown_sites(page) == elsewhere(stored_sites)
    expected = ("WebSocket", "htmx:ws:error", "ERR_CONNECTION")  # the browser's own words for a server that is away
    assert [error for error in watched.errors if not any(word in error for word in expected)] == []


def test_the_list_is_sorted_paused_and_resumed_without_a_reload(live_site, network, boss, open_page):
    watched = open_page(live_site, boss)
    page = watched.page
    page.goto(live_site.url)
    wait_for_words(page, "Live")
    page.evaluate("window.stayed = true")
    page.click("a[data-order=risk]")
    page.wait_for_selector("a[data-order=risk][aria-current]")
    assert page.url.endswith("?order=risk")
    page.click("#connection")
    wait_for_words(page, "Paused")
    version = elsewhere(beat, 0)
    page.click("#connection")
    wait_for_words(page, "Live")
    wait_for_version(page, version)
    page.wait_for_selector("a[data-order=risk][aria-current]")
    assert page.evaluate("window.stayed")
    assert watched.errors == []


@pytest.mark.parametrize("late", ["hx-ws.min.js", "live.js"])
def test_the_page_goes_live_however_late_a_script_comes(live_site, network, boss, open_page, late):
    page = open_page(live_site, boss).page

    def delay(route):
        time.sleep(0.6)
        route.continue_()

    page.route(f"**/{late}", delay)
    page.goto(live_site.url)
    wait_for_words(page, "Live")
    assert len(shown_sites(page)) == 6


def test_signing_out_elsewhere_is_said_instead_of_reconnecting_for_ever(live_site, network, boss, open_page):
    page = open_page(live_site, boss).page
    page.goto(live_site.url)
    wait_for_words(page, "Live")
    elsewhere(User.objects.filter(pk=boss.pk).update, is_active=False)
    wait_for_words(page, "log in again")


def test_a_press_after_the_session_has_ended_leads_to_the_login_page(live_site, network, boss, open_page):
    page = open_page(live_site, boss).page
    page.goto(live_site.url)
    wait_for_words(page, "Live")
    page.context.clear_cookies()
    page.locator("#at-risk .site-name").first.click()
    page.wait_for_url("**/login/?next=/**")
    assert page.locator("#id_password").count() == 1


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 800), (360, 780)])
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_is_wider_than_its_window_or_breaks_the_policy(
    live_site, network, boss, open_page, width, height, dark
):
    watched = open_page(live_site, boss, width=width, height=height, dark=dark)
    page = watched.page
    external_id = elsewhere(Site.objects.values_list("external_id", flat=True).first)
    for address in ("/", f"/sites/{external_id}/", "/nowhere/"):
        page.goto(live_site.url + address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(14, 20, 28)" if dark else "rgb(246, 247, 249)")
    assert [error for error in watched.errors if "404" not in error] == []


def test_every_control_is_reached_by_the_keyboard_and_shows_it(live_site, network, boss, open_page):
    page = open_page(live_site, boss).page
    page.goto(live_site.url)
    wait_for_words(page, "Live")
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className + ' ' + document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if "event-group" in reached[-1]:
            break
    text = "\n".join(reached)
    for control in ("skip", "connection", "leaflet-container", "site-name", "time-live", "event-group"):
        assert re.search(control, text), control
