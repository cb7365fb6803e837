"""Learning from an imported file of readings and nothing else: the audit, the model of sites, and the registry."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from stations.models import Operator
from telemetry import forecast_training, model_registry
from telemetry.models import ModelVersion, StatusReport
from telemetry.observed_sites import read_sites, sites_with_readings_only
from telemetry.risk.observed import FAULT, PLANNED, UP
from telemetry.risk.site_features import SITE_FEATURES

from . import fleet

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAYS = 40
pytestmark = pytest.mark.django_db

# Every third site fails ten times as often; the hash stands for luck.
_FILL = """
INSERT INTO telemetry_reading (site_id, at, ports_total, ports_available, ports_occupied, ports_out_of_service,
    utilization, status, wait_minutes, session_minutes, price, temperature_f, precipitation_mm, weather, gas_price,
    traffic_index, local_event, from_ticks)
SELECT id, at, 4, 3 - out, 1, out, 0.3, out, 0, 30, 0.4, 70, 0, 0, 3, 2, 0, false
FROM stations_site, generate_series(%(start)s, %(end)s, interval '30 minutes') at,
    LATERAL (SELECT (abs(hashint8(extract(epoch FROM at)::bigint * 31 + right(external_id, 3)::int)) %% 1000
        < CASE WHEN right(external_id, 3)::int %% 3 = 0 THEN 20 ELSE 2 END)::int AS out) luck
"""


@pytest.fixture(autouse=True)
def model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"
    model_registry.forget()
    yield
    model_registry.forget()


@pytest.fixture
def sites():
    operator = Operator.objects.create(name="Northline")
    return [fleet.site(operator, number) for number in range(1, 25)]


@pytest.fixture
def readings(sites):
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"start": NOW - timedelta(days=DAYS), "end": NOW})


def test_readings_come_out_of_the_database_as_they_were_read(sites):
    half = timedelta(minutes=30)
    for number, status in enumerate((0, 1, 3, 2, 0)):
        fleet.reading(sites[1], at=NOW + number * half, status=status, temperature_f=68, wait_minutes=number)
    fleet.reading(sites[1], at=NOW - half, from_ticks=True)
    observed, ids = read_sites(NOW - half, NOW + 6 * half)
    assert ids.tolist() == [site.pk for site in sites]
    assert observed.readings.owner.tolist() == [1] * 5
    assert observed.readings["state"].tolist() == [UP, FAULT, FAULT, PLANNED, UP]
    assert observed.readings["ambient_c"] == pytest.approx(np.full(5, 20))
    assert observed.outages().second.tolist() == [int(NOW.timestamp()) + 3600], "known when its half-hour is over"
    assert observed.outages()["end"].tolist() == [int(NOW.timestamp()) + 2 * 3600]


def test_a_history_of_readings_alone_is_audited_and_learnt_from(readings, sites, capsys):
    StatusReport.objects.record([fleet.charger(sites[0]).pk], [NOW], ["AVAILABLE"])  # as an import of readings does
    assert sites_with_readings_only().count() == len(sites)
    call_command("audit_signal")
    said = capsys.readouterr().out
    assert "by their readings alone" in said
    assert "can be forecast to some degree" in said
    assert list(forecast_training.forecasts_to_train()) == ["forecast", "forecast of sites"]
    with pytest.raises(forecast_training.NothingToLearn, match="the history is too short"):
        forecast_training.train_forecast(NOW)
    version, promoted = forecast_training.train_sites(NOW)
    assert (version.level, version.horizon_hours, tuple(version.features)) == ("site", 24, SITE_FEATURES)
    assert version.metrics["level"] == "site"
    assert len(version.metrics["reference"]) == len(SITE_FEATURES)
    beats = version.metrics["gain"]["interval"][0] > 0
    assert (promoted, version.state) == (False, "shadow" if beats else "candidate")
    assert version.reason.startswith("for looking at: it ")
    assert ModelVersion.objects.active("forecast") is None, "no tick scores by it"
    again = model_registry.load(version, SITE_FEATURES)
    assert again.reasons(np.zeros((1, len(SITE_FEATURES)), "f4"))[0].startswith("associated with")


def test_sites_whose_chargers_have_told_their_states_for_weeks_are_not_of_readings_only(readings, sites):
    told = fleet.charger(sites[0])
    StatusReport.objects.record([told.pk], [NOW - timedelta(days=30)], ["AVAILABLE"])
    assert set(sites_with_readings_only()) == set(sites[1:])


def test_without_readings_or_reports_the_audit_says_what_is_missing(sites):
    with pytest.raises(forecast_training.NothingToLearn, match=r"import status reports .* import readings"):
        forecast_training.signal_of_history(NOW)
    assert not sites_with_readings_only().exists()
