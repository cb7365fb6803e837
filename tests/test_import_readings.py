"""Files of the 33 columns: all of a file or nothing of it, the same file twice changes nothing."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from stations.models import Charger, Operator, Site
from telemetry.importers import import_readings
from telemetry.models import Climatology, Reading, SiteState
from telemetry.simulation.history_file import write_history
from telemetry.simulation.network import network

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def load(path, **options):
    """Import `path` as the command does."""
    defaults = {"simulated": True, "skip_bad": False, "time_zone": "UTC", "rejects_path": None, "now": NOW}
    return import_readings(path, progress=lambda *_: None, **(defaults | options))


@pytest.fixture
def small_file(tmp_path) -> Path:
    """Six sites over a day and a half."""
    path = tmp_path / "small.csv"
    write_history(path, network(6, 2), np.datetime64("2025-07-01"), 72, 2, lambda *_: None)
    return path


def rows_of(path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_cell_of_a_file_is_stored(small_file):
    report = load(small_file)
    assert (report.rows, report.inserted, report.changed, report.bad_rows) == (432, 432, 0, 0)
    stored = {(r.site.external_id, f"{r.at:%Y-%m-%d %H:%M:%S}"): r for r in Reading.objects.select_related("site")}
    for row in rows_of(small_file):
        reading = stored[row["station_id"], row["timestamp"]]
        assert reading.utilization == float(row["utilization_rate"])
        assert float(reading.price) == float(row["current_price"])
        assert float(reading.gas_price) == float(row["gas_price_per_gallon"])
        assert reading.get_status_display() == row["station_status"]
        assert reading.get_weather_display() == row["weather_condition"]
        assert reading.get_local_event_display() == row["local_event"]
        assert reading.ports_available == int(row["ports_available"])
        assert reading.temperature_f == float(row["temperature_f"])
        assert reading.wait_minutes == float(row["estimated_wait_time_mins"])


def test_operators_sites_and_chargers_come_from_the_file(small_file):
    load(small_file)
    rows = rows_of(small_file)
    assert set(Operator.objects.values_list("name", "is_simulated")) == {(row["network"], True) for row in rows}
    for row in rows[:6]:
        site = Site.objects.get(external_id=row["station_id"])
        assert (site.name, site.operator.name, site.city) == (row["station_name"], row["network"], row["city"])
        assert (site.latitude, site.longitude) == (float(row["latitude"]), float(row["longitude"]))
        assert (site.location_type, site.charger_type) == (row["location_type"], row["charger_type"])
        assert site.amenities == row["amenities_nearby"]
        assert site.chargers.count() == site.ports_total == int(row["ports_total"])
    assert (
        Charger.objects.get(external_id="EV00001-1").cabinet_id
        == Charger.objects.get(external_id="EV00001-2").cabinet_id
    )


def test_the_same_file_again_changes_nothing(small_file):
    load(small_file)
    before = [list(model.objects.order_by("pk").values()) for model in (Site, Charger, Reading, Climatology, SiteState)]
    again = load(small_file)
    after = [list(model.objects.order_by("pk").values()) for model in (Site, Charger, Reading, Climatology, SiteState)]
    assert (again.inserted, again.changed, again.unchanged) == (0, 0, 432)
    assert before == after


def test_the_live_row_and_the_usual_values_follow(small_file):
    load(small_file)
    assert Climatology.objects.count() == 6 * 12 * 24
    for site in Site.objects.all():
        assert site.state.price == site.base_price
        assert site.state.ports_available == site.ports_total
