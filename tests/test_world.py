"""The simulated world: what can never happen, and what differs between two runs of one seed."""

import dataclasses
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from telemetry.simulation import causes, hazards
from telemetry.simulation.journal import Journal
from telemetry.simulation.neighbours import moved_demand, neighbour_shares
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS, Use
from telemetry.simulation.repairs import DRAWS, repairs
from telemetry.simulation.state import UP, UPKEEP
from telemetry.simulation.world import World, run
from telemetry.simulation_truth import oracle_risk, true_hazard

DAY = 20_270  # 2025-07-01
TYPICAL = SCENARIOS["typical"]


def made(sites=30, days=12, seed=5, scenario=TYPICAL, policy=None, first_day=DAY) -> tuple[World, dict]:
    """A world after some days, and what happened in them."""
    world = World(network(sites, seed), first_day, seed, scenario)
    for _ in run(world, 48 * days, policy):
        pass
    return world, world.journal.take()


@pytest.fixture(scope="module")
def lived() -> tuple[World, dict]:
    return made()


def test_shares_stay_between_nothing_and_all_at_every_half_hour():
    world = World(network(20, 2), DAY, 2, SCENARIOS["poor"])
    for _ in run(world, 48 * 6):
        state = world.state
        for share in (state.utilization, state.load, state.moisture):
            assert 0 <= share.min() <= share.max() <= 1 + 1e-9
        assert (state.queue >= 0).all()
        assert not (state.is_charging & ~state.seems_up).any()
        assert np.isfinite(state.cabinet_c).all()


def test_outages_and_repairs_of_a_charger_alternate(lived):
    outages = lived[1]["outages"]
    assert len(outages["start"]) > 50
    order = np.lexsort((outages["start"], outages["charger"]))
    charger, start, end = (outages[name][order] for name in ("charger", "start", "end"))
    assert (end > start).all()
    same = charger[1:] == charger[:-1]
    assert (start[1:][same] >= end[:-1][same]).all()


def test_turns_of_a_repair_come_in_their_order(lived):
    outages = lived[1]["outages"]
    visit = outages["is_visit"].astype(bool)
    turns = [outages[name][visit] for name in ("start", "dispatched", "arrived", "end")]
    for earlier, later in pairwise(turns):
        assert (earlier <= later + 1e-6).all()
    assert (outages["detected"] >= outages["start"]).all()


def test_no_session_runs_on_a_charger_that_is_down(lived):
    sessions, outages = lived[1]["sessions"], lived[1]["outages"]
    for charger in np.unique(outages["charger"]):
        begins, ends = (sessions[name][sessions["charger"] == charger] for name in ("start", "end"))
        mine = outages["charger"] == charger
        for start, end in zip(outages["told"][mine], outages["end"][mine], strict=True):
            assert not ((begins < end - 1e-6) & (ends > start + 1e-6)).any()


def test_sessions_of_a_charger_do_not_overlap_and_deliver_no_more_than_power_times_time(lived):
    world, happened = lived
    sessions = happened["sessions"]
    assert len(sessions["start"]) > 10_000
    order = np.lexsort((sessions["start"], sessions["charger"]))
    charger, start, end = (sessions[name][order] for name in ("charger", "start", "end"))
    same = charger[1:] == charger[:-1]
    assert (start[1:][same] >= end[:-1][same] - 1e-6).all()
    hours = (sessions["end"] - sessions["start"]) / 60
    assert (hours >= 0).all()
    assert (sessions["kwh"] <= world.chargers.power_kw[sessions["charger"]] * hours + 1e-9).all()
    failed = sessions["success"] == 0
    assert 0.01 < failed.mean() < 0.15
    assert ((sessions["reason"] > 0) == failed).all()


def test_every_outage_and_every_return_is_reported(lived):
    reports, outages = lived[1]["reports"], lived[1]["outages"]
    faults = np.isin(reports["status"], (4, 5))
    assert faults.sum() == len(outages["start"])
    told = set(zip(reports["charger"][faults].tolist(), reports["minute"][faults].tolist(), strict=True))
    assert told == set(zip(outages["charger"].tolist(), outages["told"].tolist(), strict=True))


