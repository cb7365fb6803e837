"""The database's clock goes back by an hour: what was done stays done, and nobody calls the standstill healthy."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from sntry_site import tasks, watchdog
from sntry_site.pages import metrics
from sntry_site.pages.dashboard_health import tick_tile
from stations.models import Operator
from telemetry.models import LiveReading, Tick
from telemetry.models.ticks import SET_BACK, SLOT_SECONDS, slot_of

from . import fleet

pytestmark = pytest.mark.django_db
START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def done(ago: float) -> Tick:
    """A tick that was done so many seconds ago; less than none lie in the future."""
    at = timezone.now() - timedelta(seconds=ago)
    return Tick.objects.create(slot=slot_of(at), started_at=at, finished_at=at)


def test_slots_that_were_done_are_not_done_again_and_the_first_new_one_is():
    fleet.live_site(Operator.objects.create(name="Northline Charging", is_simulated=True), 1)
    later = [START + timedelta(seconds=SLOT_SECONDS * number) for number in range(3)]
    assert all(tasks.tick(at) for at in later)
    assert [tasks.tick(at) for at in later] == [None, None, None]
    assert tasks.tick(later[-1] + timedelta(seconds=SLOT_SECONDS)) is not None
    assert LiveReading.objects.count() == Tick.objects.count() == 4


def test_an_hour_back_is_late_everywhere_and_in_words(client, settings, caplog):
    done(5)
    done(-3600)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]["tick"]) == (503, SET_BACK)
    assert answer.json()["tick_age_seconds"] == pytest.approx(-3600, abs=20)
    settings.METRICS_TOKEN = "a token of the monitoring system"
    request = RequestFactory().get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert "\nsntry_tick_age_seconds +Inf\n" in metrics.metrics(request).content.decode()
    tile = tick_tile(timezone.now())
    assert (tile.alarm, tile.below) == (True, SET_BACK)
    dog = watchdog.Watchdog(look=lambda: -3600.0, clock=lambda: now[0])
    now = [0.0]
    dog.look_once()
    now = [100.0]
    assert dog.stuck({"tick": 100, "beat": 100}) == ["tick", "beat"]
    assert SET_BACK in caplog.text


def test_a_small_correction_is_none(client):
    done(-4)
    assert client.get("/readyz").status_code == 200


def test_ages_are_told_by_the_clock_of_the_database_whatever_the_host_thinks(client, monkeypatch):
    done(5)
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: ahead)
    assert client.get("/readyz").json()["tick_age_seconds"] == pytest.approx(5, abs=20)
