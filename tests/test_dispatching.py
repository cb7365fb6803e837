"""Who is proposed for which order: skill, time and reach are kept, urgent goes first, and the drive is short."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintenance.routing.dispatching import FARTHEST_MINUTES, NOBODY, People, Why, Work, propose
from maintenance.routing.estimate import drive_minutes, matrix, road_km


def a_city(people: int, orders: int, seed: int = 0, spread: float = 0.2):
    """Random people and orders of a city, and the drive times between them."""
    rng = np.random.default_rng(seed)
    latitude, longitude = 30 + spread * rng.random((2, people + orders))
    work = Work(
        onsite_minutes=rng.integers(30, 150, orders).astype(float), urgency=rng.integers(0, 3, orders),
        has_place=np.ones(orders, bool), able=rng.random((people, orders)) < 0.7,
        has_part=rng.random((people, orders)) < 0.6,
    )  # fmt: skip
    staff = People(rng.integers(0, 120, people).astype(float), np.full(people, 480.0), np.zeros(people))
    return matrix(latitude, longitude)[1], work, staff


cities = st.tuples(st.integers(1, 6), st.integers(0, 25), st.integers(0, 10_000), st.sampled_from([0.05, 0.5, 3.0]))


@given(cities)
def test_a_plan_keeps_skill_reach_and_shift_and_says_why_where_nobody_goes(city):
    minutes, work, staff = a_city(*city)
    plan = propose(minutes, work, staff)
    people = len(staff.load)
    goes = plan.person >= 0
    assert (goes == (plan.why == Why.ASSIGNED)).all()
    assert work.able[plan.person[goes], np.flatnonzero(goes)].all()
    assert (minutes[plan.person[goes], people + np.flatnonzero(goes)] <= FARTHEST_MINUTES).all()
    assert (plan.busy_minutes <= np.maximum(staff.shift, staff.load) + 1e-6).all()
    for one in range(people):
        mine = np.flatnonzero(plan.person == one)
        way = mine[np.argsort(plan.stop[mine])]
        assert sorted(plan.stop[mine].tolist()) == list(range(len(mine)))
        assert (np.diff(work.urgency[way]) <= 0).all(), "a less urgent stop comes first"
        places = np.concatenate([[one], people + way])
        legs = minutes[places[:-1], places[1:]]
        assert plan.drive_minutes[way] == pytest.approx(legs)
        assert plan.busy_minutes[one] == pytest.approx(staff.load[one] + legs.sum() + work.onsite_minutes[way].sum())


def one_order(**fields):
    values = {"onsite_minutes": [60.0], "urgency": [1], "has_place": [True], "able": [[True]], "has_part": [[True]]}
    return Work(**{name: np.array(value) for name, value in {**values, **fields}.items()})


def one_person(load=0.0, shift=480.0, wait=0.0):
    return People(np.array([load]), np.array([shift]), np.array([wait]))


TEN = np.array([[0, 10.0], [10.0, 0]])


@pytest.mark.parametrize(
    ("minutes", "work", "staff", "why"),
    [
        (TEN, one_order(), one_person(), Why.ASSIGNED),
        (TEN, one_order(has_place=[False]), one_person(), Why.NO_PLACE),
        (TEN, one_order(able=[[False]]), one_person(), Why.NO_SKILL),
        (TEN * 21, one_order(), one_person(), Why.TOO_FAR),
        (TEN * np.nan, one_order(), one_person(), Why.TOO_FAR),
        (TEN, one_order(), one_person(load=411), Why.NO_TIME),
        (TEN, one_order(), one_person(load=410), Why.ASSIGNED),
    ],
)
def test_it_is_said_why_nobody_goes(minutes, work, staff, why):
    assert propose(minutes, work, staff).why.tolist() == [why]


def two_people(**fields):
    """One order, ten minutes from each of two people."""
    minutes = np.array([[0, 20, 10], [20, 0, 10], [10, 10, 0]], float)
    values = {"able": [[True], [True]], "has_part": [[True], [True]], **fields}
    return minutes, one_order(**values)


def test_of_two_equally_near_the_one_with_the_part_goes():
    minutes, work = two_people(has_part=[[False], [True]])
    assert propose(minutes, work, People(np.zeros(2), np.full(2, 480.0), np.zeros(2))).person.tolist() == [1]


def test_of_two_equally_near_the_less_busy_goes_and_who_is_on_shift_before_who_is_not():
    minutes, work = two_people()
    assert propose(minutes, work, People(np.array([100.0, 0]), np.full(2, 480.0), np.zeros(2))).person.tolist() == [1]
    assert propose(minutes, work, People(np.zeros(2), np.full(2, 480.0), np.array([90.0, 0]))).person.tolist() == [1]


def test_the_order_in_which_orders_come_does_not_matter():
    minutes, work, staff = a_city(3, 12, 5)
    mixed = np.random.default_rng(1).permutation(12)
    places = np.concatenate([np.arange(3), 3 + mixed])
    again = Work(
        work.onsite_minutes[mixed], work.urgency[mixed], work.has_place, work.able[:, mixed], work.has_part[:, mixed]
    )
    plan = propose(minutes[np.ix_(places, places)], again, staff)
    assert plan.person.tolist() == propose(minutes, work, staff).person[mixed].tolist()


def test_no_orders_and_no_people_are_no_error():
    minutes, work, staff = a_city(2, 0)
    assert propose(minutes, work, staff).person.tolist() == []
    nobody = People(np.zeros(0), np.zeros(0), np.zeros(0))
    plan = propose(np.zeros((1, 1)), one_order(able=np.zeros((0, 1), bool), has_part=np.zeros((0, 1), bool)), nobody)
    assert plan.person.tolist() == [NOBODY]


def test_shapes_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match="minutes has the shape"):
        propose(np.zeros((3, 3)), one_order(), one_person())


def test_days_are_shorter_than_by_sending_the_nearest_in_the_order_of_arrival():
    ours, theirs = [], []
    for seed in range(30):
        minutes, work, staff = a_city(4, 16, seed)
        everybody = Work(
            work.onsite_minutes * 0 + 30, work.urgency * 0, work.has_place, work.able | True, work.able | True
        )
        plan = propose(minutes, everybody, People(staff.load * 0, staff.shift * 10, staff.wait))
        ours.append(np.nansum(plan.drive_minutes))
        here, driven = list(range(4)), 0.0
        for order in range(4, 20):
            one = int(np.argmin([minutes[place, order] for place in here]))
            driven, here[one] = driven + minutes[here[one], order], order
        theirs.append(driven)
    assert np.mean(np.array(ours) / np.array(theirs)) < 0.85


def test_a_thousand_orders_of_three_hundred_people_are_planned_in_a_second():
    minutes, work, staff = a_city(300, 1_000, spread=1.0)
    begun = time.process_time()
    plan = propose(minutes, work, staff)
    assert time.process_time() - begun < 2
    assert (plan.person >= 0).mean() > 0.5


def test_the_reach_is_150_km():
    assert drive_minutes(150) == FARTHEST_MINUTES
    assert road_km(30, -97, 30, -97) == 0
