"""Files of the 33 columns: all of a file or nothing of it, the same file twice changes nothing."""

import csv
import io
import statistics
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stations import jobs
from stations.models import Charger, Job, Operator, Site
from telemetry.importers import ImportRefused, import_readings
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


def write(path, rows: list[dict]) -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def content() -> list:
    """All that the import writes, without keys that differ from one load to the next."""
    sites = dict(Site.objects.values_list("pk", "external_id"))
    operators = dict(Operator.objects.values_list("pk", "name"))
    values = []
    for model in (Operator, Site, Charger, Reading, Climatology, SiteState):
        rows = []
        for row in model.objects.values():
            row.pop("changed_at", None)
            row |= {
                "id": 0,
                "site_id": sites.get(row.get("site_id")),
                "operator_id": operators.get(row.get("operator_id")),
            }
            rows.append(str(sorted(row.items())))
        values.append(sorted(rows))
    return values


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


def test_a_site_has_the_middle_of_its_prices_and_a_free_one_none(small_file):
    rows = rows_of(small_file)
    for row in rows:
        if row["station_id"] == "EV00001":
            row["pricing_type"] = "free"
    load(write(small_file, rows))
    for site in Site.objects.exclude(external_id="EV00001"):
        prices = [float(row["current_price"]) for row in rows if row["station_id"] == site.external_id]
        assert float(site.base_price) == statistics.median_low(prices)
    assert Site.objects.get(external_id="EV00001").base_price == 0


def test_one_changed_row_changes_one_row(small_file):
    load(small_file)
    rows = rows_of(small_file)
    rows[10]["temperature_f"] = "12.34"
    report = load(write(small_file, rows))
    assert (report.inserted, report.changed, report.unchanged) == (0, 1, 431)
    assert Reading.objects.filter(temperature_f=12.34).count() == 1


def test_a_price_changed_by_a_hundredth_of_a_cent_is_a_change(small_file):
    load(small_file)
    rows = rows_of(small_file)
    rows[0]["current_price"] = "0.1234"
    assert load(write(small_file, rows)).changed == 1
    assert str(Reading.objects.get(site__external_id="EV00001", at=rows[0]["timestamp"] + "Z").price) == "0.1234"


def test_new_rows_are_added_to_old_ones(small_file, tmp_path):
    rows = rows_of(small_file)
    load(write(tmp_path / "first.csv", rows[:200]))
    report = load(small_file)
    assert (report.inserted, report.unchanged) == (232, 200)


def test_new_operators_are_real_when_said_so_and_known_ones_stay_what_they_are(small_file):
    name = rows_of(small_file)[0]["network"]
    Operator.objects.create(name=name, is_simulated=True)
    load(small_file, simulated=False)
    assert set(Operator.objects.filter(is_simulated=True).values_list("name", flat=True)) == {name}


def test_of_several_descriptions_of_a_station_its_latest_row_counts(small_file):
    rows = rows_of(small_file)
    own = [row for row in rows if row["station_id"] == "EV00002"]
    own[-1]["station_name"] = "Renamed"
    report = load(write(small_file, sorted(rows, key=lambda row: row["timestamp"], reverse=True)))
    assert Site.objects.get(external_id="EV00002").name == "Renamed"
    assert [note for note in report.notes if note.startswith("1 stations are described in several ways")]


def test_rows_whose_derived_columns_disagree_are_counted_and_loaded(small_file):
    rows = rows_of(small_file)
    rows[3]["hour_of_day"], rows[4]["is_weekend"], rows[5]["month"] = "23", "perhaps", ""
    report = load(write(small_file, rows))
    assert report.inserted == 432
    assert [note for note in report.notes if note.startswith("3 rows have an hour")]


def test_times_are_wall_clock_times_of_the_zone(small_file):
    load(small_file, time_zone="America/Los_Angeles")
    assert Reading.objects.earliest("at").at == datetime(2025, 7, 1, 7, tzinfo=UTC)


def test_duplicates_are_found_wherever_they_stand_and_the_first_is_kept(small_file):
    rows = rows_of(small_file)
    again = {**rows[7], "temperature_f": "12.25"}
    write(small_file, [*rows, again])
    with pytest.raises(ImportRefused) as refusal:
        load(small_file)
    (cell,) = refusal.value.report.bad_cells
    assert (cell.line, cell.column) == (434, "timestamp")
    assert not Reading.objects.exists()
    report = load(small_file, skip_bad=True)
    assert (report.inserted, report.bad_rows) == (432, 1)
    assert not Reading.objects.filter(temperature_f=12.25).exists()


