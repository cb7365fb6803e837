"""Surges, limits and discounts: who, next to whom, at what price, and until when."""

import doctest
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from pricing import engine, policy
from pricing.engine import LIMIT, NOT_ENOUGH, REROUTE, SURGE, Applied, Sites, decide, due_to_end, metres, stress
from pricing.periods import Past, day_of, histories
from pricing.policy import GUARDED, ORIGINAL, POWER_FIRST, expected_effect, price_for

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = day_of(NOW, UTC)
HOT, COOL, BETWEEN = 60.0, 45.0, 54.0


def sites(count: int, **more) -> Sites:
    """`count` quiet sites in a row, a kilometre apart from west to east, all by the first policy."""
    values = {
        "site": np.arange(1, count + 1),
        "policy": np.zeros(count, int),
        "operator": np.ones(count, int),
        "latitude": np.full(count, 47.6),
        "longitude": -122 + np.arange(count) / 75.0,
        "kind": np.ones(count, int),
        "power_kw": np.full(count, 150.0),
        "ports": np.full(count, 4),
        "utilization": np.full(count, 0.2),
        "risk": np.full(count, 0.1),
        "cabinet_c": np.full(count, np.nan),
        "derated": np.full(count, np.nan),
        "base": np.full(count, 4000),
        "fixed": np.zeros(count, bool),
        "stopped": np.zeros(count, bool),
        "changed": np.zeros(count, bool),
        "waiting": np.zeros(count, bool),
        "not_enough": np.zeros(count, bool),
        "rested_seconds": np.full(count, np.inf),
        "changes_today": np.zeros(count, int),
        "surged_today": np.zeros(count),
    }
    return Sites(**{**values, **more})


def with_one(count: int, place: int, name: str, value, **more) -> Sites:
    """Quiet sites of which one differs in one column."""
    world = sites(count, **more)
    column = getattr(world, name).copy()
    column[place] = value
    return replace(world, **{name: column})


def decided(world: Sites, rule=ORIGINAL, at=NOW, day=DAY):
    return [(each.site, each.kind, each.surge_site) for each in decide(world, [rule], at, day)]


def at_risk(place: int, count: int = 3, **more) -> Sites:
    return with_one(count, place, "risk", 0.9, **more)


def hot(place: int = 0, count: int = 3, **more) -> Sites:
    cool = {"cabinet_c": np.full(count, COOL), **more}
    return with_one(count, place, "cabinet_c", HOT, **cool)


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(engine).failed == doctest.testmod(policy).failed == 0
    assert doctest.testmod(policy).attempted >= 5


def test_a_degree_at_seattle_is_75_km_east_and_111_km_north():
    origin, east, north = metres(np.array([47.6, 47.6, 48.6]), np.array([-122.0, -121.0, -122.0]))
    assert np.linalg.norm(east - origin) / 1000 == pytest.approx(75.0, abs=0.1)
    assert np.linalg.norm(north - origin) / 1000 == pytest.approx(111.2, abs=0.1)


def test_no_sites_no_changes():
    assert decide(sites(0), [ORIGINAL], NOW, DAY) == []


def test_a_critical_site_is_surged_and_its_nearest_neighbour_takes_the_load():
    surge, discount = decide(at_risk(0, latitude=np.array([47.6, 47.61, 47.6])), [ORIGINAL], NOW, DAY)
    assert (surge.site, surge.kind, surge.surge_site) == (1, SURGE, None)
    assert (surge.old_price, surge.new_price) == (Decimal("0.4"), Decimal("0.7"))
    assert (surge.starts_at, surge.ends_at) == (NOW, NOW + timedelta(minutes=30))
    assert not surge.needs_approval
    assert (discount.site, discount.kind, discount.surge_site) == (2, REROUTE, 1)
    assert (discount.old_price, discount.new_price, discount.power_share) == (Decimal("0.4"), Decimal("0.28"), 1)
    assert (discount.starts_at, discount.ends_at) == (NOW, NOW + timedelta(minutes=30))
    # 0.12 $ x 150 kW x 4 ports x 0.2 x 1.3 x half an hour
    assert discount.cost == Decimal("9.36")


