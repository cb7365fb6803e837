"""Files for spreadsheets: what was written comes out again, and nothing of it acts as a formula."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from openpyxl import load_workbook

from stations.spreadsheets import csv_file, safe, xlsx_file

AT = datetime(2026, 7, 1, 12, 30, tzinfo=timezone(timedelta(hours=-7)))
NO_ZONE = AT.replace(tzinfo=None)
FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "|cmd", "%0A", "  =1+1", "\n=1", "＝1+1", "﹢1", "＠x",
    "\u00a0=1",
]  # fmt: skip


def sheets(body: bytes):
    return load_workbook(io.BytesIO(body))


def rows_of(sheet) -> list[list]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("words", FORMULAS)
def test_words_that_begin_like_a_formula_get_an_apostrophe_and_stay_whole(words):
    assert safe(words) == f"'{words}"


@pytest.mark.parametrize("value", ["plain", "", "a=1", "1-2", "x@y", 0, -1, 2.5, True, Decimal("-1"), date(2026, 7, 1)])
def test_everything_else_stays_what_it_is(value):
    assert safe(value) is value


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float64("nan")])
def test_what_is_not_known_is_an_empty_cell(nothing):
    assert safe(nothing) == ""


def test_a_csv_file_is_utf_8_with_its_mark_and_ends_lines_as_the_standard_says():
    body = csv_file(["name", "=head"], [["Zürich", -1.5], [None, AT]])
    expected = "name,'=head\r\nZürich,-1.5\r\n,2026-07-01T12:30:00-07:00\r\n"
    assert body == b"\xef\xbb\xbf" + expected.encode()


def test_a_csv_file_holds_lists_as_json_and_formulas_as_words():
    body = csv_file(["a", "b", "c", "d"], [[{"at": AT}, ["=1"], ("x",), "=1,\n"]])
    (_, row) = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    assert row == ['{"at": "2026-07-01 12:30:00-07:00"}', '["=1"]', '["x"]', "'=1,\n"]


def test_a_workbook_has_the_rows_and_what_they_are():
    book = sheets(xlsx_file(["name", "number"], [["Zürich", -1.5], [None, 7]], "sites", ["All sites.", "=told"]))
    assert book.sheetnames == ["sites", "about"]
    assert rows_of(book["sites"]) == [["name", "number"], ["Zürich", -1.5], [None, 7]]
    assert rows_of(book["about"]) == [["All sites."], ["'=told"]]
    assert book["sites"].freeze_panes == "A2"
    assert [cell.font.bold for cell in book["sites"][1]] == [True, True]
    assert not book["sites"]["A2"].font.bold
    assert book["about"].column_dimensions["A"].width == 110


@pytest.mark.parametrize("words", [words for words in FORMULAS if "\r" not in words])
def test_no_cell_of_a_workbook_is_a_formula(words):
    sheet = sheets(xlsx_file([words], [[words], [[words]]], "rows", []))["rows"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert [cell.data_type for cell in cells] == ["s"] * 3
    assert [cell.value for cell in cells[:2]] == [f"'{words}"] * 2


def test_times_in_a_workbook_are_in_utc_and_lists_are_json():
    row = [AT, NO_ZONE, {"at": AT}, ["Zürich"], (1,), np.float64("nan")]
    assert rows_of(sheets(xlsx_file(list("abcdef"), [row], "rows", []))["rows"])[1] == [
        AT.astimezone(UTC).replace(tzinfo=None), NO_ZONE,
        '{"at": "2026-07-01 12:30:00-07:00"}', '["Z\\u00fcrich"]', "[1]", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "name"),
    [("a[b]:c*d?e/f\\g", "abcdefg"), ("x" * 40, "x" * 31), ("[]:", "table"), ("", "table"), ("plain", "plain")],
)
def test_a_sheet_has_a_name_that_a_sheet_may_have(title, name):
    assert sheets(xlsx_file(["a"], [], title, [])).sheetnames[0] == name


def test_letters_that_no_sheet_can_hold_are_left_out():
    kept = "\t\n a\ud7ff\ue000\ufffd𝕏"
    found = rows_of(sheets(xlsx_file(["a\x00b"], [[f"x{kept}\x0b\ufffe\uffff"]], "rows", []))["rows"])
    assert found == [["ab"], [f"x{kept}"]]
