"""The registry's pages: who may look, who may decide, and what a report looks like."""

from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry import charger_pasts, kept_forecasts, model_registry, plots
from telemetry.model_pages import ModelVersionAdmin
from telemetry.models import ModelVersion, Outage, PastOfChargers, Risk, StatusReport
from telemetry.plots import Axis, Line
from telemetry.risk import drift
from telemetry.risk.charger_features import CHARGER_FEATURES

from . import fleet

pytestmark = pytest.mark.django_db


def measured(value: float) -> dict:
    return {"value": value, "interval": [value - 0.05, value + 0.05]}


@cache
def report() -> dict:
    models = [
        {"name": name, "average_precision": measured(value), "brier_skill": measured(0.1), "slope": measured(1.0)}
        for name, value in (("random_forest", 0.31), ("persistence", 0.08))
    ]
    alerts = [
        {"alerts_a_day": count, "alerts_per_100_ports_a_day": count / 12, "precision": measured(0.5),
         "recall": measured(0.2), "median_lead_hours": 9.0} for count in (5, 10)
    ]  # fmt: skip
    thresholds = [
        {"risk": risk, "alerts_per_100_ports_a_day": measured(12.0), "false_per_100_ports_a_day": measured(4.0),
         "precision": rare, "recall": measured(0.2)}
        for risk, rare in ((0.45, measured(0.6)), (0.9, {"value": None, "interval": [None, None]}))
    ]  # fmt: skip
    leads = {"budget": 20, "points": [{"hours": hours, **measured(0.4 - hours / 100)} for hours in (0.0, 12.0, 24.0)]}
    return {
        "thresholds": thresholds, "lead_times": leads, "models": models,
        "gain": measured(0.23), "verdict": "It beats persistence: +0.230.", "prevalence": 0.04,
        "rows": {"train": 10, "calibration": 4, "test": 4}, "chargers": 1200, "alerts": alerts,
        "reliability": [{"risk": r, "observed": r, "interval": [r - 0.01, r + 0.01], "rows": 9} for r in (0.1, 0.4)],
        "curve": [[0.1, 0.6], [0.5, 0.3], [1.0, 0.04]], "limits": ["It cannot see vandalism."],
        "importance": [{"feature": "soft trips", "drop": 0.1, "interval": [0.05, 0.15]}],
        "folds": [{"from": "2026-01-01T00:00:00Z", "to": "2026-01-31T00:00:00Z", "random_forest": 0.3,
                   "persistence": 0.1, "prevalence": 0.04}],
        "unseen_sites": {"average_precision": measured(0.29)},
        "signal": {"has_signal": True, "sentence": "Failures can be forecast to some degree.", "auc": measured(0.8)},
    }  # fmt: skip


@pytest.fixture(autouse=True)
def model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"
    model_registry.forget()
    yield
    model_registry.forget()


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


def stored(**about) -> ModelVersion:
    about = {"kind": "forecast", "level": "charger", "horizon_hours": 24, "metrics": report(), **about}
    return model_registry.store({"any": "thing"}, features=CHARGER_FEATURES, at=fleet.NOW, **about)