def test_degrees_alone_would_choose_the_wrong_neighbour():
    # 0.012 degrees north is 1.33 km; 0.014 degrees east, which looks farther, is only 1.05 km.
    place = {"latitude": np.array([47.6, 47.612, 47.6]), "longitude": np.array([-122.0, -122.0, -121.986])}
    assert decided(at_risk(0, **place))[1][0] == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("utilization", 0.6), ("utilization", 0.62), ("risk", 0.4), ("kind", 2), ("changed", True), ("ports", 0),
        ("power_kw", 74.9), ("fixed", True), ("base", 0), ("latitude", np.nan), ("longitude", np.nan), ("policy", -1),
    ],
)  # fmt: skip
def test_a_neighbour_that_cannot_help_is_passed_over(column, value):
    world = with_one(3, 1, column, value, risk=np.array([0.9, 0.1, 0.1]))
    if column == "risk":
        world = replace(world, risk=np.array([0.9, value, 0.1]))
    assert decided(world) == [(1, SURGE, None), (3, REROUTE, 1)]


@pytest.mark.parametrize(("column", "value"), [("utilization", 0.59), ("risk", 0.39), ("power_kw", 75.0)])
def test_a_neighbour_that_just_can_help_does(column, value):
    world = with_one(3, 1, column, value, risk=np.array([0.9, 0.1, 0.1]))
    if column == "risk":
        world = replace(world, risk=np.array([0.9, value, 0.1]))
    assert decided(world)[1] == (2, REROUTE, 1)


def test_a_neighbour_that_would_be_full_with_the_new_cars_is_passed_over():
    rule = replace(ORIGINAL, neighbour_full=0.5, neighbour_rise=0.25)
    for load, taker in ((0.4, 3), (0.39, 2)):
        assert decided(with_one(3, 1, "utilization", load, risk=np.array([0.9, 0.1, 0.1])), rule)[1][0] == taker


def test_a_neighbour_too_far_away_is_no_neighbour():
    for kilometres, kinds in ((24.9, [SURGE, REROUTE]), (25.1, [SURGE])):
        world = at_risk(0, 2, longitude=np.array([-122.0, -122 + kilometres / 74.98]))
        assert [kind for _, kind, _ in decided(world)] == kinds


def test_only_the_nearest_sixteen_are_asked():
    count = 19
    busy = np.full(count, 0.2)
    world = at_risk(0, count, utilization=busy, fixed=np.arange(count) < 17)
    assert decided(replace(world, fixed=(np.arange(count) < 17) & (np.arange(count) > 0))) == [(1, SURGE, None)]
    assert decided(replace(world, fixed=(np.arange(count) < 16) & (np.arange(count) > 0)))[1] == (17, REROUTE, 1)


def test_a_site_without_a_place_is_surged_without_a_reroute():
    for name in ("latitude", "longitude"):
        assert decided(with_one(2, 0, name, np.nan, risk=np.array([0.9, 0.1]))) == [(1, SURGE, None)]


@pytest.mark.parametrize(
    ("column", "value"), [("fixed", True), ("base", 0), ("changed", True), ("policy", -1), ("rested_seconds", 299.0)]
)
def test_a_site_that_must_not_be_touched_is_not_surged(column, value):
    assert decided(with_one(3, 1, column, value, risk=np.array([0.1, 0.9, 0.1]))) == []


def test_a_site_that_has_rested_exactly_its_cool_down_may_be_surged_again():
    assert decided(at_risk(0, rested_seconds=np.full(3, 300.0)))[0] == (1, SURGE, None)


def test_two_sites_at_risk_share_no_neighbour_and_the_riskier_chooses_first():
    world = sites(3, risk=np.array([0.7, 0.1, 0.9]))
    assert decided(world) == [(3, SURGE, None), (2, REROUTE, 3), (1, SURGE, None)]
    even = sites(3, risk=np.array([0.9, 0.1, 0.9]))
    assert decided(even) == [(1, SURGE, None), (2, REROUTE, 1), (3, SURGE, None)]
    hotter = replace(even, cabinet_c=np.array([50.0, 40.0, 55.0]))
    assert decided(hotter)[0] == (3, SURGE, None)


