"""The simulated live network: noise of the stated spread, surges, stress, prices and failures, all repeatable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.simulation.live import (
    Memory,
    Options,
    Usual,
    occupancy,
    price_effect,
    step,
    wait_estimate,
)

QUIET = Options(surge_chance=0.0)


def usual(sites: int, utilization: float = 0.5, **more) -> Usual:
    ones = np.ones(sites)
    values = {
        "utilization": utilization * ones,
        "temperature_f": 70 * ones,
        "ports_total": np.full(sites, 10),
        "ports_out_of_service": np.zeros(sites, "i8"),
        "session_minutes": 35 * ones,
        "price_ratio": ones,
        "stressed": np.zeros(sites, bool),
    }
    return Usual(**{**values, **more})


def run(world: Usual, options: Options = QUIET, ticks: int = 1, seed: int = 1):
    rng = np.random.default_rng(seed)
    memory = Memory.blank(np.arange(len(world.utilization)))
    history = []
    for _ in range(ticks):
        measured, memory = step(world, memory, rng, options)
        history.append(measured)
    return history


@pytest.mark.parametrize("noise", ["white", "smooth"])
def test_noise_has_the_stated_spread_around_what_is_usual(noise):
    history = run(usual(4000), Options(noise=noise, surge_chance=0.0), ticks=200 if noise == "smooth" else 2)
    # Half a network is far from the ends of 0 and 1 in so few standard deviations that clipping hardly shows.
    assert history[-1].utilization.mean() == pytest.approx(0.5, abs=0.02)
    assert history[-1].utilization.std() == pytest.approx(0.2, abs=0.01)
    assert history[-1].temperature_f.std() == pytest.approx(2.0, abs=0.1)


def test_smooth_noise_moves_slowly_and_white_noise_does_not():
    def change(noise: str) -> float:
        history = run(usual(4000), Options(noise=noise, surge_chance=0.0), ticks=100)
        return np.abs(history[-1].utilization - history[-2].utilization).mean()

    assert change("smooth") < 0.25 * change("white")


def test_the_same_seed_gives_the_same_network():
    first, second = run(usual(50), Options(), ticks=30), run(usual(50), Options(), ticks=30)
    for one, other in zip(first, second, strict=True):
        assert (one.utilization == other.utilization).all()
        assert (one.wait_minutes == other.wait_minutes).all()


def test_a_surge_fills_quiet_sites_for_six_ticks_and_warms_them():
    memory, rng = Memory.blank(np.arange(20)), np.random.default_rng(3)
    measured, memory = step(usual(20, 0.1), memory, rng, Options(surge_chance=1.0))
    surged = np.flatnonzero(measured.newly_surged)
    assert 1 <= len(surged) <= 5
    for _ in range(5):
        assert (measured.utilization[surged] >= 0.95).all()
        assert (measured.wait_minutes[surged] >= 45).all()
        assert measured.temperature_f[surged].mean() > 85
        measured, memory = step(usual(20, 0.1), memory, rng, QUIET)
    measured, _ = step(usual(20, 0.1), memory, rng, QUIET)
    assert (measured.utilization[surged] < 0.95).all()


def test_between_two_ticks_the_world_stands_still():
    memory, rng = Memory.blank(np.arange(50)), np.random.default_rng(1)
    first, memory = step(usual(50), memory, rng, Options(surge_chance=1.0))
    stressed = usual(50, stressed=np.arange(50) == 0)
    between, after = step(stressed, memory, rng, Options(surge_chance=1.0), seconds=0)
    assert (between.utilization[1:] == first.utilization[1:]).all()
    assert between.utilization[0] == 0.98
    assert not between.newly_surged.any()
    assert (after.surge_ticks_left == memory.surge_ticks_left).all()


def test_busy_sites_are_not_surged():
    measured = run(usual(200, 0.9), Options(noise="smooth", surge_chance=1.0))[0]
    assert not measured.newly_surged.any()


def test_stress_holds_the_stated_values_whatever_the_noise():
    measured = run(usual(30, 0.1, stressed=np.ones(30, bool)))[0]
    assert set(measured.utilization) == {0.98}
    assert set(measured.temperature_f) == {105.0}
    assert set(measured.wait_minutes) == {45.0}


@pytest.mark.parametrize(("elasticity", "share"), [(-0.91, 0.60), (-0.76, 0.654), (-0.3, 0.845), (-0.2, 0.894)])
def test_a_surge_price_takes_away_the_demand_that_the_elasticity_says(elasticity, share):
    assert price_effect(np.array([1.75]), elasticity)[0] == pytest.approx(share, abs=0.001)


def test_a_memory_of_another_layout_is_forgotten():
    memory = Memory.blank(np.arange(7))
    assert Memory.from_bytes(memory.to_bytes()).site.tolist() == list(range(7))
    assert len(Memory.from_bytes(bytes(40 * 7)).site) == 0


def test_time_runs_fast_where_a_site_is_stressed_and_for_a_while_after():
    rng, memory, speed = np.random.default_rng(1), Memory.blank(np.arange(2)), []
    for tick in range(16):
        held = np.array([tick < 3, False])
        measured, memory = step(usual(2, stressed=held), memory, rng, QUIET)
        speed.append(measured.speed.tolist())
    assert [pair[0] for pair in speed] == [360] * 14 + [1] * 2
    assert {pair[1] for pair in speed} == {1}


def test_what_cars_want_has_no_noise_of_seconds_and_follows_price_and_stress():
    world = usual(3, 0.4, price_ratio=np.array([1, 1.75, 1]), stressed=np.array([False, False, True]))
    assert run(world)[0].wanted.round(3).tolist() == [0.4, 0.261, 0.98]


@given(st.floats(0, 1), st.integers(0, 24), st.integers(0, 24))
def test_ports_always_add_up(utilization, total, out):
    out = min(out, total)
    available, occupied = occupancy(np.array([utilization]), np.array([total]), np.array([out]))
    assert available[0] + occupied[0] + out == total
    assert min(available[0], occupied[0]) >= 0


def test_nobody_waits_while_a_port_is_free():
    wait = wait_estimate(np.array([1, 0, 0]), np.array([4, 7, 0]), np.array([35.0, 35.0, 35.0]))
    assert wait.tolist() == [0, 5, 120]


def test_memory_follows_its_sites_when_the_network_changes():
    memory = Memory.blank(np.array([1, 3, 5]))
    memory.noise_utilization[:] = [0.1, 0.3, 0.5]
    moved = memory.of(np.array([2, 3, 5, 9]))
    assert moved.noise_utilization.tolist() == [0, 0.3, 0.5, 0]
    assert Memory.from_bytes(moved.to_bytes()).noise_utilization.tolist() == [0, 0.3, 0.5, 0]
    merged = memory.updated(moved)
    assert merged.site.tolist() == [1, 2, 3, 5, 9]
    assert merged.noise_utilization.tolist() == [0.1, 0, 0.3, 0.5, 0]
