"""Scores, reasons, losses, and the model that is only ever loaded as it was stored."""

import doctest
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from stations.models import Operator
from telemetry import model_registry, scoring
from telemetry.models import ModelVersion, Reading
from telemetry.risk import classifier, loss
from telemetry.risk.features import FEATURES, feature_matrix
from telemetry.risk.reasons import reasons
from telemetry.risk.rule import rule_score

from . import fleet

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def readings(count: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and states in which heat decides."""
    rng = np.random.default_rng(seed)
    features = rng.random((count, len(FEATURES))).astype("f4")
    return features, (features[:, FEATURES.index("temperature_f")] > 0.8).astype("i2")


def store(seed: int = 0) -> ModelVersion:
    features, status = readings(seed=seed)
    model = scoring.store(classifier.train(features, status), len(status), NOW)
    model.activate()
    return model


@pytest.fixture(autouse=True)
def model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path
    model_registry.forget()


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(loss).failed == 0


def test_features_stand_in_their_order_with_the_five_of_time():
    columns = {name: np.full(2, place) for place, name in enumerate(FEATURES[:16])}
    matrix = feature_matrix(columns, hour=np.array([8, 12]), weekday=np.array([6, 0]), month=np.array([7, 7]))
    assert matrix.shape == (2, 21)
    assert matrix[0].tolist() == [*range(16), 8, 6, 7, 1, 1]
    assert matrix[1].tolist() == [*range(16), 12, 0, 7, 0, 0]


def test_the_rule_rises_with_load_heat_and_queue():
    score = rule_score(np.array([0.2, 0.98, 0.98]), np.array([70.0, 70.0, 105.0]), np.array([0.0, 45.0, 45.0]))
    assert score[0] < 0.05
    assert (np.diff(score) > 0).all()
    assert score[2] > 0.9


def test_reasons_name_what_is_out_of_the_ordinary_with_its_unit():
    words = reasons(np.array([0.98, 0.3]), np.array([0.41, 0.3]), np.array([105.0, 70]), np.array([45.0, 0]))
    assert words[0] == "98% of working ports in use, usually 41%; 105 °F; 45 min wait"
    assert words[1].startswith("the mix of")


def test_a_forest_learns_what_decides_and_reports_its_average_precision():
    features, status = readings()
    trained = classifier.train(features, status)
    assert trained.metrics["average_precision"] > 0.9
    assert max(trained.metrics["importances"], key=trained.metrics["importances"].get) == "temperature_f"
    assert trained.metrics["train_rows"] == 2400


def test_the_same_forest_without_the_wait_shows_what_the_wait_gave_away():
    features, _ = readings()
    wait = features[:, FEATURES.index(classifier.WAIT)]
    status, site = (wait > 0.8).astype("i2"), np.arange(len(wait)) % 40
    metrics = classifier.train(features, status, site=site).metrics
    assert metrics["average_precision"] > 0.9
    assert metrics["without_wait"]["interval"][0] < metrics["prevalence"] < metrics["without_wait"]["interval"][1]
    assert metrics["given_by_wait"]["interval"][0] > 0.5
    assert classifier.WAIT not in metrics["importances_without_wait"]
    assert len(metrics["importances_without_wait"]) == 20


def test_scores_are_those_of_the_forest_with_one_job_and_with_several():
    features, status = readings()
    trained = classifier.train(features, status)
    expected = trained.model.predict_proba(features)[:, 1]
    assert classifier.score(trained.model, features) == pytest.approx(expected, abs=1e-9)
    assert classifier.score(trained.model, features, jobs=2) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("late", ["none", "in the last fifth only", "maintenance only"])
def test_a_history_without_outages_to_learn_from_is_refused(late):
    features, status = readings()
    status[:] = 0
    if late == "in the last fifth only":
        status[2700:] = 1
    elif late == "maintenance only":
        status[::7] = 2
    with pytest.raises(ValueError, match="hold no outage"):
        classifier.train(features, status)


@pytest.mark.django_db
def test_training_without_readings_says_what_to_do():
    with pytest.raises(scoring.NothingToLearn, match="import_readings"):
        scoring.train_risk(NOW)


@pytest.mark.django_db
def test_without_a_usable_model_the_rule_scores(settings):
    class Measured:
        utilization, temperature_f, wait_minutes = np.array([0.98]), np.array([105.0]), np.array([45.0])

    model = store()
    (settings.MODEL_DIR / model.file_name).unlink()
    risk, used = scoring.score_network(np.zeros((1, 21), "f4"), Measured)
    assert used is None
    assert risk == rule_score(Measured.utilization, Measured.temperature_f, Measured.wait_minutes)


@pytest.fixture
def history():
    """A site whose readings fail when it is hot, one a half-hour; returns how to add more."""
    here = fleet.live_site(Operator.objects.create(name="Northline Charging", is_simulated=True), 1)

    rng = np.random.default_rng(1)

    def add(start: datetime, count: int) -> None:
        fails = rng.random(count) < 0.3
        rows = [
            fleet.reading_row(
                here, at=start + timedelta(minutes=30 * n), temperature_f=100 if fail else 70, status=int(fail)
            )
            for n, fail in enumerate(fails)
        ]
        Reading.objects.bulk_create(rows)

    return add


@pytest.mark.django_db
def test_a_model_is_kept_back_if_the_active_one_does_better_on_readings_new_to_both(history):
    history(NOW, 600)
    first, promoted = scoring.train_risk(NOW)
    assert promoted
    assert first.metrics["trained_until"] == "2026-07-10T23:30:00Z"
    Reading.objects.filter(at__lt=NOW + timedelta(days=10)).update(temperature_f=60)  # the new one can learn nothing
    _, promoted = scoring.train_risk(NOW)
    assert not promoted
    assert ModelVersion.objects.active() == first


@pytest.mark.django_db
def test_without_a_later_outage_to_compare_by_the_active_model_stays(history):
    history(NOW, 600)
    first, _ = scoring.train_risk(NOW)
    Reading.objects.filter(at__gt=NOW + timedelta(days=9)).update(status=0)
    _, promoted = scoring.train_risk(NOW)
    assert not promoted
    assert ModelVersion.objects.active() == first


@pytest.mark.django_db
def test_readings_thinned_from_ticks_are_not_learnt_from(history):
    history(NOW, 200)
    Reading.objects.update(from_ticks=True)
    with pytest.raises(scoring.NothingToLearn):
        scoring.train_risk(NOW)
