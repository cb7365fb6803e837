"""Rows come in from a file: what would change is shown first, one bad cell refuses all, and the history says why."""

import csv
import io
import json
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from maintenance.models import Part, ServiceCentre, Stock, StockMovement, Technician
from stations import redis_rest, row_import, row_import_page
from stations.access import sync_roles
from stations.jobs import run
from stations.models import Charger, Job, Membership, Operator, Site

from . import fleet

SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SITES = "/admin/stations/site/import/"


@pytest.fixture
def ann(db, client):
    sync_roles()
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southline")
    fleet.site(north, 1, name="First")
    fleet.site(south, 2, name="Foreign")
    user = fleet.person("ann", "ops", north)
    client.force_login(user)
    return user


def table(*lines) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def hand_in(client, content: bytes, address: str = SITES, name: str = "sites.csv"):
    return client.post(address, {"file": SimpleUploadedFile(name, content), "reason": "survey"})


def confirm(client, page, address: str = SITES):
    return client.post(address, {"token": page.context["token"]}, follow=True)


@pytest.fixture
def first(ann):
    return Site.objects.get(name="First")


@pytest.mark.django_db
def test_the_dry_run_shows_each_cell_that_would_change_and_writes_nothing(client, ann, first):
    head = ["external_id", "operator", "name", "base_price", "price_is_regulated"]
    changed = [first.external_id, "Northline", "First", "0.5000", "yes"]
    page = hand_in(client, table(head, changed, ["N-9", "Northline", "Ninth", "0.4", "no"]))
    found = page.context["found"]
    assert found.counts == {"added": 1, "changed": 1, "unchanged": 0}
    assert found.rows[0].values == {"base_price": ["0", "0.5"], "price_is_regulated": ["no", "yes"]}
    assert Site.objects.count() == 2
    page = confirm(client, page)
    assert "Imported: 1 added, 1 changed, 0 unchanged." in page.content.decode()
    first.refresh_from_db()
    assert (str(first.base_price), first.price_is_regulated) == ("0.5000", True)
    parts = [json.loads(line.change_message)[0] for line in LogEntry.objects.order_by("pk")]
    assert parts[0]["values"]["base_price"] == ["0", "0.5"]
    assert {part["reason"] for part in parts} == {"survey (import of sites.csv)"}
    assert {line.user for line in LogEntry.objects.all()} == {ann}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("head", "line", "column", "problem"),
    [
        (["external_id", "base_price"], ["{id}", "dear"], "base_price", "Enter a number"),
        (["external_id", "operator"], ["{id}", "Southline"], "operator", "not yours to see"),
        (["external_id", "latitude"], ["{id}", ""], "the row", "site_latitude_and_longitude_both_or_neither"),
        (["external_id", "price_is_regulated"], ["{id}", "perhaps"], "price_is_regulated", "neither yes nor no"),
        (["external_id", "time_zone"], ["{id}", "Mars/Olympus"], "time_zone", "is no time zone"),
        (["external_id", "name"], ["", "Nobody"], "external_id", "is empty"),
        (["external_id", "name", "operator"], ["{foreign}", "Mine now", "Northline"], "external_id", "already exists"),
    ],
)
def test_one_bad_cell_refuses_the_file_and_is_named(client, first, head, line, column, problem):
    foreign = Site.objects.get(name="Foreign").external_id
    cells = [cell.format(id=first.external_id, foreign=foreign) for cell in line]
    page = hand_in(client, table(head, cells, ["N-9"] + [""] * (len(head) - 1)))
    assert page.status_code == 422
    assert "token" not in page.context
    told = [(row, where, what) for row, where, what in page.context["errors"] if row == 2]
    assert [where for _, where, _ in told] == [column]
    assert problem in told[0][2]
    assert "Nothing is imported while a cell is refused" in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "name", "trouble"),
    [
        (b"external_id,nmae\nN-9,x\n", "sites.csv", "did you mean &quot;name&quot;?"),
        (b"name\nx\n", "sites.csv", "column &quot;external_id&quot; is missing"),
        (b"\xff\xfe\x00\x00", "sites.csv", "not CSV in UTF-8"),
        (b"", "sites.csv", "The submitted file is empty"),
        (b"PK\x03\x04broken", "sites.xlsx", "not an XLSX file"),
        (b"a,a\n1,2\n", "sites.csv", "a name of its own"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(client, ann, content, name, trouble):
    assert trouble in hand_in(client, content, name=name).content.decode()


def packed(**changed: bytes) -> bytes:
    """An XLSX file of one row; `changed` are parts of it, by the last word of their names, and what stands there."""
    plain, file = io.BytesIO(), io.BytesIO()
    book = Workbook()
    book.active.append(["external_id", "name"])
    book.save(plain)
    with zipfile.ZipFile(plain) as parts, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name in parts.namelist():
            word = name.rpartition("/")[2].partition(".")[0].strip("[]")
            written.writestr(name, changed.get(word, parts.read(name)))
    return file.getvalue()


def one_cell(letters: int) -> bytes:
    cell = b'<c r="A1" t="inlineStr"><is><t>' + b"a" * letters + b"</t></is></c>"
    return b'<worksheet xmlns="%b"><sheetData><row r="1">%b</row></sheetData></worksheet>' % (SHEETS.encode(), cell)


def understated(content: bytes, part: bytes, size: int) -> bytes:
    """The archive, which says that `part` had `size` bytes, and has their check sum."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read(part.decode())[:size]
    head = content.rindex(part) - 46  # of its entry in the directory
    return content[: head + 16] + struct.pack("<I", zlib.crc32(text)) + content[head + 20 : head + 24] + struct.pack(
        "<I", size) + content[head + 28 :]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (lambda: packed(sheet1=one_cell(60_000_000)), "more than 50 MB of cells"),
        (lambda: packed(styles=b"<xf/>" * 300_000), "or 1 MB of styles"),
        (lambda: understated(packed(Content_Types=b" " * 60_000_000), b"[Content_Types].xml", 100), "not an XLSX file"),
    ],
    ids=["a cell", "styles", "a size that is not true"],
)
def test_a_small_file_that_is_a_big_one_inside_is_refused_before_it_is_unpacked(content, trouble, monkeypatch):
    monkeypatch.setattr(row_import, "MOST_OF_ROWS", 5_000_000)  # so that little is unpacked under this watch
    bomb = content()
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(row_import.Unreadable, match=trouble):
            row_import.read_cells(bomb, "sites.xlsx")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_an_xlsx_file_of_usual_size_is_read_whatever_pictures_it_has():
    with zipfile.ZipFile(file := io.BytesIO(packed(sheet1=one_cell(100_000))), "a") as archive:
        archive.writestr("xl/media/logo.png", b"x" * 3_000_000)
    [head] = row_import._xlsx(file.getvalue())
    assert (len(head[0]), row_import.MOST_OF_ROWS) == (100_000, 50 * 1024 * 1024)


@pytest.mark.django_db
def test_what_is_confirmed_is_what_was_shown(client, first):
    page = hand_in(client, table(["external_id", "name"], [first.external_id, "Renamed"]))
    Site.objects.filter(pk=first.pk).update(name="Renamed by another")
    again = confirm(client, page)
    assert "The rows have changed since you looked" in again.content.decode()
    assert Site.objects.get(pk=first.pk).name == "Renamed by another"
    done = confirm(client, again)
    assert Site.objects.get(pk=first.pk).name == "Renamed"
    assert (
        "Choose the file again" in client.post(SITES, {"token": again.context["token"]}, follow=True).content.decode()
    )
    assert done.status_code == 200


@pytest.mark.django_db
def test_while_redis_is_away_it_is_said_and_what_was_shown_can_be_confirmed_later(client, first, monkeypatch):
    content = table(["external_id", "name"], [first.external_id, "Other"])
    shown = hand_in(client, content)
    with monkeypatch.context() as patch:
        patch.setattr(redis_rest, "_rest_until", float("inf"))
        page = hand_in(client, content)
        assert (page.status_code, "token" in page.context) == (503, False)
        assert page.context["trouble"] == row_import_page.NOT_KEPT
        assert "survey" in page.content.decode()
        page = client.post(SITES, {"token": shown.context["token"]})
        assert (page.status_code, page.context["trouble"]) == (503, row_import_page.NOT_THERE)
    assert Site.objects.get(pk=first.pk).name == "First"
    assert "Imported: 0 added, 1 changed" in confirm(client, shown).content.decode()


@pytest.mark.django_db
def test_an_exported_file_comes_back_as_it_went_and_an_xlsx_does_too(client, first):
    Site.objects.filter(pk=first.pk).update(name="=1+1")
    body = client.get("/admin/stations/site/export/", {"format": "csv", "columns": "all"}).content
    page = hand_in(client, body)
    assert page.context["found"].counts == {"added": 0, "changed": 0, "unchanged": 1}
    book = Workbook()
    for line in (["external_id", "session_minutes"], [first.external_id, 20.5]):
        book.active.append(line)
    file = io.BytesIO()
    book.save(file)
    page = hand_in(client, file.getvalue(), name="sites.xlsx")
    assert page.context["found"].rows[0].values == {"session_minutes": ["35.0", "20.5"]}


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_written_by_a_job_or_not_at_all(client, first, monkeypatch):
    monkeypatch.setattr(row_import_page, "AT_ONCE", 1)
    lines = [["N-8", "Northline", "Eighth"], ["N-9", "Northline", "Ninth"]]
    page = hand_in(client, table(["external_id", "operator", "name"], *lines))
    confirm(client, page)
    job = Job.objects.get(kind="import_rows")
    assert Site.objects.count() == 2
    Site.objects.create(operator=first.operator, external_id="N-8", name="Came meanwhile")
    assert run(job.pk)
    job.refresh_from_db()
    assert (job.state, Site.objects.filter(external_id="N-9").exists()) == ("failed", False)
    assert "The rows have changed since the dry run" in job.message


@pytest.mark.django_db
def test_who_may_only_look_imports_nothing(client, first):
    client.force_login(fleet.person("val", "viewer", first.operator))
    assert client.get(SITES).status_code == 403
    assert "import/" not in client.get("/admin/stations/site/").content.decode()


@pytest.mark.django_db
def test_stock_changes_by_a_movement_and_not_below_what_is_put_aside(client, ann):
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    stock = Stock.objects.create(
        part=Part.objects.create(number="P1", name="fan"), centre=centre, quantity=5, reserved=2
    )
    address = "/admin/maintenance/stock/import/"
    head = ["part", "centre", "quantity"]
    refused = hand_in(client, table(head, ["P1", "Depot", "1"]), address)
    assert refused.context["errors"] == [(2, "quantity", "2 are put aside for orders.")]
    confirm(client, hand_in(client, table(head, ["P1", "Depot", "9"]), address), address)
    stock.refresh_from_db()
    movement = StockMovement.objects.get()
    assert (stock.quantity, movement.pieces, movement.by, movement.note) == (
        9, 4, ann, "survey (import of sites.csv)",
    )  # fmt: skip


@pytest.mark.django_db
def test_operators_chargers_parts_and_technicians_come_in_too(client, ann, first):
    ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97)
    files = {
        "stations/operator": (["name", "currency"], ["Newline", "EUR"]),
        "stations/charger": (["external_id", "site", "power_kw"], ["C-1", first.external_id, "150"]),
        "maintenance/part": (["number", "name"], ["P7", "cable"]),
        "maintenance/technician": (["code", "centre", "skills"], ["T7", "Depot", "electronics; hv"]),
    }
    for model, lines in files.items():
        address = f"/admin/{model}/import/"
        page = hand_in(client, table(*lines), address)
        assert page.status_code == 200, (model, page.context.get("errors"), page.context.get("trouble"))
        confirm(client, page, address)
    assert Membership.objects.filter(user=ann, operator__name="Newline").exists(), "who brings an operator sees it"
    assert Charger.objects.get(external_id="C-1").site == first
    assert Technician.objects.get(code="T7").skills == ["electronics", "hv"]
    assert Part.objects.filter(number="P7").exists()
