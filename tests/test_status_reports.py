"""Status reports come in by one door, and outages and current states follow from them, whatever their order."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stations.models import Charger, Operator, Site
from telemetry.models import ChargerState, Outage, StatusReport
from telemetry.reliability.spells import outage_spells

START = datetime(2026, 3, 1, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def make_chargers(count: int = 1) -> list[int]:
    operator = Operator.objects.create(name="Volta")
    site = Site.objects.create(operator=operator, external_id="EV00001", name="Dock")
    chargers = [Charger(site=site, external_id=f"C{number}") for number in range(count)]
    return [charger.pk for charger in Charger.objects.bulk_create(chargers)]


def report(charger: int, *statuses: tuple[float, str]) -> int:
    at = [minute(number) for number, _ in statuses]
    return StatusReport.objects.record([charger] * len(at), at, [status for _, status in statuses])


def outages() -> list[tuple]:
    rows = Outage.objects.order_by("charger_id", "started_at")
    return [
        (
            (row.started_at - START) / timedelta(minutes=1),
            row.ended_at and (row.ended_at - START) / timedelta(minutes=1),
        )
        for row in rows
    ]


def test_an_outage_lasts_from_the_first_fault_report_to_the_first_other_one():
    (charger,) = make_chargers()
    report(charger, (0, "AVAILABLE"), (5, "FAULTED"), (10, "OFFLINE"), (15, "UNKNOWN"), (20, "FAULTED"))
    assert outages() == [(5, 15), (20, None)]
    assert list(Outage.objects.order_by("started_at").values_list("status", "left_censored")) == [
        ("FAULTED", False),
        ("FAULTED", False),
    ]


def test_a_charger_that_begins_with_a_fault_has_an_outage_of_unknown_start():
    (charger,) = make_chargers()
    report(charger, (5, "OFFLINE"))
    assert Outage.objects.get().left_censored
    report(charger, (1, "CHARGING"))
    assert not Outage.objects.get().left_censored


def test_a_late_report_splits_an_outage_and_a_correction_joins_it_again():
    (charger,) = make_chargers()
    report(charger, (0, "AVAILABLE"), (10, "FAULTED"), (40, "AVAILABLE"))
    report(charger, (20, "CHARGING"), (30, "FAULTED"))
    assert outages() == [(10, 20), (30, 40)]
    report(charger, (20, "OFFLINE"))
    assert outages() == [(10, 40)]


def test_an_excluded_outage_stays_excluded_while_it_starts_at_the_same_time():
    (charger,) = make_chargers()
    report(charger, (0, "AVAILABLE"), (10, "FAULTED"))
    Outage.objects.mark_excluded([Outage.objects.get().pk], "vandalism")
    report(charger, (30, "AVAILABLE"), (20, "OFFLINE"))
    outage = Outage.objects.get()
    assert (outage.excluded_reason, outage.ended_at) == ("vandalism", minute(30))


def test_the_state_is_the_last_report_and_counts_since_its_run_began():
    (charger,) = make_chargers()
    report(charger, (0, "AVAILABLE"), (10, "CHARGING"), (15, "CHARGING"))
    report(charger, (12, "CHARGING"), (5, "FAULTED"))
    state = ChargerState.objects.get()
    assert (state.status, state.since, state.last_report_at) == ("CHARGING", minute(10), minute(15))


def test_codes_and_temperature_are_kept():
    (charger,) = make_chargers()
    StatusReport.objects.record(
        np.array([charger, charger]),
        np.array(["2026-03-01T00:00", "2026-03-01T00:01"], "M8[us]"),
        ["FAULTED", "AVAILABLE"],
        ["E1", None],
        np.array([np.nan, 21.5]),
        ["CX9", None],
    )
    first, second = StatusReport.objects.order_by("reported_at")
    assert (first.reported_at, first.error_code, first.temperature_c) == (START, "E1", None)
    assert (second.error_code, second.temperature_c) == ("", 21.5)
    assert (first.vendor_code, second.vendor_code) == ("CX9", "")
    assert Outage.objects.values_list("error_code", "vendor_code").get() == ("E1", "CX9")
    assert ChargerState.objects.get().vendor_code == ""
    assert ChargerState.objects.get().temperature_c == 21.5


def test_the_same_reports_again_change_nothing():
    (charger,) = make_chargers()
    rows = [(0, "AVAILABLE"), (5, "FAULTED"), (10, "AVAILABLE")]
    assert report(charger, *rows) == 3
    before = list(Outage.objects.values()), list(ChargerState.objects.values()), list(StatusReport.objects.values())
    assert report(charger, *rows, *rows) == 0
    assert before == (
        list(Outage.objects.values()),
        list(ChargerState.objects.values()),
        list(StatusReport.objects.values()),
    )


def test_an_unknown_status_is_refused_whole():
    (charger,) = make_chargers()
    with pytest.raises(ValueError, match=r"'BROKEN'.*AVAILABLE"):
        report(charger, (0, "AVAILABLE"), (1, "BROKEN"))
    assert not StatusReport.objects.exists()


def test_columns_of_different_length_are_refused():
    (charger,) = make_chargers()
    with pytest.raises(ValueError, match="equal length"):
        StatusReport.objects.record([charger], [START, START], ["AVAILABLE"])


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(django_assert_num_queries):
    chargers = make_chargers(50)
    for rows in (1, 2000):
        at = [minute(number) for number in range(rows)]
        statuses = ["FAULTED" if number % 3 else "AVAILABLE" for number in range(rows)]
        with django_assert_num_queries(8):  # six and the savepoint's two
            StatusReport.objects.record([chargers[number % 50] for number in range(rows)], at, statuses)


def test_staged_rows_are_recorded_in_the_order_of_their_copying():
    (charger,) = make_chargers()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE staged (charger_id bigint, reported_at timestamptz, status text, error_code text, "
            "vendor_code text, temperature_c double precision) ON COMMIT DROP"
        )
        with cursor.copy("COPY staged FROM STDIN") as copy:
            copy.write_row((charger, START, "AVAILABLE", None, None, None))
            copy.write_row((charger, minute(5), "AVAILABLE", None, None, 20.0))
            copy.write_row((charger, minute(5), "FAULTED", "E7", "V7", 21.0))
        assert StatusReport.objects.record_staged(cursor, "staged") == 2
    assert outages() == [(5, None)]
    assert ChargerState.objects.values_list("error_code", "vendor_code").get() == ("E7", "V7")


REPORTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 14),
        st.sampled_from(["AVAILABLE", "CHARGING", "FAULTED", "OFFLINE", "UNKNOWN"]),
    ),
    max_size=12,
)


def expected_states(union: dict) -> dict:
    """The obvious way: walk back from the last report while the status stays the same."""
    states = {}
    for charger in {charger for charger, _ in union}:
        times = sorted(at for name, at in union if name == charger)
        since = times[-1]
        for at in reversed(times):
            if union[charger, at] != union[charger, times[-1]]:
                break
            since = at
        states[charger] = (union[charger, times[-1]], since, times[-1])
    return states


def assert_derived(union: dict) -> None:
    frame = pd.DataFrame(
        [(charger, at, status) for (charger, at), status in union.items()], columns=["charger_id", "time", "status"]
    )
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    spells = outage_spells(frame, minute(-1), minute(1000))
    expected = [
        (
            row.charger_id,
            row.start,
            None if row.right_censored else row.end,
            row.left_censored,
            union[row.charger_id, row.start],
        )
        for row in spells.itertuples()
    ]
    names = ("charger_id", "started_at", "ended_at", "left_censored", "status")
    assert list(Outage.objects.order_by("charger_id", "started_at").values_list(*names)) == expected
    states = ChargerState.objects.values_list("charger_id", "status", "since", "last_report_at")
    assert {charger: tuple(state) for charger, *state in states} == expected_states(union)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batches=st.lists(REPORTS, min_size=1, max_size=5))
def test_outages_and_states_follow_from_the_union_of_all_batches(batches):
    with transaction.atomic():
        chargers, union = make_chargers(3), {}
        for batch in batches:
            rows = [(chargers[number], minute(at), status) for number, at, status in batch]
            before = dict(union)
            union.update({(charger, at): status for charger, at, status in rows})
            changed = StatusReport.objects.record(*(zip(*rows, strict=True) if rows else ([], [], [])))
            assert changed == sum(before.get(key) != status for key, status in union.items())
            assert_derived(union)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_recorders_of_the_same_chargers_wait_for_each_other():
    chargers, union, failures = make_chargers(3), {}, []
    states = ["AVAILABLE", "FAULTED", "FAULTED", "OFFLINE", "CHARGING"]
    for charger in chargers:
        for at in range(120):
            union[charger, minute(at)] = states[(charger * 7 + at * at) % 5]

    def record(part: int) -> None:
        rows = [(*key, status) for number, (key, status) in enumerate(union.items()) if number % 4 == part]
        try:
            for start in range(0, len(rows), 9):
                batch = rows[start : start + 9][:: 1 if part % 2 else -1]
                StatusReport.objects.record(*zip(*batch, strict=True))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    recorders = [threading.Thread(target=record, args=[part]) for part in range(4)]
    for recorder in recorders:
        recorder.start()
    for recorder in recorders:
        recorder.join()
    assert failures == []
    assert_derived(union)
