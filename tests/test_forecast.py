"""The forecast of outages: made of what was known, measured on what came later, and no better than the world allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.management.commands.evaluate_risk import lived, rows_with_oracle
from telemetry.promotion import judge
from telemetry.risk.alerts import Daily
from telemetry.risk.charger_features import CHARGER_FEATURES, SOFT, WORDS, FeatureMaker, charger_features, told
from telemetry.risk.forecast import Isotonic, Sigmoid, fit, logistic_line
from telemetry.risk.measures import area_under_roc, average_precision, site_weights
from telemetry.risk.observed import FAULT, PLANNED, UP, Log, Observed
from telemetry.risk.report import evaluate
from telemetry.risk.rows import Rows, charger_rows, hot_rows, joined, rolling_origins, split
from telemetry.risk.signal_audit import audit
from telemetry.risk.target import Target

HOUR = 3600
PLACE = CHARGER_FEATURES.index


def silent(*_) -> None:
    """No progress is shown."""


@pytest.fixture(scope="module")
def world() -> tuple[Observed, dict]:
    return lived("typical", 40, 40, 3, 24, silent)


def observed(reports, sites: int = 1, chargers: int = 1, **logs) -> Observed:
    """A network of a few rows: reports are (charger, second, state, temperature_c)."""
    columns = [np.array(column) for column in zip(*reports, strict=True)] if reports else [np.zeros(0)] * 4
    empty = {
        "soft": Log.sorted([], [], **{name: [] for name in SOFT}),
        "sessions": Log.sorted([], [], success=np.zeros(0, bool)),
        "readings": Log.sorted([], [], load=[], ambient_c=[], is_wet=np.zeros(0, bool)),
    }  # fmt: skip
    told = Log.sorted(columns[0], columns[1], state=columns[2].astype(int), temperature_c=columns[3].astype(float))
    place = np.arange(chargers) * sites // chargers
    return Observed(place, np.zeros(chargers, int), np.full(chargers, 150.0), told, **{**empty, **logs})


reports = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 300 * HOUR),
        st.sampled_from([UP, FAULT, PLANNED]),
        st.sampled_from([20.0, 72.0, np.nan]),
    ),
    max_size=40,
    unique_by=lambda row: row[:2],
)
events = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300 * HOUR), st.integers(0, 3)), max_size=30)


@settings(max_examples=60)
@given(reports, events, events, st.integers(0, 300 * HOUR))
def test_what_comes_after_a_moment_changes_no_feature_of_it(told, slips, uses, second):
    soft = Log.sorted(
        [row[0] for row in slips],
        [row[1] for row in slips],
        **{name: np.array([row[2] for row in slips]) * number for number, name in enumerate(SOFT)},
    )  # fmt: skip
    sessions = Log.sorted([r[0] for r in uses], [r[1] for r in uses], success=np.array([r[2] > 0 for r in uses], bool))
    load = np.array([r[2] / 3 for r in slips])
    readings = Log.sorted(
        [r[0] % 2 for r in slips], [r[1] for r in slips], load=load, ambient_c=30 * load, is_wet=load > 0.5
    )
    whole = observed(told, 2, 3, soft=soft, sessions=sessions, readings=readings)
    now, before = FeatureMaker(whole).at(second), FeatureMaker(whole.until(second)).at(second)
    assert np.array_equal(now, before)
    assert np.isfinite(now).all()


def test_features_of_a_lived_world_do_not_see_what_is_to_come(world):
    known, _ = world
    second = int(np.median(known.readings.second)) + 1000
    assert np.array_equal(charger_features(known, [second])[0], charger_features(known.until(second), [second])[0])


def test_features_count_what_they_say():
    known = observed(
        [(0, 0, UP, 20.0), (0, 10 * HOUR, FAULT, 75.0), (0, 12 * HOUR, UP, 40.0), (0, 20 * HOUR, UP, 50.0)],
        soft=Log.sorted([0, 0], [11 * HOUR, 19 * HOUR], missed_heartbeats=[2, 1], soft_trips=[0, 3], power_dips=[0, 0],
                        reboots=[1, 0], retries=[0, 0]),
        sessions=Log.sorted([0] * 3, [5 * HOUR, 15 * HOUR, 16 * HOUR], success=[True, False, True]),
        readings=Log.sorted([0], [20 * HOUR], load=[0.5], ambient_c=[30.0], is_wet=[False]),
    )  # fmt: skip
    row = dict(zip(CHARGER_FEATURES, FeatureMaker(known).at(21 * HOUR)[0].tolist(), strict=True))
    assert (row["outages_6h"], row["outages_24h"]) == (0, 1)
    assert (row["hours_down_24h"], row["hours_since_outage"], row["hours_since_repair"]) == (2, 11, 9)
    assert (row["soft_trips_6h"], row["missed_heartbeats_24h"], row["reboots_6h"]) == (3, 3, 0)
    assert (row["starts_24h"], row["failed_starts_24h"]) == (3, 1)
    assert row["failed_start_share"] == pytest.approx((1 + 0.8) / 23)
    assert (row["cabinet_c"], row["trips_near_24h"]) == (50, 1)
    assert row["cabinet_over_model_k"] == pytest.approx(50 - 30 - 33.75 * 0.5)
    assert set(WORDS) == set(CHARGER_FEATURES)
    assert all(told(words, 0.0) for words in WORDS.values())
    counted = [
        told(WORDS[name], count) for name, count in (("outages_24h", 2.0), ("retries_24h", 0.9), ("reboots_6h", 1))
    ]
    assert counted == ["2 outages in 24 h", "1 retry in 24 h", "1 reboot in 6 h"]


def test_features_of_chargers_at_moments_of_their_own_are_those_of_the_network_then(world):
    known, _ = world
    maker, rng = FeatureMaker(known), np.random.default_rng(4)
    moments = rng.integers(known.readings.second.min(), known.end, 12)
    chargers = rng.integers(0, len(known.site), 12)
    of = maker.of(chargers, moments)
    for row, (charger, second) in enumerate(zip(chargers, moments.tolist(), strict=True)):
        np.testing.assert_array_equal(of[row], maker.at(second)[charger])


def test_the_target_is_the_start_of_an_outage_of_half_an_hour_at_least():
    known = observed([
        (0, 0, UP, 20.0), (0, 10 * HOUR, FAULT, 20.0), (0, 10 * HOUR + 1799, UP, 20.0),  # too short
        (0, 20 * HOUR, FAULT, 20.0), (0, 30 * HOUR, UP, 20.0), (0, 90 * HOUR, UP, 20.0),
    ])  # fmt: skip
    target, maker = Target(known), FeatureMaker(known)

    def at(hour: float, horizon: float = 4) -> tuple[bool, bool]:
        y, sure = target.at(maker.states(int(hour * HOUR)), int(hour * HOUR), horizon)
        return bool(y[0]), bool(sure[0])

    assert at(8) == (False, True)
    assert at(17) == (True, True)
    assert at(15.9) == (False, True)
    assert at(25) == (False, False)  # it is out of order
    assert at(88) == (False, False)  # nobody knows yet


def test_planned_work_censors_and_so_does_an_outage_too_young():
    known = observed([
        (0, 0, UP, 20.0), (0, 10 * HOUR, PLANNED, 20.0), (0, 12 * HOUR, UP, 20.0), (0, 40 * HOUR, UP, 20.0),
        (0, 40 * HOUR + 60, FAULT, 20.0),
    ])  # fmt: skip
    target, maker = Target(known), FeatureMaker(known)
    assert not target.at(maker.states(9 * HOUR), 9 * HOUR, 4)[1][0]
    assert target.at(maker.states(13 * HOUR), 13 * HOUR, 4)[1][0]
    assert not target.at(maker.states(39 * HOUR), 39 * HOUR, 4)[1][0]


def test_blocks_of_time_are_apart_by_the_horizon():
    second = np.arange(0, 1000 * HOUR, HOUR)
    cut = split(second, 24)
    assert second[cut.calibration].min() - second[cut.train].max() > 24 * HOUR
    assert second[cut.test].min() - second[cut.calibration].max() > 24 * HOUR
    folds = rolling_origins(second, 24)
    assert len(folds) == 4
    for train, test in folds:
        assert second[test].min() - second[train].max() > 24 * HOUR


def test_measures_agree_with_scikit_learn():
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(1)
    y = rng.random(4000) < 0.1
    score = np.round(rng.normal(size=4000) + y, 1)  # with many ties
    weight = rng.integers(0, 4, 4000)
    assert average_precision(score, y, weight) == pytest.approx(average_precision_score(y, score, sample_weight=weight))
    assert average_precision(score, y) == pytest.approx(average_precision_score(y, score))
    assert area_under_roc(score, y) == pytest.approx(roc_auc_score(y, score))


def test_sites_are_drawn_whole():
    site = np.array([0, 0, 1, 2, 2, 2])
    weights = site_weights(site, 50)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_calibration_finds_the_line_that_made_the_outcomes_and_never_falls():
    rng = np.random.default_rng(2)
    x = rng.normal(size=20_000)
    y = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * x - 1)))
    assert logistic_line(x, y) == pytest.approx((-1, 0.5), abs=0.06)
    raw = 1 / (1 + np.exp(-x))
    for kind in (Sigmoid, Isotonic):
        risk = kind(raw, y)(np.linspace(0, 1, 50))
        assert (np.diff(risk) >= -1e-12).all()
        assert kind(raw, y)(raw).mean() == pytest.approx(y.mean(), abs=0.01)


def test_the_forecast_beats_persistence_and_reaches_half_of_what_the_oracle_does(world):
    known, oracle = world
    rows, risk = rows_with_oracle(known, oracle, 24)
    forecast, report = evaluate(rows, 24, oracle=risk, besides=hot_rows(known, 24))
    precision = {line["name"]: line["average_precision"]["value"] for line in report["models"]}
    assert report["gain"]["interval"][0] > 0
    assert report["verdict"].startswith("It beats persistence")
    assert precision["random_forest"] > precision["persistence"] > 0
    assert report["oracle"]["share"]["value"] >= 0.5
    assert len(report["folds"]) == 4
    assert forecast.risk(rows.features).max() <= 0.995
    assert len(report["alerts"]) == 4
    assert len(report["thresholds"]) == 8
    assert report["importance"][0]["interval"][0] > 0


def test_alerts_are_counted_once_a_day_by_budget_threshold_and_lead_time():
    second = np.repeat(np.arange(3) * 86_400, 100)
    charger = np.tile(np.arange(100), 3)
    y = charger < 10
    lead = np.where(y, 1.0 + charger, np.inf)
    rows = Rows(np.zeros((300, 1), "f4"), y, second, charger, charger // 4, lead)
    later = Rows(rows.features, y, second + 3600, charger, rows.site, lead)
    risk = np.where(charger < 5, 0.9, np.where(charger < 20, 0.5, 0.01))
    daily = Daily(joined(rows, later), np.tile(risk, 2), np.tile(risk, 2))
    assert len(daily.rows) == 300
    five = daily.by_budget(100)[0]
    assert (five["alerts_a_day"], five["alerts_per_100_ports_a_day"]) == (5, 5)
    assert (five["precision"]["value"], five["recall"]["value"], five["median_lead_hours"]) == (1, 0.5, 3)
    found = {one["risk"]: one for one in daily.by_threshold()}
    assert found[0.45]["alerts_per_100_ports_a_day"]["value"] == pytest.approx(20)
    assert found[0.45]["false_per_100_ports_a_day"]["value"] == pytest.approx(10)
    assert found[0.8]["false_per_100_ports_a_day"]["value"] == 0
    ahead = {one["hours"]: one["value"] for one in daily.lead_times(24, 5)["points"]}
    assert (ahead[0.0], ahead[4.0], ahead[24.0]) == (0.5, pytest.approx(0.2), 0)


def test_the_hotter_a_cabinet_the_more_likely_it_fails_and_the_forecast_knows(world):
    known, _ = world
    rows, hot = charger_rows(known, 24), hot_rows(known, 24)
    heat = hot.features[:, PLACE("cabinet_c")]
    assert hot.y[heat >= 73].mean() > 5 * rows.y.mean()
    forecast = fit("random_forest", rows, split(rows.second, 24), 24, besides=hot)
    calm = rows.features[rows.features[:, PLACE("cabinet_c")] < 45]
    assert np.median(forecast.raw(hot.features[heat >= 74])) > 10 * np.median(forecast.raw(calm))


def test_too_short_a_history_is_refused_with_what_it_needs():
    with pytest.raises(ValueError, match="14 days and 24 hours are needed"):
        charger_rows(
            observed(
                [(0, 0, UP, 20.0), (0, HOUR, UP, 20.0)],
                readings=Log.sorted([0], [HOUR], load=[0.5], ambient_c=[20.0], is_wet=[False]),
            ),
            24,
        )


def test_where_nothing_has_an_effect_no_forecast_is_let_through():
    known, oracle = lived("null", 40, 30, 3, 24, silent)
    rows, _ = rows_with_oracle(known, oracle, 24)
    signal = audit(rows, 24)
    assert min(signal["positives"]) >= 100
    assert signal["sentence"].startswith("There is no signal")
    for risk in oracle.values():
        assert np.ptp(risk[np.isfinite(risk)]) < 1e-9, "every charger that works has the same risk"
    verdict = judge(signal["has_signal"], {"value": 0.1, "interval": [0.05, 0.2]}, None)
    assert not verdict.passes
    assert "no signal" in verdict.why
