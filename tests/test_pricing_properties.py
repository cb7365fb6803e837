"""What holds for surge policies whatever happens: thousands of whole networks, days and noises."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.engine import LIMIT, REROUTE, SURGE, Applied, Sites, decide, due_to_end
from pricing.periods import Past, day_of, histories, period_end
from pricing.policy import GUARDED, ORIGINAL, POWER_FIRST, SCALE, discounted_prices, surge_prices

EXAMPLES = int(os.environ.get("PRICE_EXAMPLES", 1500))  # networks; 10,000 in `make deep`
POLICIES = [ORIGINAL, GUARDED, POWER_FIRST, replace(GUARDED, mode="autonomous", notice_seconds=0)]
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SEEDS = st.integers(0, 2**32 - 1)
ZONES = [ZoneInfo(name) for name in ("America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "America/Havana")]


def examples(count: int):
    return settings(max_examples=count, database=None)


def world(rng: np.random.Generator, count: int) -> Sites:
    """A network in which anything may be the matter."""
    maybe = rng.random
    return Sites(
        site=rng.permutation(1000)[:count],
        policy=rng.integers(-1, len(POLICIES), count),
        operator=rng.integers(1, 3, count),
        latitude=np.where(maybe(count) < 0.05, np.nan, np.round(30 + maybe(count) / 20, 2)),
        longitude=np.round(-97 + maybe(count) / 20, 2),
        kind=rng.integers(0, 2, count),
        power_kw=rng.choice([50.0, 150.0, 350.0], count),
        ports=rng.integers(0, 9, count),
        utilization=maybe(count),
        risk=np.where(maybe(count) < 0.05, np.nan, maybe(count)),
        cabinet_c=np.where(maybe(count) < 0.4, np.nan, 30 + 40 * maybe(count)),
        derated=np.where(maybe(count) < 0.7, np.nan, 0.3 * maybe(count)),
        base=rng.integers(0, 12_000, count),
        fixed=maybe(count) < 0.1,
        stopped=maybe(count) < 0.1,
        changed=maybe(count) < 0.1,
        waiting=maybe(count) < 0.1,
        not_enough=maybe(count) < 0.3,
        rested_seconds=rng.choice([np.inf, 60.0, 3600.0, 7200.0], count),
        changes_today=rng.integers(0, 3, count),
        surged_today=rng.choice([0.0, 7200.0, 14_000.0], count),
    )


@examples(EXAMPLES)
@given(SEEDS, st.integers(1, 24))
def test_every_decision_keeps_to_the_guard_rails_in_any_order_of_the_sites(seed, count):
    rng = np.random.default_rng(seed)
    sites = world(rng, count)
    day = day_of(NOW, ZONES[seed % 4])
    openings = decide(sites, POLICIES, NOW, day)
    assert decide(sites.at(rng.permutation(count)), POLICIES, NOW, day) == openings
    acting = [each.site for each in openings if each.kind == LIMIT or not each.needs_approval]
    asking = [each.site for each in openings if each.kind != LIMIT]
    assert len(set(acting)) == len(acting), "one change a site"
    assert len(set(asking)) == len(asking), "one price a site, and one discount a neighbour"
    takers = [each.surge_site for each in openings if each.kind == REROUTE]
    assert len(takers) == len(set(takers))
    assert set(takers) <= {each.site for each in openings if each.kind == SURGE}
    place_of = {site: place for place, site in enumerate(sites.site.tolist())}
    for each in openings:
        place, policy = place_of[each.site], each.policy
        base = int(sites.base[place])
        new, old = int(each.new_price * SCALE), int(each.old_price * SCALE)
        assert old == base > 0
        assert not sites.fixed[place]
        assert not sites.changed[place]
        assert not sites.stopped[place]
        assert each.kind == LIMIT or not sites.waiting[place]
        assert max(0, base * (1 - policy.floor_share) - 1) < new <= base * (1 + policy.cap_share)
        assert policy.cap_amount is None or new - base <= policy.cap_amount * SCALE
        assert {"surge": new > base, "reroute": new < base, "limit": new == base}[each.kind]
        assert NOW <= each.starts_at < each.ends_at <= each.starts_at + timedelta(seconds=policy.longest_seconds)


@examples(200)  # of fifty prices each
@given(SEEDS)
def test_prices_stay_between_floor_and_cap_and_never_compound(seed):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 10**6, 50)
    for policy in POLICIES[:2]:
        dearer, cheaper = surge_prices(base, policy), discounted_prices(base, policy)
        assert (cheaper <= base).all()
        assert (base <= dearer).all()
        assert (cheaper >= 0).all()
        assert (dearer <= base * (1 + float(policy.cap_share)) + 1e-6).all()
        assert (cheaper >= base * (1 - float(policy.floor_share)) - 1e-6).all()
        order = np.argsort(base)
        assert (np.diff(dearer[order]) >= 0).all(), "a dearer site is never cheaper for being surged"


PAIRS = 200  # each a site with a free neighbour, far from all others: a scenario of its own
SIGMA_C = 2.0 / 1.8  # of the tick's noise of temperature


def pairs(heat_c: np.ndarray, base: np.ndarray) -> Sites:
    """A hot site and a cool one next to it, for each temperature; no pair is within reach of another."""
    number = np.repeat(np.arange(len(heat_c)), 2)
    is_second = np.arange(len(number)) % 2 == 1
    one = np.ones(len(number))
    no = one < 0
    return Sites(
        site=np.arange(1, len(number) + 1), policy=(0 * one).astype(int), operator=number, latitude=-60 + 0.5 * number,
        longitude=-122 + 0.01 * is_second, kind=one, power_kw=150 * one, ports=4 * one, utilization=0.2 * one,
        risk=0.1 * one, cabinet_c=np.where(is_second, 40.0, heat_c[number]), derated=np.nan * one, base=base[number],
        fixed=no, stopped=no, changed=no, waiting=no, not_enough=no, rested_seconds=np.inf * one,
        changes_today=0 * one, surged_today=0 * one,
    )  # fmt: skip


def live_through(policy, heat: np.ndarray, base: np.ndarray, step: timedelta):
    """Pairs through series of temperatures (times, pairs): of each time when it is, what opened, ended and is open."""
    open_ones, past, number = {}, {}, 0
    for tick, now_c in enumerate(heat):
        at = NOW + tick * step
        day, sites = day_of(at, UTC), pairs(now_c, base)
        ended = [open_ones.pop(each) for each in due_to_end(list(open_ones.values()), sites, at)]
        past |= {each.id: Past(each.site, each.starts_at, at) for each in ended if each.kind == SURGE}
        sites = replace(sites, changed=np.isin(sites.site, [each.site for each in open_ones.values()]))
        sites = replace(sites, **histories(list(past.values()), sites.site, at, day))
        opened = decide(sites, [policy], at, day)
        surges = {each.site: number + place for place, each in enumerate(opened)}
        for each in opened:
            ids = (number, each.site, each.kind, each.starts_at, each.ends_at, surges.get(each.surge_site))
            open_ones[number] = Applied(*ids, policy)
            number += 1
        yield at, opened, ended, open_ones


@examples(50)  # of two hundred pairs each
@given(SEEDS)
def test_noise_of_the_tick_does_not_make_prices_flap_and_all_are_restored(seed):
    rng = np.random.default_rng(seed)
    policy = replace(GUARDED, mode="autonomous", notice_seconds=0)
    around_c, base = rng.uniform(40, 68, PAIRS), rng.integers(1000, 9000, PAIRS)
    heat = around_c + SIGMA_C * rng.standard_normal((66, PAIRS))  # eleven hours of it, and then it is over
    heat = np.concatenate([heat, np.full((16, PAIRS), 20.0)])
    begun, left = {}, {}
    for at, opened, ended, left in live_through(policy, heat, base, timedelta(minutes=10)):  # noqa: B007
        for change in ended:
            assert at - change.starts_at >= timedelta(seconds=policy.shortest_seconds) or change.kind == REROUTE
        for each in opened:
            pair = (each.site - 1) // 2
            assert each.old_price * SCALE == int(base[pair]), "always from the base price"
            if each.kind == SURGE:
                begun.setdefault(pair, []).append(at)
    assert not left, "every price has been put back"
    assert begun
    for pair, times in begun.items():
        assert around_c[pair] > 58 - 6 * SIGMA_C, "noise alone does not reach the threshold"
        assert len(times) <= policy.changes_per_day
        assert all((after - before).total_seconds() >= 1800 + 7200 for before, after in pairwise(times))


@examples(500)  # of twenty sites each
@given(SEEDS)
def test_noise_of_load_alone_fires_nothing(seed):
    rng = np.random.default_rng(seed)
    sites = world(rng, 20)
    calm = replace(sites, risk=np.full(20, 0.3), cabinet_c=np.full(20, np.nan), derated=np.full(20, np.nan))
    noisy = replace(calm, utilization=(calm.utilization + 0.2 * rng.standard_normal(20)).clip(0, 1))
    assert decide(noisy, POLICIES, NOW, day_of(NOW, UTC)) == []


@examples(1000)  # of ten moments each
@given(SEEDS, st.sampled_from(ZONES))
def test_days_fit_together_and_surge_hours_are_kept_to_the_second_on_days_when_clocks_change(seed, zone):
    rng = np.random.default_rng(seed)
    for minute, used, notice in zip(*(rng.integers(0, most, 10) for most in (1_051_200, 14_400, 7200)), strict=True):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=int(minute))
        day = day_of(at, zone)
        assert day.begins_at <= at < day.ends_at
        assert day_of(day.ends_at, zone).begins_at == day.ends_at
        assert day_of(day.begins_at - timedelta(microseconds=1), zone).ends_at == day.begins_at
        assert (day.ends_at - day.begins_at).total_seconds() / 3600 in (23, 23.5, 24, 24.5, 25)
        hours_are_kept(at + timedelta(seconds=int(notice)), int(used), day)


def hours_are_kept(starts_at: datetime, used: int, day) -> None:
    for policy in (GUARDED, replace(GUARDED, longest_seconds=36 * 3600)):
        ends_at = period_end(starts_at, policy, used, day)
        assert starts_at <= ends_at <= starts_at + timedelta(seconds=policy.longest_seconds)
        today = (min(ends_at, day.ends_at) - min(starts_at, day.ends_at)).total_seconds()
        tomorrow = (ends_at - max(starts_at, day.ends_at)).total_seconds()
        assert today <= policy.surge_seconds_per_day - used
        assert tomorrow <= policy.surge_seconds_per_day


def test_the_long_and_the_short_day_of_new_york():
    zone = ZONES[0]
    spring, autumn = (day_of(datetime(2026, month, day, 15, tzinfo=UTC), zone) for month, day in ((3, 8), (11, 1)))
    assert (spring.begins_at, spring.ends_at) == (
        datetime(2026, 3, 8, 5, tzinfo=UTC),
        datetime(2026, 3, 9, 4, tzinfo=UTC),
    )
    assert (autumn.begins_at, autumn.ends_at) == (
        datetime(2026, 11, 1, 4, tzinfo=UTC),
        datetime(2026, 11, 2, 5, tzinfo=UTC),
    )


def test_a_day_whose_midnight_does_not_exist_begins_when_the_clocks_change():
    havana = day_of(datetime(2026, 3, 8, 12, tzinfo=UTC), ZONES[3])
    assert havana.begins_at == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert havana.ends_at == datetime(2026, 3, 9, 4, tzinfo=UTC)
