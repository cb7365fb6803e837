"""The kill switch and the declared emergency."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import TestCase

from pricing import decisions
from pricing.models import PriceChange, PriceProposal, PricingStop
from sntry_site import interventions, tasks
from stations.models import Operator, Site
from telemetry.models import SiteState

from . import fleet
from .pricing_world import START, beat, kinds, minute, price, real_pair

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


def test_the_kill_switch_puts_every_price_back_at_once_and_keeps_policies_quiet_until_it_is_released(simulated, real):
    here, near = fleet.live_site(simulated, 11), fleet.live_site(simulated, 12, usual=0.1, latitude=30.35)
    real_pair(real)
    interventions.stress_site(here, None, START)
    beat()
    assert price(here) > Decimal("0.4")
    boss = fleet.person("boss", is_superuser=True)
    closed = decisions.stop_prices(PricingStop(by=boss, note="test"), minute(1))
    assert {change.site for change in closed} == {here, near}
    assert price(here) == price(near) == Decimal("0.4000"), "before any tick"
    assert not PriceProposal.objects.waiting().exists()
    assert set(PriceChange.objects.values_list("ended_because", flat=True)) == {"switched off"}
    beat(7)
    assert SiteState.objects.get(site=here).risk > 0.9
    assert price(here) == Decimal("0.4000")
    decisions.end_stop(PricingStop.objects.get(), boss, minute(8))
    beat(8)
    assert price(here) == Decimal("0.7000")
    assert {"PRICES_STOPPED", "PRICES_RELEASED"} <= kinds()


def test_an_emergency_of_one_operator_leaves_the_others_alone(simulated):
    other = Operator.objects.create(name="Volterra", is_simulated=True)
    here, there = fleet.live_site(simulated, 1), fleet.live_site(other, 2, latitude=35)
    decisions.stop_prices(PricingStop(operator=simulated, why="emergency"), minute(-1))
    for site in (here, there):
        interventions.stress_site(site, None, START)
    beat()
    assert (price(here), price(there)) == (Decimal("0.4000"), Decimal("0.7000"))


def test_browsers_of_a_large_network_see_what_people_stopped(simulated, monkeypatch):
    monkeypatch.setattr("sntry_site.messages.WHOLE_UP_TO_SITES", 0)
    sent = []
    monkeypatch.setattr("stations.live.publish", lambda kind, payload: sent.append(payload))
    here = fleet.live_site(simulated, 1)
    interventions.stress_site(here, None, START)
    beat()
    decisions.stop_prices(PricingStop(), minute(0.1))
    with TestCase.captureOnCommitCallbacks(execute=True):
        beat(0.2)
    sites = sent[-1]["sites"]
    assert sites["price"][sites["id"].index(here.pk)] == "0.40"


# --- in the admin ---------------------------------------------------------------------------------------------------


def test_a_tick_that_began_before_a_stop_and_runs_after_it_sees_it(simulated):
    here = fleet.live_site(simulated, 1)
    interventions.stress_site(here, None, START)
    decisions.stop_prices(PricingStop(), START + timedelta(seconds=14))
    for second in (17, 27, 37):
        tasks.tick(START + timedelta(seconds=second))
        assert price(here) == Decimal("0.4000")
    assert not PriceChange.objects.exists()


def test_what_is_open_all_the_same_ends_at_the_tick_after_a_stop(simulated):
    here = fleet.live_site(simulated, 1)
    interventions.stress_site(here, None, START)
    beat()
    PricingStop.objects.create(starts_at=minute(0.1))  # as one that was stored by hand
    beat(0.2)
    assert price(here) == Decimal("0.4000")
    assert PriceChange.objects.get().ended_because == "prices are stopped"


def test_a_stop_takes_back_the_discounts_that_its_surges_gave_at_other_operators(simulated):
    other = Operator.objects.create(name="Volterra", is_simulated=True)
    here = fleet.live_site(simulated, 1)
    near = fleet.live_site(other, 2, usual=0.1, latitude=30.31)
    interventions.stress_site(here, None, START)
    beat()
    assert price(near) < Decimal("0.4")
    decisions.stop_prices(PricingStop(operator=simulated), minute(0.1))
    assert price(near) == Decimal("0.4000"), "before any tick"


def test_a_proposal_of_which_the_neighbour_is_stopped_is_withdrawn_and_cannot_be_approved(real):
    other = Operator.objects.create(name="Other real")
    fleet.surge_policy("asks", applies_to="operator", operator=real, trigger="heat", valid_from=minute(-1))
    fleet.surge_policy("acts", applies_to="operator", operator=other, mode="autonomous", valid_from=minute(-1))
    _, near = real_pair(real)
    Site.objects.filter(pk=near.pk).update(operator=other)
    beat()
    proposal = PriceProposal.objects.get()
    assert proposal.neighbour == near
    PricingStop.objects.create(operator=other, why="emergency", starts_at=minute(0.4))
    with pytest.raises(decisions.Refused, match="Prices of Other real are stopped"):
        decisions.approve(proposal, None, minute(0.5))
    decisions.stop_prices(PricingStop(operator=other, why="emergency"), minute(0.6))
    assert not PriceProposal.objects.waiting().exists()
    assert not PriceChange.objects.exists()