def test_bad_rows_are_shown_written_and_stop_everything(small_file, capsys):
    rows = rows_of(small_file)
    rows[20]["current_price"] = "=1+1"
    rows[21]["utilization_rate"] = "1.2"
    write(small_file, rows)
    with pytest.raises(CommandError, match="2 of 432 rows are bad, so nothing was loaded"):
        call_command("import_readings", str(small_file))
    shown = capsys.readouterr().err
    assert "line 22, current_price: '=1+1' is not a number" in shown
    assert "line 23, utilization_rate: '1.2' is not between 0 and 1" in shown
    assert [row["value"] for row in rows_of(f"{small_file}.rejects.csv")] == ["'=1+1", "1.2"]
    assert not Site.objects.exists()


def test_a_database_error_in_the_middle_leaves_nothing(small_file, monkeypatch):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr("telemetry.models.readings.ClimatologyQuerySet.rebuild", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        load(small_file)
    assert content() == [[], [], [], [], [], []]


BAD_CELLS = [
    ("station_id", ""), ("station_name", "a\0b"), ("network", "x" * 101), ("latitude", "91"), ("longitude", "-180.5"),
    ("location_type", "Moon"), ("charger_type", "level 2"), ("power_output_kw", "-1"), ("ports_total", "0"),
    ("ports_total", "999"), ("ports_available", "-1"), ("utilization_rate", "nan"), ("station_status", "broken"),
    ("estimated_wait_time_mins", "inf"), ("avg_session_duration_mins", "1e999"), ("current_price", "-0.01"),
    ("current_price", ""), ("pricing_type", "barter"), ("temperature_f", "hot"), ("precipitation_mm", "-1"),
    ("weather_condition", "snow"), ("gas_price_per_gallon", "NaN"), ("traffic_congestion_index", "11"),
    ("local_event", "parade"), ("timestamp", "2025-02-30 00:00:00"), ("timestamp", "2026-01-01 00:05:01"),
]  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.integers(0, 89), st.sampled_from(BAD_CELLS), min_size=1, max_size=30))
def test_skipping_bad_rows_loads_exactly_the_good_ones(small_file, tmp_path, bad):
    rows = rows_of(small_file)[:90]
    broken = [dict(row) for row in rows]
    for number, (column, cell) in bad.items():
        broken[number][column] = cell
    good = [row for number, row in enumerate(rows) if number not in bad]
    path = write(tmp_path / "broken.csv", broken)
    with pytest.raises(ImportRefused) as refusal:
        load(path)
    assert [cell[:3] for cell in refusal.value.report.bad_cells] == [
        (number + 2, column, cell) for number, (column, cell) in sorted(bad.items())
    ]
    found = []
    for skip_bad, source in ((True, path), (False, write(tmp_path / "good.csv", good))):
        with transaction.atomic():
            load(source, skip_bad=skip_bad)
            found.append(content())
            transaction.set_rollback(True)
    assert found[0] == found[1]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(small_file, tmp_path, random):
    rows = rows_of(small_file)[:90]
    columns = list(rows[0])
    shuffled = random.sample(rows, len(rows))
    random.shuffle(columns)
    shuffled = [{name: row[name] for name in columns} for row in shuffled]
    found = []
    for order, name in ((rows, "sorted.csv"), (shuffled, "shuffled.csv")):
        with transaction.atomic():
            load(write(tmp_path / name, order))
            found.append(content())
            transaction.set_rollback(True)
    assert found[0] == found[1]


def test_generated_history_can_be_loaded_at_once():
    call_command("generate_history", sites=3, days=2, seed=4, load=True, verbosity=0)
    assert Reading.objects.count() == 3 * 97
    assert Reading.objects.latest("at").at <= datetime.now(UTC)
    assert not Operator.objects.filter(is_simulated=False).exists()


def upload_job(kind: str, name: str, text: bytes, **parameters) -> Job:
    job = jobs.enqueue(kind, parameters, upload=ContentFile(text, name))
    jobs.run(job.pk)
    return Job.objects.get(pk=job.pk)


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_imported_by_a_worker(small_file, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    job = upload_job("import_readings", "small.csv", small_file.read_bytes())
    assert (job.state, job.result["inserted"]) == (Job.State.DONE, 432)


@pytest.mark.django_db(transaction=True)
def test_an_upload_with_bad_rows_fails_and_keeps_the_list_of_them(small_file, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    text = small_file.read_bytes().replace(b",operational,", b",oper\0ational,", 3)
    job = upload_job("import_readings", "small.csv", text)
    assert job.state == Job.State.FAILED
    assert job.message.startswith("3 of 432 rows are bad")
    assert len(job.result["bad_cells"]) == 3
    with job.result_file.open() as file:
        assert len(list(csv.reader(io.TextIOWrapper(file, "utf-8")))) == 4
    skipped = upload_job("import_readings", "small.csv", text, skip_bad=True)
    assert (skipped.state, skipped.result["inserted"], skipped.result["bad_rows"]) == (Job.State.DONE, 429, 3)
