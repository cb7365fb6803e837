"""The page of a site draws its price, says when it is stale, and tells times in the zone of the site."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.utils import timezone

from maintenance.models import RootCauseNote
from pricing.models import PriceChange
from sntry_site import tasks
from sntry_site.pages.site_feed import SiteConsumer, SiteFeed
from sntry_site.templatetags.sntry_times import log_time
from stations import live
from stations.access import sync_roles
from stations.models import Operator
from stations.site_times import shown_time
from telemetry.models import SiteState

from . import fleet
from .live_server import elsewhere

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_networks():
    sync_roles()
    return [Operator.objects.create(name=name) for name in ("Mine", "Theirs")]


def test_a_time_is_in_the_zone_of_the_site_with_the_exact_one_on_hover(two_networks):
    site = fleet.site(two_networks[0], 1, time_zone="America/Denver")
    shown = shown_time(datetime(2026, 7, 1, 18, 5, 9, tzinfo=UTC), site)
    assert 'title="2026-07-01 18:05:09 UTC"' in shown
    assert ">07-01 12:05 MDT<" in shown
    shown = shown_time(datetime(2026, 7, 1, 18, 5, 9, tzinfo=UTC), site, words="an hour")
    assert 'title="2026-07-01 12:05:09 MDT, 2026-07-01 18:05:09 UTC">an hour<' in shown


def test_a_log_tells_the_seconds_of_today_and_the_day_of_what_was_before_by_the_clock_of_the_site(two_networks):
    site = fleet.site(two_networks[0], 1, time_zone="Pacific/Auckland")
    now = timezone.now()
    assert f">{now.astimezone(site.zone):%H:%M:%S %Z}<" in log_time(now, site)
    before = now - timedelta(days=1)
    assert f">{before.astimezone(site.zone):%d %b %H:%M %Z}<" in log_time(before, site)
    assert f'datetime="{before:%Y-%m-%dT%H:%M:%SZ}"' in log_time(before, site)


def test_the_page_of_a_site_shows_its_price_drawn_and_its_keys(client, two_networks):
    site = fleet.site(two_networks[0], 1, time_zone="America/Denver", base_price="0.40")
    SiteState.objects.ensure()
    SiteState.objects.update(at=datetime(2026, 7, 1, tzinfo=UTC), reason="hot <b>")
    fleet.price_change(site)
    client.force_login(fleet.person("Ada", "ops", two_networks[0]))
    text = client.get(f"/sites/{site.external_id}/").content.decode()
    assert "Price of the last 7 days" in text
    assert "MST" in text
    assert "Stale: nothing has been heard" in text
    assert "hot &lt;b&gt;" in text


def test_the_socket_of_a_site_is_for_staff_of_its_operator_and_sends_the_site_as_it_is(two_networks):
    mine, theirs = (fleet.site(operator, 1) for operator in two_networks)
    SiteState.objects.ensure()
    SiteState.objects.update(at=timezone.now(), reason="hot <b>")
    ada = fleet.person("Ada", "ops", two_networks[0])
    assert SiteConsumer().view_of(ada, {"site": str(mine.pk)}) == mine.pk
    for asked in (str(theirs.pk), "", "x", "9" * 40, "-1"):
        assert SiteConsumer().view_of(ada, {"site": asked}) is None
    ada.is_staff = False
    assert SiteConsumer().view_of(ada, {"site": str(mine.pk)}) is None
    [frame] = SiteFeed().changes(mine.pk, {})
    panels = orjson.loads(frame)["panels"]
    assert "hot &lt;b&gt;" in panels["site-now"]
    assert set(panels) == {"site-now", "site-work", "site-prices", "site-chargers"}
    assert "All is well" in panels["site-work"]
    assert "has never changed" in panels["site-prices"]


@pytest.fixture
def moving_site(transactional_db):
    """A site that ticks move, which none has measured yet, and somebody who sees it."""
    sync_roles()
    operator = Operator.objects.create(name="Northline", is_simulated=True)
    return fleet.live_site(operator, 1), fleet.person("boss", is_superuser=True)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_ticks_move_the_numbers_of_an_open_page_and_of_one_that_is_opened_later(live_site, moving_site, open_page):
    site, boss = moving_site
    page = open_page(live_site, boss).page
    page.goto(f"{live_site.url}/sites/{site.external_id}/")
    page.get_by_text("No reading of this site has arrived yet").wait_for()
    page.locator("#connection[data-state=stale]").wait_for()  # connected, and nothing to show
    path = f"/live/site/?site={site.pk}"
    with elsewhere(live_site.socket, boss, path=path) as early:
        frame_of(early)
        for number in range(2):
            version, state = elsewhere(after_beat, number)
            page.locator(f"#site-now time[datetime='{state.at:%Y-%m-%dT%H:%M:%SZ}']").wait_for()
            usage = page.locator("#site-now .tile", has_text="Utilization").inner_text()
            assert f"{100 * state.utilization:.0f} %" in usage
            assert f"{state.at:%Y-%m-%dT%H:%M:%SZ}" in frame_of(early)["panels"]["site-now"]
        with elsewhere(live_site.socket, boss, path=path) as late:
            assert f"{state.at:%Y-%m-%dT%H:%M:%SZ}" in frame_of(late)["panels"]["site-now"]
        elsewhere(burst, version)
        assert "site-now" in frame_of(early)["panels"]
        number = elsewhere(order_with_a_note, site)
        elsewhere(burst, version + 2)
        row = page.locator("#site-work tr", has_text=number)
        row.locator("summary").focus()
        page.keyboard.press("Enter")
        elsewhere(change_price, site)
        elsewhere(burst, version + 4)
        page.locator("#site-prices td", has_text="$0.40 → $0.60").wait_for()
        elsewhere(fleet.work_order, site, cause="cable")
        elsewhere(burst, version + 6)
        page.locator("#site-work tbody tr").nth(1).wait_for()
        assert row.locator("details").get_attribute("open") is not None
        assert page.evaluate("document.activeElement.textContent") == "Root-cause note"


def after_beat(number: int) -> tuple[int, SiteState]:
    version = tasks.tick(timezone.now() + timedelta(seconds=10 * number)).version
    return version, SiteState.objects.get()


def burst(version: int) -> None:
    """Two ticks at once, of which the page is to be told in one frame."""
    for newer in (version + 1, version + 2):
        live.publish("tick", {"version": newer, "previous": newer - 1})


def frame_of(socket) -> dict:
    return orjson.loads(socket.wire.recv(timeout=60))


def order_with_a_note(site) -> str:
    order = fleet.work_order(site)
    note = {"source": "rules", "summary": "hot", "cause": "cooling_thermal", "safety": "Cut off the supply."}
    RootCauseNote.objects.create(incident=order.incident, **note)
    return order.number


def change_price(site) -> None:
    now = timezone.now()
    PriceChange.objects.filter(site=site, applied=True).delete()  # a surge that a tick has begun
    fleet.price_change(site, starts_at=now, ends_at=now + timedelta(hours=1))
