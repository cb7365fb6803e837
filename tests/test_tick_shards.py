"""A tick's forecasts made by two worker processes: every share once, by both, and the same as one alone makes."""

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from sntry_site import embedded, shards, tasks
from stations import broker
from stations.models import Operator
from telemetry import charger_pasts, model_registry
from telemetry.models import ChargerRisk, ModelVersion, SiteState, Tick, TickShard, WorldState
from telemetry.models.ticks import slot_of
from telemetry.risk.charger_features import CHARGER_FEATURES
from telemetry.risk.forecast import fit
from telemetry.risk.rows import Rows, split
from telemetry.risk.scorer import Scorer

from .live_server import ROOT

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
SITES, PORTS, SHARDS, TICKS = 40, 8, 6, 5
FILL = """
INSERT INTO stations_site (id, operator_id, external_id, name, city, region, latitude, longitude, location_type,
    charger_type, power_kw, ports_total, amenities, pricing_type, base_price, session_minutes)
SELECT n, %(operator)s, 'EV' || n, 'Site ' || n, 'Austin', 'TX', 25 + n * 0.1, -100 + n * 0.1, 'Urban Center',
    'DC Fast Charge', 150, %(ports)s, '', 'per_kwh', 0.40, 35 FROM generate_series(1, %(sites)s) n;
INSERT INTO stations_charger (id, site_id, external_id, cabinet_id, cabinet_port, connector_type, model, power_kw)
SELECT n * 100 + p, n, n || '-' || p, n || '-C' || p, 1, '', '', 150
FROM generate_series(1, %(sites)s) n, generate_series(1, %(ports)s) p;
INSERT INTO telemetry_chargerstate (charger_id, status, error_code) SELECT id, 'AVAILABLE', '' FROM stations_charger;
INSERT INTO telemetry_climatology (month, hour, site_id, utilization, temperature_f, precipitation_mm, weather,
    gas_price, traffic_index)
SELECT 7, 12, n, 0.1 + n * 0.01, 60 + n * 0.6, 0, 0, 3.5, 3 FROM generate_series(1, %(sites)s) n;
"""


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    """A forecast that follows heat and load."""
    rng = np.random.default_rng(2)
    features = rng.random((6_000, len(CHARGER_FEATURES))).astype("f4")
    heat = CHARGER_FEATURES.index("ambient_c")
    features[:, heat] = 10 + 40 * features[:, heat]
    failed = rng.random(len(features)) < 0.02 + 0.6 * (features[:, heat] > 25)
    second, place = np.arange(len(features)), np.arange(len(features)) % 100
    rows = Rows(features, failed, second * 60, place, place, np.where(failed, 1.0, np.inf))
    return Scorer.of(fit("random_forest", rows, split(rows.second, 1), 24), features)


@pytest.fixture
def network(settings, tmp_path, scorer, transactional_db):
    """Makes the same network anew, each time it is called."""
    settings.MODEL_DIR, settings.TICK_SHARDS = tmp_path, SHARDS

    def made():
        call_command("flush", interactive=False, reset_sequences=True, verbosity=0)
        for forget in (model_registry.forget, charger_pasts.forget):
            forget()
        operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE telemetry_livereading")
            cursor.execute("SELECT setval('telemetry_live_version', 1)")
            cursor.execute(FILL, {"operator": operator.pk, "sites": SITES, "ports": PORTS})
        SiteState.objects.ensure()
        about = {"kind": "forecast", "level": "charger", "horizon_hours": 24}
        model_registry.store(scorer, features=CHARGER_FEATURES, at=START, **about).activate(START)

    yield made
    model_registry.forget()
    charger_pasts.forget()


