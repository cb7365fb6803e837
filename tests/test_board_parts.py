"""The board's filters, log, replay, outlook, route and buttons without a script: what they say, and to whom."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from maintenance.models import ServiceCentre
from sntry_site.pages import board_events, board_history
from sntry_site.pages.board_feed import LIVE, BoardFeed
from sntry_site.pages.board_view import BoardView, view_of
from stations.access import sync_roles
from stations.models import FleetEvent, Operator
from telemetry.models import Risk, SiteOverride, SiteState

from . import fleet

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 8, 14, 12, 30, tzinfo=UTC)


@pytest.fixture
def northline():
    sync_roles()
    return Operator.objects.create(name="Northline", is_simulated=True)


@pytest.fixture
def volterra():
    return Operator.objects.create(name="Volterra", is_simulated=True)


@pytest.fixture
def boss(client):
    user = User.objects.create_superuser("boss", password="a long word")
    client.force_login(user)
    return user


def measured(operator, number, *, city="Austin", charger_type="Level 2", place=(30.3, -97.7), **fields):
    """A site with a live row, so that it is in the list."""
    latitude, longitude = place
    here = fleet.live_site(
        operator, number, city=city, charger_type=charger_type, latitude=latitude, longitude=longitude
    )
    SiteState.objects.filter(site=here).update(**{"at": timezone.now(), "version": 1, **fields})
    return here


def event(site, kind="HEALED", **fields):
    values = {"at": timezone.now(), "kind": kind, "operator": site.operator, "site": site, "message": "it is said"}
    return FleetEvent.objects.create(**{**values, **fields})


def listed(client, query: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'<tr id="risk-(\d+)"', client.get(f"/{query}").content.decode())]


def logged(client, query: str = "") -> list[int]:
    return [int(pk) for pk in re.findall(r'data-event="(\d+)"', client.get(f"/board/events/{query}").content.decode())]


def words(response) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def test_filters_in_the_address_choose_sites_and_figures(client, boss, northline, volterra):
    low = measured(northline, 1, expected_loss="3")
    fast = measured(volterra, 2, city="Boston", charger_type="Hyper-Fast", level="critical", risk=0.7)
    watch = measured(volterra, 3, city="Boston", level="watch", risk=0.5)
    assert set(listed(client, "")) == {low.pk, fast.pk, watch.pk}
    assert set(listed(client, f"?operator={volterra.pk}")) == {fast.pk, watch.pk}
    assert set(listed(client, "?city=Boston")) == {fast.pk, watch.pk}
    assert listed(client, "?type=Hyper-Fast") == [fast.pk]
    assert listed(client, "?level=critical") == [fast.pk]
    assert set(listed(client, "?level=risk")) == {fast.pk, watch.pk}
    assert listed(client, "?city=Boston&type=Level+2&level=low") == []
    page = words(client.get("/?city=Boston&type=Level+2&level=low"))
    assert "No site matches these filters now" in page
    assert "<option selected>Boston</option>" in page
    assert "4 of 4 in service" in page  # the figures are those of the one site of that city and type
    for nonsense in ("?operator=x", "?type=Boat", "?level=high", "?city=%00", "?order=%00"):
        assert client.get(f"/{nonsense}").status_code == 200


def test_a_foreign_operator_in_the_address_shows_nothing(client, northline, volterra):
    measured(volterra, 2)
    member = fleet.person("member", "viewer", northline)
    assert view_of(member, {"operator": str(volterra.pk)}).operators == frozenset()
    client.force_login(member)
    assert listed(client, f"?operator={volterra.pk}") == []
    assert "Volterra" not in words(client.get("/"))


def test_the_log_is_filtered_by_kind_severity_site_and_time_on_the_server(client, boss, northline):
    here, there = measured(northline, 1), measured(northline, 2, city="Boston")
    old = event(here, "RISK_RAISED", at=THEN)
    surge = event(there, "SURGE_OPENED", old_price="0.4", new_price="0.7")
    late = event(there, "WORK_ORDER_LATE")
    healed = event(here)
    assert logged(client) == [healed.pk, late.pk, surge.pk, old.pk]
    assert logged(client, "?group=price") == [surge.pk]
    assert logged(client, "?severity=critical") == [late.pk, old.pk]
    assert logged(client, "?severity=watch") == [late.pk, surge.pk, old.pk]
    assert logged(client, f"?of={here.external_id}") == [healed.pk, old.pk]
    assert logged(client, "?city=Boston&group=work") == [late.pk]
    assert logged(client, f"?until={THEN:%Y-%m-%dT%H:%MZ}") == [old.pk]
    assert "No event matches these filters" in words(client.get("/board/events/?group=charger"))
    assert "No event is kept from before 1 Jan 2020" in words(client.get("/board/events/?until=2020-01-01T00:00Z"))
    for nonsense in ("?before=x", "?until=yesterday", "?until=2026-99-99T00:00Z", "?of=%00", "?group=all"):
        assert client.get(f"/board/events/{nonsense}").status_code == 200


def test_older_pages_of_the_log_neither_repeat_nor_miss_a_row(client, boss, northline):
    here = measured(northline, 1)
    events = [event(here) for _ in range(120)]
    seen, address = [], "/board/events/?group=action"
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r'data-event="(\d+)"', page)
        event(here)  # the log grows meanwhile
        found = re.search(r'hx-get="([^"]+)"', page)
        address = found and found.group(1).replace("&amp;", "&")
    assert seen == [str(one.pk) for one in reversed(events)]


def test_every_kind_of_event_has_a_look_and_notices_are_of_kinds_that_exist():
    assert board_events.EVENT_LOOKS.keys() == set(FleetEvent.Kind.values)
    assert board_events.TOASTS.keys() <= set(FleetEvent.Kind.values)
    assert {group for group, _, _ in board_events.EVENT_LOOKS.values()} == board_events.EVENT_GROUPS.keys()


def test_a_frame_of_the_past_says_what_was_measured_then_in_one_query(client, boss, northline, volterra):
    here, there, silent = measured(northline, 1), measured(volterra, 2), measured(northline, 3)
    fleet.reading(
        here, at=THEN, utilization=0.5, ports_available=1, ports_occupied=2, ports_out_of_service=1, price="0.3"
    )
    fleet.reading(here, at=THEN + timedelta(minutes=30), utilization=0.9)
    fleet.reading(there, at=THEN - timedelta(minutes=10), utilization=0.2)
    fleet.reading(silent, at=THEN - timedelta(hours=2))
    Risk.objects.create(site=here, at=THEN - timedelta(hours=1), probability=0.72, level="critical", reason="it is hot")
    frame = client.get("/board/frame/?at=2026-08-14T12:30Z").json()
    sites = frame["sites"]
    assert (frame["at"], sites["id"]) == ("2026-08-14T12:30Z", [here.pk, there.pk])
    assert (sites["utilization"], sites["out"], sites["price"]) == ([50, 20], [1, 0], ["0.3000", "0.4000"])
    assert (sites["risk"], sites["level"], sites["reason"]) == ([72, None], [2, 0], ["it is hot", ""])
    earned = 0.3 * here.power_kw / 2  # a fast charger gives half of its power on average
    assert float(sites["loss"][0]) == pytest.approx((1 + 0.72 * 3) * 0.5 * earned, abs=0.01)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        board_history.read_frame(BoardView(None), THEN)
    assert len(queries) == 1


def test_frames_are_scoped_and_may_be_kept_by_the_reader_alone(client, northline, volterra):
    mine, foreign = measured(northline, 1), measured(volterra, 2)
    for site in (mine, foreign):
        fleet.reading(site, at=THEN)
    client.force_login(fleet.person("member", "viewer", northline))
    answer = client.get("/board/frame/?at=2026-08-14T12:30Z")
    assert answer.json()["sites"]["id"] == [mine.pk]
    assert "private" in answer["Cache-Control"]
    assert "max-age=600" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]
    recent = client.get(f"/board/frame/?at={timezone.now():%Y-%m-%dT%H:%MZ}")
    assert "max-age=0" in recent["Cache-Control"]
    assert client.get("/board/frame/?at=2026-08-14T12:30Z&city=Boston").json()["sites"] == {"id": []}
    for nonsense in ("", "?at=then", "?at=2026-08-14T12:30", "?at=0001-01-01T00:00Z"):
        assert client.get(f"/board/frame/{nonsense}").status_code == 400
    client.logout()
    assert client.get("/board/frame/?at=2026-08-14T12:30Z").status_code == 302


def test_the_months_offered_are_those_of_the_own_history(client, northline, volterra):
    fleet.reading(measured(northline, 1), at=THEN)
    fleet.reading(northline.sites.get(), at=datetime(2026, 10, 2, tzinfo=UTC))
    fleet.reading(measured(volterra, 2), at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    ours = board_history.months(BoardView(frozenset({northline.pk})), fleet.NOW)
    assert [(month["id"], month["from"], month["to"]) for month in ours] == [
        ("2026-10", "2026-10-01T00:00Z", "2026-10-02T00:00Z"),
        ("2026-09", "2026-09-01T00:00Z", "2026-10-01T00:00Z"),
        ("2026-08", "2026-08-14T12:30Z", "2026-09-01T00:00Z"),
    ]
    assert board_history.months(BoardView(frozenset()), fleet.NOW) == []
    all_of_them = board_history.months(BoardView(None), fleet.NOW)
    assert (all_of_them[-1]["id"], all_of_them[-1]["name"]) == ("2025-12", "December 2025")


def test_what_is_expected_is_compared_and_has_units(client, boss, northline):
    for number in range(1, 8):
        level = "critical" if number > 6 else "watch" if number > 5 else "low"
        measured(northline, number, risk=number / 10, level=level, expected_loss="10", utilization=0.5,
                 usual_utilization=0.4, price="0.4", revenue_at_risk=7)  # fmt: skip
    outlook = words(client.get("/")).partition('id="outlook"')[2].partition("</section>")[0]
    assert re.findall(r"</span> (\d+ %)</span>", outlook) == ["70 %", "60 %", "50 %", "40 %", "30 %"]
    assert re.findall(r'<rect width="(\d+)"', outlook) == ["70", "60", "50", "40", "30"]
    for said in (
        "$20/h",
        "for 2 of 7 sites",
        "29 % of $70/h",
        "14, ",
        "+25 % against usual load",
        "50.0 %",
        "usually 40.0 %: +10.0 points",
    ):
        assert said in outlook or said == "14, ", said
    assert ">14<" in outlook  # the index of the two sites at risk


def test_the_priority_route_goes_to_the_worst_sites_that_a_centre_can_reach(client, boss, northline):
    centre = ServiceCentre.objects.create(name="Austin depot", latitude=30.27, longitude=-97.74)
    ServiceCentre.objects.create(name="Boston depot", latitude=42.36, longitude=-71.06)
    near = measured(northline, 1, place=(30.3, -97.7), expected_loss="5")
    worst = measured(northline, 2, place=(30.9, -97.7), expected_loss="50")
    measured(northline, 3, place=(42.3, -71.1), expected_loss="20")
    measured(northline, 4, place=(30.4, -97.7), expected_loss="0")
    page = words(client.get(reverse("board-route")))
    assert f'value="{centre.pk}" selected' in page
    assert re.findall(r'data-show="(\d+)"', page) == [str(worst.pk), str(near.pk)]
    assert "estimate" in page
    assert "no routing server" in page
    shortest = words(client.get(reverse("board-route") + "?by=shortest"))
    assert re.findall(r'data-show="(\d+)"', shortest) == [str(near.pk), str(worst.pk)]
    assert "No site with something to lose" in words(client.get(reverse("board-route") + "?city=Nowhere"))
    client.force_login(fleet.person("stranger", "viewer"))
    assert near.name not in words(client.get(reverse("board-route")))


def test_each_button_says_beforehand_what_it_would_do(client, northline):
    here = measured(northline, 1, utilization=0.4, temperature_f=70, price="0.7", risk=0.7, level="critical")
    client.force_login(fleet.person("ops", "ops", northline))
    panel = words(client.get(reverse("site-actions", args=[here.pk])))
    assert "load 40 % → 98 %, 70 °F → 105 °F" in panel
    assert "there is nothing to heal here now" in panel
    assert "opens an urgent work order" in panel
    assert "no technician is within a day’s drive" in panel
    answer = words(client.post(reverse("site-stress", args=[here.pk]), headers={"HX-Request": "true"}))
    until = SiteOverride.objects.get().ends_at
    assert f"is on until {until:%H:%M} UTC" in answer
    order = words(client.post(reverse("site-dispatch", args=[here.pk]), headers={"HX-Request": "true"}))
    assert "Nobody is sent yet" in order
    assert "is open already" in order
    fleet.price_change(here)
    panel = words(client.get(reverse("site-actions", args=[here.pk])))
    assert "ends the stress, puts the price back" in panel
    assert "ends WO-" in panel
    healed = words(client.post(reverse("site-heal", args=[here.pk]), headers={"HX-Request": "true"}))
    assert "is healed: 0 chargers repaired, 1 work order ended" in healed


def test_events_that_were_written_long_before_a_push_are_told_with_it(boss, northline):
    here, feed, view = measured(northline, 1), BoardFeed(), BoardView(None)
    feed.snapshot(view)
    pressed = event(here, at=timezone.now() - timedelta(minutes=5))  # while no tick came by
    message = {"version": 2, "previous": 1, "at": timezone.now().isoformat(), "sites": {name: [] for name in LIVE}}
    assert f'data-event=\\"{pressed.pk}\\"' in feed.changes(view, message)[-1]
    assert "data-event" not in feed.changes(view, message)[-1]