def test_a_silent_fault_is_found_by_three_failed_starts_and_delivers_nothing_until_then():
    happened = made(sites=60, days=20)[1]
    sessions, outages = happened["sessions"], happened["outages"]
    silent = np.isin(outages["cause"], [i for i, cause in enumerate(causes.CAUSES) if cause.is_silent])
    assert (outages["told"][~silent] == outages["start"][~silent]).all()
    tries = []
    for row in np.flatnonzero(silent):
        start, told = outages["start"][row], outages["told"][row]
        tried = (sessions["charger"] == outages["charger"][row]) & (sessions["start"] > start)
        tried &= sessions["start"] < told
        assert not sessions["kwh"][tried].any()
        tries.append(tried.sum() if told - start < 7 * 1440 else 3)
    assert len(tries) > 20
    assert set(tries) == {3}


def test_a_lost_supply_takes_the_whole_site_at_one_instant():
    world, happened = made(sites=60, days=6, scenario=dataclasses.replace(SCENARIOS["poor"], rates=12))
    outages = happened["outages"]
    dark = outages["cause"] == causes.GRID
    assert dark.any()
    for start in np.unique(outages["start"][dark]):
        sites = world.chargers.site[outages["charger"][dark & (outages["start"] == start)]]
        assert len(np.unique(outages["end"][dark & (outages["start"] == start)])) == len(np.unique(sites))


def test_the_same_seed_lives_the_same_life_and_a_larger_network_begins_with_it():
    small, again, large = (made(sites=sites, days=3)[1] for sites in (8, 8, 20))
    chargers = len(World(network(8, 5), DAY, 5, TYPICAL).chargers)
    for kind, columns in small.items():
        within = large[kind]["charger"] < chargers
        for name, values in columns.items():
            assert (again[kind][name] == values).all()
            assert (large[kind][name][within] == values).all(), (kind, name)


def test_prices_change_what_people_do_and_leave_weather_and_luck_alone():
    def dear(at, utilization):
        return np.where(np.arange(len(utilization)) < 10, 1.75, 1.0)

    usual, dearer = (made(sites=30, policy=policy, days=5) for policy in (None, dear))
    sites = usual[0].chargers.site
    cars = [np.bincount(sites[one[1]["sessions"]["charger"]], minlength=30) for one in (usual, dearer)]
    assert cars[1][:10].sum() < 0.85 * cars[0][:10].sum()
    assert usual[0].state.signal.tolist() == dearer[0].state.signal.tolist()
    alone = np.asarray(usual[0].neighbours.sum(axis=0)) == 0
    untouched = np.flatnonzero(alone & (np.arange(30) >= 10))
    assert cars[0][untouched].tolist() == cars[1][untouched].tolist()


def test_a_policy_that_changes_nothing_changes_nothing():
    one, other = (made(sites=10, days=3, policy=p)[1] for p in (None, lambda at, load: np.ones_like(load)))
    assert all((one[k][n] == other[k][n]).all() for k in one for n in one[k])


def test_part_of_the_demand_that_a_price_sends_away_arrives_at_near_sites():
    north = np.array([40.0, 40.02, 40.5])  # 2.2 km, 53 km
    shares = neighbour_shares(north, np.full(3, -74.0), 3.45)
    assert shares.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    use = Use()
    demand, ports = np.array([0.8, 0.2, 0.2]), np.array([10, 5, 5])
    after = moved_demand(demand, ports, np.array([1.75, 1, 1]), shares, use)
    assert after[0] == pytest.approx(0.8 * 1.75**-0.76)
    assert (after[1] - 0.2) * 5 == pytest.approx(use.moved_share * (0.8 - after[0]) * 10)
    assert after[2] == 0.2
    assert (moved_demand(demand, ports, np.ones(3), shares, use) == demand).all()


@pytest.mark.parametrize("zone", ["America/New_York", "America/Los_Angeles"])
def test_days_on_which_clocks_change_keep_their_totals(zone):
    first = (date(2025, 11, 1) - date(1970, 1, 1)).days
    world, happened = made(sites=6, days=4, first_day=first)
    start = happened["sessions"]["start"]
    assert world.step - first * 48 == 4 * 48
    local = [datetime.fromtimestamp(minute * 60, ZoneInfo(zone)) for minute in start]
    days, counts = np.unique([at.date().isoformat() for at in local], return_counts=True)
    assert counts.sum() == len(start)
    assert "2025-11-02" in days
    utc = {at.astimezone(ZoneInfo("UTC")) for at in local}
    assert len(utc) == len(np.unique((start * 60e6).astype("i8")))  # the hour that comes twice keeps both