def test_a_second_connector_class_looks_for_its_own_kind():
    world = sites(4, risk=np.array([0.9, 0.9, 0.1, 0.1]), kind=np.array([1, 2, 1, 2]))
    assert {each for each in decided(world) if each[1] == REROUTE} == {(3, REROUTE, 1), (4, REROUTE, 2)}


def test_a_policy_can_keep_to_its_own_operator():
    world = at_risk(0, operator=np.array([1, 2, 1]))
    assert decided(world)[1][0] == 2
    assert decided(world, replace(ORIGINAL, same_operator=True))[1][0] == 3
    closed = replace(ORIGINAL, same_operator=True)
    theirs = [
        (each.site, each.kind)
        for each in decide(replace(world, policy=np.array([0, 1, 0])), [ORIGINAL, closed], NOW, DAY)
    ]
    assert theirs[1] == (3, REROUTE), "nor do others come into what keeps to itself"


def test_stress_begins_above_one_threshold_and_ends_below_another():
    for value, expected in ((0.6, (False, False)), (0.61, (True, False)), (0.4, (False, False)), (0.39, (False, True))):
        assert tuple(bool(each[0]) for each in stress(sites(1, risk=np.array([value])), ORIGINAL)) == expected
    for value, expected in (
        (58.0, (False, False)),
        (58.1, (True, False)),
        (50.0, (False, False)),
        (49.9, (False, True)),
    ):
        assert tuple(bool(each[0]) for each in stress(sites(1, cabinet_c=np.array([value])), GUARDED)) == expected
    for value, expected in (
        (0.15, (False, False)),
        (0.16, (True, False)),
        (0.05, (False, False)),
        (0.04, (False, True)),
    ):
        assert tuple(bool(each[0]) for each in stress(sites(1, derated=np.array([value])), GUARDED)) == expected


def test_either_heat_or_derating_is_stress_and_calm_takes_both():
    both = sites(4, cabinet_c=np.array([60.0, 45.0, 45.0, 45.0]), derated=np.array([0.0, 0.2, 0.1, 0.0]))
    stressed, calm = stress(both, GUARDED)
    assert stressed.tolist() == [True, True, False, False]
    assert calm.tolist() == [False, False, False, True]


def test_risk_stands_in_where_no_heat_is_known_and_only_there():
    world = sites(3, risk=np.array([0.9, 0.9, 0.1]), cabinet_c=np.array([np.nan, COOL, np.nan]))
    stressed, calm = stress(world, GUARDED)
    assert stressed.tolist() == [True, False, False]
    assert calm.tolist() == [False, True, True]


def test_an_unknown_risk_is_neither_stress_nor_calm():
    world = sites(1, risk=np.array([np.nan]))
    assert [bool(each[0]) for each in stress(world, ORIGINAL)] == [False, False]


def test_load_is_no_stress():
    assert not stress(sites(2, utilization=np.array([1.0, 0.99])), ORIGINAL)[0].any()
    assert not stress(sites(2, utilization=np.array([1.0, 0.99])), GUARDED)[0].any()


def test_a_guarded_surge_is_capped_announced_and_waits_for_approval():
    surge, discount = decide(hot(), [GUARDED], NOW, DAY)
    assert (surge.new_price, discount.new_price) == (Decimal("0.5"), Decimal("0.32"))
    assert surge.needs_approval
    assert discount.needs_approval
    assert surge.starts_at == discount.starts_at == NOW + timedelta(minutes=15)
    assert surge.ends_at == surge.starts_at + timedelta(hours=2)
    assert surge.power_share == 1


def test_a_rise_above_the_limit_waits_for_approval_even_where_a_policy_acts_by_itself():
    for above, waits in ((Decimal("0.75"), False), (Decimal("0.74"), True)):
        surge, discount = decide(at_risk(0), [replace(ORIGINAL, approval_above=above)], NOW, DAY)
        assert surge.needs_approval == discount.needs_approval == waits


def test_a_discount_of_an_advisory_policy_waits_though_the_surge_would_not():
    world = at_risk(0, policy=np.array([0, 1, 1]))
    surge, discount = decide(world, [ORIGINAL, replace(ORIGINAL, mode="advisory")], NOW, DAY)
    assert (surge.needs_approval, discount.needs_approval) == (False, True)


