"""Surges and reroutes: who, next to whom, at what price, and until when."""

import doctest
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import engine
from pricing.engine import Applied, Opening, Policy, Sites, due_to_end, metres, price_for, surges_and_reroutes

POLICY = Policy()
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def sites(count: int, **more) -> Sites:
    """`count` quiet sites in a row, a kilometre apart from west to east."""
    values = {
        "site": np.arange(1, count + 1),
        "latitude": np.full(count, 47.6),
        "longitude": -122 + np.arange(count) / 75.0,
        "kind": np.ones(count, int),
        "utilization": np.full(count, 0.2),
        "risk": np.full(count, 0.1),
        "entering": np.zeros(count, bool),
        "priced": np.ones(count, bool),
        "changed": np.zeros(count, bool),
    }
    return Sites(**{**values, **more})


def mask(count: int, *places: int) -> np.ndarray:
    chosen = np.zeros(count, bool)
    chosen[list(places)] = True
    return chosen


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(engine).failed == 0


def test_a_degree_at_seattle_is_75_km_east_and_111_km_north():
    origin, east, north = metres(np.array([47.6, 47.6, 48.6]), np.array([-122.0, -121.0, -122.0]))
    assert np.linalg.norm(east - origin) / 1000 == pytest.approx(75.0, abs=0.1)
    assert np.linalg.norm(north - origin) / 1000 == pytest.approx(111.2, abs=0.1)


def test_a_site_entering_stress_is_surged_and_its_nearest_neighbour_takes_the_load():
    opened = surges_and_reroutes(sites(5, entering=mask(5, 2), risk=np.array([0.1, 0.1, 0.9, 0.1, 0.1])), POLICY)
    assert opened[0] == Opening(3, "surge", None)
    assert opened[1].kind == "reroute"
    assert opened[1].site in (2, 4)
    assert opened[1].surge_site == 3


def test_degrees_alone_would_choose_the_wrong_neighbour():
    # 0.012 degrees north is 1.33 km; 0.014 degrees east, which looks farther, is only 1.05 km.
    world = sites(
        3,
        latitude=np.array([47.6, 47.612, 47.6]),
        longitude=np.array([-122.0, -122.0, -121.986]),
        entering=mask(3, 0),
        risk=np.array([0.9, 0.1, 0.1]),
    )
    assert surges_and_reroutes(world, POLICY)[1].site == 3


@pytest.mark.parametrize(
    "trouble",
    [
        {"utilization": np.array([0.9, 0.6, 0.2])},
        {"risk": np.array([0.9, 0.41, 0.1])},
        {"kind": np.array([1, 2, 1])},
        {"priced": np.array([True, False, True])},
        {"changed": np.array([False, True, False])},
    ],
    ids=["busy", "at risk", "another connector", "free", "its price differs already"],
)
def test_a_neighbour_that_cannot_help_is_passed_over(trouble):
    world = {"risk": np.array([0.9, 0.1, 0.1]), "entering": mask(3, 0), **trouble}
    assert surges_and_reroutes(sites(3, **world), POLICY)[1].site == 3


def test_a_neighbour_too_far_away_is_no_neighbour():
    far = sites(2, longitude=np.array([-122.0, -121.0]), entering=mask(2, 0), risk=np.array([0.9, 0.1]))
    assert [o.kind for o in surges_and_reroutes(far, POLICY)] == ["surge"]


def test_a_site_without_a_place_is_surged_without_a_reroute():
    lost = sites(2, latitude=np.array([np.nan, 47.6]), entering=mask(2, 0), risk=np.array([0.9, 0.1]))
    assert [o.kind for o in surges_and_reroutes(lost, POLICY)] == ["surge"]


@pytest.mark.parametrize("reason", ["priced", "changed"])
def test_free_sites_and_sites_whose_price_differs_are_not_surged(reason):
    state = {"priced": ~mask(3, 1)} if reason == "priced" else {"changed": mask(3, 1)}
    assert surges_and_reroutes(sites(3, entering=mask(3, 1), **state), POLICY) == []


@given(st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_no_site_is_chosen_twice_and_none_is_both_surged_and_discounted(count, seed):
    rng = np.random.default_rng(seed)
    risk = rng.random(count)
    world = sites(
        count,
        latitude=30 + rng.random(count) / 3,
        longitude=-97 + rng.random(count) / 3,
        kind=rng.integers(0, 2, count),
        utilization=rng.random(count),
        risk=risk,
        entering=risk > 0.6,
    )
    openings = surges_and_reroutes(world, POLICY)
    chosen = [o.site for o in openings]
    assert len(chosen) == len(set(chosen))
    assert {o.surge_site for o in openings if o.kind == "reroute"} <= {o.site for o in openings if o.kind == "surge"}


@given(st.decimals("0", "999", places=4))
def test_prices_come_from_the_base_price_alone_and_are_whole_ten_thousandths(base):
    surge, reroute = price_for("surge", base, POLICY), price_for("reroute", base, POLICY)
    assert abs(surge - base * Decimal("1.75")) <= Decimal("0.00005")
    assert abs(reroute - base * Decimal("0.7")) <= Decimal("0.00005")
    assert surge == surge.quantize(Decimal("0.0001"))
    assert reroute <= base <= surge


def change(number: int, kind: str = "surge", minutes_old: float = 5, surge: int | None = None) -> Applied:
    starts_at = NOW - timedelta(minutes=minutes_old)
    return Applied(number, number, kind, starts_at, starts_at + timedelta(seconds=1800), surge)


def test_a_surge_ends_when_its_site_has_calmed_down_and_takes_its_reroute_along():
    changes = [change(1), change(2, "reroute", surge=1), change(3), change(4, "reroute", surge=3)]
    assert due_to_end(changes, {1: 0.39, 2: 0.0, 3: 0.41, 4: 0.0}, NOW, POLICY) == {
        1: "calmed down",
        2: "its surge ended",
    }


def test_a_surge_lasts_a_minute_at_least_and_half_an_hour_at_most():
    young, old = change(1, minutes_old=0.5), change(2, minutes_old=30)
    assert due_to_end([young, old], {1: 0.0, 2: 1.0}, NOW, POLICY) == {2: "its period ended"}


def test_a_site_whose_risk_is_not_known_ends_by_time_only():
    assert due_to_end([change(1), change(2, minutes_old=31)], {}, NOW, POLICY) == {2: "its period ended"}


def test_a_neighbour_that_becomes_critical_itself_is_no_longer_cheaper():
    changes = [change(1), change(2, "reroute", surge=1)]
    assert due_to_end(changes, {1: 0.9, 2: 0.61}, NOW, POLICY) == {2: "critical itself"}
