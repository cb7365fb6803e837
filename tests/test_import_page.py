"""A file handed in on the import page becomes a job with the command's options; what cannot be a table is refused."""

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from stations import jobs
from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.models import StatusReport

from . import fleet

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = b"""time,charger_id,status,temperature_celsius
2026-01-01 00:00:00,C1,AVAILABLE,20
2026-01-01 01:00:00,C1,FAULTED,30
"""


@pytest.fixture
def ops(client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    sync_roles()
    user = fleet.person("ops", "ops", Operator.objects.create(name="Northline"))
    client.force_login(user)
    return user


def hand_in(client, content: bytes, name: str = "reports.csv", **fields):
    values = {"kind": "import_status", "time_zone": "Europe/Dublin", "file": SimpleUploadedFile(name, content)}
    return client.post(reverse("import"), {**values, **fields})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("reports.xlsx", STATUS, "ends in .csv or .csv.gz"),
        ("reports.csv", gzip.compress(STATUS), "not what its name says"),
        ("reports.csv.gz", STATUS, "not what its name says"),
        ("reports.csv", b"a\0b", "not a text file"),
        ("reports.csv", b"", "empty"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(name, content, words, ops, client):
    response = hand_in(client, content, name)
    assert words in str(response.context["form"].errors["file"])
    assert not Job.objects.exists()


def test_a_file_of_more_than_two_gigabytes_is_refused(ops, client, monkeypatch):
    monkeypatch.setattr("sntry_site.pages.import_page.LARGEST", 10)
    assert "at most 2 GB" in str(hand_in(client, STATUS).context["form"].errors["file"])


def test_a_time_zone_that_does_not_exist_is_refused(ops, client):
    assert "Not a time zone" in str(hand_in(client, STATUS, time_zone="Europe/Nowhere").context["form"].errors)


def test_only_operators_that_one_may_see_can_be_chosen(ops, client):
    other = Operator.objects.create(name="Volterra")
    assert hand_in(client, STATUS).status_code == 403, "its reader does not see every operator"
    ops.memberships.create(operator=other)
    assert hand_in(client, STATUS, operator=other.pk + 99).context["form"].errors["operator"]


@pytest.mark.parametrize(("name", "content"), [("reports.csv", STATUS), ("Reports.CSV.GZ", gzip.compress(STATUS))])
def test_a_file_becomes_a_job_that_imports_it_and_a_page_that_says_so(name, content, ops, client):
    operator = Operator.objects.get()
    response = hand_in(client, content, name, operator=operator.pk, site="DUB-1")
    job = Job.objects.get()
    assert response["Location"] == job.get_absolute_url()
    expected = {"skip_bad": False, "time_zone": "Europe/Dublin", "operator": "Northline", "site": "DUB-1"}
    assert job.parameters == {**expected, "file_name": name}
    assert (job.kind, job.created_by) == ("import_status", ops)
    assert name not in job.upload.name

    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.message
    assert StatusReport.objects.filter(charger__site__external_id="DUB-1").count() == 2
    page = client.get(response["Location"]).content.decode()
    assert "Inserted" in page
    answer = client.get(reverse("admin:stations_job_progress", args=[job.pk])).json()
    assert (answer["ended"], answer["percent"], answer["word"]) == (True, 100, "Done")


def test_bad_rows_are_shown_and_can_be_fetched(ops, client):
    hand_in(client, STATUS + b"2026-01-01 02:00:00,C1,<b>BROKEN</b>,30\n", skip_bad="on")
    job = Job.objects.get()
    jobs.run(job.pk)
    page = client.get(job.get_absolute_url()).content.decode()
    assert "&lt;b&gt;BROKEN" in page
    assert "<b>BROKEN" not in page
    file = client.get(reverse("job-file", args=[job.pk]))
    assert b"BROKEN" in b"".join(file)


def test_an_importer_sees_the_operators_that_the_file_made(ops, client):
    hand_in(client, STATUS)
    jobs.run(Job.objects.get().pk)
    assert set(Operator.objects.visible_to(ops)) == set(Operator.objects.all())
    assert Operator.objects.count() == 2