def test_an_alternative_may_belong_to_somebody_else_but_gets_no_discount():
    assert decided(hot(operator=np.array([1, 2, 2])), GUARDED) == [(1, SURGE, None)]


def test_guarded_surges_only_where_somebody_near_can_take_the_cars():
    assert decided(hot(longitude=-122 + np.arange(3) / 10), GUARDED) == []
    free_next_door = with_one(2, 1, "fixed", True, cabinet_c=np.array([HOT, COOL]))
    assert decided(free_next_door, GUARDED) == [(1, SURGE, None)], "a free port is an alternative without a discount"
    rivals = sites(3, cabinet_c=np.array([HOT, COOL, HOT]))
    assert decided(rivals, GUARDED) == [(1, SURGE, None), (2, REROUTE, 1)], "one neighbour takes over from one"


def test_an_alternative_is_found_wherever_it_stands_in_the_list():
    assert decided(hot(1), GUARDED) == [(2, SURGE, None), (1, REROUTE, 2)], "the first of all"
    far_away = np.array([-130, -122, -122 + 1 / 75])
    alone_first = sites(3, cabinet_c=np.array([HOT + 1, HOT, COOL]), longitude=far_away)
    assert decided(alone_first, GUARDED) == [(2, SURGE, None), (3, REROUTE, 2)], "one that has none keeps nobody else"


def test_each_site_is_treated_by_its_own_policy_and_not_at_all_without_one():
    dearer = replace(ORIGINAL, multiplier=Decimal("1.5"))
    world = sites(4, policy=np.array([0, 1, 2, -1]), risk=np.full(4, 0.9), cabinet_c=np.full(4, HOT))
    openings = decide(world, [ORIGINAL, dearer, POWER_FIRST], NOW, DAY)
    found = {each.site: (each.kind, each.new_price, each.policy) for each in openings}
    assert found == {
        1: (SURGE, Decimal("0.7"), ORIGINAL),
        2: (SURGE, Decimal("0.6"), dearer),
        3: (LIMIT, Decimal("0.4"), POWER_FIRST),
    }


def test_an_advisory_policy_asks_however_small_the_rise():
    assert all(each.needs_approval for each in decide(hot(), [replace(GUARDED, approval_above=None)], NOW, DAY))


def test_the_smallest_price_may_rise():
    threefold = replace(ORIGINAL, multiplier=Decimal(3), cap_share=Decimal(2))
    assert decided(at_risk(0, count=1, base=np.array([1])), threefold) == [(1, SURGE, None)]


def test_the_last_second_of_a_days_hours_is_used():
    instant = replace(GUARDED, shortest_seconds=0)
    assert len(decided(hot(surged_today=np.full(3, 4 * 3600.0 - 1)), instant)) == 2


def test_a_heat_that_is_known_comes_before_one_that_is_not():
    world = at_risk(0, count=2, risk=np.full(2, 0.9), cabinet_c=np.array([np.nan, -0.5]))
    assert [site for site, kind, _ in decided(world) if kind == SURGE] == [2, 1]


def test_a_day_has_so_many_surges_and_hours_of_them():
    assert decided(hot(changes_today=np.full(3, 2)), GUARDED) == []
    assert len(decided(hot(changes_today=np.full(3, 1)), GUARDED)) == 2
    assert decided(hot(surged_today=np.full(3, 4 * 3600 - 1799.0)), GUARDED) == []
    surge = decide(hot(surged_today=np.full(3, 4 * 3600 - 1800.0)), [GUARDED], NOW, DAY)[0]
    assert surge.ends_at - surge.starts_at == timedelta(minutes=30)
    instant = replace(GUARDED, shortest_seconds=0)
    assert decided(hot(surged_today=np.full(3, 4 * 3600.0)), instant) == []


def test_discounts_stop_where_the_days_budget_is_spent():
    spent = lambda amount: replace(DAY, spent={1: Decimal(amount)})  # noqa: E731
    # 0.08 $ x 150 kW x 4 ports x 0.26 x 2 h = 24.96 of 200
    assert decided(hot(), GUARDED, day=spent("175.04")) == [(1, SURGE, None), (2, REROUTE, 1)]
    assert decided(hot(), GUARDED, day=spent("175.05")) == [(1, SURGE, None)]
    assert decided(hot(operator=np.full(3, 7)), GUARDED, day=spent("500")) == [(1, SURGE, None), (2, REROUTE, 1)]
    two = sites(4, cabinet_c=np.array([HOT, COOL, COOL, HOT]))
    assert [kind for _, kind, _ in decided(two, GUARDED, day=spent("160"))] == [SURGE, REROUTE, SURGE]


