"""The forecast in the loop: what is read is what was told, the tick scores every charger, and a level leaves a row."""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from sntry_site import tasks
from stations.models import Operator
from telemetry import charger_pasts, forecast_training, live_risk, model_registry, promotion
from telemetry.models import ChargerRisk, ModelVersion, Risk, SiteState, SoftEvents, StatusReport, Tick
from telemetry.observed_history import read_observed
from telemetry.risk.charger_features import CHARGER_FEATURES, FeatureMaker, with_moment
from telemetry.risk.forecast import fit
from telemetry.risk.observed import Log, Observed
from telemetry.risk.rows import charger_rows, split
from telemetry.risk.scorer import Scorer
from telemetry.simulation.network import network
from telemetry.simulation.observe import live
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.world import World

from . import fleet

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@cache
def world() -> Observed:
    lived = World(network(20, 3), 20_270, 3, SCENARIOS["typical"])
    told = live(lived, 35 * 48)
    logs = {name: Log.sorted(c.pop("owner"), c.pop("second"), **c) for name, c in told.items()}
    return Observed(lived.chargers.site, lived.chargers.kind, lived.chargers.power_kw, **logs)


@cache
def scorer() -> Scorer:
    rows = charger_rows(world(), 24)
    cut = split(rows.second, 24)
    return Scorer.of(fit("random_forest", rows, cut, 24), rows.features[cut.train])


@pytest.fixture(autouse=True)
def clean(settings, tmp_path):
    settings.MODEL_DIR, settings.TICK_SURGE_CHANCE = tmp_path / "models", 0
    model_registry.forget()
    charger_pasts.forget()
    yield
    model_registry.forget()
    charger_pasts.forget()


@pytest.fixture
def model():
    about = {"kind": "forecast", "level": "charger", "horizon_hours": 24}
    version = model_registry.store(scorer(), features=CHARGER_FEATURES, at=NOW, **about)
    version.activate(NOW)
    return version


@pytest.fixture
def site():
    return fleet.live_site(Operator.objects.create(name="Northline Charging", is_simulated=True), 1)


def test_kept_features_under_a_later_moment_are_what_the_moment_itself_gives():
    maker, second = FeatureMaker(world()), int(world().end) - 86_400
    fresh = maker.at(second)
    column = {name: fresh[:, place].astype("f8") for place, name in enumerate(CHARGER_FEATURES)}
    later = {name: column[name] for name in ("cabinet_c", "site_load", "ambient_c", "is_wet", "siblings_down_share")}
    spoilt = fresh.copy()
    for name in (*later, "hour", "cabinet_over_model_k"):
        spoilt[:, CHARGER_FEATURES.index(name)] = -99
    again = with_moment(spoilt, second, later, np.zeros(len(fresh)))
    assert again == pytest.approx(fresh, abs=1e-3)


def test_history_comes_out_of_the_database_as_it_was_told(site):
    ids = list(site.chargers.order_by("pk").values_list("pk", flat=True))
    hour = timedelta(hours=1)
    times = [NOW, NOW + hour, NOW + 2 * hour]
    StatusReport.objects.record([ids[1]] * 3, times, ["AVAILABLE", "FAULTED", "AVAILABLE"], None, [30.0, 70.0, None])
    SoftEvents.objects.record([ids[2]], [NOW], np.array([[0], [3], [0], [0], [1]]))
    fleet.reading(site, at=NOW, utilization=0.5, temperature_f=68)
    history = read_observed(NOW - hour, NOW + 3 * hour)
    seen, start = history.observed, int(NOW.timestamp())
    assert history.charger_ids.tolist() == ids
    assert seen.reports.owner.tolist() == [1, 1, 1]
    assert seen.outages().second.tolist() == [start + 3600]
    assert seen.outages()["end"].tolist() == [start + 7200]
    assert (seen.soft.second.tolist(), seen.soft["soft_trips"].tolist()) == ([start + 1800], [3])
    assert seen.readings["ambient_c"] == pytest.approx([20])
    assert len(read_observed(NOW - hour, NOW + hour).observed.reports) == 1
    assert len(read_observed(NOW - hour, NOW + 3 * hour, operators=[]).charger_ids) == 0


def test_a_tick_scores_every_charger_and_the_site_by_its_riskiest(site, model):
    ids = list(site.chargers.order_by("pk").values_list("pk", flat=True))
    StatusReport.objects.record(ids, [NOW - timedelta(hours=1)] * 4, ["AVAILABLE"] * 3 + ["FAULTED"])
    tasks.tick(NOW)
    risks = dict(ChargerRisk.objects.values_list("charger", "probability"))
    assert len(risks) == 4
    assert risks[ids[3]] is None, "what is out of order is not forecast to fail"
    working = [risk for risk in risks.values() if risk is not None]
    state = SiteState.objects.get(site=site)
    assert state.risk == pytest.approx(max(working))
    assert state.p_any == pytest.approx(1 - np.prod(1 - np.array(working)))
    assert Tick.objects.get().scorer == f"model {model.pk}"
    assert Tick.objects.get().warning == ""


