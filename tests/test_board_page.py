"""The board and the site page without a script: who sees what, what is said, what is refused."""

import importlib.util
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from maintenance.models import WorkOrder
from stations.access import sync_roles
from stations.models import FleetEvent, Operator
from telemetry import live_history
from telemetry.models import ChargerState, LiveReading, SiteOverride, SiteState, Tick

from . import fleet

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "<img src=x onerror=alert(1)>\"'\u202e</script><script>alert(2)</script>{{ 7 }}"


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


def measured(operator, number, **fields):
    """A site with a live row, so that it is in the list."""
    here = fleet.live_site(operator, number)
    SiteState.objects.filter(site=here).update(**{"at": timezone.now(), "version": 1, **fields})
    return here


def text(response) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def test_a_visitor_is_asked_to_log_in_and_comes_back(client, northline):
    here = measured(northline, 1)
    for address in ("/", f"/sites/{here.external_id}/", f"/board/sites/{here.pk}/"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address}")
    User.objects.create_superuser("boss", password="a long word")
    assert "do not match" in text(client.post("/login/", {"username": "boss", "password": "no"}))
    answer = client.post("/login/?next=/", {"username": "boss", "password": "a long word", "next": "/"})
    assert answer["Location"] == "/"


def test_a_part_of_a_page_asked_for_without_a_session_makes_the_page_load_again(client, northline):
    here = measured(northline, 1)
    for name, ask in (("site-actions", client.get), ("site-stress", client.post)):
        answer = ask(reverse(name, args=[here.pk]), headers={"HX-Request": "true"})
        assert (answer.status_code, answer["HX-Refresh"], answer.content) == (401, "true", b"")


def test_who_is_not_staff_is_told_so_in_a_sentence(client, northline):
    client.force_login(User.objects.create_user("driver", password="a long word"))
    answer = client.get("/")
    assert answer.status_code == 403
    assert "This page is for staff" in answer.content.decode()


def test_the_figures_are_those_of_the_database(client, boss, northline):
    risky = measured(northline, 1, expected_loss="120", risk=0.72, level="critical", reason="load 98 %, 105 °F")
    measured(northline, 2, expected_loss="1.50", ports_available=1, ports_out_of_service=3)
    fleet.work_order(risky, priority="urgent")
    fleet.price_change(risky)
    page = text(client.get("/"))
    assert "62.5 %" in page  # 5 of 8
    assert "5 of 8 in service · 3 out" in page
    assert "$122/h" in page
    assert "1 site at risk" in page
    assert "1 urgent" in page
    assert "load 98 %, 105 °F" in page
    assert "Scored by a rule until the first model is trained" in page


def test_the_list_is_sorted_as_the_address_says(client, boss, northline):
    costly = measured(northline, 1, expected_loss="50", risk=0.2, revenue_at_risk=1)
    likely = measured(northline, 2, expected_loss="5", risk=0.9, revenue_at_risk=2)
    indexed = measured(northline, 3, expected_loss="6", risk=0.1, revenue_at_risk=9)

    def order(query):
        return [int(pk) for pk in re.findall(r'<tr id="risk-(\d+)"', client.get(f"/{query}").content.decode())]

    assert order("") == order("?order=loss") == order("?order=nonsense") == [costly.pk, indexed.pk, likely.pk]
    assert order("?order=risk") == [likely.pk, costly.pk, indexed.pk]
    assert order("?order=index") == [indexed.pk, likely.pk, costly.pk]


def test_an_empty_network_says_what_fills_it(client, boss):
    page = text(client.get("/"))
    assert "No site has been measured yet" in page
    assert "Nothing has happened yet" in page


def test_a_member_sees_only_sites_and_events_of_the_own_operators(client, northline, volterra):
    mine, foreign = measured(northline, 1), measured(volterra, 2)
    FleetEvent.objects.create(at=timezone.now(), kind="HEALED", operator=volterra, site=foreign, message="of others")
    client.force_login(fleet.person("member", "viewer", northline))
    page = text(client.get("/"))
    assert mine.name in page
    assert foreign.name not in page
    assert "of others" not in page
    assert client.get(reverse("site", args=[foreign.external_id])).status_code == 404
    assert client.get(reverse("site-actions", args=[foreign.pk])).status_code == 404
    assert client.get(reverse("site", args=[mine.external_id])).status_code == 200


def test_actions_need_the_role_the_own_operator_and_the_token(client, northline, volterra):
    mine, foreign = measured(northline, 1), measured(volterra, 2)
    viewer, ops = (fleet.person(role, role, northline) for role in ("viewer", "ops"))
    for action in ("site-stress", "site-heal", "site-dispatch"):
        client.force_login(viewer)
        assert client.post(reverse(action, args=[mine.pk])).status_code == 403
        client.force_login(ops)
        assert client.post(reverse(action, args=[foreign.pk])).status_code == 404
        assert client.get(reverse(action, args=[mine.pk])).status_code == 405
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(ops)
        assert strict.post(reverse(action, args=[mine.pk])).status_code == 403
    assert not SiteOverride.objects.exists()
    assert not WorkOrder.objects.exists()