def test_a_price_that_would_not_change_is_no_change():
    assert decided(at_risk(0), replace(ORIGINAL, cap_amount=Decimal(0))) == []
    assert decided(at_risk(0), replace(ORIGINAL, marginal_cost=Decimal("0.5"))) == [(1, SURGE, None)]


def test_power_is_limited_before_a_price_is_touched():
    limits = decide(hot(), [POWER_FIRST], NOW, DAY)
    assert [(each.site, each.kind) for each in limits] == [(1, LIMIT)]
    limit = limits[0]
    assert (limit.old_price, limit.new_price, limit.power_share) == (Decimal("0.4"), Decimal("0.4"), Decimal("0.8"))
    assert (limit.starts_at, limit.ends_at, limit.needs_approval) == (NOW, NOW + timedelta(hours=4), False)
    assert (limit.cost, limit.surge_site) == (0, None)
    alone = replace(POWER_FIRST, mode="autonomous", approval_above=None)
    tried = decide(hot(not_enough=np.array([True, False, False])), [alone], NOW, DAY)
    assert [(each.site, each.kind) for each in tried] == [(1, SURGE), (2, REROUTE)]
    assert tried[0].power_share == Decimal("0.8")
    worn = hot(not_enough=np.array([True, False, False]), changes_today=np.full(3, 2))
    assert decided(worn, POWER_FIRST) == [(1, LIMIT, None)], "where the price may not rise the limit goes on"


def test_power_stays_limited_while_a_surge_waits_for_approval():
    tried = hot(not_enough=np.array([True, False, False]))
    assert decided(tried, POWER_FIRST) == [(1, LIMIT, None), (1, SURGE, None), (2, REROUTE, 1)]
    asked = replace(tried, waiting=np.array([True, True, False]))
    assert decided(asked, POWER_FIRST) == [(1, LIMIT, None)], "nobody is asked twice"


def test_limits_need_no_rest_but_a_tariff_that_may_be_touched():
    assert decided(hot(rested_seconds=np.zeros(3)), POWER_FIRST) == [(1, LIMIT, None)]
    assert decided(hot(fixed=np.array([True, False, False])), POWER_FIRST) == []
    assert decided(hot(base=np.array([0, 4000, 4000])), POWER_FIRST) == []


def change(number: int, kind: str = SURGE, minutes_old: float = 5, surge: int | None = None, rule=ORIGINAL, minutes=30):
    starts_at = NOW - timedelta(minutes=minutes_old)
    return Applied(number, number, kind, starts_at, starts_at + timedelta(minutes=minutes), surge, rule)


def ends(changes, **more) -> dict[int, str]:
    return due_to_end(changes, sites(4, **more), NOW)


def test_a_surge_ends_when_its_site_has_calmed_down_and_takes_its_reroute_along():
    changes = [change(1), change(2, REROUTE, surge=1), change(3), change(4, REROUTE, surge=3)]
    calmed = ends(changes, risk=np.array([0.39, 0.0, 0.41, 0.0]))
    assert calmed == {1: "calmed down", 2: "its surge ended"}


def test_the_order_of_the_sites_does_not_matter_to_what_ends():
    world = sites(4, risk=np.array([0.39, 0.0, 0.41, 0.9]))
    changes = [change(1), change(3), change(4, REROUTE, surge=3)]
    turned = world.at(np.array([2, 0, 3, 1]))
    assert (
        due_to_end(changes, turned, NOW) == due_to_end(changes, world, NOW) == {1: "calmed down", 4: "stressed itself"}
    )


def test_a_surge_lasts_its_shortest_time_at_least_and_its_longest_at_most():
    young, just, old = change(1, minutes_old=0.99), change(2, minutes_old=1), change(3, minutes_old=30)
    assert ends([young, just, old], risk=np.array([0.0, 0.0, 1.0, 0.0])) == {2: "calmed down", 3: "its period ended"}


