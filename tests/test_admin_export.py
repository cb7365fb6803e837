"""A list is a file: as filtered, of what its reader may see, and harmless in a spreadsheet."""

import csv
import io

import openpyxl
import pytest
from django.contrib.auth.models import User
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from stations import export_rows
from stations.access import sync_roles
from stations.jobs import run
from stations.models import Job, OcpiConnection, Operator, PartnerKey, Site, Webhook, WebhookDelivery
from stations.spreadsheets import xlsx_file

from . import fleet

pytestmark = pytest.mark.django_db
EXPORT = "/admin/stations/site/export/"


@pytest.fixture
def ann():
    sync_roles()
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southline")
    fleet.site(north, 1, name='=HYPERLINK("http://x")', city="Austin")
    fleet.site(north, 2, name="Second", city="Boston")
    fleet.site(south, 3, name="Foreign")
    return fleet.person("ann", "ops", north)


def lines(content: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_file_has_the_filtered_rows_of_ones_own_operators_and_no_formula(client, ann):
    client.force_login(ann)
    response = client.get(EXPORT, {"format": "csv", "columns": "all"})
    assert response["Content-Disposition"].startswith('attachment; filename="sites-20')
    rows = lines(response.content)
    assert [row["name"] for row in rows] == ['\'=HYPERLINK("http://x")', "Second"]
    assert {row["operator"] for row in rows} == {"Northline"}
    shown = lines(client.get(EXPORT, {"format": "csv", "city": "Boston"}).content)
    assert [row["site"].split(" · ")[0] for row in shown] == [f"Second {Site.objects.get(city='Boston').external_id}"]
    assert "<" not in client.get(EXPORT, {"format": "csv"}).content.decode().replace("x", "")


def test_an_xlsx_has_typed_cells_a_frozen_head_and_no_formula(client, ann):
    client.force_login(ann)
    body = client.get(EXPORT, {"format": "xlsx", "columns": "all"}).content
    sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
    head = [cell.value for cell in sheet[1]]
    assert sheet.freeze_panes == "A2"
    name, latitude = sheet.cell(2, head.index("name") + 1), sheet.cell(2, head.index("latitude") + 1)
    assert (name.data_type, latitude.data_type) == ("s", "n")


def test_an_xlsx_leaves_out_what_no_sheet_can_hold():
    body = xlsx_file(["a\x00b"], [["\ufffe\uffff\x0b𝕏\n"]], "rows", [])
    sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
    assert [sheet["A1"].value, sheet["A2"].value] == ["ab", "𝕏\n"]


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_written_by_a_job_that_sees_no_more_than_its_person(client, ann, monkeypatch):
    monkeypatch.setattr(export_rows, "AT_ONCE", 1)
    client.force_login(ann)
    response = client.get(EXPORT, {"format": "csv", "columns": "all"})
    job = Job.objects.get(kind="export_rows")
    assert response.url == job.get_absolute_url()
    assert run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result["rows"]) == ("done", 2), job.message
    with job.result_file.open("rb") as file:
        assert [row["external_id"] for row in lines(file.read())] == [
            site.external_id for site in Site.objects.filter(operator__name="Northline")
        ]
    assert "Download it (CSV)" in client.get(response.url).content.decode()


@pytest.mark.parametrize("query", [{"format": "exe"}, {"format": "csv", "columns": "secret"}])
def test_what_no_file_can_be_is_not_found(client, ann, query):
    client.force_login(ann)
    assert client.get(EXPORT, query).status_code == 404


def test_no_file_has_a_secret_not_even_sealed_or_hashed():
    from django.contrib import admin

    secret = {"password", "secret", "token", "sealed_secret", "sealed_token", "token_hash", "secret_hash"}
    offered = {}
    for model, pages in admin.site._registry.items():
        columns = {name for name, _ in export_rows._all_fields(pages)} | set(pages.list_display)
        offered[model] = {name for name in columns if name in secret or name.startswith("sealed_") or "hash" in name}
        assert offered[model] == set(), model
    assert {Webhook, OcpiConnection, PartnerKey, User} <= offered.keys()
    assert [export_rows.is_secret(model._meta.get_field(name)) for model, name in (
        (TOTPDevice, "key"), (StaticToken, "token"), (WebhookDelivery, "key"), (Site, "name"))] == [
        True, True, False, False]  # fmt: skip


def test_a_viewer_who_takes_webhooks_and_connections_away_gets_no_secret(client, ann):
    company = fleet.partner(Operator.objects.get(name="Northline"))[0].partner
    hook, (connection, _) = fleet.webhook(company), fleet.ocpi_connection(company, sealed_token="gAAAsealed")
    client.force_login(fleet.person("vic", "viewer", company.operator))
    for model in ("webhook", "ocpiconnection", "partnerkey"):
        file = client.get(f"/admin/stations/{model}/export/", {"format": "csv", "columns": "all"}).content.decode()
        assert "Fleetly" in file
        for text in (hook.sealed_secret, connection.token_hash, "gAAAsealed", PartnerKey.objects.get().secret_hash):
            assert text not in file


def test_every_list_can_be_exported(client, ann):
    from django.contrib import admin

    from stations.saved_views import list_url

    fleet.fill(Operator.objects.create(name="Westline"), 2)
    client.force_login(fleet.person("chief", is_superuser=True))
    for pages in admin.site._registry.values():
        for columns in ("shown", "all"):
            response = client.get(f"{list_url(pages)}export/", {"format": "csv", "columns": columns})
            assert response.status_code == 200, pages
            assert len(lines(response.content)) >= 1, pages
