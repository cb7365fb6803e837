"""Cells of imported files: read at once or one by one they say the same, and every bad one is found where it stands."""

import csv
import io
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection
from hypothesis import example, given
from hypothesis import strategies as st

from stations.characters import CONTROLS
from telemetry.importers.columns import BadValue, Moment, Number, Text, Word
from telemetry.importers.parsing import Shape, _at_once, _cell_by_cell, parse
from telemetry.importers.reading_shape import disagreeing_rows, reading_shape
from telemetry.importers.rejects import Rejects, RejectsFile, safe_cell
from telemetry.importers.report import BadCell, ImportRefused
from telemetry.importers.source import Block

UTC_ZONE = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")
LATEST = datetime(2026, 1, 1, tzinfo=UTC)
SHAPE = Shape(
    {
        "at": Moment(UTC_ZONE, LATEST),
        "name": Text(10),
        "kind": Word({"one": 0, "two": 1}),
        "share": Number(0, 1),
        "count": Number(0, 9, whole=True),
        "heat": Number(-50, 50, required=False),
    }
)
HEADER = list(SHAPE.columns)
GOOD = ["2025-07-01 00:30:00", "EV1", "two", "0.25", "3", "-4.5"]
BAD = {
    "at": ["", "soon", "2025-02-30 00:00:00", "2025-07-01 24:00:00", "2026-01-01 00:00:01", "1999-12-31 23:59:59"],
    "name": [
        "",
        " ",
        "a\0b",
        "tab\there",
        "longer than ten",
        "line\nend",
        "\x1b[31m",
        "\u2028",
        "\u200e1",
        "a\u202eb",
        "\u2066",
        "\ufeffx",
    ],
    "kind": ["", "three", "One", "one,two"],
    "share": ["", "nan", "NaN", "inf", "-Infinity", "1e999", "-0.01", "1.01", "0,5", "1_0", "0x1", "five", "١"],
    "count": ["", "1.5", "-1", "10", "nan", "True"],
    "heat": ["nan", "inf", "-51", "x", "NULL"],
}
ANY_CELL = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.floats().map(str),
    st.integers(-20, 20).map(str),
    st.sampled_from([cell for cells in BAD.values() for cell in cells] + GOOD),
)


def block_of(rows: list[list[str]], first_line: int = 2) -> Block:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return Block(out.getvalue().encode(), first_line, 0)


def same(one, other) -> bool:
    def said(parsed):
        words = {name: np.array(words)[parsed.values[name]].tolist() for name, words in parsed.texts.items()}
        return {name: words.get(name, values.tolist()) for name, values in parsed.values.items()}

    texts = str(said(one)) == str(said(other))
    return texts and one.lines.tolist() == other.lines.tolist() and one.bad_cells == other.bad_cells


def test_good_rows_are_read_at_once():
    parsed = _at_once(block_of([GOOD, GOOD]), SHAPE, HEADER)
    assert parsed.lines.tolist() == [2, 3]
    assert parsed.values["share"].tolist() == [0.25, 0.25]
    assert parsed.texts["name"] == ["EV1"]


@given(st.lists(st.tuples(*[ANY_CELL] * 6).map(list), max_size=4))
@example([["2025-07-01", "x", "one", "0", "0", ""]])
@example([[*GOOD[:3], " 0.5", "+3", "4."]])
@example([[*GOOD[:3], ".5", "3.0", "1e1"]])
def test_a_block_read_at_once_says_what_its_cells_say_one_by_one(rows):
    block = block_of([GOOD, *rows])
    at_once = _at_once(block, SHAPE, HEADER)
    if at_once is not None:
        assert same(at_once, _cell_by_cell(block, SHAPE, HEADER))


@given(st.lists(st.sampled_from(["good", *BAD]), min_size=1, max_size=12), st.data())
def test_any_bad_cell_is_found_at_its_line_and_column_and_the_other_rows_are_kept(kinds, data):
    rows, line, bad, good = [], 2, [], []
    for kind in kinds:
        row = list(GOOD)
        if kind == "good":
            good.append(line)
        else:
            row[HEADER.index(kind)] = data.draw(st.sampled_from(BAD[kind]))
            bad.append((line, kind, row[HEADER.index(kind)]))
        rows.append(row)
        line += 1 + row[HEADER.index("name")].count("\n")
    parsed = parse(block_of(rows), SHAPE, HEADER)
    assert [tuple(cell[:3]) for cell in parsed.bad_cells] == bad
    assert parsed.bad_rows == len(bad)
    assert parsed.lines.tolist() == good


def test_several_bad_cells_of_a_row_are_all_told_but_the_row_counts_once():
    parsed = parse(block_of([["x", "", *GOOD[2:]], GOOD]), SHAPE, HEADER)
    assert [cell.column for cell in parsed.bad_cells] == ["at", "name"]
    assert (parsed.bad_rows, parsed.lines.tolist()) == (1, [3])


def test_rows_of_the_wrong_length_are_bad_and_blank_lines_do_not_count():
    text = ",".join(GOOD)
    parsed = parse(Block(f"{text}\n\n{text},more\n1,2\n{text}\n".encode(), 2, 0), SHAPE, HEADER)
    assert parsed.lines.tolist() == [2, 6]
    assert [(cell.line, cell.reason) for cell in parsed.bad_cells] == [
        (4, "is a row of 7 cells, not 6"),
        (5, "is a row of 2 cells, not 6"),
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-07-01 12:00:00", "2025-07-01T16:00:00"),
        ("2025-07-01T12:00:00Z", "2025-07-01T12:00:00"),
        ("2025-07-01 12:00:00+02:00", "2025-07-01T10:00:00"),
        ("2025-11-02 01:30:00", "2025-11-02T05:30:00"),  # twice in New York: the first of them
    ],
)
def test_a_time_is_a_wall_clock_time_unless_it_has_an_offset(cell, expected):
    assert Moment(NEW_YORK, LATEST).read(cell) == np.datetime64(expected)
    shape = Shape({"at": Moment(NEW_YORK, LATEST)})
    assert parse(block_of([[cell]]), shape, ["at"]).values["at"].tolist() == [datetime.fromisoformat(expected)]