def test_a_change_ends_exactly_at_the_end_of_its_period():
    almost = replace(change(1), ends_at=NOW + timedelta(microseconds=1))
    assert ends([almost], risk=np.full(4, 0.9)) == {}
    assert ends([replace(almost, ends_at=NOW)], risk=np.full(4, 0.9)) == {1: "its period ended"}


def test_an_announced_surge_is_called_off_when_its_site_calms_down_before():
    announced = replace(change(1, minutes_old=-10, rule=GUARDED), applied=False)
    assert ends([announced], cabinet_c=np.full(4, COOL)) == {1: "calmed down"}
    assert ends([announced], cabinet_c=np.full(4, BETWEEN)) == {}


def test_a_clock_that_goes_back_does_not_end_what_has_just_begun():
    begun = change(1, minutes_old=-0.1)
    assert ends([begun], risk=np.zeros(4)) == {}


def test_whatever_is_open_ends_where_prices_are_stopped():
    stopped = np.array([True, False, False, False])
    changes = [change(1), change(2, REROUTE, surge=1), change(3)]
    assert ends(changes, stopped=stopped, risk=np.full(4, 0.5)) == {1: "prices are stopped", 2: "its surge ended"}
    assert decided(at_risk(0, stopped=stopped[:3])) == []
    assert decided(at_risk(0, stopped=np.array([False, True, False]))) == [(1, SURGE, None), (3, REROUTE, 1)]


def test_a_change_ends_when_its_tariff_is_another():
    since = [replace(change(number), base=4000) for number in (1, 2, 3)]
    middle = {"risk": np.full(4, 0.5)}
    assert ends(since, **middle) == {}
    assert ends(since, base=np.array([4000, 2000, 4000, 4000]), **middle) == {2: "the tariff changed"}
    assert ends(since, fixed=np.array([False, False, True, False]), **middle) == {3: "the tariff changed"}


def test_a_discount_whose_surge_is_gone_ends():
    assert ends([change(2, REROUTE, surge=77)]) == {2: "its surge ended"}


def test_who_approves_a_surge_does_not_decide_about_the_prices_of_others():
    world = at_risk(0, operator=np.array([1, 2, 1]), policy=np.array([0, 1, 0]))
    asks = replace(ORIGINAL, name="asks", mode="advisory")
    openings = decide(world, [ORIGINAL, asks], NOW, DAY)
    assert [(each.site, each.kind) for each in openings] == [(1, SURGE), (3, REROUTE)]
    by_itself = decide(world, [ORIGINAL, replace(asks, mode="autonomous")], NOW, DAY)
    assert [(each.site, each.policy.name) for each in by_itself] == [(1, "original"), (2, "asks")]


def test_a_price_never_grows_beyond_what_can_be_stored():
    assert price_for("surge", Decimal("9000"), ORIGINAL) == Decimal("9999.9999")
    typo = replace(ORIGINAL, multiplier=Decimal(99), cap_share=Decimal(99))
    assert price_for("surge", Decimal("150"), typo) == Decimal("9999.9999")
    dear = at_risk(0, base=np.full(3, 50_000_000), power_kw=np.full(3, 1e9))
    assert [each.cost for each in decide(dear, [ORIGINAL], NOW, DAY)] == [0, Decimal("99999999.99")]


def test_what_somebody_has_refused_rests_and_is_no_surge_of_the_day():
    had = histories([], np.array([1, 2]), NOW, DAY, [(2, NOW - timedelta(minutes=10)), (9, NOW)])
    assert had["rested_seconds"].tolist() == [np.inf, 600]
    assert had["changes_today"].tolist() == [0, 0]


def test_a_surge_holds_between_the_two_thresholds():
    assert ends([change(1, minutes_old=60, minutes=120, rule=GUARDED)], cabinet_c=np.full(4, BETWEEN)) == {}


def test_a_site_that_is_not_there_or_not_known_ends_by_time_only():
    gone = [replace(change(9), site=9), replace(change(8, minutes_old=31), site=0)]
    assert ends(gone) == {8: "its period ended"}
    assert due_to_end(gone, sites(0), NOW) == {8: "its period ended"}
    assert ends([change(1)], risk=np.full(4, np.nan)) == {}


