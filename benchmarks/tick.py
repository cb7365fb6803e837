"""The whole tick at 150 to 50,000 sites, beside the row-by-row way: a query, a model call and a save per site."""

import statistics
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from sntry_site import tasks
from stations.models import Operator
from telemetry import charger_pasts, model_registry, scoring
from telemetry.models import Climatology, LiveReading, ModelVersion, SiteState
from telemetry.network import NETWORK, live_features, local_time
from telemetry.risk import classifier
from telemetry.risk.charger_features import CHARGER_FEATURES
from telemetry.risk.features import FEATURES
from telemetry.risk.forecast import fit
from telemetry.risk.rows import Rows, split
from telemetry.risk.scorer import Scorer
from telemetry.simulation.live import Memory, Options, Usual, step

from .database import fresh_database

SIZES = (150, 1_500, 15_000, 50_000)
NAIVE_UP_TO = 1_500
TICKS = 7
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
PORTS = 8

FILL = """
INSERT INTO stations_site (id, operator_id, external_id, name, city, region, latitude, longitude, location_type,
    charger_type, power_kw, ports_total, amenities, pricing_type, base_price, session_minutes)
SELECT n, %(operator)s, 'EV' || lpad(n::text, 5, '0'), 'Site ' || n, 'Austin', 'TX', 25 + 24 * random(),
    -122 + 50 * random(), 'Urban Center', (ARRAY['DC Fast Charge', 'Level 2'])[1 + n %% 2], 150, %(ports)s, '',
    'per_kwh', 0.40, 35
FROM generate_series(1, %(sites)s) n;
INSERT INTO stations_charger (site_id, external_id, cabinet_id, cabinet_port, connector_type, model, power_kw)
SELECT n, 'EV' || lpad(n::text, 5, '0') || '-' || p, 'EV' || n || '-C' || p, 1, '', '', 150
FROM generate_series(1, %(sites)s) n, generate_series(1, %(ports)s) p;
INSERT INTO telemetry_chargerstate (charger_id, status, error_code) SELECT id, 'AVAILABLE', '' FROM stations_charger;
INSERT INTO telemetry_climatology (month, hour, site_id, utilization, temperature_f, precipitation_mm, weather,
    gas_price, traffic_index)
SELECT 7, 12, n, 0.1 + 0.4 * random(), 60 + 25 * random(), 0, 0, 3.5, 3 FROM generate_series(1, %(sites)s) n;
"""


def main() -> None:
    table = Table(
        "sites",
        "at risk",
        "whole tick, median",
        "statements",
        "row by row",
        "ratio",
        "forecast of every charger",
        title="The tick",
    )
    for sites in SIZES:
        with fresh_database():
            fill(sites)
            whole, phases, statements = measure_tick()
            at_risk = SiteState.objects.exclude(level="low").count() / sites
            store_forecast()
            forecast, forecast_phases, _ = measure_tick(START + timedelta(minutes=10))
            naive = measure_naive() if sites <= NAIVE_UP_TO else None
        ratio = f"{naive / whole:.0f} x" if naive else "-"
        shown = f"{naive * 1000:,.0f} ms" if naive else "-"
        table.add_row(
            f"{sites:,}",
            f"{at_risk:.0%}",
            f"{whole * 1000:,.1f} ms",
            str(statements),
            shown,
            ratio,
            f"{forecast * 1000:,.0f} ms",
        )
        print(f"{sites:,} sites, milliseconds a phase: {phases}", flush=True)
        print(f"{sites:,} sites, {PORTS} chargers each forecast: {forecast_phases}", flush=True)
    Console().print(table)


def fill(sites: int) -> None:
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"operator": operator.pk, "sites": sites, "ports": PORTS})
    SiteState.objects.ensure()
    store_model()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def store_model() -> None:
    """A forest of the size that a real history gives, trained on readings whose outages follow heat and load."""
    rng = np.random.default_rng(1)
    features = rng.random((120_000, len(FEATURES))).astype("f4")
    utilization, heat = FEATURES.index("utilization_rate"), FEATURES.index("temperature_f")
    features[:, heat] = 50 + 60 * features[:, heat]
    danger = 1 / (1 + np.exp(-(20 * (features[:, utilization] - 0.8) + 0.3 * (features[:, heat] - 95))))
    status = (rng.random(len(features)) < danger).astype("i2")
    scoring.store(classifier.train(features, status), len(features), timezone.now()).activate()