def test_the_same_tick_a_moment_later_writes_only_what_moved(site, model):
    tasks.tick(NOW)
    before = dict(ChargerRisk.objects.values_list("charger", "probability"))
    tasks.tick(NOW + timedelta(seconds=10))
    for charger, risk, at in ChargerRisk.objects.values_list("charger", "probability", "at"):
        moved = abs((risk or 0) - (before[charger] or 0)) >= live_risk.WRITE_FROM
        assert moved == (at > NOW)


def test_real_operators_chargers_are_scored_where_reports_came_in(model):
    real = fleet.site(Operator.objects.create(name="Real"), 7)
    charger = fleet.charger(real)
    SiteState.objects.ensure()
    StatusReport.objects.record([charger.pk], [NOW - timedelta(minutes=5)], ["AVAILABLE"], None, [35.0])
    tasks.tick(NOW)
    assert ChargerRisk.objects.get(charger=charger).probability > 0
    state = SiteState.objects.get(site=real)
    assert state.risk == pytest.approx(ChargerRisk.objects.get(charger=charger).probability)
    assert state.p_any == pytest.approx(state.risk)


def test_a_change_of_level_leaves_a_row_with_charger_reason_and_hash(site, model, settings):
    settings.RISK_WATCH = 0.0001
    tasks.tick(NOW)
    row = Risk.objects.get()
    assert (row.level, row.model, row.charger.site) == ("watch", model, site)
    assert row.reason.startswith("associated with")
    assert len(row.features_hash) == 16
    tasks.tick(NOW + timedelta(seconds=10))
    assert Risk.objects.count() == 1
    tasks.tick(NOW + timedelta(hours=1))
    assert Risk.objects.count() == 2, "each hour while it is above low"


def test_a_damaged_forecast_leaves_the_service_going_with_a_warning(site, model, settings):
    path = settings.MODEL_DIR / model.file_name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    tasks.tick(NOW)
    tick = Tick.objects.get()
    assert tick.scorer == "rule"
    assert f"model {model.pk} has a file that does not match its hash" in tick.warning


def test_the_past_outlives_the_process(site, model):
    tasks.tick(NOW)
    charger_pasts.forget()
    until, features = charger_pasts.features_now()
    assert until == NOW
    assert features.shape == (4, len(CHARGER_FEATURES))


def test_a_failure_shows_in_the_past_at_the_next_tick(site, model):
    tasks.tick(NOW)
    ids = list(site.chargers.order_by("pk").values_list("pk", flat=True))
    minute = timedelta(minutes=1)
    StatusReport.objects.record([ids[0]], [NOW + minute], ["FAULTED"])
    tasks.tick(NOW + 2 * minute)
    kept = charger_pasts._kept[0][1]
    failures = kept["features"][:, CHARGER_FEATURES.index("outages_6h")]
    assert dict(zip(kept["charger"].tolist(), failures.tolist(), strict=True))[ids[0]] == 1


def test_scoring_takes_the_same_number_of_statements_whatever_the_size(model, django_assert_max_num_queries):
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    for number in range(1, 6):
        fleet.live_site(operator, number)
    tasks.tick(NOW)
    measured = type("Measured", (), {})()
    found = tasks.read_network(NOW)
    measured.utilization, measured.temperature_f = np.full(5, 0.5), np.full(5, 80.0)
    with django_assert_max_num_queries(12):
        live_risk.score(NOW + timedelta(seconds=20), found, measured)


def test_without_reports_there_is_nothing_to_learn(site):
    with pytest.raises(forecast_training.NothingToLearn, match="import status reports"):
        forecast_training.train_forecast(NOW)


def test_training_stores_a_report_and_lets_the_gate_decide(monkeypatch):
    history = type("History", (), {"observed": world()})
    monkeypatch.setattr(forecast_training, "learnable_range", lambda at: (NOW, NOW))
    monkeypatch.setattr(forecast_training, "read_observed", lambda start, end, progress=None: history)
    first, promoted = forecast_training.train_forecast(NOW)
    assert promoted, first.reason
    assert "beats persistence" in first.reason
    assert first.metrics["signal"]["has_signal"]
    assert len(first.metrics["reference"]) == len(CHARGER_FEATURES)
    assert (first.data_hash, first.rows > 0) == (first.data_hash, True)
    assert ModelVersion.objects.active("forecast") == first


def difference(value: float, low: float, high: float) -> dict:
    return {"value": value, "interval": [low, high]}


@pytest.mark.parametrize(
    ("signal", "gain", "against", "passes"),
    [
        (True, difference(0.2, 0.1, 0.3), None, True),
        (False, difference(0.2, 0.1, 0.3), None, False),
        (True, difference(0.2, -0.01, 0.3), None, False),
        (True, difference(0.2, 0.1, 0.3), difference(0.0, -0.1, 0.1), True),
        (True, difference(0.2, 0.1, 0.3), difference(-0.05, -0.1, 0.01), False),
        (True, difference(0.2, 0.1, 0.3), difference(-0.005, -0.008, -0.001), False),
    ],
)
def test_the_gate_asks_for_signal_for_more_than_persistence_and_for_no_less_than_before(signal, gain, against, passes):
    assert promotion.judge(signal, gain, against).passes == passes