def page(client, name: str, *args) -> str:
    response = client.get(reverse(f"admin:telemetry_modelversion_{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def test_a_models_page_shows_the_sentence_the_table_the_plots_and_the_limits(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    text = page(client, "change", stored().pk)
    for words in ("It beats persistence", "0.310 (0.260 to 0.360)", "persistence", "It cannot see vandalism.",
                  "Is there a signal at all?", "2026-01-01 to 2026-01-31", "soft trips"):  # fmt: skip
        assert words in text
    assert text.count('<svg viewBox="0 0 360') == 6
    for title in ("Lead time", "Alerts per 100 ports a day", "Precision and recall by alerts a day"):
        assert f"<figcaption><b>{title}</b>" in text
    assert "12.00 (11.95 to 12.05)" in text
    assert "Let this model score" not in text


def test_the_page_of_a_forecast_of_sites_counts_sites(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    text = page(client, "change", stored(level="site", metrics={**report(), "level": "site"}).pk)
    for words in ("Forecast of sites, 24 h", "moments of 1,200 sites", "Alerts per 100 sites a day"):
        assert words in text
    assert "chargers" not in text[text.index("All models") : text.index("What it was made of")]


def test_no_signal_is_said_loudly(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    silent = {**report(), "signal": {"has_signal": False, "sentence": "There is no signal: luck.", "auc": None}}
    text = page(client, "change", stored(metrics=silent).pk)
    assert "No signal.</b> There is no signal: luck." in text


def test_the_state_classifier_says_why_it_is_only_a_baseline(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    metrics = {
        "importances": {"estimated_wait_time_mins": 0.62, "hour_of_day": 0.1}, "prevalence": 0.1,
        "importances_without_wait": {"hour_of_day": 0.33}, "average_precision": 0.9, "interval": [0.85, 0.95],
        "without_wait": measured(0.4), "given_by_wait": measured(0.5),
    }  # fmt: skip
    text = page(client, "change", stored(kind="state_classifier", level="site", horizon_hours=0, metrics=metrics).pk)
    assert "the wait is a child of the very status" in text
    assert "62.0 %" in text
    assert "33.0 %" in text
    assert "without it 0.400 (0.350 to 0.450)" in text
    assert "What the wait gives away" in text


def test_a_state_classifier_of_before_has_a_page_too(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    metrics = {"importances": {"estimated_wait_time_mins": 0.62}, "average_precision": 0.9, "prevalence": 0.1}
    text = page(client, "change", stored(kind="state_classifier", level="site", horizon_hours=0, metrics=metrics).pk)
    assert "the wait is a child of the very status" in text


def test_nobody_can_let_ticks_score_by_a_forecast_of_sites(operator, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    model = stored(level="site")
    assert "Let this model score" not in page(client, "change", model.pk)
    address = reverse("admin:telemetry_modelversion_promote", args=[model.pk])
    assert client.post(address, {"reason": "let us see it"}).status_code == 404
    model.refresh_from_db()
    assert model.state == "candidate"


@pytest.mark.parametrize(
    ("role", "allowed"), [("viewer", False), ("dispatcher", False), ("ops", True), ("chief", True)]
)
def test_only_who_has_the_permission_and_sees_all_operators_decides_what_scores(operator, client, role, allowed):
    person = fleet.person(role, None if role == "chief" else role, operator, is_superuser=role == "chief")
    client.force_login(person)
    model = stored()
    address = reverse("admin:telemetry_modelversion_promote", args=[model.pk])
    response = client.post(address, {"reason": "it ranks better here"})
    model.refresh_from_db()
    assert response.status_code == (302 if allowed else 403)
    assert model.state == ("active" if allowed else "candidate")


def test_no_model_is_let_score_whose_promotion_cannot_be_told(operator, client, monkeypatch):
    client.force_login(fleet.person("chief", is_superuser=True))
    model = stored()

    def broken(*_):
        raise InterruptedError

    monkeypatch.setattr(ModelVersionAdmin, "log_change", broken)
    with pytest.raises(InterruptedError):
        client.post(reverse("admin:telemetry_modelversion_promote", args=[model.pk]), {"reason": "it ranks better"})
    model.refresh_from_db()
    assert model.state == "candidate"


def test_a_person_overrides_the_gate_with_a_reason_that_is_kept(operator, client):
    chief = fleet.person("chief", is_superuser=True)
    client.force_login(chief)
    model = stored(metrics={**report(), "gate": {"passes": False, "why": "it does not beat persistence"}})
    assert "it does not beat persistence" in page(client, "promote", model.pk)
    address = reverse("admin:telemetry_modelversion_promote", args=[model.pk])
    assert client.post(address, {"reason": ""}).status_code == 200
    client.post(address, {"reason": "we need a baseline"})
    model.refresh_from_db()
    assert (model.state, model.promoted_by) == ("active", chief)
    assert model.reason == "we need a baseline (against the gate: it does not beat persistence)"


def test_a_model_whose_file_is_not_its_own_cannot_be_promoted_and_the_list_says_so(operator, client, settings):
    client.force_login(fleet.person("chief", is_superuser=True))
    good, bad = stored(), stored(metrics={})
    good.activate(fleet.NOW)
    (settings.MODEL_DIR / bad.file_name).write_bytes(b"anything")
    client.post(reverse("admin:telemetry_modelversion_promote", args=[bad.pk]), {"reason": "let us see it"})
    assert ModelVersion.objects.active("forecast") == good
    assert "does not match its hash" in page(client, "changelist")


def test_retraining_is_queued_once(operator, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    address = reverse("admin:telemetry_modelversion_retrain")
    for _ in range(2):
        assert client.post(address).status_code == 302
    assert Job.objects.filter(kind="train_risk").count() == 1
    client.force_login(fleet.person("viewer", "viewer"))
    assert client.post(address).status_code == 403


def test_the_drift_page_sets_now_beside_the_training(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    assert "nothing can drift" in page(client, "drift")
    fleet.charger(fleet.site(operator, 1))
    charger_pasts.refresh(fleet.NOW)
    _, now = charger_pasts.features_now()
    stored(metrics={**report(), "reference": drift.reference(now + 100, CHARGER_FEATURES)}).activate(fleet.NOW)
    text = page(client, "drift")
    assert "badge-critical" in text
    assert PastOfChargers.objects.count() == 1


def test_plots_say_in_words_what_they_show_and_escape_names():
    drawn = plots.chart("<b>", "said", Axis("x"), Axis("y"), [Line("a & b", [0, 1], [0, 1], [0, 0], [1, 1])])
    assert 'aria-label="&lt;b&gt;: said"' in drawn
    assert "a &amp; b" in drawn
    assert "<b>" not in drawn.replace("<b>&lt;b&gt;</b>", "")
    assert "<table" in plots.rows("t", "s", "unit", [("one", 0.5, None, None)])


def kept_risk(charger, hours_ago: float, probability: float, model: ModelVersion) -> Risk:
    at = timezone.now().replace(minute=0, second=2, microsecond=0) - timedelta(hours=hours_ago)
    return Risk.objects.create(
        site=charger.site, charger=charger, at=at, probability=probability, level="watch", reason="hot", model=model
    )


def test_kept_forecasts_stand_beside_what_came_of_them(operator, client):
    client.force_login(fleet.person("viewer", "viewer"))
    assert "No forecast has been kept" in page(client, "drift")
    model = stored()
    for number in range(20):
        port = fleet.charger(fleet.site(operator, number))
        for hours_ago in (240, 239, 30):
            told = kept_risk(port, hours_ago, 0.55 if number < 10 else 0.15, model)
        if number < 5:
            ended = told.at + timedelta(hours=3)
            Outage.objects.create(
                charger=port, started_at=told.at + timedelta(hours=1), ended_at=ended, status="FAULTED"
            )
    found = kept_forecasts.context(timezone.now())
    assert found["kept_all"]["forecasts"] == 60
    (_, weeks), (_, bands) = found["kept_tables"]
    assert [(one["forecasts"], one["observed"][:4]) for one in weeks] == [(40, "0.00"), (20, "0.25")]
    assert [(one["name"], one["predicted"], one["observed"][:4]) for one in bands] == [
        ("10 to 20 %", "0.15", "0.00"), ("50 to 60 %", "0.55", "0.17"),
    ]  # fmt: skip
    assert {one["verdict"] for one in bands} == {"forecast too high"}
    assert "Forecast and what came of it" in page(client, "drift")


def test_of_kept_forecasts_only_those_count_that_could_come_true(operator):
    port, model, soon = fleet.charger(fleet.site(operator, 1)), stored(), timedelta(minutes=10)
    short, planned = kept_risk(port, 200, 0.5, model), kept_risk(port, 100, 0.5, model)
    Outage.objects.create(
        charger=port, started_at=short.at + soon, ended_at=short.at + 2 * soon, status="FAULTED"
    )  # too short
    StatusReport.objects.create(charger=port, reported_at=planned.at + soon, status="UNAVAILABLE")
    kept_risk(port, 20, 0.5, model)  # nobody knows yet
    kept_risk(port, 60, 1.0, model)  # every charger was lost: no forecast
    level_change = kept_risk(port, 150, 0.5, model)
    Risk.objects.filter(pk=level_change.pk).update(at=level_change.at + soon)
    found = kept_forecasts.context(timezone.now())
    assert found["kept_all"]["forecasts"] == 1
    assert found["kept_all"]["observed"] == "0.00"
    assert found["kept_all"]["verdict"] == "too few sites to tell"


def test_the_interval_of_a_calibration_comes_from_whole_sites():
    rng = np.random.default_rng(1)
    site, counts = np.arange(200), np.full(200, 10)
    lucky = rng.random(200) < 0.3
    found = drift.calibration(site, np.full(200, 3.0), 10 * lucky, counts)
    low, high = found["observed"]["interval"]
    assert found["predicted"] == pytest.approx(0.3)
    assert low < 0.3 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.3 * 0.7 / 200) ** 0.5, rel=0.2)
    assert drift.calibration(site[:0], counts[:0], counts[:0], counts[:0]) is None