def test_a_time_that_the_clocks_skipped_is_bad():
    with pytest.raises(BadValue, match="does not exist in America/New_York"):
        Moment(NEW_YORK, LATEST).read("2025-03-09 02:30:00")
    shape = Shape({"at": Moment(NEW_YORK, LATEST)})
    assert len(parse(block_of([["2025-03-09 02:30:00"]]), shape, ["at"]).bad_cells) == 1


def test_ports_that_do_not_add_up_are_blamed_on_their_total():
    shape = reading_shape(UTC_ZONE, LATEST)
    ports = {"ports_total": "4", "ports_available": "1", "ports_occupied": "1", "ports_out_of_service": "1"}
    cells = {
        "station_id": "EV1", "station_name": "One", "network": "N", "latitude": "1", "longitude": "1",
        "location_type": "Airport", "charger_type": "Level 2", "power_output_kw": "7.2", "utilization_rate": "0",
        "station_status": "operational", "estimated_wait_time_mins": "0", "avg_session_duration_mins": "1",
        "current_price": "0", "pricing_type": "free", "temperature_f": "1", "precipitation_mm": "0",
        "weather_condition": "clear", "gas_price_per_gallon": "1", "traffic_congestion_index": "1",
        "local_event": "none", "timestamp": "2025-07-01 00:00:00", **ports,
    }  # fmt: skip
    parsed = parse(block_of([[cells.get(name, "") for name in shape.names]]), shape, list(shape.names))
    assert [tuple(cell[:3]) for cell in parsed.bad_cells] == [(2, "ports_total", "4")]


def test_derived_columns_are_compared_with_the_wall_clock_of_the_zone():
    at = np.array(["2025-07-01T00:00"], "M8[us]")  # Tuesday; Monday evening at 20:00 in New York
    flags = {"is_weekend": np.array([0]), "is_peak_hour": np.array([1])}
    local = {"hour_of_day": np.array([20]), "day_of_week": np.array([0]), "month": np.array([6]), **flags}
    assert disagreeing_rows({"timestamp": at, **local}, NEW_YORK) == 0
    assert disagreeing_rows({"timestamp": at, **local}, UTC_ZONE) == 1


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "  =1", "\n=1", "-nan"])
def test_a_spreadsheet_takes_no_rejected_cell_for_a_formula(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+1.5", "-1e5", "plain", "1=1", ""])
def test_numbers_and_plain_text_stay_as_they_are(text):
    assert safe_cell(text) == text


def test_all_bad_cells_are_in_the_rejects_file_and_a_hundred_are_shown(tmp_path):
    cells = [BadCell(line, "name", '=HYPERLINK("x")', "is bad") for line in range(150)]
    with Rejects(tmp_path / "rejects.csv") as rejects:
        rejects.add(cells[:80])
        rejects.add(cells[80:])
    with open(tmp_path / "rejects.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "column", "value", "reason"]
    assert [row[0] for row in rows[1:]] == [str(line) for line in range(150)]
    assert rows[1][2] == '\'=HYPERLINK("x")'
    assert (len(rejects.first), rejects.count) == (100, 150)


def test_no_rejects_file_is_made_when_nothing_is_rejected(tmp_path):
    with Rejects(tmp_path / "rejects.csv") as rejects:
        rejects.add([])
    assert not (tmp_path / "rejects.csv").exists()


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_text_is_composed_however_its_letters_were_typed(blocks):
    rows = [[GOOD[0], "Cafe\u0301", *GOOD[2:]], [GOOD[0], "Caf\u00e9", *GOOD[2:]]]
    parsed = (_at_once, _cell_by_cell)[blocks](block_of(rows), SHAPE, HEADER)
    assert {parsed.texts["name"][code] for code in parsed.values["name"]} == {"Caf\u00e9"}


@pytest.mark.django_db
def test_the_set_of_control_characters_is_the_same_in_the_database():
    ranges = ((1, 0x1F), (0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xFEFF, 0xFEFF))
    wanted = {number for first, last in ranges for number in range(first, last + 1)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 55295) n WHERE chr(n) ~ %s", [CONTROLS])
        found = {number for (number,) in cursor}
        cursor.execute("SELECT chr(65279) ~ %s", [CONTROLS])
        assert cursor.fetchone() == (True,)
    assert found == wanted - {0xFEFF}
    assert {number for number in range(0x11000) if re.match(CONTROLS, chr(number))} == wanted


def test_rejects_have_their_name_only_when_they_are_whole(tmp_path):
    (tmp_path / "rejects.csv").write_text("of yesterday")
    with pytest.raises(ZeroDivisionError), RejectsFile(tmp_path / "rejects.csv", ["value"]) as rejects:
        rejects.write([number // number] for number in (1, 0))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("rejects.csv", "of yesterday")]


def test_rejects_never_take_the_place_of_something_that_is_not_a_file(tmp_path):
    with pytest.raises(ImportRefused, match="it is not an ordinary file"), RejectsFile(tmp_path, ["value"]):
        pass
    assert tmp_path.is_dir()
