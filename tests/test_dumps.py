"""A dump holds every table of one operator, as Parquet and as CSV, and only its members fetch it."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.urls import reverse

from sntry_site.exports import dump
from sntry_site.exports.dump_tables import TABLES
from stations import jobs
from stations.access import sync_roles
from stations.models import Job, Operator

from . import fleet
from .fleet import NOW

DAY = NOW.date()
pytestmark = pytest.mark.django_db
runs_a_job = pytest.mark.django_db(transaction=True, databases=["default", "progress"])


@pytest.fixture
def operators():
    """Northline and Southway, with a few rows in every table each."""
    both = [Operator.objects.create(name=name) for name in ("Northline", "Southway")]
    fleet.fill(both[0], 4)
    Job.objects.filter(kind=dump.KIND).delete()
    here = fleet.site(both[1], 1, name="Foreign")
    fleet.reading(here, at=NOW - timedelta(hours=1))
    return both


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def made(operator, tmp_path, until=DAY + timedelta(days=1), days=30):
    path = tmp_path / "dump.zip"
    counts = dump.write_archive(path, operator, until, days)
    return counts, zipfile.ZipFile(path)


def tables_of(archive):
    """name -> (rows of the Parquet file, rows of the CSV file)."""
    found = {}
    for table in TABLES:
        columns = pq.read_table(io.BytesIO(archive.read(f"parquet/{table.name}.parquet")))
        lines = csv.DictReader(io.StringIO(archive.read(f"csv/{table.name}.csv").decode(), newline=""))
        assert columns.schema == table.schema
        assert lines.fieldnames == table.schema.names
        found[table.name] = columns.to_pylist(), list(lines)
    return found


def test_every_table_is_in_it_twice_and_both_say_the_same(operators, tmp_path):
    counts, archive = made(operators[0], tmp_path)
    assert archive.testzip() is None
    assert all(counts.values()), counts
    for name, (columns, lines) in tables_of(archive).items():
        assert len(columns) == len(lines) == counts[name]
        for packed, said in zip(columns, lines, strict=True):
            for key, value in packed.items():
                if value is None:
                    assert said[key] == ""
                elif isinstance(value, datetime):
                    assert said[key] == f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
                elif not isinstance(value, str | bool):
                    assert float(said[key]) == float(value)
    about = json.loads(archive.read("about.json"))
    assert about == {"format": 1, "operator": "Northline", "starts_at": "2026-10-22T00:00:00Z",
                     "ends_at": "2026-11-21T00:00:00Z", "rows": counts}  # fmt: skip


def test_nothing_of_another_operator_is_in_it(operators, tmp_path):
    _, archive = made(operators[0], tmp_path)
    assert not [name for name in archive.namelist() if b"Foreign" in archive.read(name)]
    counts, archive = made(operators[1], tmp_path)
    assert {name: count for name, count in counts.items() if count} == {"sites": 1, "readings": 1}


def test_what_happened_outside_of_its_days_is_not_in_it(operators, tmp_path):
    counts, _ = made(operators[0], tmp_path, until=DAY)
    # What was open or holds reaches over the day; reports, sessions and readings are of the days themselves.
    assert (counts["sites"], counts["status_reports"], counts["sessions"], counts["readings"]) == (4, 0, 0, 0)


def test_words_that_look_like_formulas_do_not_act_in_a_spreadsheet(operators, tmp_path):
    fleet.site(operators[0], 99, name='=HYPERLINK("http://evil")', city="@SUM(A1)", latitude=-30.5, longitude=-97)
    _, archive = made(operators[0], tmp_path)
    packed, said = tables_of(archive)["sites"]
    row = next(row for row in said if "HYPERLINK" in row["name"])
    assert (row["name"], row["city"], row["latitude"]) == ('\'=HYPERLINK("http://evil")', "'@SUM(A1)", "-30.5")
    assert '=HYPERLINK("http://evil")' in [row["name"] for row in packed]  # where nothing acts, it is as it was


@runs_a_job
def test_a_job_writes_it_and_only_the_operators_members_see_and_fetch_it(operators, media, client):
    sync_roles()
    job = dump.ask_for_dump(operators[0], DAY, 7)
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result_file.name.endswith(".zip")) == ("done", True)
    assert "Northline" in job.result["summary"]
    for name, operator, status in (("nora", operators[0], 200), ("sam", operators[1], 404)):
        client.force_login(fleet.person(name, "ops", operator))
        assert client.get(reverse("job-file", args=[job.pk])).status_code == status
        assert client.get(job.get_absolute_url()).status_code == status
        shown = client.get(reverse("exports")).content.decode()
        assert (f"before {DAY}" in shown) == (status == 200)
    client.force_login(fleet.person("nora2", "ops", operators[0]))
    response = client.get(reverse("job-file", args=[job.pk]))
    assert response["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(b"".join(response))).testzip() is None


def test_staff_ask_for_one_on_the_page(operators, media, client):
    sync_roles()
    client.force_login(fleet.person("nora", "ops", operators[0]))
    page = reverse("exports")
    assert client.post(page, {"operator": operators[1].pk, "until": DAY, "days": 1}).status_code == 200
    assert client.post(page, {"operator": operators[0].pk, "until": "2199-01-01", "days": 1}).status_code == 200
    assert client.post(page, {"operator": operators[0].pk, "until": DAY, "days": 367}).status_code == 200
    assert not Job.objects.filter(kind=dump.KIND).exists()
    assert client.post(page, {"operator": operators[0].pk, "until": DAY, "days": 2}).status_code == 302
    job = Job.objects.get(kind=dump.KIND)
    assert (job.operator, job.parameters) == (operators[0], {"until": DAY.isoformat(), "days": 2})
    client.force_login(fleet.person("vic", "viewer", operators[0]))
    assert client.post(page, {"operator": operators[0].pk, "until": DAY, "days": 2}).status_code == 403


def test_a_night_asks_once_for_each_operator(operators, media):
    assert dump.ask_for_last_day(Operator.objects.all(), NOW) == 2
    assert dump.ask_for_last_day(Operator.objects.all(), NOW + timedelta(hours=3)) == 0
    Job.objects.filter(operator=operators[0]).update(state="failed")
    assert dump.ask_for_last_day(Operator.objects.all(), NOW) == 1
    assert dump.ask_for_last_day(Operator.objects.all(), NOW + timedelta(days=1)) == 2


@runs_a_job
def test_what_makes_no_sense_is_refused_by_the_job_too(operators, media):
    for parameters in ({}, {"until": "x", "days": 1}, {"until": DAY.isoformat(), "days": 0}):
        job = jobs.enqueue(dump.KIND, parameters, operator=operators[0])
        assert jobs.run(job.pk)
        job.refresh_from_db()
        assert job.state == "failed"
    job = jobs.enqueue(dump.KIND, {"until": DAY.isoformat(), "days": 1})
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.message == "A dump is of one operator."


def test_the_command_writes_one(operators, tmp_path, capsys):
    call_command("export", "dump", "--operator=Northline", f"--until={DAY}", f"--output={tmp_path}/d.zip")
    assert zipfile.ZipFile(tmp_path / "d.zip").testzip() is None
