"""A day at the admin in a real browser: a view is saved and shared; a file is exported, refused and imported."""

import csv
import io

import pytest

from stations.access import sync_roles
from stations.models import Operator, SavedView, Site

from . import fleet
from .live_server import elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people():
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    fleet.fill(operator, 3)
    SavedView.objects.all().delete()
    return fleet.person("ann", "ops", operator), fleet.person("bob", "ops", operator)


def table(*lines) -> dict:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return {"name": "sites.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}


def test_a_view_is_saved_shared_and_seen_and_a_file_goes_out_and_in(people, live_site, open_page):
    ann, bob = people
    site = elsewhere(Site.objects.first)
    mine = open_page(live_site, ann)
    page = mine.page
    page.goto(f"{live_site.url}/admin/stations/site/?state_level=watch&q={site.external_id}")
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name").fill("My worry")
    page.get_by_label("Shared").check()
    page.locator(".tool[open] button[type=submit]").click()
    page.get_by_text("The view “My worry” is saved.").wait_for()
    assert page.locator(".views a[aria-current]").inner_text().startswith("My worry")

    theirs = open_page(live_site, bob, width=360)
    theirs.page.goto(f"{live_site.url}/admin/stations/site/")
    theirs.page.locator(".views a", has_text="My worry").click()
    assert "state_level=watch" in theirs.page.url
    assert theirs.page.locator("summary", has_text="Change view").count() == 0

    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.locator(".tool[open] a", has_text="CSV").last.click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        assert [row["external_id"] for row in csv.DictReader(file)] == [site.external_id]

    page.get_by_role("link", name="Import", exact=True).click()
    page.locator("[name=file]").set_input_files(table(["external_id", "base_price"], [site.external_id, "dear"]))
    page.get_by_label("Why").fill("new tariff")
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("Nothing is imported while a cell is refused").wait_for()
    assert page.locator("tbody tr").inner_text().split("\t")[1:2] == ["base_price"]
    page.locator("[name=file]").set_input_files(table(["external_id", "base_price"], [site.external_id, "0.61"]))
    page.get_by_label("Why").fill("new tariff")
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_role("button", name="Import 1 row").click()
    page.get_by_text("Imported: 0 added, 1 changed, 0 unchanged.").wait_for()
    assert elsewhere(lambda: str(Site.objects.get(pk=site.pk).base_price)) == "0.6100"

    page.goto(f"{live_site.url}/admin/import/")
    time_zone = page.locator("[name=time_zone]").input_value()
    page.locator("[name=file]").set_input_files(table(["Station_ID"], [site.external_id]))
    assert page.locator("[name=time_zone]").input_value() == time_zone
    assert page.get_by_label("Choose file to upload").input_value() == "sites.csv"

    page.goto(f"{live_site.url}/admin/stations/site/{site.pk}/change/")
    page.locator("#map canvas").first.wait_for()
    page.locator("#id_latitude").fill("40.5")
    page.locator("#id_longitude").fill("-100")
    page.locator("#id_longitude").press("Tab")
    page.locator("#map .pin").wait_for()
    page.locator("#map").click(position={"x": 60, "y": 60})
    assert page.locator("#id_latitude").input_value() != "40.5"
    troubles = [error for error in mine.errors + theirs.errors if "422" not in error]
    assert troubles == []