def test_what_has_no_effect_in_the_null_scenario_is_the_same_everywhere():
    world, _ = made(sites=20, days=4, scenario=SCENARIOS["null"])
    hazard = world.hazard()
    assert np.ptp(hazard, axis=1).max() == pytest.approx(0, abs=1e-12)
    assert (world.state.trouble == -1).all()
    assert np.ptp(made(sites=20, days=4)[0].hazard(), axis=1).max() > 1e-3


def held(world: World, load: float, ambient_c: float, hours: float) -> np.ndarray:
    """Chance that each charger stops while it is held at a load and an ambient temperature."""
    total = np.zeros(len(world.chargers))
    world.advance()
    here = dataclasses.replace(world.here(0), ambient_c=np.full(len(total), ambient_c))
    from telemetry.simulation.thermal import approach, settled_c

    c, state = world.chargers, world.state
    for _ in range(int(2 * hours)):
        target = settled_c(here.ambient_c, load, state.fouling, c.rise_k)
        state.cabinet_c = approach(state.cabinet_c, target, 0.5, c.hours_constant)
        total += hazards.rates(state, here, c, world.scenario).sum(0) * 0.5
    return 1 - np.exp(-total)


def test_a_site_held_under_stress_trips_within_hours_and_a_calm_one_does_not():
    stressed = held(World(network(40, 1), DAY, 1, TYPICAL), 0.98, 40.6, 12)
    calm = held(World(network(40, 1), DAY, 1, TYPICAL), 0.4, 20.0, 12)
    assert (stressed > 0.9).mean() > 0.9
    assert np.median(calm) < 0.05


def test_repairs_take_the_times_of_the_field():
    u = np.random.default_rng(1).random((DRAWS, 40_000))
    many = len(u[0])
    comms = repairs(np.full(many, causes.COMMS), np.zeros(many, bool), u, TYPICAL)
    assert np.median(comms.hours) == pytest.approx(np.exp(-0.03), rel=0.05)
    assert comms.is_visit.mean() == pytest.approx(0.045, abs=0.005)
    module = repairs(np.full(many, causes.MODULE), np.zeros(many, bool), u, TYPICAL)
    assert module.is_visit.mean() == pytest.approx(0.9, abs=0.01)
    travel = (module.arrived_hours - module.dispatched_hours)[module.is_visit & ~module.waited_for_parts]
    assert np.median(travel) == pytest.approx(30, rel=0.05)
    assert module.waited_for_parts[module.is_visit].mean() == pytest.approx(0.2, abs=0.02)
    assert np.median(module.onsite_minutes[module.is_visit]) == pytest.approx(90, rel=0.05)
    assert np.median(module.hours[~module.is_visit]) < 1.5


def test_services_clean_the_filters_and_end():
    world, happened = made(sites=30, days=8)
    services = happened["reports"]["status"] == 3
    assert services.any()
    assert (world.state.down != UPKEEP).all()  # 9 July 2025, midnight: all done
    assert (world.state.service_hours[happened["reports"]["charger"][services]] < 8 * 24).all()


def test_an_oracle_leaves_the_world_as_it_was_and_says_nothing_of_chargers_that_are_down():
    world, _ = made(sites=10, days=6, scenario=SCENARIOS["poor"])
    before = world.state.copy()
    risk = oracle_risk(world, 24, rollouts=2)
    for name, value in vars(before).items():
        assert (getattr(world.state, name) == value).all()
    assert (np.isnan(risk) == ~before.seems_up).all()
    assert np.isnan(true_hazard(world)[0]).tolist() == (before.down != UP).tolist()
    known = risk[~np.isnan(risk)]
    assert 0 <= known.min() <= known.max() <= 1
    shorter = oracle_risk(world, 4, rollouts=2)
    assert (shorter[before.is_up] < risk[before.is_up]).all()
    with pytest.raises(ValueError, match="half an hour"):
        oracle_risk(world, 0)


def test_a_journal_gives_each_piece_once_in_order_of_time():
    journal = Journal()
    journal.report(np.array([1, 0]), np.array([5.0, 3.0]), 0, np.array([20.0, 21]))
    assert journal.take()["reports"]["minute"].tolist() == [3, 5]
    assert len(journal.take()["reports"]["minute"]) == 0
