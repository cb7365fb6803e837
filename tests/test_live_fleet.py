"""The chargers of the live network: the laws of the world at ten seconds a tick."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.simulation import causes, chargers, fleet_memory
from telemetry.simulation.fleet import TURNS, Around, Fleet, Happened, told_codes
from telemetry.simulation.fleet_memory import UNKNOWN
from telemetry.simulation.journal import AVAILABLE, CHARGING, FAULTED, OFFLINE, PREPARING, UNAVAILABLE
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.state import UP, UPKEEP

TYPICAL = SCENARIOS["typical"]
START = 1_790_000_000
SITES = 40


def fleet(sites: int = SITES, seed: int = 7) -> Fleet:
    facts = chargers.chargers(network(sites, seed), TYPICAL, seed)
    return Fleet(facts, fleet_memory.fresh(np.arange(len(facts)) + 100, facts, START // 86_400), TYPICAL, seed)


def around(tick: int, sites: int = SITES, **more) -> Around:
    at, ones = START + 10 * tick, np.ones(sites)
    values = {
        "at": at,
        "slot": at // 10,
        "hour": 12,
        "weekday": 6,
        "ambient_c": 20 * ones,
        "is_wet": ones < 0,
        "wanted": 0.35 * ones,
        "is_held": ones < 0,
        "speed": ones,
        "power_share": ones,
    }
    return Around(**{**values, **more})


def stressed(tick: int, sites: int = SITES) -> Around:
    ones = np.ones(sites)
    return around(tick, sites, ambient_c=40.6 * ones, wanted=0.98 * ones, is_held=ones > 0, speed=360 * ones)


def run(live: Fleet, ticks: int, scene=around, first: int = 0, seed: int = 1) -> list:
    rng = np.random.default_rng(seed)
    return [live.step(scene(first + tick), 10.0, rng) for tick in range(ticks)]


def break_(live: Fleet, cause: int, rows) -> SimpleNamespace:
    """Chargers `rows` stop for `cause` now."""
    happened, rows = Happened(), np.asarray(rows)
    now, none = around(0, len(live.chargers.first)), rows[:0]
    live._stop(rows, np.full(len(rows), cause), none, now, np.random.default_rng(3), happened)
    return happened


def test_the_same_seed_gives_the_same_chargers_failures_and_sessions():
    one, other = fleet(), fleet()
    run(one, 60), run(other, 60)
    assert one.memory.tobytes() == other.memory.tobytes()


def test_chargers_fail_as_often_as_the_table_of_causes_says():
    live = fleet(300)
    failed = np.zeros(13)
    ticks = 1800
    for number, happened in enumerate(run(live, ticks, lambda tick: around(tick, 300))):
        failed += np.bincount(live.memory["down"][happened.failed].clip(0), minlength=13)
        if number % 100 == 0:  # somebody repairs what is broken
            fleet_memory.renew(live.memory, np.flatnonzero(live.memory["down"] != UP), service=False)
    years = len(live.memory) * ticks * 10 / 3600 / causes.HOURS_PER_YEAR
    rates = failed / years
    assert rates[causes.COMMS] == pytest.approx(13.5, rel=0.5)  # 12 of DC and 15 of Level 2 ports a year
    assert 8 < rates.sum() < 30


def test_a_site_held_under_stress_heats_derates_and_trips_within_hours_and_cools_when_healed():
    live = fleet()
    heat, tripped = [], np.zeros(len(live.memory), bool)
    for happened in run(live, 8, stressed):
        tripped[happened.failed[live.memory["is_trip"][happened.failed]]] = True
        works = live.memory["down"] == UP
        heat.append(live.memory["cabinet_c"][works].mean() if works.any() else heat[-1])
    sites = live.chargers.site
    assert heat[0] > 50
    assert max(heat) < 82  # 85 % of the power above 40 °C: 86 °C without derating
    assert np.mean(np.bincount(sites, tripped) > 0) > 0.9
    ones = np.ones(SITES)
    run(live, 8, lambda tick: around(tick, speed=360 * ones), first=8)
    assert np.median(live.memory["cabinet_c"]) < 45


def test_a_calm_network_does_not_trip():
    live = fleet()
    run(live, 2 * TURNS)
    assert not live.memory["is_trip"].any()
    assert np.nanmax(live.memory["cabinet_c"]) < 60


def test_a_tripped_cabinet_waits_until_it_has_cooled():
    live = fleet()
    live.memory["cabinet_c"] = 80
    break_(live, causes.COOLING, [0])
    live.memory["fixed_at"][0] = START + 10  # due at once
    run(live, 3, first=1)
    assert live.memory["down"][0] == causes.COOLING
    live.memory["cabinet_c"][0] = 40
    (happened,) = run(live, 1, first=4)
    assert 0 in happened.healed
    assert live.memory["down"][0] == UP


def test_what_a_reset_clears_comes_back_by_itself_and_what_needs_a_visit_does_not():
    live = fleet(300)
    rows = np.flatnonzero(live.chargers.kind == 0)[:200]
    break_(live, causes.FIRMWARE, rows)
    remote = live.memory["fixed_at"][rows] > 0
    assert remote.mean() == pytest.approx(0.88, abs=0.07)
    after = START + 30 * 86_400
    assert live.waits_for_somebody(after)[rows].tolist() == (~remote).tolist()
    assert not live.waits_for_somebody(START)[rows].any()  # the alarm has not even been seen
    happened = live.step(around(30 * 8640, 300), 10.0, np.random.default_rng(1))
    assert set(rows[remote]) <= set(happened.healed)
    assert (live.memory["down"][rows[~remote]] == causes.FIRMWARE).all()


def test_a_silent_fault_says_available_until_three_starts_have_failed():
    live = fleet(2)
    happened = break_(live, causes.PAYMENT, [0])
    assert not happened.reports
    assert live.memory["is_silent"][0]
    reports, successes = [], []
    scene = lambda tick: around(tick, 2, wanted=np.ones(2))  # noqa: E731
    for happened in run(live, 400, scene, first=1):
        rows, _, status, cause, _ = happened.all_reports()
        reports += list(zip(status[rows == 0].tolist(), cause[rows == 0].tolist(), strict=True))
        ended = happened.ended
        successes += ended["success"][ended["charger"] == 0].tolist()
    told = next(place for place, (_, cause) in enumerate(reports) if cause != -1)
    assert reports[told] == (FAULTED, causes.PAYMENT)
    assert successes[:3] == [False] * 3
    assert sum(status == PREPARING for status, _ in reports[:told]) == 3


def test_somebody_passes_by_a_silent_fault_that_nobody_tries():
    live = fleet()
    rows = np.arange(300)
    break_(live, causes.PAYMENT, rows)
    silent = []
    for tick in range(0, 15 * 8640, 360):  # an hour each
        live.step(around(tick, wanted=np.zeros(SITES)), 3600.0, np.random.default_rng(tick))
        silent.append(live.memory["is_silent"][rows].mean())
    assert silent[7 * 24] == pytest.approx(np.exp(-1), abs=0.1)


def test_a_lost_supply_takes_the_whole_site_and_comes_back_for_all_at_once():
    live = fleet()
    rows = np.flatnonzero(live.chargers.site == 3)
    happened = break_(live, causes.GRID, rows)
    _, _, status, cause, _ = happened.all_reports()
    assert (set(status), set(cause)) == ({OFFLINE}, {causes.GRID})
    assert len(set(live.memory["fixed_at"][rows])) == len(set(live.memory["gives_up_at"][rows])) == 1


def test_nobody_charges_at_a_charger_that_is_known_not_to_work_and_a_failure_cuts_what_does():
    live = fleet()
    run(live, 200)
    charging = np.flatnonzero(live.memory["session_from"] > 0)
    assert 0.2 < len(charging) / len(live.memory) < 0.5
    happened = break_(live, causes.MODULE, charging[:3])
    assert happened.ended["charger"].tolist() == charging[:3].tolist()
    assert not happened.ended["success"].any()
    out = set(charging[:3])
    for happened in run(live, 100, first=201):
        assert not out & set(happened.begun)


def test_sessions_end_when_they_should_and_give_no_more_than_power_times_time():
    live = fleet()
    for happened in run(live, 600):
        ended = happened.ended
        hours = (ended["end"] - ended["start"]) / 3600
        assert (ended["end"] > ended["start"]).all()
        assert (ended["kwh"] <= live.chargers.power_kw[ended["charger"]] * hours + 1e-6).all()
        assert (ended["kwh"][~ended["success"]] == 0).all() or len(happened.failed)


def test_a_charger_says_nothing_twice_in_a_second_but_a_stop_after_the_end_of_a_session():
    live = fleet()
    for happened in run(live, 300):
        rows, second, *_ = happened.all_reports()
        assert len(np.unique(np.column_stack([rows, second]), axis=0)) == len(rows)


def test_time_lapse_is_told_by_every_charger_at_every_tick():
    live = fleet()
    (happened,) = run(live, 1, stressed)
    rows, _, status, _, heat = happened.all_reports()
    assert set(rows) == set(range(len(live.memory)))
    assert set(status[np.isin(rows, happened.begun)]) <= {CHARGING, 1}
    assert np.isfinite(heat).all()


def test_the_world_believes_what_others_did_to_the_chargers():
    live = fleet()
    break_(live, causes.CABLE, [1, 2])
    live.memory["cycles"][1] = 9000
    live.reconcile(np.array([2, 5, 6]), np.array([False, False, True]), START)
    assert live.memory["down"][[1, 2, 5, 6]].tolist() == [UP, causes.CABLE, UNKNOWN, UPKEEP]
    assert live.memory["cycles"][1] == 0  # a new cable
    assert live.waits_for_somebody(START)[[1, 5, 6]].tolist() == [False, True, False]


def test_a_planned_service_ends_by_itself_and_cleans_the_filters():
    live = fleet()
    live.memory["fouling"][4] = 0.2
    live.reconcile(np.array([4]), np.array([True]), START)
    live.step(around(3 * 360), 10.0, np.random.default_rng(1))
    assert (live.memory["down"][4], live.memory["fouling"][4]) == (UP, 0)


def test_services_begin_on_working_days_at_idle_chargers_alone():
    live = fleet(300)
    scene = lambda tick: around(tick, 300, weekday=1)  # noqa: E731
    busy_before = None
    begun = 0
    for happened in run(live, 300, scene):
        rows, _, status, _, _ = happened.all_reports()
        started = rows[status == UNAVAILABLE]
        begun += len(started)
        assert busy_before is None or not set(started) & busy_before
        busy_before = set(np.flatnonzero(live.memory["session_from"] > 0))
    assert begun > 0


def test_memory_follows_its_chargers_and_forgets_other_layouts():
    live = fleet(3)
    live.memory["fouling"] = 0.1
    data = fleet_memory.to_bytes(live.memory)
    kept = fleet_memory.from_bytes(data)
    assert kept.tobytes() == live.memory.tobytes()
    facts = fleet(5).chargers
    ids = np.concatenate([live.memory["charger"][::-1], np.arange(len(facts) - len(kept)) + 5000])
    grown = fleet_memory.recalled(kept, ids, facts, START // 86_400)
    assert np.allclose(grown["fouling"], [0.1] * len(kept) + [0] * (len(facts) - len(kept)))
    assert len(fleet_memory.from_bytes(b"other" + data)) == 0


def test_a_seventh_of_the_faults_is_told_vaguely():
    code, vendor = told_codes(np.full(4000, causes.CABLE), np.random.default_rng(1))
    assert np.mean(code == "InternalError") == pytest.approx(0.15, abs=0.02)
    assert set(vendor[code == "HighTemperature"]) == {"CX018"}
    assert told_codes(np.array([-1]), np.random.default_rng(1))[0].tolist() == [""]


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(0, 1))
def test_outages_and_recoveries_alternate_and_the_share_in_use_stays_between_none_and_all(seed, wanted, is_stressed):
    live, rng, broken = fleet(6), np.random.default_rng(seed), set()
    for tick in range(40):
        scene = stressed(tick, 6) if is_stressed else around(tick, 6, wanted=np.full(6, wanted))
        happened = live.step(scene, 10.0, rng)
        assert not set(happened.healed) - broken
        broken -= set(happened.healed)
        assert not set(happened.failed) & broken
        broken |= set(happened.failed)
        assert not (live.memory["session_from"][list(broken)] > 0).any()
    assert AVAILABLE == 0  # statuses are indices of journal.STATUSES


def test_sessions_under_way_get_less_energy_while_their_power_is_limited():
    told = []
    for share in (1.0, 0.5):
        live = fleet()
        rng, kwh = np.random.default_rng(5), 0.0
        for tick in range(0, 720):
            limit = np.full(SITES, share if tick >= 360 else 1.0)  # from the second hour on
            happened = live.step(around(tick, power_share=limit), 10.0, rng)
            kwh += happened.ended["kwh"].sum()
        told.append((kwh, live.memory["kilowatts"].sum()))
    assert told[1][1] == told[0][1], "the same cars, as if nothing held them back"
    assert 0.4 * told[0][0] < told[1][0] < 0.9 * told[0][0]
