"""Each row that comes in is judged by itself: its bounds to the last value, and a sentence that names the field."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from rest_framework import serializers

from sntry_site.api import telemetry
from sntry_site.api.problems import Problem
from sntry_site.api.telemetry import Malformed, ReadingIngest, SessionIngest, StatusIngest, Wrong

LATEST = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
PLACES = {"EV1": 7, "S1": 9}
STATUS = {"charger": "EV1", "reported_at": "2026-11-21T12:00:00Z", "status": "AVAILABLE"}
SESSION = {"charger": "EV1", "started_at": "2026-11-21T10:00:00Z"}
PORTS = {"ports_available": 3, "ports_occupied": 1, "ports_out_of_service": 0}
WORDS = {"status": "operational", "weather": "clear", "local_event": "none"}
MONEY = {"price": "0.4500", "gas_price": "3.459"}
WORLD = {"temperature_f": 70.5, "precipitation_mm": 0, "traffic_index": 3.5}
USE = {"utilization": 0.25, "wait_minutes": 0, "session_minutes": 31}
HALF_HOUR = {"site": "S1", "at": "2026-11-21T10:30:00Z", **PORTS, **WORDS, **MONEY, **WORLD, **USE}
A_TIME = "Write a time with its zone, for example 2026-11-21T12:00:00Z."
OUTSIDE = "The time lies in the future, or before the year 2000."
AN_ID = "Text of 1 to 64 characters."


def status(**fields) -> tuple:
    return StatusIngest().check({**STATUS, **fields}, PLACES, LATEST)


def session(**fields) -> tuple:
    return SessionIngest().check({**SESSION, **fields}, PLACES, LATEST)


def half_hour(**fields) -> dict:
    """The columns by their names."""
    site, at, *measured = ReadingIngest().check({**HALF_HOUR, **fields}, PLACES, LATEST)
    return {"site": site, "at": at, **dict(zip(telemetry.Reading.INGESTED, measured, strict=True))}


def refusal(check, **fields) -> tuple:
    """Path and sentence of what is wrong with a row that cannot be taken as it is."""
    with pytest.raises((Wrong, Malformed)) as refused:
        check(**fields)
    return refused.value.args


def test_a_report_becomes_its_columns_and_what_is_left_out_is_empty():
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert status() == (7, at, "AVAILABLE", "", None, "")
    told = status(error_code="E" * 50, vendor_code="v", temperature_c=-100, reported_at="2026-11-21t13:00:00+01:00")
    assert told == (7, at, "AVAILABLE", "E" * 50, -100, "v")
    assert status(temperature_c=300)[4] == 300
    assert status(temperature_c=None)[4] is None


def test_a_session_becomes_its_columns_and_may_end_when_it_starts():
    start = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert session() == (7, start, None, 0, None)
    assert session(ended_at=None, success=False) == (7, start, None, 0, False)
    assert session(ended_at=SESSION["started_at"], energy_kwh=100_000, success=True) == (7, start, start, 100_000, True)


def test_a_half_hour_becomes_its_columns_with_money_exact_and_words_as_they_are_stored():
    told = half_hour(ports_occupied=30.0)
    assert (told["site"], told["at"]) == (9, datetime(2026, 11, 21, 10, 30, tzinfo=UTC))
    assert (told["price"], told["gas_price"]) == (Decimal("0.4500"), Decimal("3.459"))
    assert (told["ports_available"], told["ports_occupied"], told["utilization"]) == (3, 30, 0.25)
    assert type(told["ports_occupied"]) is int
    assert told["status"] == ReadingIngest.words["status"]["operational"]
    assert told["weather"] == ReadingIngest.words["weather"]["clear"]


@pytest.mark.parametrize(
    ("check", "field", "value", "sentence"),
    [
        (status, "charger", None, AN_ID),
        (status, "charger", "", AN_ID),
        (status, "charger", "x" * 65, AN_ID),
        (status, "charger", "x" * 64, "There is no such charger, or it is not yours."),
        (status, "charger", "other", "There is no such charger, or it is not yours."),
        (status, "error_code", "x" * 51, "Text of at most 50 characters."),
        (status, "error_code", None, "Text of at most 50 characters."),
        (status, "vendor_code", "x" * 51, "Text of at most 50 characters."),
        (status, "vendor_code", 5, "Text of at most 50 characters."),
        (status, "temperature_c", -100.5, "A number from -100 to 300."),
        (status, "temperature_c", 300.5, "A number from -100 to 300."),
        (status, "temperature_c", float("nan"), "A number from -100 to 300."),
        (status, "temperature_c", "5", "A number from -100 to 300."),
        (status, "status", "BROKEN", f"One of {', '.join(telemetry.STATUSES)}."),
        (status, "status", 5, f"One of {', '.join(telemetry.STATUSES)}."),
        (status, "reported_at", None, A_TIME),
        (status, "reported_at", 20261121, A_TIME),
        (status, "reported_at", "2026-11-21T12:00:00", A_TIME),
        (status, "reported_at", "2026-11-21 12:00:00Z", A_TIME),
        (status, "reported_at", "2026-11-21", A_TIME),
        (status, "reported_at", "2026-11-21T12:05:00.000001Z", OUTSIDE),
        (status, "reported_at", "1999-12-31T23:59:59Z", OUTSIDE),
        (status, "reported_at", "0001-01-01T00:00:00+14:00", OUTSIDE),
        (session, "charger", 5, AN_ID),
        (session, "charger", "other", "There is no such charger, or it is not yours."),
        (session, "started_at", "now", A_TIME),
        (session, "started_at", "2026-11-21T12:06:00Z", OUTSIDE),
        (session, "ended_at", "2026-11-21T12:06:00Z", OUTSIDE),
        (session, "ended_at", "then", A_TIME),
        (session, "ended_at", "2026-11-21T09:59:59Z", "It ends before it starts."),
        (session, "success", "yes", "true, false or null."),
        (session, "success", 1, "true, false or null."),
        (session, "energy_kwh", None, "A number from 0 to 100000."),
        (session, "energy_kwh", -0.5, "A number from 0 to 100000."),
        (session, "energy_kwh", 100_000.5, "A number from 0 to 100000."),
        (half_hour, "site", "", AN_ID),
        (half_hour, "site", "other", "There is no such site, or it is not yours."),
        (half_hour, "at", "noon", A_TIME),
        (half_hour, "at", "2026-11-21T10:31:00Z", "A half-hour ends at :00 or :30."),
        (half_hour, "at", "2026-11-21T12:30:00Z", OUTSIDE),
        (half_hour, "weather", "hail", f"One of {', '.join(ReadingIngest.words['weather'])}."),
        (half_hour, "ports_available", 1.5, "A whole number is needed."),
        (half_hour, "ports_available", True, "A whole number is needed."),
        (half_hour, "ports_available", "3", "A whole number is needed."),
        (half_hour, "ports_available", 1001, "A number from 0 to 1000."),
        (half_hour, "ports_occupied", -1, "A number from 0 to 1000."),
        (half_hour, "utilization", 1.5, "A number from 0 to 1."),
        (half_hour, "utilization", None, "A number from 0 to 1."),
        (half_hour, "temperature_f", 200.5, "A number from -150 to 200."),
        (half_hour, "price", "cheap", "Money is text: A valid number is required."),
    ],
)
def test_what_is_wrong_with_a_field_is_said_with_its_name(check, field, value, sentence):
    assert refusal(check, **{field: value}) == (f"/{field}", sentence)


@pytest.mark.parametrize("value", [0.45, None, ""])
def test_money_that_is_no_text_is_refused_as_money(value):
    path, sentence = refusal(half_hour, price=value)
    assert path == "/price"
    assert sentence == refusal(half_hour, price="")[1]
    assert sentence.startswith("Money is text: ")


@pytest.mark.parametrize(
    ("ingest", "row"), [(StatusIngest, STATUS), (SessionIngest, SESSION), (ReadingIngest, HALF_HOUR)]
)
def test_a_field_that_nobody_knows_and_a_row_that_is_none_are_mistakes_of_the_program(ingest, row):
    check, known = ingest().check, ", ".join(sorted(ingest.names))
    with pytest.raises(Malformed) as refused:
        check({**row, "zz": 1, "y" * 60: 1}, PLACES, LATEST)
    assert refused.value.args == (f"/{'y' * 50}", f"There is no such field; known are {known}.")
    with pytest.raises(Malformed) as refused:
        check([row], PLACES, LATEST)
    assert refused.value.args == ("", "A row is an object.")


@pytest.mark.parametrize(
    ("name", "sentence"), [("ports_available", "A whole number is needed."), ("utilization", "It is needed.")]
)
def test_a_measure_that_is_missing_is_asked_for(name, sentence):
    row = {field: value for field, value in HALF_HOUR.items() if field != name}
    with pytest.raises(Malformed) as refused:
        ReadingIngest().check(row, PLACES, LATEST)
    assert refused.value.args == (f"/{name}", sentence)


def test_the_earliest_and_the_latest_time_are_taken_and_the_unit_of_a_bound_is_itself():
    assert status(reported_at="2000-01-01T00:00:00Z")[1] == telemetry.EARLIEST
    assert status(reported_at="2026-11-21T12:05:00Z")[1] == LATEST
    assert half_hour(temperature_f=-150, utilization=1)["temperature_f"] == -150
    assert half_hour(ports_available=1000, precipitation_mm=1000)["ports_available"] == 1000


def test_a_body_is_an_object_with_one_list_of_at_most_ten_thousand_rows():
    assert telemetry._rows({"rows": [{}] * 10_000}) == [{}] * 10_000
    for body in ([], None, {}, {"rows": {}}, {"rows": "x"}):
        with pytest.raises(serializers.ValidationError) as refused:
            telemetry._rows(body)
        assert refused.value.detail == {"rows": ['Send an object with a list: {"rows": [...]}.']}
    with pytest.raises(serializers.ValidationError) as refused:
        telemetry._rows({"rows": [], "row": 1})
    assert refused.value.detail == {"row": ["There is no such field; known is rows."]}
    with pytest.raises(Problem) as refused:
        telemetry._rows({"rows": [{}] * 10_001})
    assert (refused.value.status_code, refused.value.detail) == (
        413,
        "At most 10,000 rows at once; send the others in another call.",
    )


def test_the_body_of_the_contract_is_a_list_of_the_rows():
    body = telemetry.rows_of(telemetry.StatusIn)
    assert (body.__name__, body.__bases__) == ("StatusInRows", (telemetry.Body,))
    rows = body().fields["rows"]
    assert (type(rows.child), rows.allow_empty) == (telemetry.StatusIn, True)


def judged(count: int, wrong, monkeypatch):
    """What is answered to so many rows of which each is `wrong`."""
    ingest = StatusIngest()
    monkeypatch.setattr(ingest, "_places", lambda request, rows: {})
    monkeypatch.setattr(ingest, "check", wrong)
    return ingest.send(SimpleNamespace(data={"rows": [{}] * count}))


def test_at_most_a_thousand_refused_rows_are_told_and_all_are_counted(monkeypatch):
    def wrong(row, places, latest):
        raise Wrong("/charger", "There is no such charger.")

    answer = judged(1_002, wrong, monkeypatch)
    assert answer.status_code == 202
    told = json.loads(answer.content)
    assert (told["accepted"], told["changed"], told["rejected_count"], len(told["rejected"])) == (0, 0, 1_002, 1_000)
    assert told["rejected"][999] == {"row": 999, "path": "/rows/999/charger", "message": "There is no such charger."}


def test_at_most_a_thousand_malformed_rows_are_told(monkeypatch):
    def malformed(row, places, latest):
        raise Malformed("/status", "No such status.")

    with pytest.raises(Problem) as refused:
        judged(1_001, malformed, monkeypatch)
    problem = refused.value
    assert (problem.status_code, problem.detail) == (422, "Rows are not of the right form, and nothing was stored.")
    assert len(problem.errors) == 1_000
    assert problem.errors[0] == {"path": "/rows/0/status", "message": "No such status."}


def test_a_clock_that_is_five_minutes_ahead_is_borne(monkeypatch):
    seen = []

    def look(row, places, latest):
        seen.append(latest)
        raise Wrong("", "")

    judged(1, look, monkeypatch)
    assert abs(seen[0] - timedelta(minutes=5) - datetime.now(UTC)) < timedelta(minutes=2)
