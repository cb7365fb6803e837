"""Reading through the API: pages, cursors, filters, orders, fields, versions, and whose rows they are."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from maintenance.models import Incident, OrderComment, WorkOrder
from pricing.tariff import tariffs
from sntry_site.api import reliability, sessions
from sntry_site.api.rows import Rows
from sntry_site.api.urls import ADDRESSES
from stations.access import sync_roles
from stations.models import FleetEvent, Operator, Partner, Site, WebhookDelivery
from telemetry import live_history
from telemetry.models import LiveReading, Reading, SiteState, StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
LISTS = [address for address, view in ADDRESSES.items() if issubclass(view, Rows) and "staff/" not in address]


@pytest.fixture
def mine():
    """Northline with three rows of everything, and Volterra with as many."""
    operator = Operator.objects.create(name="Northline")
    fleet.fill(operator, 3)
    fleet.fill(Operator.objects.create(name="Volterra"), 3)
    return operator


@pytest.fixture
def get(mine, client):
    """Call as a partner of Northline."""
    _, text = fleet.partner(mine)

    def call(address: str, **headers):
        return client.get(f"/api/v1/{address}", headers={"Authorization": f"Bearer {text}", **headers})

    return call


def comments_of(mine) -> str:
    """The comments of an order that has three."""
    order = WorkOrder.objects.filter(site__operator=mine).first()
    for number in range(2):
        OrderComment.objects.create(order=order, text=f"{number}", at=timezone.now())
    return f"work-orders/{order.pk}/comments/"


def deliveries_of(mine) -> str:
    """The log of a webhook of this partner, which has three."""
    hooks = [fleet.webhook(Partner.objects.get(operator=mine, name="Fleetly"), url=f"https://hooks.example/{number}")
             for number in range(3)]  # fmt: skip
    for number in range(3):
        WebhookDelivery.objects.create(webhook=hooks[0], key=f"test:{number}", event="test", payload={})
    return f"webhooks/{hooks[0].pk}/deliveries/"


def address_of(mine, address: str) -> str:
    """The address of a list, and rows for those lists that are empty otherwise."""
    if "webhooks/" in address:
        of_one = deliveries_of(mine)
        return of_one if "deliveries" in address else address
    return comments_of(mine) if "comments" in address else address


def usual_order(address: str) -> str:
    return ADDRESSES[re.sub(r"/\d+/", "/<row:id>/", address)].orders[0]


@pytest.mark.parametrize("address", LISTS)
def test_every_list_shows_the_callers_rows_page_by_page_and_nothing_of_others(address, mine, get):
    address = address_of(mine, address)
    whole = get(address)
    assert whole.status_code == 200, whole.content
    results = whole.json()["results"]
    assert len(results) >= 3 or "status-reports" in address or "sessions" in address
    assert "Volterra" not in whole.content.decode()
    pages, following = [], f"{address}?limit=1"
    while following:
        page = get(following).json()
        pages += page["results"]
        following = page["next"] and page["next"].partition("/api/v1/")[2]
    assert pages == results
    if len(results) > 1:
        back = get(f"{address}?order=-{usual_order(address)}").json()["results"]
        assert back == results[::-1]


@pytest.mark.parametrize("address", LISTS)
def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(address, mine, get):
    address = address_of(mine, address)
    counts = []
    for limit in (1, 3):
        get(f"{address}?limit={limit}")
        with CaptureQueriesContext(connection) as queries:
            get(f"{address}?limit={limit}")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 5


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("limit=²", "/limit"),
        ("limit=1e3", "/limit"),
        ("order=name;drop", "/order"),
        ("order=operator__name", "/order"),
        ("fields=id,secret", "/fields"),
        ("colour=red", "/colour"),
        ("city=a&city=b", "/city"),
        ("city=%00", "/city"),
        ("charger_type=Steam", "/charger_type"),
        ("operator__name=Volterra", "/operator__name"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name(query, path, get):
    answer = get(f"sites/?{query}")
    assert answer.status_code == 422
    assert path in [each["path"] for each in answer.json()["errors"]]


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10=", "WyJpZCIsIlx1MDAwMCIsMV0=", "WyJpZCIsInkiLDk5OTk5OTk5OTk5OTk5OTk5OTk5XQ==", "ÿ"]
)
def test_a_cursor_that_is_none_begins_nothing(cursor, get):
    assert get(f"sites/?cursor={cursor}").status_code == 409


def test_filters_and_fields(mine, get):
    first = Site.objects.filter(operator=mine).order_by("external_id").first()
    Site.objects.filter(pk=first.pk).update(city="Boulder")
    assert get("sites/?city=Boulder&fields=id,city").json()["results"] == [{"id": first.external_id, "city": "Boulder"}]
    assert get(f"sites/?id={first.external_id},nowhere&fields=id").json()["results"] == [{"id": first.external_id}]


def test_money_is_text_and_times_end_in_z(mine, get):
    here = Site.objects.filter(operator=mine).first()
    Site.objects.filter(pk=here.pk).update(base_price="0.4500")
    assert get(f"sites/?id={here.external_id}").json()["results"][0]["base_price"] == "0.4500"
    assert get(f"site-states/?site={here.external_id}").json()["results"][0]["at"].endswith("Z")


def test_history_by_time_asks_for_a_place_because_it_would_walk_through_everything(mine, get):
    port = Site.objects.filter(operator=mine).first().chargers.get()
    StatusReport.objects.record([port.pk] * 2, [fleet.NOW, fleet.NOW + timedelta(hours=1)], ["FAULTED", "AVAILABLE"])
    for query in ("since=2026-11-20T00:00:00Z", "order=reported_at"):
        assert get(f"status-reports/?{query}").status_code == 409
    found = get(f"status-reports/?charger={port.external_id}&since=2026-11-20T12:30:00Z&order=-reported_at").json()
    assert [row["status"] for row in found["results"]] == ["AVAILABLE"]
    assert found["results"][0]["reported_at"] == "2026-11-20T13:00:00Z"


def test_readings_are_gathered_by_time_from_half_hours_and_then_from_ticks(mine, get):
    here = Site.objects.filter(operator=mine).first()
    measured = {"ports_available": 1, "ports_occupied": 3, "ports_out_of_service": 0, "wait_minutes": 0}
    live_history.ensure_partition(fleet.NOW.date())
    for seconds in (3610, 3620):
        LiveReading.objects.create(
            site=here, at=fleet.NOW + timedelta(seconds=seconds), utilization=0.8, temperature_f=70, price="0.5",
            risk=0.5, **measured,
        )  # fmt: skip
    address = f"readings/?site={here.external_id}&since=2026-11-20T11:30:00Z&until=2026-11-20T14:00:00Z&bucket=1h"
    rows = get(address).json()["results"]
    assert (rows[-1]["starts_at"], rows[-1]["readings"]) == ("2026-11-20T13:00:00Z", 2)
    assert rows[-1]["utilization"] == pytest.approx(0.8)
    assert rows[-1]["price"] == "0.5000"


def test_long_periods_of_readings_come_page_by_page_and_no_span_twice(mine, get, monkeypatch):
    monkeypatch.setattr(sessions, "MOST_BUCKETS", 2)
    here = Site.objects.filter(operator=mine).first()
    night = fleet.NOW.replace(hour=2)
    Reading.objects.bulk_create(fleet.reading_row(here, at=night + timedelta(minutes=30 * n)) for n in range(8))
    address = f"readings/?site={here.external_id}&since={night:%Y-%m-%dT}02:15:00Z&until={night:%Y-%m-%dT}05:45:00Z"
    whole, pages, following = [], [], f"{address}&bucket=1h"
    while following:
        page = get(following).json()
        pages.append([row["starts_at"][11:16] for row in page["results"]])
        following = page["next"] and page["next"].partition("/api/v1/")[2]
        whole += page["results"]
    assert pages == [["02:00", "03:00"], ["04:00", "05:00"]]
    assert [row["readings"] for row in whole] == [1, 2, 2, 2]


def test_prices_now_are_those_of_the_tariff(mine, get):
    here = SiteState.objects.filter(site__operator=mine).first()
    told = tariffs([here.site_id], timezone.now())[here.site_id]
    (row,) = get(f"prices/now/?site={here.site.external_id}").json()["results"]
    assert row["price"] == f"{told.price:f}"
    assert row["changes_at"] is None
    assert set(get("prices/now/?fields=site,price").json()["results"][0]) == {"site", "price"}


def test_uptime_and_success_come_from_the_reliability_functions(mine, get):
    port = fleet.charger(fleet.site(mine, 77))
    day = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    times = [day - timedelta(days=10), day - timedelta(days=4), day - timedelta(days=4) + timedelta(hours=12)]
    StatusReport.objects.record([port.pk] * 3, times, ["AVAILABLE", "FAULTED", "AVAILABLE"])
    since = (day - timedelta(days=5)).strftime("%Y-%m-%dT00:00:00Z")
    (row,) = get(f"uptime/?since={since}&site={port.site.external_id}").json()["results"]
    assert row["charger"] == port.external_id
    assert row["outage_minutes"] == 720
    assert row["uptime_percent"] == pytest.approx(90)
    assert row["figure"] == "not the federal figure"
    assert get("session-success/").status_code == 409
    assert get("uptime/?site=nowhere").status_code == 404
    assert get(f"uptime/?since={day + timedelta(days=1):%Y-%m-%dT00:00:00Z}").status_code == 409


def test_the_database_pages_through_uptime(mine, get, monkeypatch):
    monkeypatch.setattr(reliability, "MOST_CHARGERS", 2)
    day = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    ports = [fleet.charger(fleet.site(mine, 70 + number)) for number in range(5)]
    times = [day - timedelta(days=10), day - timedelta(days=4), day - timedelta(days=3)]
    for port in ports:
        StatusReport.objects.record([port.pk] * 3, times, ["AVAILABLE", "FAULTED", "AVAILABLE"])
    found, following = [], f"uptime/?since={day - timedelta(days=5):%Y-%m-%dT00:00:00Z}"
    while following:
        with CaptureQueriesContext(connection) as queries:
            page = get(following).json()
        assert any("LIMIT 3" in query["sql"] for query in queries)
        found, following = found + page["results"], page["next"] and page["next"].partition("/api/v1/")[2]
    of_ours = [row for row in found if row["charger"] in {port.external_id for port in ports}]
    assert [row["charger"] for row in of_ours] == sorted(port.external_id for port in ports)
    assert {row["outage_minutes"] for row in of_ours} == {1440}
    assert [row["charger"] for row in found] == sorted({row["charger"] for row in found})


def test_the_feed_goes_on_after_the_last_event_that_the_partner_has(mine, get):
    first, *_ = FleetEvent.objects.filter(operator=mine).order_by("pk")
    rows = get(f"events/?after={first.pk}").json()["results"]
    assert len(rows) == 2
    assert all(row["id"] > first.pk for row in rows)


def test_one_row_has_a_version_and_is_not_sent_twice(mine, get):
    here = Site.objects.filter(operator=mine).first()
    answer = get(f"sites/{here.external_id}/")
    assert answer.json()["id"] == here.external_id
    again = get(f"sites/{here.external_id}/", **{"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert not again.content
    assert get(f"sites/{here.external_id}/", **{"If-None-Match": "*"}).status_code == 304
    page = get("sites/")
    assert get("sites/", **{"If-None-Match": page["ETag"]}).status_code == 304


def test_what_is_somebody_elses_does_not_exist(mine, get):
    other = Operator.objects.get(name="Volterra")
    here = Site.objects.filter(operator=other).first()
    for address in (
        f"sites/{here.external_id}/",
        f"chargers/{here.chargers.first().external_id}/",
        f"incidents/{Incident.objects.filter(site=here).first().pk}/",
        f"work-orders/{WorkOrder.objects.filter(site=here).first().pk}/",
        f"work-orders/{WorkOrder.objects.filter(site=here).first().pk}/comments/",
        f"readings/?site={here.external_id}",
        "incidents/999999999999999999/",
    ):
        assert get(address).status_code == 404, address
    assert get(f"sites/?id={here.external_id}").json()["results"] == []


def test_a_large_page_is_packed_for_those_who_take_it_so(mine, get):
    Site.objects.bulk_create(Site(operator=mine, external_id=f"B{n}", name="B" * 50) for n in range(50))
    packed = get("sites/", **{"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(get("sites/").content) / 3


def test_a_key_without_the_scope_is_told_which_it_lacks(mine, client):
    _, text = fleet.partner(mine, scopes=["events:read"])
    answer = client.get("/api/v1/sites/", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 403
    assert answer.json()["detail"] == 'The key lacks the scope "sites:read".'


def test_staff_who_are_signed_in_may_look_as_their_role_lets_them(mine, client):
    sync_roles()
    client.force_login(fleet.person("viewer", "viewer", mine))
    assert len(client.get("/api/v1/sites/").json()["results"]) == 3
    client.force_login(fleet.person("nobody", None, mine))
    assert client.get("/api/v1/sites/").status_code == 403
