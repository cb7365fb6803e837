"""What a monitoring system reads, and who may."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from sntry_site.celery import app
from stations.models import Job, Operator, Outbox
from telemetry.models import ChargerState, ModelVersion, Tick

from . import fleet

TOKEN = "a token of the monitoring system"
pytestmark = pytest.mark.django_db


def read(client, **headers) -> dict[tuple, float]:
    """(name, labels) -> value, as Prometheus' own parser reads it."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


@pytest.fixture
def monitor(settings):
    settings.METRICS_TOKEN = TOKEN
    return {"Authorization": f"Bearer {TOKEN}"}


def test_before_anything_has_happened_ages_are_unknown_and_counts_nothing(client, monitor):
    told = read(client, **monitor)
    assert told["sntry_tick_age_seconds",] != told["sntry_tick_age_seconds",]  # NaN
    assert told["sntry_outbox_waiting",] == told["sntry_outbox_oldest_seconds",] == told["sntry_live_sockets",] == 0
    assert told["sntry_redis_up",] == 1


def test_ages_depths_and_counts_are_those_of_the_database_and_the_broker(client, monitor):
    now = timezone.now()
    Tick.objects.create(
        slot=1, started_at=now, finished_at=now - timedelta(seconds=40), sites=7, milliseconds={"score": 120.0}
    )
    Outbox.objects.create(kind="mail", idempotency_key="a", due_at=now - timedelta(seconds=90))
    Outbox.objects.create(kind="mail", idempotency_key="b", due_at=now, dead_at=now)
    Outbox.objects.create(kind="mail", idempotency_key="c", due_at=now, done_at=now)
    Outbox.objects.update(created_at=now - timedelta(seconds=100))
    Job.objects.create(kind="retrain")
    port = fleet.charger(fleet.site(Operator.objects.create(name="Northline"), 1))
    ChargerState.objects.update_or_create(charger=port, defaults={"status": "FAULTED", "since": now})
    ModelVersion.objects.create(
        file_name="a", sha256="0" * 64, scikit_learn="1.9", trained_at=now - timedelta(hours=2), state="active"
    )
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.clear()
        queue.put({"a": "task"})
        told = read(client, **monitor)
        queue.clear()
    assert told["sntry_tick_age_seconds",] == pytest.approx(40, abs=20)
    assert told["sntry_tick_phase_seconds", "score"] == 0.12
    assert (told["sntry_tick_seconds",], told["sntry_tick_workers",]) == (-40, 1)
    assert (told["sntry_sites",], told["sntry_jobs", "queued"], told["sntry_queue_depth", "jobs"]) == (7, 1, 1)
    assert (told["sntry_outbox_waiting",], told["sntry_outbox_given_up",]) == (1, 1)
    assert told["sntry_outbox_oldest_seconds",] == pytest.approx(100, abs=20)
    assert told["sntry_model_age_seconds", "state_classifier", "site"] == pytest.approx(7200, abs=20)
    assert told["sntry_chargers", "FAULTED"] == 1


def test_without_redis_the_rest_is_told(client, monitor, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9"
    assert read(client, **monitor)["sntry_redis_up",] == 0


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", "Bearer ü"])
def test_nobody_else_reads_it(client, monitor, settings, sent):
    client.force_login(fleet.person("ann"))
    assert client.get("/metrics", headers={"Authorization": sent}).status_code == 401
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": sent}).status_code == 401


def test_a_superuser_may_look(client):
    client.force_login(User.objects.create_superuser("boss"))
    assert ("sntry_redis_up",) in read(client)
