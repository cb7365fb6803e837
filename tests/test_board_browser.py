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
from telemetry.models import SiteState, Tick

from . import fleet
from .live_server import Watched, elsewhere

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
    # Fresh for as long as a busy machine takes to open a page; how old is too old is a test of its own.
    Tick.objects.update(finished_at=timezone.now() + timedelta(minutes=30))
    return operator


def beat(number: int) -> int:
    return tasks.tick(timezone.now() + timedelta(seconds=10 * number)).version


def until(page, expression: str, seconds: float = 120) -> None:
    """Ask until it is true; the driver's own waiting would need `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(100)


def wait_for_version(page, version: int) -> None:
    until(page, f"Number(document.body.dataset.version) >= {version}")


def wait_for_words(page, words: str) -> None:
    page.locator("#connection-text", has_text=words).wait_for(timeout=120_000)


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


def names(page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('#at-risk-body .site-name')].map((name) => name.textContent)")


# Notices go after a while; this keeps [number of the event, what it says] of each that comes.
KEEP_NOTICES = """() => {
  window.told = [];
  const keep = (box) => box.classList?.contains("toast") && told.push([box.dataset.event, box.textContent]);
  new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach(keep)))
    .observe(document.getElementById("toasts"), { childList: true });
}"""


def notices(*pages) -> list[tuple[str, str]]:
    return [tuple(told) for page in pages for told in page.evaluate("told")]


def test_a_site_is_stressed_and_dispatched_and_a_second_window_sees_it_without_a_row_moving_under_its_pointer(
    live_site, network, open_page
):
    ops = elsewhere(fleet.person, "ops", "ops", network)
    first = open_page(live_site, ops)
    second = Watched(first.page.context.new_page())
    second.page.emulate_media(color_scheme="dark")
    for watched in (first, second):
        watched.page.goto(live_site.url)
        wait_for_words(watched.page, "Live")
        watched.page.evaluate(KEEP_NOTICES)
    page, other = first.page, second.page
    page.bring_to_front()
    page.locator("#at-risk-body .site-name", has_text="<img").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#what-stress:has-text('98 %, ')")
    assert "site=" in page.url
    order = names(other)
    other.locator("#at-risk-body tr").nth(len(order) - 1).hover()
    page.click("#actions form[data-htmx-powered] button:has-text('Stress')")  # no person is faster than that
    page.wait_for_selector("#actions .notice:has-text('held under stress')")
    other.mouse.move(*middle(other, "#at-risk-body tr:last-child"))
    version = elsewhere(beat, 2)  # the first slot that begins after the button was pressed
    for watched in (first, second):
        wait_for_version(watched.page, version)
        watched.page.wait_for_selector("#event-log li:has-text('Stress (simulated)')")
        watched.page.wait_for_selector("#at-risk-body tr:has-text('<img') .badge.critical")
        watched.page.wait_for_selector("#at-risk-body tr:has-text('<img') [data-part=price]:has-text('$0.7')")
        watched.page.wait_for_selector("#event-log li:has-text('Surge') .prices:has-text('$0.40 → $0.70')")
    assert names(other) == order
    other.mouse.move(5, 5)
    until(other, "document.querySelector('#at-risk-body .site-name').textContent.startsWith('<img')")
    told = notices(page, other)
    assert len({event for event, _ in told}) == len(told)  # once, by whichever window was first
    ours = [text for _, text in told if "<img" in text]
    assert [sum(kind in text for text in ours) for kind in ("High risk", "Price surge")] == [1, 1]
    page.click("#actions button:has-text('Dispatch')")
    number = re.search(r"WO-\d+", page.locator("#actions .notice", has_text="WO-").inner_text())[0]
    for watched in (first, second):
        watched.page.wait_for_selector(f"#event-log li:has-text('{number}'):has-text('<img')")
    assert page.locator("#at-risk-body tr[data-selected]").count() == 1
    page.click("#actions button:has-text('Show on map')")
    page.wait_for_selector(".leaflet-popup .popup-name:has-text('<img')")
    for watched in (first, second):
        watched.page.reload()
        wait_for_words(watched.page, "Live")
        until(watched.page, "document.querySelectorAll('#event-log [data-toast]').length > 1")
        assert watched.page.locator(".toast").count() == 0
    assert page.locator("#at-risk-body tr[data-selected]").count() == 1  # as the address says
    assert (page.title(), first.errors, second.errors) == ("Board · Sntry", [], [])


def middle(page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 3, box["y"] + box["height"] / 2


def measure_two_hours(start) -> None:
    """Four half-hours of four sites, the first of them 20 % in use, the last 50 %."""
    for site in Site.objects.order_by("pk")[:4]:
        for step in range(4):
            fleet.reading(site, at=start + timedelta(minutes=30 * step), utilization=0.2 + 0.1 * step)


def test_filters_and_time_stand_in_the_address_and_the_back_button_goes_back(live_site, network, boss, open_page):
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
    elsewhere(measure_two_hours, start)
    watched = open_page(live_site, boss)
    page = watched.page
    page.goto(f"{live_site.url}/?city=Austin&order=risk&group=action")
    wait_for_words(page, "Live")
    until(page, "Sntry.map.looks.length > 0 && document.querySelectorAll('#at-risk-body .site-name').length === 2")
    assert page.locator("a[data-order=risk][aria-current]").count() == 1
    assert page.locator("#event-group").input_value() == "action"
    page.select_option("select[name=city]", "")
    until(page, "document.querySelectorAll('#at-risk-body .site-name').length === 6")
    assert page.url.endswith("/?order=risk&group=action")
    page.go_back()
    until(page, "document.querySelectorAll('#at-risk-body .site-name').length === 2")
    page.go_forward()
    until(page, "document.querySelectorAll('#at-risk-body .site-name').length === 6")
    page.click("#time-past")
    until(page, "document.body.classList.contains('is-past') && document.body.dataset.moment")
    assert page.locator("#at-risk-body .site-name").count() == 4  # what was measured then
    assert page.locator("#past-utilization").inner_text() == "20.0 %"
    assert "Historical" in page.locator("#connection-text").inner_text()
    page.focus("#time-slider")
    page.keyboard.press("ArrowRight")
    moment = f"{start + timedelta(minutes=30):%Y-%m-%dT%H:%MZ}"
    until(page, f"document.body.dataset.moment === '{moment}'")
    assert page.locator("#past-utilization").inner_text() == "30.0 %"
    assert f"time={moment}" in page.url
    page.click("#at-risk-body .site-name >> nth=0")
    page.wait_for_selector("#actions:has-text('only to be looked at')")
    elsewhere(beat, 1)
    page.click("#time-play")
    until(page, "document.getElementById('past-utilization').textContent === '50.0 %'")
    until(page, "document.getElementById('time-play').textContent === 'Play'")  # the end of what was measured
    assert page.locator("#at-risk-body .site-name").count() == 4  # the beat was not mixed into the past
    page.go_back()  # before the site was chosen
    page.go_back()  # before the past was
    until(page, "!document.body.classList.contains('is-past')")
    until(page, "document.querySelectorAll('#at-risk-body .site-name').length === 6")
    assert "period" not in page.url
    assert page.evaluate("htmx.config.history") is False  # it would swap the page in again beside the running one
    assert watched.errors == []


def test_without_redis_the_page_shows_what_is_stored_and_does_not_call_it_live(start_site, network, boss, open_page):
    elsewhere(Tick.objects.update, finished_at=timezone.now() - timedelta(seconds=50))
    site = start_site(REDIS_URL="redis://127.0.0.1:1/0")
    page = open_page(site, boss).page
    page.goto(site.url)
    wait_for_words(page, "Stale")
    assert shown_sites(page) == elsewhere(stored_sites)


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
    hide(page, True)
    wait_for_words(page, "Paused")
    hide(page, False)
    wait_for_words(page, "Live")
    wait_for_version(page, version)
    page.wait_for_selector("a[data-order=risk][aria-current]")
    assert page.evaluate("window.stayed")
    assert watched.errors == []


def hide(page, is_hidden: bool) -> None:
    """As if the reader went to another tab, or came back."""
    said = str(is_hidden).lower()
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {said} }})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


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


def test_no_page_is_wider_than_its_window_or_breaks_the_policy(live_site, network, boss, open_page):
    watched = open_page(live_site, boss)
    page = watched.page
    external_id = elsewhere(Site.objects.values_list("external_id", flat=True).first)
    for address in ("/", f"/sites/{external_id}/", "/nowhere/"):
        page.goto(live_site.url + address)
        page.wait_for_load_state("networkidle")
        for width, height in ((1440, 900), (1024, 800), (360, 780)):
            page.set_viewport_size({"width": width, "height": height})
            for theme, ground in (("light", "rgb(246, 247, 249)"), ("dark", "rgb(14, 20, 28)")):
                page.emulate_media(color_scheme=theme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, theme)
                assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
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
