"""What a policy proposes, and what people make of it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from pricing import decisions
from pricing.models import PriceChange, PriceProposal
from pricing.tariff import tariffs
from stations.models import Operator, Site
from telemetry.models import ChargerState, StatusReport

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


def test_a_real_operator_gets_a_proposal_and_no_price_moves_by_itself(real):
    here, near = real_pair(real)
    beat()
    proposal = PriceProposal.objects.get()
    assert (proposal.site, proposal.neighbour, proposal.new_price) == (here, near, Decimal("0.5000"))
    assert proposal.policy.name == "guarded"
    assert proposal.inputs["cabinet_c"] == 65
    assert not PriceChange.objects.exists()
    assert price(here) == Decimal("0.4000")
    assert "PRICE_PROPOSED" in kinds()
    beat(1)
    assert PriceProposal.objects.count() == 1, "one waits at a time"


def test_heat_that_was_told_long_ago_or_is_between_the_thresholds_is_no_stress(real):
    here, _ = real_pair(real, 57)
    beat()
    ChargerState.objects.filter(charger__site=here).update(temperature_c=65, last_report_at=minute(-61))
    beat(1)
    assert not PriceProposal.objects.exists()


def test_an_approved_proposal_is_announced_begins_after_its_notice_and_ends_by_itself(real):
    here, near = real_pair(real)
    boss = fleet.person("boss", None, real)
    beat()
    surge = decisions.approve(PriceProposal.objects.get(), boss, minute(1))
    assert (surge.by, surge.applied, surge.starts_at) == (boss, False, minute(16))
    assert price(here) == Decimal("0.4000"), "not before the notice is over"
    heat(here, 65, minute(15))
    beat(15.5)
    assert price(here) == Decimal("0.4000")
    beat(16)
    assert (price(here), price(near)) == (Decimal("0.5000"), Decimal("0.3200"))
    for number in (60, 120):
        heat(here, 65, minute(number))
        beat(number + 0.1)
    assert price(here) == Decimal("0.5000")
    heat(here, 65, minute(136))
    beat(136.2)
    assert (price(here), price(near)) == (Decimal("0.4000"), Decimal("0.4000"))
    surge.refresh_from_db()
    assert (surge.applied, surge.ended_because) == (False, "its period ended")
    assert {"SURGE_ANNOUNCED", "REROUTE_ANNOUNCED", "SURGE_OPENED", "REROUTE_OPENED", "SURGE_CLOSED"} <= kinds()
    proposal = PriceProposal.objects.filter(change=surge).get()
    assert (proposal.state, proposal.decided_by) == ("approved", boss)


def test_an_announced_surge_is_called_off_when_the_site_cools_down(real):
    here, _ = real_pair(real)
    beat()
    decisions.approve(PriceProposal.objects.get(), None, minute(1))
    heat(here, 45, minute(5))
    beat(5.2)
    assert set(PriceChange.objects.values_list("ended_because", flat=True)) == {"calmed down", "its surge ended"}
    beat(17)
    assert price(here) == Decimal("0.4000")
    assert {"SURGE_CANCELLED", "REROUTE_CANCELLED"} <= kinds()


def test_a_proposal_is_decided_once_and_lapses_after_half_an_hour(real):
    real_pair(real)
    beat()
    proposal = PriceProposal.objects.get()
    assert decisions.reject([proposal], None, minute(1)) == 1
    with pytest.raises(decisions.Refused, match="decided already"):
        decisions.approve(proposal, None, minute(2))
    heat(proposal.site, 65, minute(121))
    beat(121)
    again = PriceProposal.objects.waiting().get()
    with pytest.raises(decisions.Refused, match="waited for too long"):
        decisions.approve(again, None, minute(151))
    beat(152)
    again.refresh_from_db()
    assert again.state == "expired"


def test_what_cannot_hold_any_more_is_not_approved(real):
    here, _ = real_pair(real)
    beat()
    proposal = PriceProposal.objects.get()
    type(here).objects.filter(pk=here.pk).update(base_price="0.60")
    with pytest.raises(decisions.Refused, match="has changed since"):
        decisions.approve(proposal, None, minute(1))
    type(here).objects.filter(pk=here.pk).update(base_price="0.40")
    PriceProposal.objects.update(new_price="0.51")
    with pytest.raises(decisions.Refused, match=r"0\.4000 to 0\.5000"):
        decisions.approve(proposal, None, minute(1))
    PriceProposal.objects.update(new_price="0.50")
    fleet.price_change(here, applied=False, starts_at=minute(0), ends_at=minute(300))
    with pytest.raises(decisions.Refused, match="Another price change"):
        decisions.approve(proposal, None, minute(1))
    assert PriceProposal.objects.waiting().exists()


@pytest.mark.parametrize(
    "edit", [{"base_price": "0.20"}, {"base_price": "0", "pricing_type": "free"}, {"price_is_regulated": True}]
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_tariff_that_has_changed_at_either_site_is_not_approved_and_the_proposal_is_withdrawn(real, which, edit):
    pair = real_pair(real)
    beat()
    proposal = PriceProposal.objects.get()
    Site.objects.filter(pk=pair[which].pk).update(**edit)
    with pytest.raises(decisions.Refused, match=f"{re.escape(str(pair[which]))} has changed since"):
        decisions.approve(proposal, None, minute(1))
    beat(1)
    proposal.refresh_from_db()
    assert proposal.state == "expired"
    assert not PriceChange.objects.exists()


def test_what_a_version_proposed_is_not_approved_once_another_is_in_force(real):
    real_pair(real)
    beat()
    proposal = PriceProposal.objects.get()
    milder = fleet.shipped("guarded")
    milder.multiplier, milder.cap_share = Decimal("1.05"), Decimal("0.05")
    milder.save_as_new_version(minute(0.5))
    with pytest.raises(decisions.Refused, match="guarded v1 is not in force any more"):
        decisions.approve(proposal, None, minute(1))
    beat(1)
    anew = PriceProposal.objects.waiting().get()
    assert (anew.policy, anew.new_price) == (milder, Decimal("0.4200"))


@pytest.mark.parametrize("minutes", [0, 121, 100_000])
def test_minutes_beyond_what_was_proposed_are_not_approved(real, minutes):
    real_pair(real)
    beat()
    PriceProposal.objects.update(minutes=minutes)
    with pytest.raises(decisions.Refused, match="1 to 120 minutes can be approved"):
        decisions.approve(PriceProposal.objects.get(), None, minute(1))


def test_fewer_minutes_make_the_change_shorter_and_its_discount_cheaper(real):
    real_pair(real)
    beat()
    PriceProposal.objects.update(minutes=30, cost="20.00")
    surge = decisions.approve(PriceProposal.objects.get(), None, minute(1))
    discount = PriceChange.objects.get(kind="reroute")
    assert surge.ends_at - surge.starts_at == discount.ends_at - discount.starts_at == timedelta(minutes=30)
    assert discount.cost == Decimal("5.00")


def test_discounts_that_wait_count_against_the_budget_of_the_day(real):
    guarded = fleet.shipped("guarded")
    guarded.discount_budget = Decimal("60")
    guarded.save_as_new_version(minute(-2))
    for number in range(3):
        here = fleet.live_site(real, 10 + 2 * number, latitude=30 + number)
        near = fleet.live_site(real, 11 + 2 * number, latitude=30.01 + number)
        chargers = list(near.chargers.values_list("pk", flat=True))
        StatusReport.objects.record(chargers, [START] * 4, ["CHARGING", "AVAILABLE", "AVAILABLE", "AVAILABLE"])
        heat(here, 65, START - timedelta(seconds=5))
    beat()
    costs = [each.cost for each in PriceProposal.objects.order_by("pk")]
    assert costs == [Decimal("31.20"), 0, 0], "two would cost 62.40"
    beat(1)
    PriceProposal.objects.filter(neighbour=None).update(cost=0)
    first = PriceProposal.objects.exclude(neighbour=None).get()
    fleet.price_change(fleet.site(real, 90), kind="reroute", applied=False, cost="30", starts_at=minute(0),
                       ended_because="calmed down", ends_at=minute(1))  # fmt: skip
    with pytest.raises(decisions.Refused, match=r"may cost 60\.00 a day, and 30\.00 is promised"):
        decisions.approve(first, None, minute(2))


def test_who_has_rejected_is_not_asked_again_before_the_policys_rest_is_over(real):
    here, _ = real_pair(real)
    beat()
    decisions.reject(PriceProposal.objects.waiting(), None, START)
    for number in (1 / 6, 1, 60, 119.9):
        heat(here, 65, minute(number) - timedelta(seconds=1))
        beat(number)
    assert PriceProposal.objects.count() == 1
    beat(120)
    assert PriceProposal.objects.waiting().count() == 1


def test_two_that_wait_do_not_name_the_same_neighbour(real):
    real_pair(real)
    beat()
    second = fleet.live_site(real, 3, latitude=30.311)
    heat(second, 66, START)
    beat(1)
    assert PriceProposal.objects.count() == 1, "its only neighbour is spoken for"


def test_a_surge_that_was_called_off_is_no_surge_of_the_day_and_needs_no_rest(real):
    here, _ = real_pair(real)
    beat()
    PriceProposal.objects.update(cost="20.00")
    decisions.approve(PriceProposal.objects.get(), None, minute(1))
    assert PriceChange.objects.spent(minute(-60)) == {real.pk: Decimal("20.00")}
    heat(here, 45, minute(5))
    beat(5.2)
    assert set(PriceChange.objects.values_list("ended_because", flat=True)) == {"calmed down", "its surge ended"}
    assert PriceChange.objects.spent(minute(-60)) == {}
    heat(here, 65, minute(9))
    beat(10)
    assert PriceProposal.objects.waiting().count() == 1


def test_power_stays_limited_from_the_first_heat_until_the_surge_that_somebody_approved(real):
    for name, whom in (("guarded", "nobody"), ("power-first", "real")):
        policy = fleet.shipped(name)
        policy.applies_to = whom
        policy.save_as_new_version(minute(-2))
    here, _ = real_pair(real)
    share = lambda: [float(each.power_share) for each in PriceChange.objects.open_ones().filter(site=here)]  # noqa: E731
    for number in (0, 30, 59.9, 60.2, 61, 70):
        heat(here, 65, minute(number) - timedelta(seconds=1))
        beat(number)
        assert share() == [0.8], number
    surge = decisions.approve(PriceProposal.objects.waiting().get(), None, minute(71))
    assert (share(), surge.starts_at) == ([0.8], minute(86))
    assert PriceChange.objects.filter(kind="limit", ended_because="a price follows").exists()
    assert tariffs([here.pk], minute(72))[here.pk].power_share == Decimal("0.8")
    heat(here, 65, minute(85))
    beat(86)
    assert (price(here), share()) == (Decimal("0.5000"), [0.8])


def test_the_discount_names_the_version_of_the_neighbours_own_policy(real):
    _, near = real_pair(real)
    own = fleet.surge_policy("own", applies_to="operator", operator=real, discount="0.90", floor_share="0.10",
                             longest_seconds=3600, valid_from=minute(-1))  # fmt: skip
    own.sites.add(near)
    beat()
    decisions.approve(PriceProposal.objects.get(), None, minute(1))
    discount = PriceChange.objects.get(kind="reroute")
    assert (discount.policy, discount.new_price) == (own, Decimal("0.3600"))
    assert discount.ends_at - discount.starts_at == timedelta(hours=1)