def test_stress_heal_and_dispatch_do_what_they_say(client, northline, volterra):
    here = measured(northline, 1)
    client.force_login(fleet.person("ops", "ops", northline))
    assert "Stress" in text(client.get(reverse("site-actions", args=[here.pk])))
    page = text(client.post(reverse("site-stress", args=[here.pk]), headers={"HX-Request": "true"}))
    assert "held under stress (simulated)" in page
    assert SiteOverride.objects.get().site == here
    client.post(reverse("site-heal", args=[here.pk]))
    assert SiteOverride.objects.get().ends_at <= timezone.now()
    page = text(client.post(reverse("site-dispatch", args=[here.pk]), headers={"HX-Request": "true"}))
    order = WorkOrder.objects.get()
    assert order.number in page
    client.post(reverse("site-dispatch", args=[here.pk]))
    assert WorkOrder.objects.get() == order


def test_a_real_site_can_be_dispatched_but_not_stressed(client, boss, northline):
    Operator.objects.update(is_simulated=False)
    here = measured(northline, 1)
    panel = text(client.get(reverse("site-actions", args=[here.pk])))
    assert "Dispatch" in panel
    assert "Stress" not in panel
    for action in ("site-stress", "site-heal"):
        answer = client.post(reverse(action, args=[here.pk]), headers={"HX-Request": "true"})
        assert "only a simulated one can be stressed" in answer.content.decode()
    assert not SiteOverride.objects.exists()


def test_the_site_page_shows_the_day_the_chargers_the_work_and_the_prices(client, boss, northline):
    here = measured(northline, 1, risk=0.72, level="critical", reason="load 98 %, 105 °F")
    now = timezone.now()
    for half_hours in range(1, 6):
        fleet.reading(here, at=now - timedelta(minutes=30 * half_hours), utilization=0.2 * (half_hours % 3))
    live_history.ensure_partition(now.date())
    LiveReading.objects.create(
        site=here, at=now, ports_available=1, ports_occupied=3, ports_out_of_service=0, utilization=0.75,
        wait_minutes=3, temperature_f=88, price="0.7", risk=0.72,
    )  # fmt: skip
    ChargerState.objects.update_or_create(charger=here.chargers.first(), defaults={"status": "FAULTED", "since": now})
    order = fleet.work_order(here)
    fleet.price_change(here)
    page = text(client.get(reverse("site", args=[here.external_id])))
    for said in (
        "Critical, 72 %",
        "load 98 %, 105 °F",
        "last 75 %",
        "last 88 °F",
        "Faulted",
        order.number,
        "$0.40 → $0.60",
    ):
        assert said in page
    assert page.count("<polyline") == 3  # use, temperature, price


@pytest.mark.parametrize("path", ["site", "board"])
def test_hostile_strings_stay_text(client, boss, path):
    operator = Operator.objects.create(name=HOSTILE[:100], is_simulated=True)
    here = measured(operator, 1, reason=HOSTILE, risk=0.9, level="critical")
    type(here).objects.filter(pk=here.pk).update(name=HOSTILE, city=HOSTILE, external_id="a/b?<i>#'")
    FleetEvent.objects.create(at=timezone.now(), kind="HEALED", operator=operator, site=here, message=HOSTILE)
    here.refresh_from_db()
    page = client.get("/" if path == "board" else reverse("site", args=[here.external_id])).content.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert "alert(2)</script>" not in page
    assert "{{ 7 }}" in page
    assert len(re.findall(r"<script(?![^>]* src=| id=\"[a-z-]+\" type=\"application/json\")", page)) == 0


def test_own_pages_carry_the_strict_policy_and_nothing_inline(client, boss, northline):
    here = measured(northline, 1)
    for address in ("/", reverse("site", args=[here.external_id]), "/login/?next=/nowhere"):
        policy = client.get(address)["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
    for template in (ROOT / "templates").rglob("*.html"):
        if "admin" not in template.parts and "unfold" not in template.parts:
            source = template.read_text()
            inline = re.search(r"<script>|<style|\sstyle=|\son[a-z]+=|hx-on|js:|\|safe|autoescape off", source)
            assert inline is None, f"{template.name}: {inline.group()}"


def test_vendored_files_are_those_of_the_lock():
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "static" / "vendor" / "vendor.py")
    vendor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    assert vendor.problems() == []


def test_readiness_needs_a_recent_tick_and_the_broker(client, settings):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["problems"].keys() == {"tick"}
    tick = Tick.objects.create(slot=1, started_at=timezone.now(), finished_at=timezone.now())
    assert client.get("/readyz").status_code == 200
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        answer = client.get("/readyz")
        assert (answer.status_code, list(answer.json()["problems"])) == (503, ["broker"])
    Tick.objects.filter(pk=tick.pk).update(finished_at=timezone.now() - timedelta(seconds=40))
    assert "beat" in client.get("/readyz").json()["problems"]["tick"]