@pytest.fixture
def workers(settings, tmp_path):
    """Starts two workers of the tick queue as production does, each a process of its own."""
    address = urlsplit(os.environ.get("DATABASE_URL") or embedded.database_url())
    path = f"{address.path.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    own = {
        "DATABASE_URL": urlunsplit(address._replace(path=path)),
        "REDIS_URL": settings.REDIS_URL,
        "REDIS_PREFIX": settings.REDIS_PREFIX,
        "SECRET_KEY": settings.SECRET_KEY,
        "MODEL_DIR": str(tmp_path),
        "TICK_SHARDS": str(SHARDS),
        "LOG_FORMAT": "json",
    }
    started = []

    def start():
        for name in ("one", "two"):
            command = [sys.executable, "-m", "celery", "--quiet", "--app=sntry_site", "worker", "--queues=tick"]
            command += [
                f"--hostname={name}@%h",
                "--pool=solo",
                "--without-gossip",
                "--without-mingle",
                "--loglevel=INFO",
            ]
            log = (tmp_path / f"{name}.log").open("wb")
            started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=log))
        return [f"{shards.socket.gethostname()}:{each.pid}" for each in started]

    yield start
    for each in started:
        each.kill()
        each.wait()


def the_world() -> dict:
    """Everything that a tick leaves behind that a person or the next tick sees."""
    sites = SiteState.objects.order_by("site").values_list("site", "risk", "utilization", "price", "level", "reason")
    risks = ChargerRisk.objects.order_by("charger").values_list("charger", "probability", "reason")
    memory = [(bytes(each.blob), bytes(each.fleet)) for each in WorldState.objects.all()]
    return {"sites": list(sites), "risks": list(risks), "memory": memory}


def wait_for(condition, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_two_workers_share_every_tick_and_come_to_what_one_comes_to(network, workers, tmp_path):
    network()
    names = workers()
    slots = []
    while len(slots) < TICKS or not set(names) <= set(TickShard.objects.values_list("worker", flat=True)):
        assert len(slots) < 100, "one of the workers never took part"
        slots.append(slot := slot_of(START) + len(slots))
        broker.tell("sntry_site.tick", [[slot], [slot]])  # as two beats, or a message that comes twice, would ask
        wait_for(lambda slot=slot: Tick.objects.filter(slot=slot, finished_at__isnull=False).exists())
    done = list(TickShard.objects.order_by("slot", "shard").values_list("slot", "shard", "worker", "done_at"))
    assert [row[:2] for row in done] == [(slot, shard) for slot in slots for shard in range(SHARDS)]
    assert all(row[3] for row in done)
    assert {row[2] for row in done} == set(names)
    assert Tick.objects.count() == len(slots)
    wait_for(lambda: f'"tick": {slots[-1]}' in "".join((tmp_path / f"{n}.log").read_text() for n in ("one", "two")))
    together = the_world()
    assert len(together["risks"]) == SITES * PORTS
    assert len({risk for _, risk, _ in together["risks"]}) > 5
    assert not any(bytes(blob) for blob in TickShard.objects.values_list("forecast", flat=True))

    network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "forecasts", lambda at, read: None)  # nobody shares anything
        for number in range(len(slots)):
            tasks.tick(START + timedelta(seconds=10 * number))
    alone = the_world()
    assert together == alone


def test_what_a_dead_worker_had_claimed_is_made_by_the_tick_itself(network, monkeypatch, caplog):
    network()
    monkeypatch.setattr(shards, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(broker, "tell", lambda *arguments, **named: False)
    slot, model = slot_of(START), ModelVersion.objects.get().pk
    assert TickShard.objects.claim_next(slot, SHARDS, "dead", model) == 0
    with caplog.at_level(logging.WARNING):
        assert tasks.tick(START) is not None
    assert "did not hand in its share" in caplog.text
    assert TickShard.objects.filter(slot=slot).exclude(worker="dead").count() == SHARDS - 1
    assert ChargerRisk.objects.filter(probability__isnull=False).count() == SITES * PORTS
    assert tasks.tick(START) is None
    assert TickShard.objects.claim_next(slot, SHARDS, "late", model) is None


def test_a_share_is_of_one_model_only(network):
    network()
    slot, model = slot_of(START), ModelVersion.objects.get()
    share = shards.live_risk.Shared(START, *tasks.read_moment(START))
    assert TickShard.objects.claim_next(slot, 2, "a", model.pk) == 0
    TickShard.objects.keep(slot, 0, share.forecast(0, 2))
    assert len(TickShard.objects.forecasts(slot, model.pk)) == SITES // 2 * PORTS
    assert len(TickShard.objects.forecasts(slot, model.pk + 1)) == 0
