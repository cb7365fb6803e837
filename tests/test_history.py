"""The generated history: its shape, its identities, and that it never contradicts itself."""

import csv
import gzip
from datetime import datetime

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from telemetry.risk import classifier
from telemetry.risk.features import FEATURES, feature_matrix
from telemetry.simulation.history import STATUSES, history
from telemetry.simulation.history_file import COLUMNS, write_history
from telemetry.simulation.network import network

JULY = np.datetime64("2025-07-01")
DATA_SET_COLUMNS = [
    "station_id",
    "station_name",
    "network",
    "city",
    "state",
    "latitude",
    "longitude",
    "location_type",
    "charger_type",
    "power_output_kw",
    "amenities_nearby",
    "ports_total",
    "ports_available",
    "ports_occupied",
    "ports_out_of_service",
    "utilization_rate",
    "station_status",
    "estimated_wait_time_mins",
    "avg_session_duration_mins",
    "current_price",
    "pricing_type",
    "temperature_f",
    "precipitation_mm",
    "weather_condition",
    "gas_price_per_gallon",
    "traffic_congestion_index",
    "local_event",
    "timestamp",
    "hour_of_day",
    "day_of_week",
    "month",
    "is_weekend",
    "is_peak_hour",
]


def made(sites=20, start=JULY, steps=96, seed=3):
    """One stretch of history as whole columns."""
    blocks = list(history(network(sites, seed), start, steps, seed))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def no_progress(*_):
    pass


