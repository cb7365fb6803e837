"""Key figures of maintenance: known answers worked out by hand, what must always hold, and what the tables hold."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintenance import kpi_tables, kpis
from maintenance.kpi_definitions import KPIS, results
from maintenance.kpis import Estimate, Frames
from maintenance.models import Incident, OrderPart, Part, RemoteAttempt, ServiceCentre, Technician, WorkOrder
from stations.models import Operator

from . import fleet

NAN = float("nan")
DAY = 24.0
NOW = 100 * DAY
PERIOD = (10 * DAY, 40 * DAY)
TIMES = ("acknowledged", "accepted", "arrived", "resolved", "ended", "respond_by", "due", "held")


def orders(*rows: dict) -> pd.DataFrame:
    """Orders of two sites by turns, opened at the beginning of the period; `rows` say what is different."""
    plain = {
        "begun": PERIOD[0], "opened": PERIOD[0], **dict.fromkeys(TIMES, NAN), "cause": 1, "is_prediction": False,
        "is_follow_up": False, "is_continued": False, "is_called_off": False, "is_asked": True, "parts_used": 0,
        "parts_unforeseen": 0, "cost": NAN,
    }  # fmt: skip
    numbered = [
        {**plain, "order": number, "site": 1 + number % 2, "place": 100 + number, **row}
        for number, row in enumerate(rows)
    ]
    frame = pd.DataFrame(numbered, columns=["order", "site", "place", *plain])
    return frame.astype({"site": int, "place": int} | {name: type(value) for name, value in plain.items()})


def failures(*rows: dict) -> pd.DataFrame:
    plain = {
        "site": 1, "place": 100, "begun": PERIOD[0], "is_tried": True, "is_healed": False, "is_decided": True,
        "is_asked": True,
    }  # fmt: skip
    frame = pd.DataFrame([{**plain, "incident": n, **row} for n, row in enumerate(rows)], columns=["incident", *plain])
    return frame.astype({name: type(value) for name, value in plain.items()})


def frames(orders_: pd.DataFrame, failures_: pd.DataFrame | None = None, now: float = NOW, ports: int = 50) -> Frames:
    ports_ = pd.DataFrame({"site": [1, 2], "ports": [ports, ports]})
    return Frames(orders_, failures() if failures_ is None else failures_, ports_, now)


def after(hours: float) -> float:
    return PERIOD[0] + hours


def test_time_to_repair_counts_what_still_goes_on_as_at_least_so_long():
    # 10 h and 20 h repaired, 30 h still open: S = 2/3 after 10 h, 1/3 after 20 h, and watched for 30 h.
    done = [{"resolved": after(10), "ended": after(12)}, {"resolved": after(20), "ended": after(21)}, {}]
    found = kpis.time_to_repair(frames(orders(*done), now=after(30)), *PERIOD)
    assert found.value == pytest.approx(10 + 10 * 2 / 3 + 10 / 3)
    assert found.limit == 30
    assert "1 not yet" in found.note
    assert found.n == 3
    assert found.low <= found.value <= found.high
    finished_only = np.mean([10, 20])
    assert found.value > finished_only, "leaving out open orders would make it look faster"


def test_the_mean_time_goes_no_further_than_its_limit():
    # One order took a whole month: of it 168 h count.
    done = [{"resolved": after(10)}, {"resolved": after(720)}]
    found = kpis.time_to_repair(frames(orders(*done)), *PERIOD)
    assert found.value == pytest.approx((10 + 168) / 2)
    assert found.limit == 168


def test_predictions_and_orders_that_a_follow_up_goes_on_with_are_no_repairs_of_their_own():
    rows = [
        {"resolved": after(8)}, {"resolved": after(2), "is_prediction": True},
        {"ended": after(3), "is_continued": True}, {"resolved": after(30), "is_follow_up": True},
    ]  # fmt: skip
    found = kpis.time_to_repair(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (2, pytest.approx(19))


def test_time_to_acknowledge_takes_what_came_first_and_leaves_follow_ups_out():
    rows = [
        {"acknowledged": after(1), "accepted": after(3)}, {"accepted": after(3)}, {"arrived": after(5)},
        {"accepted": after(23), "is_follow_up": True}, {"ended": after(4), "is_called_off": True},
    ]  # fmt: skip
    # Ends at 1, 3, 5 among 4, one left at 4: S = 3/4, 1/2, then nobody but the last is at risk, S = 0 at 5.
    found = kpis.time_to_acknowledge(frames(orders(*rows)), *PERIOD)
    assert found.value == pytest.approx(1 + 2 * 3 / 4 + 2 * 1 / 2)
    assert found.n == 4


def test_time_to_arrive():
    found = kpis.time_to_arrive(frames(orders({"arrived": after(2)}, {"arrived": after(6)})), *PERIOD)
    assert found.value == pytest.approx(4)


def test_deadlines_count_when_they_have_passed():
    due = after(10)
    rows = [
        {"due": due, "resolved": after(9)}, {"due": due, "resolved": after(11)}, {"due": due},
        {"due": due, "resolved": due},
        {"due": due, "held": after(5)},  # its clock stands
        {"due": due, "is_called_off": True, "ended": after(3)},
        {"due": due, "is_called_off": True, "ended": after(12)},  # was late before
        {"due": PERIOD[1] + 1, "resolved": after(1)},  # of the next period
    ]  # fmt: skip
    found = kpis.resolved_in_time(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (5, pytest.approx(40))
    before = kpis.resolved_in_time(frames(orders(*rows), now=after(10)), *PERIOD)
    assert before.n == 0, "nothing was due yet, so that early work alone does not count"


def test_answered_in_time_takes_acceptance_or_arrival():
    by = after(4)
    rows = [{"respond_by": by, "accepted": after(1)}, {"respond_by": by, "arrived": after(5)}, {"respond_by": by}]
    found = kpis.answered_in_time(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (3, pytest.approx(100 / 3))


def visit(place: int, day: float, **fields) -> dict:
    at = PERIOD[0] + day * DAY
    return {"place": place, "opened": at - 5, "begun": at - 5, "arrived": at, "resolved": at + 1, **fields}


def test_first_time_fix_by_hand():
    rows = [
        visit(1, 0), visit(1, 10), visit(1, 20),  # first not fixed; the others are returns
        visit(2, 0), visit(2, 31),  # fixed, and a new first visit that is fixed, too: but after the period
        visit(3, 0, cause=1), visit(3, 5, cause=2),  # two causes, both fixed
        visit(4, 0, resolved=NAN),  # could not complete, or is still at it
        visit(5, 0, is_asked=False),
        visit(6, -5), visit(6, 2),  # a return of a visit of the period before
    ]  # fmt: skip
    found = kpis.first_time_fix(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (5, pytest.approx(60))  # places 1, 2, 3, 3, 4


def test_first_time_fix_waits_until_thirty_days_have_passed():
    rows = orders(visit(1, 0), visit(2, 1))
    assert kpis.first_time_fix(frames(rows, now=PERIOD[0] + 29 * DAY), *PERIOD).n == 0
    assert kpis.first_time_fix(frames(rows, now=PERIOD[0] + 30.5 * DAY), *PERIOD).n == 1


def test_repeat_failures_by_hand():
    rows = [visit(1, 0), visit(2, 0), visit(3, 0), visit(4, 0, is_prediction=True), visit(-2, 0)]
    began = [
        {"place": 1, "begun": after(20 * DAY)}, {"place": 2, "begun": after(40 * DAY)},
        {"place": 3, "begun": after(-1)}, {"place": 4, "begun": after(9)}, {"place": 1, "begun": after(25 * DAY)},
    ]  # fmt: skip
    found = kpis.repeat_failures(frames(orders(*rows), failures(*began)), *PERIOD)
    assert (found.n, found.value) == (3, pytest.approx(100 / 3))
    assert kpis.repeat_failures(frames(orders(*rows), failures(*began), now=after(29 * DAY)), *PERIOD).n == 0


def test_remote_share_counts_an_incident_with_many_chargers_once():
    rows = [
        {"incident": 1, "place": 1, "is_healed": True}, {"incident": 1, "place": 2, "is_healed": True},
        {"incident": 2, "is_tried": False}, {"incident": 3, "is_decided": False}, {"incident": 4, "site": 2},
        {"incident": 5, "is_asked": False},
    ]  # fmt: skip
    found = kpis.remote_share(frames(orders(), failures(*rows)), *PERIOD)
    assert (found.n, found.value) == (3, pytest.approx(100 / 3))
    assert "tried at 2 of 3" in found.note


def test_truck_rolls_per_100_ports_and_month():
    # 30 days are 0.9856 months; 100 ports; at site 1 two orders an hour apart are one trip: 3 trips.
    rows = [
        visit(1, 1, site=1), {**visit(2, 1, site=1), "arrived": PERIOD[0] + DAY + 1}, visit(3, 2, site=1),
        visit(4, 1, site=2),
    ]  # fmt: skip
    found = kpis.truck_rolls(frames(orders(*rows)), *PERIOD)
    assert found.n == 3
    assert found.value == pytest.approx(3 / (30 / (365.25 / 12)))
    assert found.low < found.value < found.high
    nothing = kpis.truck_rolls(frames(orders()), *PERIOD)
    assert (nothing.value, nothing.low) == (0, 0)
    assert nothing.high == pytest.approx(3.689 / (30 / (365.25 / 12)), rel=1e-3)


def test_parts_hit_by_hand():
    rows = [
        visit(1, 1, parts_used=1), visit(2, 1, parts_used=2, parts_unforeseen=1), visit(3, 1),
        visit(4, 1, parts_used=1, parts_unforeseen=1), visit(5, 1, parts_used=1),
    ]  # fmt: skip
    found = kpis.parts_hit(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (4, pytest.approx(50))


def test_cost_is_the_mean_of_what_is_known():
    rows = [visit(1, 1, cost=100.0), visit(2, 1, cost=300.0), visit(3, 1, cost=200.0), visit(4, 1)]
    found = kpis.cost(frames(orders(*rows)), *PERIOD)
    assert (found.n, found.value) == (3, pytest.approx(200))
    assert "600 in all" in found.note
    assert "unknown of 1" in found.note


def test_a_difference_has_the_interval_of_both():
    found = kpis.difference(Estimate(10, 8, 13, 5), Estimate(6, 5, 9, 7))
    assert found.value == 4
    assert found.low == pytest.approx(4 - np.hypot(2, 3))
    assert found.high == pytest.approx(4 + np.hypot(3, 1))
    shorter = kpis.difference(Estimate(10, 8, 13, limit=30), Estimate(6, 5, 9, limit=168))
    assert np.isnan(shorter.value)


def test_one_site_alone_has_no_interval():
    found = kpis.share(np.array([True, False]), np.array([7, 7]))
    assert found.value == 50
    assert np.isnan(found.low)
    assert "one site" in found.note


hours_after = st.one_of(st.just(NAN), st.floats(0, 60 * DAY))


@settings(max_examples=15)
@given(
    st.lists(
        st.fixed_dictionaries({
            "opened": st.floats(0, NOW - 1), "arrived": hours_after, "resolved": hours_after, "due": hours_after,
            "place": st.integers(1, 5), "site": st.integers(1, 2), "cost": st.one_of(st.just(NAN), st.floats(0, 1e5)),
            "parts_used": st.integers(0, 2), "is_prediction": st.booleans(), "is_asked": st.booleans(),
        }),
        max_size=25,
    ),
)  # fmt: skip
def test_whatever_happens_estimates_lie_in_their_intervals_and_in_what_is_possible(rows):
    for row in rows:
        row["begun"] = row["opened"]
        for name in ("arrived", "resolved", "due"):
            row[name] = min(row[name] + row["opened"], NOW) if row[name] == row[name] else NAN
    began = [{"place": row["place"], "site": row["site"], "begun": row["begun"]} for row in rows]
    known = frames(orders(*rows), failures(*began))
    for result in results(known, 50 * DAY, NOW, parts=2):
        for found in (result.now, result.before):
            if found.n == 0 and result.kpi.slug != "truck-rolls":
                assert np.isnan(found.value)
            if np.isnan(found.value):
                assert found.note
                continue
            assert found.value >= 0
            assert not found.low > found.value + 1e-6
            assert not found.high < found.value - 1e-6
            if result.kpi.unit == "%":
                assert found.value <= 100
            if result.kpi.unit == "h":
                assert found.value <= found.limit + 1e-9


@given(st.lists(st.tuples(st.floats(0, 500), st.booleans(), st.integers(0, 4)), min_size=1, max_size=40))
def test_waiting_longer_for_open_orders_never_makes_the_mean_time_shorter(rows):
    durations, seen, sites = (np.array(column) for column in zip(*rows, strict=True))
    now = kpis.mean_time(durations, seen, sites, 100)
    later = kpis.mean_time(np.where(seen, durations, durations + 50), seen, sites, 100)
    if not seen.any():
        assert np.isnan([now.value, later.value]).all()
    else:
        assert later.value >= now.value - 1e-9


def test_where_nothing_has_ended_there_is_no_mean():
    found = kpis.mean_time(np.array([3.0, 5.0]), np.array([False, False]), np.array([1, 2]), 24)
    assert (np.isnan(found.value), found.n, found.note) == (True, 2, "none of them yet")


@pytest.fixture
def desk(db):
    """Two operators; at the first a repaired, a healed and an open failure."""
    northline = Operator.objects.create(name="Northline")
    volterra = Operator.objects.create(name="Volterra")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30, longitude=-97, hourly_cost=Decimal(60))
    technician = Technician.objects.create(code="ADA", centre=centre)
    here, away = fleet.site(northline, 1), fleet.site(volterra, 2, city="Boston")
    port = fleet.charger(here)
    at = fleet.NOW - timedelta(days=40)
    order = fleet.work_order(
        here, charger=port, cause="meter_fault", technician=technician, state="closed", opened_at=at,
        accepted_at=at + timedelta(hours=1), arrived_at=at + timedelta(hours=2), resolved_at=at + timedelta(hours=4),
        closed_at=at + timedelta(hours=5), minutes_travel=30, minutes_work=60, due_at=at + timedelta(hours=3),
    )  # fmt: skip
    Incident.objects.filter(pk=order.incident_id).update(source="status", closed_at=order.closed_at)
    part = Part.objects.create(number="P1", name="meter", unit_cost=Decimal("390.50"))
    OrderPart.objects.create(order=order, part=part, used=2, by_cause=True)
    healed = Incident.objects.create(
        site=here, charger=port, source="status", summary="x", opened_at=at + timedelta(days=3),
        closed_at=at + timedelta(days=3, hours=1),
    )  # fmt: skip
    RemoteAttempt.objects.create(incident=healed, charger=port, rung="soft_reset", at=at, answer="ok", helped=True)
    fleet.work_order(away, opened_at=at, state="new")
    return northline


def measured(asked: kpi_tables.Asked) -> dict[str, kpis.Estimate]:
    start, end = fleet.NOW - timedelta(days=60), fleet.NOW
    known = kpi_tables.frames(asked, start, fleet.NOW)
    return {kpi.slug: kpi.measure(known, kpi_tables.hours(start), kpi_tables.hours(end)) for kpi in KPIS}


def test_the_tables_hold_what_happened(desk):
    found = measured(kpi_tables.Asked((desk.pk,)))
    assert found["acknowledge"].value == pytest.approx(1)
    assert found["arrive"].value == pytest.approx(2)
    assert found["repair"].value == pytest.approx(4)
    assert (found["resolved"].value, found["resolved"].n) == (0, 1)
    assert found["first-time-fix"].value == 100
    assert found["repeat"].value == 100, "it failed again after three days, though it healed then"
    assert (found["remote"].value, found["remote"].n) == (50, 2)
    assert found["cost"].value == pytest.approx(90 + 781)
    assert (found["parts-hit"].value, found["parts-hit"].n) == (100, 1)
    assert found["truck-rolls"].n == 1


def test_filters_leave_out_other_operators_cities_causes_and_teams(desk):
    for nothing in (
        kpi_tables.Asked(()), kpi_tables.Asked((desk.pk,), city="Boston"), kpi_tables.Asked(centre=0),
        kpi_tables.Asked((desk.pk,), cause="latch_actuator"),
    ):  # fmt: skip
        found = measured(nothing)
        assert {slug for slug, one in found.items() if one.n} == set(), nothing
    assert measured(kpi_tables.Asked())["acknowledge"].n == 2
    own = kpi_tables.Asked((desk.pk,), "Austin", "meter_fault", ServiceCentre.objects.get().pk)
    assert measured(own)["repair"].n == 1


def test_every_figure_says_what_it_is(desk):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    known = kpi_tables.frames(kpi_tables.Asked(), at, at)
    for result in results(known, 0.0, 24.0):
        assert len(result.kpi.definition) > 60
        assert result.now.note or result.now.n or result.now.value == 0, "where there is no figure it says why"
    assert WorkOrder.objects.count() == 2
