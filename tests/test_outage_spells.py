"""Spells of outage from status reports: hand-made answers, and an obvious slow way that must agree."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.reliability.spells import outage_spells

DAY = pd.Timestamp("2026-03-01", tz="UTC")
COLUMNS = ["charger_id", "start", "end", "left_censored", "right_censored", "hours"]


def hour(number: float) -> pd.Timestamp:
    return DAY + pd.Timedelta(hours=number)


def reports(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["charger_id", "time", "status"])
    frame["time"] = DAY + pd.to_timedelta(frame["time"].astype(float), unit="h")
    return frame


def spells(*rows: tuple, window=(0, 24), **options) -> list[tuple]:
    """Charger, start and end hour, and which ends are censored, of each spell."""
    found = outage_spells(reports(*rows), hour(window[0]), hour(window[1]), **options)
    assert list(found.columns) == COLUMNS
    assert list(found["hours"]) == [(row.end - row.start) / pd.Timedelta(hours=1) for row in found.itertuples()]
    return [
        (
            row.charger_id,
            (row.start - DAY) / pd.Timedelta(hours=1),
            (row.end - DAY) / pd.Timedelta(hours=1),
            "left" * row.left_censored + "right" * row.right_censored,
        )
        for row in found.itertuples()
    ]


def test_a_spell_lasts_from_its_first_fault_report_to_the_next_other_one():
    rows = [("A", 1, "AVAILABLE"), ("A", 2, "FAULTED"), ("A", 3, "OFFLINE"), ("A", 5, "CHARGING"), ("A", 6, "CHARGING")]
    assert spells(*rows) == [("A", 2, 5, "")]
    assert spells(*reversed(rows)) == [("A", 2, 5, "")]


def test_chargers_do_not_run_into_each_other():
    assert spells(("A", 1, "AVAILABLE"), ("A", 2, "FAULTED"), ("B", 3, "AVAILABLE"), ("B", 4, "FAULTED")) == [
        ("A", 2, 24, "right"),
        ("B", 4, 24, "right"),
    ]


def test_a_first_report_of_fault_has_an_unknown_start():
    assert spells(("A", 2, "FAULTED"), ("A", 3, "AVAILABLE")) == [("A", 2, 3, "left")]


def test_the_window_cuts_spells_and_says_so():
    rows = [("A", 0, "AVAILABLE"), ("A", 2, "FAULTED"), ("A", 8, "AVAILABLE")]
    assert spells(*rows, window=(3, 7)) == [("A", 3, 7, "leftright")]
    assert spells(*rows, window=(2, 8)) == [("A", 2, 8, "")]
    assert spells(*rows, window=(8, 9)) == []
    assert spells(*rows, window=(1, 2)) == []


def test_of_reports_for_the_same_instant_the_last_in_input_order_counts():
    assert spells(("A", 1, "AVAILABLE"), ("A", 2, "FAULTED"), ("A", 2, "AVAILABLE")) == []
    assert spells(("A", 1, "AVAILABLE"), ("A", 2, "AVAILABLE"), ("A", 2, "FAULTED")) == [("A", 2, 24, "right")]
    assert spells(("A", 2, "AVAILABLE"), ("A", 5, "AVAILABLE"), ("A", 2, "FAULTED"), ("A", 1, "AVAILABLE")) == [
        ("A", 2, 5, "")
    ]


def test_silence_counts_as_outage_from_the_last_report_and_the_silence():
    rows = [("A", 0, "AVAILABLE"), ("A", 2, "AVAILABLE"), ("A", 7, "AVAILABLE")]
    silence = pd.Timedelta(hours=3)
    assert spells(*rows, window=(0, 9), silence=silence) == [("A", 5, 7, "")]
    assert spells(*rows, silence=silence) == [("A", 5, 7, ""), ("A", 10, 24, "right")]
    assert spells(*rows, window=(0, 9), silence=pd.Timedelta(hours=5)) == []
    assert spells(
        ("A", 0, "AVAILABLE"), ("A", 5, "FAULTED"), ("A", 6, "AVAILABLE"), window=(0, 8), silence=silence
    ) == [("A", 3, 6, "")]


def test_other_states_can_be_the_faults():
    rows = [("A", 1, "AVAILABLE"), ("A", 2, "UNAVAILABLE"), ("A", 3, None), ("A", 4, "FAULTED")]
    assert spells(*rows, fault_states=["UNAVAILABLE"]) == [("A", 2, 3, "")]


def test_no_reports_give_no_spells_of_the_same_shape():
    assert spells() == []
    assert outage_spells(reports(), hour(0), hour(1), silence=pd.Timedelta(hours=1)).empty


def test_naive_times_stay_naive_and_others_come_back_in_utc():
    frame = pd.DataFrame({"charger_id": [7, 7], "time": ["2026-03-01 01:00", "2026-03-01 02:00"], "status": "FAULTED"})
    found = outage_spells(frame, "2026-03-01", "2026-03-02")
    assert found.iloc[0]["start"] == pd.Timestamp("2026-03-01 01:00")
    zoned = frame.assign(time=pd.to_datetime(frame["time"]).dt.tz_localize("America/New_York"))
    assert outage_spells(zoned, "2026-03-01", "2026-03-02").iloc[0]["start"] == hour(6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"window_end": hour(0)}, "window must end after it starts"),
        ({"silence": pd.Timedelta(0)}, "silence must be a positive time"),
        ({"status": reports(("A", 1, "FAULTED")).drop(columns="time")}, "no column 'time'"),
        ({"status": reports((None, 1, "FAULTED"))}, "row 0 of the status frame has no charger_id"),
        (
            {"status": reports(("A", 1, "FAULTED"), ("A", float("nan"), "FAULTED"))},
            "row 1 of the status frame has no time",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(change, sentence):
    values = {"status": reports(("A", 1, "FAULTED")), "window_start": hour(0), "window_end": hour(1)} | change
    with pytest.raises(ValueError, match=sentence):
        outage_spells(**values)


def obvious_spells(rows, window, silence) -> list[tuple]:
    """Half-hour by half-hour: is the charger out, and did that begin here?"""
    found = []
    for charger in sorted({charger for charger, _, _ in rows}):
        known = {at: status in ("FAULTED", "OFFLINE") for name, at, status in rows if name == charger}
        first, last_at, is_out, start = min(known), None, False, None
        for step in range(first, window[1] + 2):
            if step in known:
                last_at, out_now = step, known[step]
            else:
                out_now = is_out or (silence is not None and step >= last_at + silence)
            if out_now and not is_out:
                start, censored = step, step == first
            if is_out and not out_now:
                found.append((charger, start, step, censored))
            is_out = out_now
        if is_out:
            found.append((charger, start, 10_000, censored))
    low, high = window
    return [
        (charger, max(start, low), min(end, high), "left" * (left or start < low) + "right" * (end > high))
        for charger, start, end, left in found
        if start < high and end > low
    ]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.integers(0, 30),
            st.sampled_from(["AVAILABLE", "CHARGING", "FAULTED", "OFFLINE", "UNKNOWN"]),
        ),
        max_size=25,
    ),
    window=st.tuples(st.integers(-3, 35), st.integers(1, 30)).map(lambda pair: (pair[0], sum(pair))),
    silence=st.none() | st.integers(1, 8),
)
def test_the_fast_way_agrees_with_the_obvious_one(rows, window, silence):
    gap = None if silence is None else pd.Timedelta(hours=silence)
    assert spells(*rows, window=window, silence=gap) == obvious_spells(rows, window, silence)