def test_a_neighbour_that_becomes_stressed_itself_is_no_longer_cheaper():
    changes = [change(1), change(2, REROUTE, surge=1)]
    assert ends(changes, risk=np.array([0.9, 0.61, 0, 0])) == {2: "stressed itself"}
    assert ends(changes, risk=np.array([0.9, 0.1, 0, 0])) == {}, "a calm neighbour goes on being cheaper"


def test_a_limit_ends_when_calm_and_gives_way_to_a_price_when_it_was_not_enough():
    limit = lambda minutes: change(1, LIMIT, minutes_old=minutes, minutes=240, rule=POWER_FIRST)  # noqa: E731
    assert ends([limit(40)], cabinet_c=np.full(4, COOL)) == {1: "calmed down"}
    assert ends([limit(59)], cabinet_c=np.full(4, HOT)) == {}
    assert ends([limit(60)], cabinet_c=np.full(4, BETWEEN)) == {1: NOT_ENOUGH}
    assert ends([limit(60)], cabinet_c=np.full(4, COOL)) == {1: "calmed down"}
    surge = change(1, SURGE, minutes_old=90, minutes=240, rule=POWER_FIRST)
    assert ends([surge], cabinet_c=np.full(4, HOT)) == {}


def test_what_a_site_has_had_today_counts_up_to_now_and_from_midnight_on():
    midnight = datetime(2026, 7, 1, tzinfo=UTC)
    past = [
        Past(1, midnight - timedelta(hours=1), midnight + timedelta(hours=2)),
        Past(1, NOW - timedelta(hours=3), NOW - timedelta(hours=1)),
        Past(2, NOW - timedelta(minutes=5), NOW + timedelta(hours=1)),
        Past(3, midnight, midnight + timedelta(seconds=10)),
        Past(99, midnight, NOW),
    ]
    had = histories(past, np.array([1, 2, 3, 4]), NOW, DAY)
    assert had["rested_seconds"].tolist() == [3600, 0, 12 * 3600 - 10, np.inf]
    assert had["changes_today"].tolist() == [1, 1, 1, 0]
    assert had["surged_today"].tolist() == [4 * 3600, 300, 10, 0]


def test_yesterdays_surge_is_no_change_of_today():
    past = [Past(1, NOW - timedelta(days=1), NOW - timedelta(hours=20))]
    had = histories(past, np.array([1]), NOW, DAY)
    assert (had["changes_today"][0], had["surged_today"][0], had["rested_seconds"][0]) == (0, 0, 20 * 3600)


def test_prices_of_the_three_kinds():
    assert price_for("surge", Decimal("0.40"), GUARDED) == Decimal("0.5000")
    assert price_for("surge", Decimal("0.80"), GUARDED) == Decimal("0.9500"), "15 cents at most"
    assert price_for("reroute", Decimal("0.40"), GUARDED) == Decimal("0.3200")
    assert price_for("limit", Decimal("0.40"), POWER_FIRST) == Decimal("0.4000")
    assert price_for("reroute", Decimal("0.40"), replace(GUARDED, marginal_cost=Decimal("0.35"))) == Decimal("0.3500")


def test_prices_are_rounded_half_to_even():
    rule = replace(ORIGINAL, multiplier=Decimal("1.5"))
    assert [price_for("surge", Decimal(base), rule) for base in ("0.0001", "0.0003")] == [
        Decimal("0.0001"),
        Decimal("0.0004"),
    ]  # fmt: skip  (the cap of 75 % allows 0.0001 of the first)
    free_cap = replace(rule, cap_share=Decimal(10))
    assert [price_for("surge", Decimal(base), free_cap) for base in ("0.0001", "0.0003", "0.0005")] == [
        Decimal("0.0002"), Decimal("0.0004"), Decimal("0.0008"),
    ]  # fmt: skip


def test_the_expected_effect_is_a_range_and_not_a_promise():
    middle, least, most = expected_effect(0.7)
    assert [round(each, 3) for each in (middle, least, most)] == [0.113, 0.036, 0.311]
    assert expected_effect(1.0) == (0, 0, 0)
