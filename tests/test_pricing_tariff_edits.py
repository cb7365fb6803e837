"""Base prices and tariffs that somebody edits, and prices that outlive what should end them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from pricing.models import PriceChange, PriceProposal
from pricing.tariff import tariffs
from sntry_site import interventions
from stations.models import Operator, Site
from telemetry.models import ChargingSession, StatusReport, Tick

from . import fleet
from .pricing_world import START, beat, minute, price, real_pair

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


EDITS = [{"base_price": "0.20"}, {"base_price": "0", "pricing_type": "free"}, {"price_is_regulated": True}]


@pytest.fixture
def surged(simulated):
    """A site at the price of a surge since `START`."""
    here = fleet.live_site(simulated, 1)
    interventions.stress_site(here, None, START)
    beat()
    assert price(here) == Decimal("0.7000")
    return here


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_tariff_ends_the_surge_at_the_next_tick(surged, edit):
    Site.objects.filter(pk=surged.pk).update(**edit)
    beat(1)
    change = (
        PriceChange.objects.first()
        if "base_price" not in edit or edit["base_price"] == "0"
        else (PriceChange.objects.order_by("pk").first())
    )
    assert change.ended_because == "the tariff changed"
    now = Decimal(edit.get("base_price", "0.40"))
    assert price(surged) == now


def test_after_an_edit_a_surge_is_decided_anew_from_the_new_base_price(surged):
    Site.objects.filter(pk=surged.pk).update(base_price="0.20")
    for number in range(1, 8):
        beat(number)
    assert price(surged) == Decimal("0.3500"), "1.75 times 0.20, after the rest"


def test_a_base_price_of_a_real_site_takes_effect_with_the_next_tick(real):
    here = fleet.live_site(real, 1)
    beat()
    Site.objects.filter(pk=here.pk).update(base_price="0.60")
    beat(1)
    assert price(here) == Decimal("0.6000")
    assert ChargingSession.objects.start(here.chargers.first().pk, minute(1)) == Decimal("0.6000")


def test_a_base_price_waits_for_the_end_of_a_limit_no_longer_than_a_tick(real):
    here, _ = real_pair(real)
    limit = fleet.price_change(here, kind="limit", old_price="0.40", new_price="0.40", power_share="0.8",
                               policy=fleet.shipped("power-first"), starts_at=START,
                               ends_at=minute(240))  # fmt: skip
    Site.objects.filter(pk=here.pk).update(base_price="0.60")
    beat(1)
    limit.refresh_from_db()
    assert (limit.ended_because, price(here)) == ("the tariff changed", Decimal("0.6000"))


def test_without_a_loop_nobody_is_asked_for_a_surge_that_has_ended(surged):
    later = minute(300)
    told = tariffs([surged.pk], later)[surged.pk]
    assert told.says == "0.40 USD per kWh, for the whole of a session that starts now."
    assert ChargingSession.objects.start(surged.chargers.first().pk, later) == told.price == Decimal("0.4000")
    ends_at = PriceChange.objects.get().ends_at
    just_before, then = ends_at - timedelta(microseconds=1), ends_at
    asked = [ChargingSession.objects.start(surged.chargers.last().pk, at) for at in (just_before, then)]
    assert asked == [Decimal("0.7000"), Decimal("0.4000")]


def test_a_price_that_does_not_fit_stops_nobody_elses_ticks(simulated):
    calm = Operator.objects.create(name="Innocent", is_simulated=True)
    fleet.live_site(calm, 9, latitude=40)
    fleet.surge_policy("typo", applies_to="operator", operator=simulated, mode="autonomous", trigger="risk",
                       multiplier="99", cap_share="99", valid_from=minute(-1))  # fmt: skip
    here = fleet.live_site(simulated, 1, base_price="150")
    interventions.stress_site(here, None, START)
    beat()
    assert Tick.objects.get().finished_at
    assert price(here) == Decimal("9999.9999")


def test_a_site_of_real_operators_offers_the_ports_that_its_chargers_say_work(real):
    _, near = real_pair(real)
    chargers = list(near.chargers.values_list("pk", flat=True))
    tell = lambda statuses, at: StatusReport.objects.record(chargers, [at] * len(chargers), statuses)  # noqa: E731
    tell(["FAULTED", "OFFLINE", "UNAVAILABLE", "UNKNOWN"], START - timedelta(seconds=4))
    beat()
    assert not PriceProposal.objects.exists(), "guarded asks for an alternative, and this is none"
    tell(["CHARGING"] * 3 + ["AVAILABLE"], START - timedelta(seconds=3))
    beat(1)
    assert not PriceProposal.objects.exists(), "three of four in use leave no room for a third more"
    tell(["CHARGING", "FAULTED", "AVAILABLE", "AVAILABLE"], START - timedelta(seconds=2))
    beat(2)
    proposal = PriceProposal.objects.get()
    # 0.08 $ x 150 kW x 3 ports x a third x 1.3 x 2 h
    assert (proposal.neighbour, proposal.cost) == (near, Decimal("31.20"))


@pytest.mark.parametrize("kind", ["Unknown", ""])
def test_an_unknown_connector_fits_nobody(real, kind):
    here, _ = real_pair(real)
    Site.objects.update(charger_type=kind)
    beat()
    assert not PriceProposal.objects.exists()
    Site.objects.update(charger_type=here.charger_type)
    beat(1)
    assert PriceProposal.objects.exists()