def test_the_file_has_the_33_columns_and_a_row_per_site_and_half_hour(tmp_path):
    call_command("generate_history", sites=3, days=2, seed=1, csv=str(tmp_path / "made.csv"), verbosity=0)
    with open(tmp_path / "made.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == DATA_SET_COLUMNS == list(COLUMNS)
    assert len(rows) == 3 * (2 * 48 + 1)
    assert {len(row) for row in rows} == {33}
    stamps = [row[27] for row in rows]
    assert (stamps[0], stamps[-1]) == ("2025-12-29 00:00:00", "2025-12-31 00:00:00")


def test_derived_columns_follow_from_the_time(tmp_path):
    write_history(tmp_path / "made.csv", network(1, 1), np.datetime64("2025-08-31T20:00"), 20, 1, no_progress)
    with open(tmp_path / "made.csv", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["timestamp"])
            assert [int(row[name]) for name in ("hour_of_day", "day_of_week", "month")] == [
                at.hour,
                at.weekday(),
                at.month,
            ]
            assert row["is_weekend"] == str(at.weekday() >= 5)
            assert row["is_peak_hour"] == str(at.hour in {7, 8, 9, 17, 18, 19, 20})


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two", "three")]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        write_history(path, network(4, seed), JULY, 60, seed, no_progress)
    one, two, three = (path.read_bytes() for path in paths)
    assert one == two
    assert one != three


def test_a_gzip_file_holds_what_the_plain_file_holds(tmp_path):
    for name in ("made.csv", "made.csv.gz"):
        write_history(tmp_path / name, network(4, 1), JULY, 60, 1, no_progress)
    assert gzip.decompress((tmp_path / "made.csv.gz").read_bytes()) == (tmp_path / "made.csv").read_bytes()


def test_ports_add_up_and_what_follows_from_them_agrees():
    made_columns = made(steps=48 * 30)
    ports = network(20, 3).ports[made_columns["site"]]
    parts = [made_columns[f"ports_{part}"] for part in ("available", "occupied", "out_of_service")]
    assert (sum(parts) == ports).all()
    assert all((part >= 0).all() for part in parts)
    assert ((made_columns["utilization_rate"] >= 0) & (made_columns["utilization_rate"] <= 1)).all()
    assert ((made_columns["estimated_wait_time_mins"] > 0) == (parts[0] == 0)).all()
    operational, outage, upkeep, offline = (made_columns["station_status"] == code for code in range(len(STATUSES)))
    assert (parts[2][operational] == 0).all()
    assert (parts[2][outage | upkeep] > 0).all()
    assert (parts[2][offline] == ports[offline]).all()


def test_free_sites_cost_nothing_and_evenings_and_nights_differ_from_the_base_price():
    made_columns = made(sites=60, steps=48 * 7)
    sites = network(60, 3)
    free, hour = sites.pricing[made_columns["site"]] == 2, made_columns["timestamp"].astype("M8[h]").astype(int) % 24
    assert free.any()
    assert (made_columns["current_price"][free] == 0).all()
    ratio = made_columns["current_price"][~free] / sites.base_price[made_columns["site"][~free]]
    calm = made_columns["utilization_rate"][~free] <= 0.8
    assert np.allclose(ratio[calm & np.isin(hour[~free], (17, 18, 19))], 1.15, atol=1e-3)
    assert np.allclose(ratio[calm & np.isin(hour[~free], (2, 3, 4))], 0.85, atol=1e-3)
    assert np.median(ratio) == pytest.approx(1)


def test_a_longer_history_and_a_larger_network_agree_where_they_overlap():
    short = made(sites=5, start=np.datetime64("2025-07-10T12:30"), steps=100)
    long = made(sites=9, start=np.datetime64("2025-06-01"), steps=48 * 60)
    within = (long["site"] < 5) & np.isin(long["timestamp"], short["timestamp"])
    for name in short:
        assert (long[name][within] == short[name]).all(), name


def test_about_eight_percent_of_rows_are_outages_and_they_last():
    made_columns = made(sites=100, steps=48 * 30)
    down = np.isin(made_columns["station_status"], (1, 3)).reshape(-1, 100)
    assert 0.05 < down.mean() < 0.12
    begins = (down[1:] & ~down[:-1]).sum()
    assert 4 < down.sum() / begins < 30  # half-hours per spell


@pytest.mark.parametrize("start", ["2026-01-05", "2025-07-05"])
def test_a_full_and_hot_site_with_a_queue_is_almost_always_in_an_outage(start):
    made_columns = made(sites=150, start=np.datetime64(start), steps=48 * 30)
    near = (
        (made_columns["utilization_rate"] > 0.94)
        & (abs(made_columns["temperature_f"] - 105) < 6)
        & (abs(made_columns["estimated_wait_time_mins"] - 45) < 15)
    )
    assert near.sum() > 100
    assert np.isin(made_columns["station_status"][near], (1, 3)).mean() > 0.95


@pytest.mark.parametrize("options", [{"sites": 0}, {"days": 0}, {"end": "yesterday"}, {"end": "2025-07-01T00:10"}])
def test_what_cannot_be_generated_is_refused(tmp_path, options):
    with pytest.raises(CommandError):
        call_command("generate_history", csv=str(tmp_path / "made.csv"), **options)


def test_the_state_classifier_learns_from_a_month_that_stress_breaks_any_site_and_quiet_ones_hold():
    sites, readings = network(150, 7), made(sites=150, seed=7, start=np.datetime64("2026-01-05"), steps=48 * 30)
    features = features_of(sites, readings)
    model = classifier.train(features, readings["station_status"]).model
    some = np.random.default_rng(1).choice(len(features), 4000, replace=False)
    stressed = features[some].copy()
    for name, value in (("utilization_rate", 0.98), ("temperature_f", 105), ("estimated_wait_time_mins", 45)):
        stressed[:, FEATURES.index(name)] = value
    stressed[:, FEATURES.index("month")] = np.arange(4000) % 12 + 1
    assert (classifier.score(model, stressed) > 0.9).mean() > 0.98
    free_port = readings["ports_available"][some] > 0
    quiet = features[some][free_port & (readings["station_status"][some] == 0)]
    assert np.quantile(classifier.score(model, quiet), 0.99) < 0.3


def features_of(sites, readings) -> np.ndarray:
    """The classifier's features, with numbers for words."""
    at, site = readings["timestamp"], readings["site"]
    columns = {
        "network": sites.operator[site],
        "charger_type": sites.charger[site],
        "power_output_kw": sites.power_kw[site],
        "ports_total": sites.ports[site],
        "location_type": sites.location[site],
        "pricing_type": sites.pricing[site],
        **readings,
    }
    weekday, month = (at.astype("M8[D]").astype(int) + 3) % 7, at.astype("M8[M]").astype(int) % 12 + 1
    return feature_matrix(columns, at.astype("M8[h]").astype(int) % 24, weekday, month)
