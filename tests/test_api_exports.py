"""Partners fetch exports of their own operator: dumps as ZIP, and federal reports as CSV."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.test import Client
from django.utils import timezone

from sntry_site.exports import dump, ev_chart
from sntry_site.exports.quarter import Quarter
from stations.models import Job, Operator, Scope
from telemetry.models import ChargingSession, StatusReport

from . import fleet

JULY = datetime(2025, 7, 1, tzinfo=UTC)


@pytest.fixture
def world(db, settings, tmp_path):
    """Northline and Southway, each with a port and a session in the third quarter of 2025."""
    settings.MEDIA_ROOT = tmp_path
    both = [Operator.objects.create(name=name) for name in ("Northline", "Southway")]
    for operator in both:
        port = fleet.charger(fleet.site(operator, 1))
        StatusReport.objects.record([port.pk], [JULY - timedelta(days=1)], ["AVAILABLE"])
        ChargingSession.objects.create(charger=port, started_at=JULY, ended_at=JULY + timedelta(hours=1), energy_kwh=20)
    return both


def caller(operator, scopes=(Scope.EXPORTS_READ,), name="Fleetly"):
    _, text = fleet.partner(operator, name, scopes=list(scopes))
    client = Client()
    return lambda address: client.get(f"/api/v1/{address}", headers={"Authorization": f"Bearer {text}"})


def test_the_federal_reports_are_of_the_callers_operator_with_exactly_the_columns(world):
    get = caller(world[0])
    for module, columns in ev_chart.COLUMNS.items():
        answer = get(f"exports/ev-chart/?module={module}&quarter=2025-Q3")
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
        lines = b"".join(answer).decode().split("\r\n")
        assert lines[0] == ",".join(columns)
        assert len(lines) == 3
        assert lines[1].startswith(f"{world[0].pk}-00001,")
        assert "RateLimit-Remaining" in answer


@pytest.mark.parametrize(
    ("query", "status", "path"),
    [
        ("module=2", 422, "/quarter"),
        ("quarter=2025-Q3", 422, "/module"), ("module=5&quarter=2025-Q3", 422, "/module"),
        ("module=2&quarter=2025-Q5", 422, "/quarter"), ("module=2&quarter=2025-Q3%0A", 422, "/quarter"),
        ("module=2&quarter=2025-Q3&operator=1", 422, "/operator"), ("module=2&quarter=2099-Q1", 409, "/quarter"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_with_the_path_of_the_parameter(world, query, status, path):
    answer = caller(world[0])(f"exports/ev-chart/?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert path in [each["path"] for each in answer.json()["errors"]]


def test_a_dump_is_listed_and_fetched_by_its_own_operator_alone(world):
    yesterday = timezone.now().astimezone(UTC).date()
    job = dump.ask_for_dump(world[0], yesterday)
    get, stranger = caller(world[0]), caller(world[1])
    assert get(f"exports/{job.pk}/file/").status_code == 404  # it is not made yet
    dump.make_dump(job, lambda *_: None)
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)
    [row] = get("exports/").json()["results"]
    assert (row["id"], row["until"], row["days"], row["state"], row["has_file"]) == (
        job.pk, yesterday.isoformat(), 1, "done", True
    )  # fmt: skip
    assert get(f"exports/{job.pk}/").json() == row
    answer = get(f"exports/{job.pk}/file/")
    content = b"".join(answer)
    assert (answer["Content-Type"], int(answer["Content-Length"])) == ("application/zip", len(content))
    assert "about.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert stranger("exports/").json()["results"] == []
    assert stranger(f"exports/{job.pk}/").status_code == stranger(f"exports/{job.pk}/file/").status_code == 404
    other = Job.objects.create(kind="import", operator=world[0])
    assert get(f"exports/{other.pk}/file/").status_code == 404  # no export
    Job.objects.filter(pk=job.pk).update(result_file="")
    assert get(f"exports/{job.pk}/").json()["has_file"] is False


def test_only_keys_with_the_scope_fetch_exports(world):
    get = caller(world[0], [each for each in Scope.values if each != Scope.EXPORTS_READ])
    for address in ("exports/", "exports/1/", "exports/1/file/", "exports/ev-chart/?module=2&quarter=2025-Q3"):
        assert get(address).status_code == 403


def test_the_quarter_that_lasts_has_no_report_yet(world):
    now = Quarter.of(timezone.now())
    answer = caller(world[0])(f"exports/ev-chart/?module=3&quarter={now}")
    assert (answer.status_code, "can be made from then on" in answer.json()["detail"]) == (409, True)


@pytest.mark.django_db(transaction=True)
def test_a_report_goes_over_the_wire_in_pieces_and_heavy_calls_are_counted(world, live_site):
    _, text = fleet.partner(world[0], "Wire")

    def fetch(accept="*/*"):
        address = f"{live_site.url}/api/v1/exports/ev-chart/?module=2&quarter=2025-Q3"
        return urlopen(Request(address, headers={"Authorization": f"Bearer {text}", "Accept": accept}), timeout=120)  # noqa: S310

    with fetch() as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert int(response.headers["RateLimit-Limit"]) == 30
        assert len(response.read().splitlines()) == 2
    with pytest.raises(HTTPError) as refused:
        fetch("application/json")
    assert refused.value.code == 406
