"""Policies as rows: versions, scope and what they do to power."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from pricing.models import PriceChange, SurgePolicy
from pricing.policy import SHIPPED
from sntry_site import interventions
from stations.models import Operator
from telemetry.models import SiteState

from . import fleet
from .pricing_world import START, beat, heat, kinds, minute, price, real_pair

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def calm_world(settings):
    settings.TICK_SURGE_CHANCE = 0.0


@pytest.fixture
def simulated():
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


@pytest.fixture
def real():
    return Operator.objects.create(name="Real", is_simulated=False)


def test_what_is_shipped_is_stored_once_and_is_what_the_engine_knows(simulated):
    for _ in range(2):
        SurgePolicy.objects.ensure_shipped()
    rows = {row.name: row for row in SurgePolicy.objects.all()}
    assert set(rows) == set(SHIPPED)
    for name, row in rows.items():
        row.refresh_from_db()
        numbers = vars(row.numbers) | {"id": 0}
        assert numbers == vars(SHIPPED[name])
        row.full_clean()
    assert (rows["original"].applies_to, rows["guarded"].applies_to) == ("simulated", "real")


def test_editing_makes_a_new_version_and_the_old_one_stays(simulated):
    old = fleet.shipped("original")
    change = fleet.price_change(fleet.site(simulated, 1))
    row = fleet.shipped("original")
    row.multiplier = Decimal("1.5")
    row.save_as_new_version(START)
    versions = list(SurgePolicy.objects.filter(name="original").order_by("version"))
    assert [(v.version, v.multiplier, v.valid_until) for v in versions] == [
        (1, Decimal("1.7500"), START), (2, Decimal("1.5000"), None),
    ]  # fmt: skip
    change.refresh_from_db()
    assert change.policy == old
    in_force = {policy.name: policy.version for policy in SurgePolicy.objects.in_force(minute(1))}
    assert in_force["original"] == 2
    assert {p.name: p.version for p in SurgePolicy.objects.in_force(minute(-1))}["original"] == 1


def test_the_new_version_decides_the_next_surge(simulated):
    here = fleet.live_site(simulated, 1)
    row = fleet.shipped("original")
    row.multiplier = Decimal("1.5")
    row.save_as_new_version(minute(-1))
    interventions.stress_site(here, None, START)
    beat()
    assert price(here) == Decimal("0.6000")
    assert PriceChange.objects.get().policy == row


def test_a_policy_of_some_sites_goes_before_that_of_the_operator_and_that_before_the_one_for_all(simulated):
    sites = [fleet.live_site(simulated, number, latitude=30 + number) for number in range(3)]
    fleet.surge_policy("mild", applies_to="operator", operator=simulated, mode="autonomous", trigger="risk",
                       multiplier="1.2", valid_from=minute(-1))  # fmt: skip
    special = fleet.surge_policy("special", applies_to="operator", operator=simulated, mode="autonomous",
                                 trigger="risk", multiplier="1.1", valid_from=minute(-1))  # fmt: skip
    special.sites.add(sites[2])
    other = Operator.objects.create(name="Volterra", is_simulated=True)
    sites.append(fleet.live_site(other, 3, latitude=35))
    for site in sites:
        interventions.stress_site(site, None, START)
    beat()
    assert [price(site) for site in sites] == [Decimal(each) for each in ("0.48", "0.48", "0.44", "0.7")]


def test_thresholds_that_contradict_each_other_are_refused_in_words():
    with pytest.raises(ValidationError, match="must not lie above"):
        SurgePolicy(name="odd", heat_on_c=50, heat_off_c=58).full_clean()
    with pytest.raises(ValidationError, match="longest surge"):
        SurgePolicy(name="odd", shortest_seconds=100, longest_seconds=99).full_clean()
    with pytest.raises(ValidationError, match="room for one surge"):
        SurgePolicy(name="odd", shortest_seconds=100, surge_seconds_per_day=99).full_clean()


def test_regulated_tariffs_are_never_touched(simulated):
    here = fleet.live_site(simulated, 1, price_is_regulated=True)
    interventions.stress_site(here, None, START)
    beat()
    assert SiteState.objects.get().risk > 0.9
    assert not PriceChange.objects.exists()


def test_power_first_limits_power_in_the_world_before_it_touches_a_price(simulated):
    row = fleet.shipped("original")
    row.applies_to = "nobody"
    row.save_as_new_version(minute(-2))
    power = fleet.shipped("power-first")
    power.applies_to, power.mode, power.notice_seconds = "simulated", "autonomous", 0
    power.save_as_new_version(minute(-2))
    here = fleet.live_site(simulated, 1)
    heat(here, 65, START - timedelta(seconds=5))
    beat()
    limit = PriceChange.objects.get()
    assert (limit.kind, limit.power_share, limit.new_price) == ("limit", Decimal("0.800"), Decimal("0.4000"))
    assert price(here) == Decimal("0.4000")
    assert "LIMIT_OPENED" in kinds()


def test_held_stress_heats_less_with_less_power(simulated):
    from telemetry.models import WorldState

    warmth = []
    for share in ("1", "0.5"):
        here = fleet.live_site(simulated, len(warmth) + 1, latitude=30 + 5 * len(warmth))
        fleet.price_change(here, kind="limit", new_price="0.4", power_share=share, starts_at=START,
                           ends_at=minute(60), policy=fleet.shipped("power-first"))  # fmt: skip
        interventions.stress_site(here, None, START)
        warmth.append(here)
    for number in range(3):
        beat(number / 6)
    cabinets = WorldState.objects.remembered()[1]["cabinet_c"]
    assert cabinets[:4].max() > cabinets[4:].max() + 10, "at full power they become hot enough to trip"


def test_until_a_version_of_the_future_begins_the_one_before_it_holds(simulated):
    row = fleet.shipped("original")
    row.valid_from = minute(24 * 60)
    row.save_as_new_version(START)
    versions = [
        [each.version for each in SurgePolicy.objects.in_force(at) if each.name == "original"]
        for at in (minute(1), minute(24 * 60) - timedelta(microseconds=1), minute(24 * 60))
    ]
    assert versions == [[1], [1], [2]]
    fleet.shipped("original").save_as_new_version(minute(10))
    versions = [
        [each.version for each in SurgePolicy.objects.in_force(at) if each.name == "original"]
        for at in (minute(9), minute(11), minute(24 * 60))
    ]
    assert versions == [[1], [3], [2]], "what is planned stays planned"


def test_a_policy_does_not_end_before_it_begins_or_in_the_past():
    for until in (timezone.now(), timezone.now() + timedelta(days=1)):
        row = SurgePolicy(name="short", valid_from=timezone.now() + timedelta(days=2), valid_until=until)
        with pytest.raises(ValidationError, match="must end after it begins"):
            row.full_clean()


@pytest.mark.parametrize(("name", "value"), [("multiplier", 99), ("cap_share", 99), ("cool_down_seconds", 90_000)])
def test_slips_of_the_finger_are_refused(name, value):
    with pytest.raises(ValidationError) as refused:
        SurgePolicy(name="typo", **{name: value}).full_clean()
    assert name in refused.value.message_dict


def test_a_surge_of_a_policy_by_heat_goes_on_by_heat_when_the_policy_is_edited(real):
    guarded = fleet.shipped("guarded")
    guarded.mode, guarded.approval_above, guarded.notice_seconds = "autonomous", None, 0
    guarded.save_as_new_version(minute(-2))
    here, _ = real_pair(real)
    beat()
    guarded.trigger = "risk"
    guarded.save_as_new_version(minute(1))
    heat(here, 65, minute(30))
    beat(31)
    assert price(here) == Decimal("0.5000"), "still hot"
    heat(here, 45, minute(32))
    beat(33)
    assert price(here) == Decimal("0.4000")