def store_forecast() -> None:
    """A forecast of chargers of the size that a real history gives, trained on rows whose outages follow heat."""
    rng = np.random.default_rng(2)
    features = rng.random((120_000, len(CHARGER_FEATURES))).astype("f4")
    heat = CHARGER_FEATURES.index("cabinet_c")
    features[:, heat] = 10 + 60 * features[:, heat]
    failed = rng.random(len(features)) < 0.02 + 0.2 * (features[:, heat] > 60)
    second, place = np.arange(len(features)), np.arange(len(features)) % 100
    rows = Rows(features, failed, second * 60, place, place, np.where(failed, 1.0, np.inf))
    scorer = Scorer.of(fit("random_forest", rows, split(rows.second, 1), 24), features)
    about = {"kind": "forecast", "level": "charger", "horizon_hours": 24}
    stored = model_registry.store(scorer, features=CHARGER_FEATURES, at=timezone.now(), **about)
    stored.activate(timezone.now())
    charger_pasts.forget()


def measure_tick(start: datetime = START) -> tuple[float, dict, int]:
    """Median seconds of a tick, of each of its phases in milliseconds, and the number of its statements."""
    seconds, phases = [], []
    for number in range(TICKS + 1):
        begun = time.perf_counter()
        done = tasks.tick(start + timedelta(seconds=10 * number))
        seconds.append(time.perf_counter() - begun)
        phases.append(done.milliseconds)
    with Statements() as statements:
        tasks.tick(start + timedelta(seconds=10 * (TICKS + 1)))
    middle = {name: round(statistics.median(p[name] for p in phases[1:]), 1) for name in phases[0]}
    return statistics.median(seconds[1:]), middle, statements.count


def measure_naive() -> float:
    """Seconds of one tick the usual way, with the same physics, features and model."""
    begun = time.perf_counter()
    at = START + timedelta(minutes=50)
    local = local_time(at)
    rng = np.random.default_rng(1)
    for state in SiteState.objects.select_related("site__operator"):
        usual = Climatology.objects.get(site=state.site, month=local.month, hour=local.hour)
        score_one(state, usual, at, rng)
        state.save()
        LiveReading.objects.bulk_create([reading_of(state)])
    return time.perf_counter() - begun


def score_one(state: SiteState, usual: Climatology, at: datetime, rng: np.random.Generator) -> None:
    network, measured = one_site(state, usual, rng)
    forest = model_registry.load(ModelVersion.objects.active())
    state.at, state.utilization, state.temperature_f = at, measured.utilization[0], measured.temperature_f[0]
    state.ports_available, state.ports_occupied = int(measured.ports_available[0]), int(measured.ports_occupied[0])
    state.wait_minutes = measured.wait_minutes[0]
    forest.n_jobs = 1  # two would be slower still for one row
    chances = forest.predict_proba(live_features(network, measured, at))[0]
    state.risk = sum(chances[forest.classes_ == name].sum() for name in classifier.OUTAGE_CLASSES)


def one_site(state: SiteState, usual: Climatology, rng: np.random.Generator):
    network, one = np.zeros(1, NETWORK), np.ones(1)
    network["site"], network["operator"], network["power_kw"] = (
        state.site_id,
        state.site.operator_id,
        state.site.power_kw,
    )
    network["price"], network["ports_total"] = int(state.price * 10_000), state.site.ports_total
    look = Usual(
        usual.utilization * one,
        usual.temperature_f * one,
        np.array([state.site.ports_total]),
        np.zeros(1, "i8"),
        state.site.session_minutes * one,
        one,
        np.zeros(1, bool),
    )
    return network, step(look, Memory.blank(network["site"]), rng, Options())[0]


def reading_of(state: SiteState) -> LiveReading:
    return LiveReading(
        site=state.site,
        at=state.at,
        ports_available=state.ports_available,
        ports_occupied=state.ports_occupied,
        ports_out_of_service=0,
        utilization=state.utilization,
        wait_minutes=state.wait_minutes,
        temperature_f=state.temperature_f,
        price=state.price,
        risk=state.risk,
    )


class Statements:
    """Counts the statements sent to the database."""

    count = 0

    def __enter__(self):
        self._wrapping = connection.execute_wrapper(self._one)
        self._wrapping.__enter__()
        return self

    def __exit__(self, *error):
        self._wrapping.__exit__(*error)

    def _one(self, execute, *arguments):
        self.count += 1
        return execute(*arguments)
