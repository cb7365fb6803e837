"""Distances, orders of stops and sentences that are worked out without a server."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maintenance.routing import estimate
from maintenance.routing.directions import ORDINALS, TURNS, Maneuver, sentence
from maintenance.routing.plausible import plausible

places = st.tuples(st.floats(-89, 89), st.floats(-180, 180))


def path_minutes(minutes: np.ndarray, order) -> float:
    """Minutes of driving the places of a matrix (n, n) in this order, without coming back."""
    order = np.asarray(order, "i8")
    return float(minutes[order[:-1], order[1:]].sum())


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((50.0359, -5.4253), (58.3838, -3.0412), 940.9),  # the crossing of Great Britain, textbook 940.9 km (R = 6371)
        ((0, 0), (0, 180), math.pi * estimate.EARTH_KM),
        ((0, 0), (1, 0), math.pi * estimate.EARTH_KM / 180),
        ((30.3, -97.7), (30.3, -97.7), 0),
    ],
)
def test_distances_are_those_of_the_textbook(one, other, km):
    assert estimate.haversine_km(*one, *other) == pytest.approx(km, rel=1e-3, abs=1e-9)


@given(places, places, places)
def test_distances_are_a_metric(a, b, c):
    ab, ba = float(estimate.haversine_km(*a, *b)), float(estimate.haversine_km(*b, *a))
    assert ab == pytest.approx(ba)
    assert 0 <= ab <= math.pi * estimate.EARTH_KM + 1e-6
    # The formula loses half of its digits at the other end of the world: a metre, far from any road between two sites.
    assert float(estimate.haversine_km(*a, *c)) <= ab + float(estimate.haversine_km(*b, *c)) + 1e-3


def test_a_drive_is_a_third_longer_than_the_crow_flies_at_45_km_an_hour():
    km, minutes = estimate.matrix([0, 0], [0, 1])
    crow = math.pi * estimate.EARTH_KM / 180
    assert km[0, 1] == pytest.approx(1.3 * crow)
    assert minutes[0, 1] == pytest.approx(1.3 * crow / 45 * 60)
    assert minutes.diagonal().tolist() == [0, 0]


def any_minutes(most: int = 8):
    return st.integers(1, most).flatmap(lambda n: arrays("f8", (n, n), elements=st.floats(0, 500)))


@given(any_minutes())
def test_an_order_visits_each_stop_once_and_no_reversal_of_a_stretch_would_help(minutes):
    order = estimate.best_order(minutes)
    assert order[0] == 0
    assert sorted(order.tolist()) == list(range(len(minutes)))
    length = path_minutes(minutes, order)
    for i in range(1, len(order)):
        for j in range(i + 1, len(order)):
            other = np.concatenate([order[:i], order[i : j + 1][::-1], order[j + 1 :]])
            assert length <= path_minutes(minutes, other) + 1e-6


def test_orders_of_six_stops_are_seldom_much_longer_than_the_shortest():
    rng, longer = np.random.default_rng(3), []
    for _ in range(100):
        _, minutes = estimate.matrix(*rng.uniform((30, -98), (31, -97), (7, 2)).T)
        shortest = min(path_minutes(minutes, (0, *rest)) for rest in permutations(range(1, 7)))
        longer.append(path_minutes(minutes, estimate.best_order(minutes)) / shortest)
    assert min(longer) >= 1 - 1e-9
    assert np.mean(longer) < 1.05
    assert np.mean(np.array(longer) < 1.001) > 0.6


def test_a_place_without_a_road_goes_last():
    minutes = np.array([[0, np.nan, 5, 9], [np.nan, 0, np.nan, np.nan], [5, np.nan, 0, 3], [9, np.nan, 3, 0]])
    assert estimate.best_order(minutes).tolist() == [0, 2, 3, 1]


@pytest.mark.parametrize(
    ("maneuver", "said"),
    [
        (Maneuver("turn", "left", "Oak Street"), "Turn left onto Oak Street."),
        (Maneuver("turn", "slight right", "", "I 35"), "Bear right onto I 35."),
        (Maneuver("turn", "right", "Main Street", "US 290"), "Turn right onto Main Street (US 290)."),
        (Maneuver("turn", "uturn"), "Make a U-turn."),
        (Maneuver("new name", "straight", "Elm Street"), "Continue on Elm Street."),
        (Maneuver("continue", "slight left", "Elm Street"), "Keep left on Elm Street."),
        (Maneuver("continue", "uturn", "Elm Street"), "Make a U-turn onto Elm Street."),
        (Maneuver("depart", "", "Oak Street", bearing_after=92), "Head east on Oak Street."),
        (Maneuver("depart", "", "", bearing_after=359), "Head north."),
        (Maneuver("depart"), "Start."),
        (Maneuver("arrive", "right"), "You have arrived; it is on the right."),
        (Maneuver("arrive"), "You have arrived."),
        (Maneuver("merge", "slight left", "", "I 35"), "Merge left onto I 35."),
        (Maneuver("on ramp", "right", "", "I 35"), "Take the ramp on the right onto I 35."),
        (Maneuver("on ramp", "", "", "I 35", destinations="Waco"), "Take the ramp onto I 35 towards Waco."),
        (Maneuver("off ramp", "slight right", destinations="Airport"), "Take the exit on the right towards Airport."),
        (Maneuver("fork", "slight left", "", "US 183"), "Keep left at the fork onto US 183."),
        (Maneuver("end of road", "right", "Elm Street"), "Turn right at the end of the road onto Elm Street."),
        (Maneuver("roundabout", "right", "Elm", exit=2), "At the roundabout, take the second exit onto Elm."),
        (Maneuver("rotary", "", "A 4", exit=3, rotary_name="Place X"), "At Place X, take the third exit onto A 4."),
        (Maneuver("roundabout", "right", "Elm Street"), "Enter the roundabout and leave it onto Elm Street."),
        (Maneuver("roundabout turn", "left", "Elm Street"), "Turn left at the roundabout onto Elm Street."),
        (Maneuver("exit roundabout", "right"), "Leave the roundabout."),
        (Maneuver("hyperjump", "left", "Oak Street"), "Turn left onto Oak Street."),
        (Maneuver("", ""), "Turn."),
    ],
)  # fmt: skip
def test_a_maneuver_is_said_in_one_sentence(maneuver, said):
    assert sentence(maneuver) == said


kinds = st.sampled_from(["turn", "depart", "arrive", "fork", "merge", "roundabout", "rotary", "on ramp", "off ramp"])


@given(
    kinds | st.text(max_size=20), st.sampled_from([*TURNS, ""]) | st.text(max_size=20), st.text(max_size=300),
    st.text(max_size=300), st.none() | st.integers(-5, 99), st.text(max_size=300), st.text(max_size=300),
    st.none() | st.floats(),
)  # fmt: skip
def test_whatever_a_server_says_is_one_short_readable_line(kind, modifier, name, ref, exit, signs, rotary, bearing):
    said = sentence(Maneuver(kind, modifier, name, ref, exit, signs, rotary, bearing))
    assert said.endswith(".")
    assert said[0].isupper() or rotary
    assert len(said) < 400
    assert said == " ".join(said.split())
    assert not any(character in said for character in "\0\n\r\u202e\u2066\ufeff\u200b")


def test_each_exit_of_a_roundabout_has_its_word():
    said = [sentence(Maneuver("roundabout", exit=number)) for number in range(1, 11)]
    assert [word for word, line in zip(ORDINALS, said, strict=True) if f"the {word} exit" in line] == list(ORDINALS)
    assert sentence(Maneuver("roundabout", exit=11)) == "Enter the roundabout."


def test_a_long_name_is_cut_and_says_so():
    assert sentence(Maneuver("turn", "left", "a" * 200)) == f"Turn left onto {'a' * 79}…."


def test_drives_that_cannot_be_are_told_from_those_that_can():
    km, minutes = [12, 3, 12, 500, np.nan, 4], [15, 5, 1, 600, np.nan, 0]
    assert plausible(km, minutes, [10, 10, 10, 10, 10, 4]).tolist() == [True, False, False, False, True, True]
