"""A session's price is fixed at its start, to the cent, whatever happens then; and drivers are told it before."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from pricing import decisions
from pricing.engine import SURGE, Opening
from pricing.models import PriceChange, PricingStop
from pricing.policy import ORIGINAL
from pricing.tariff import tariffs
from stations.models import Operator
from telemetry.models import ChargingSession, SiteState

from . import fleet
from .at_once import at_once
from .fleet import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def operator(db):
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


def surge(site, starts_at, minutes: int = 10, price: str = "0.7000") -> Opening:
    ends_at = starts_at + minutes * MINUTE
    prices = {"old_price": Decimal("0.4"), "new_price": Decimal(price), "power_share": Decimal(1), "cost": Decimal(0)}
    return Opening(site=site.pk, kind=SURGE, surge_site=None, policy=ORIGINAL, starts_at=starts_at, ends_at=ends_at,
                   needs_approval=False, **prices)  # fmt: skip


def open_surge(site, starts_at, at, **more):
    policies = {ORIGINAL: fleet.shipped("original")}
    return PriceChange.objects.open([surge(site, starts_at, **more)], {}, policies, at)


def test_the_database_refuses_to_change_the_price_of_a_session(operator):
    charger = fleet.live_site(operator, 1).chargers.first()
    assert ChargingSession.objects.start(charger.pk, NOW) == Decimal("0.4000")
    for change in ({"price": "0.41"}, {"price": None}):
        with pytest.raises(IntegrityError, match="fixed at its start"), transaction.atomic():
            ChargingSession.objects.update(**change)
    session = ChargingSession.objects.get()
    session.ended_at = NOW + MINUTE
    session.save()
    assert session.price == Decimal("0.4000")


def test_a_session_that_came_without_a_price_may_get_one(operator):
    charger = fleet.live_site(operator, 1).chargers.first()
    ChargingSession.objects.create(charger=charger, started_at=NOW)
    ChargingSession.objects.update(price="0.5")
    assert ChargingSession.objects.get().price == Decimal("0.5000")


def test_the_same_start_again_leaves_the_first_price(operator):
    site = fleet.live_site(operator, 1)
    charger = site.chargers.first()
    ChargingSession.objects.start(charger.pk, NOW)
    SiteState.objects.set_prices({site.pk: Decimal("0.7")})
    assert ChargingSession.objects.start(charger.pk, NOW) is None
    assert ChargingSession.objects.get().price == Decimal("0.4000")


@pytest.mark.django_db(transaction=True)
def test_a_hundred_starts_stops_and_edits_at_once_leave_every_session_the_price_it_was_told():
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    site = fleet.live_site(operator, 1, ports_total=40)
    chargers = list(site.chargers.order_by("pk"))
    edits = {Decimal(cents).scaleb(-2) for cents in range(20, 40)}
    told: dict[int, Decimal] = {}
    for charger in chargers[:20]:  # under way already, all at the base price
        told[charger.pk] = ChargingSession.objects.start(charger.pk, NOW)

    def work(number: int) -> None:
        if number < 40:  # 20 start
            if number >= 20:
                told[chargers[number].pk] = ChargingSession.objects.start(chargers[number].pk, NOW)
        elif number < 60:  # 20 stop
            ChargingSession.objects.finish([chargers[number - 40].pk], [NOW], [NOW + MINUTE], [10.0], [True])
        elif number < 80:  # 20 edit the price
            SiteState.objects.set_prices({site.pk: Decimal(number - 40).scaleb(-2)})
        elif number < 90:
            open_surge(site, NOW + number * 20 * MINUTE, NOW + number * 20 * MINUTE)
        else:
            PriceChange.objects.all().close(NOW + 3000 * MINUTE, "test")

    # In two halves, because the database takes a hundred connections and some are taken.
    at_once(50, lambda number: work(number * 2))
    at_once(50, lambda number: work(number * 2 + 1))
    rows = {row.charger_id: row for row in ChargingSession.objects.all()}
    assert len(rows) == 40
    assert {pk: row.price for pk, row in rows.items()} == told
    assert all(rows[charger.pk].price == Decimal("0.4000") for charger in chargers[:20])
    assert {rows[charger.pk].price for charger in chargers[20:]} <= {Decimal("0.4000"), Decimal("0.7000"), *edits}
    assert sum(row.ended_at is not None for row in rows.values()) == 20
    assert PriceChange.objects.applied().count() <= 1


@pytest.mark.django_db(transaction=True)
def test_of_many_changes_of_a_site_at_once_one_holds():
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    site = fleet.live_site(operator, 1)
    fleet.shipped("original")
    opened = at_once(20, lambda number: open_surge(site, NOW, NOW + number * timedelta(microseconds=1)))
    assert sum(len(each) for each in opened) == 1
    assert PriceChange.objects.get().applied
    assert SiteState.objects.get().price == Decimal("0.7000")


@pytest.mark.django_db(transaction=True)
def test_a_stop_leaves_no_change_behind_that_was_opened_at_the_same_moment():
    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    sites = [fleet.live_site(operator, number, latitude=30 + number) for number in range(5)]
    for site in sites:
        open_surge(site, NOW, NOW)
    at_once(2, lambda number: decisions.stop_prices(PricingStop(operator=operator), NOW + MINUTE))
    assert not PriceChange.objects.open_ones().exists()
    assert set(SiteState.objects.values_list("price", flat=True)) == {Decimal("0.4000")}


# --- what drivers are told --------------------------------------------------------------------------------------------


def tariff(site, at=NOW):
    return tariffs([site.pk], at)[site.pk]


def test_without_a_change_the_tariff_is_the_base_price(operator):
    told = tariff(fleet.live_site(operator, 1))
    assert (told.price, told.next_price, told.changes_at, told.reason) == (Decimal("0.4000"), None, None, "")
    assert told.says == "0.40 USD per kWh, for the whole of a session that starts now."


def test_a_surge_says_what_the_price_will_be_and_from_when(operator):
    site = fleet.live_site(operator, 1)
    open_surge(site, NOW, NOW)
    told = tariff(site)
    assert (told.price, told.next_price, told.changes_at) == (Decimal("0.7000"), Decimal("0.4000"), NOW + 10 * MINUTE)
    assert told.reason == "entered critical stress"
    assert told.says.endswith("session that starts now; 0.40 from 2026-11-20 12:10 UTC on.")


def test_an_announced_surge_is_told_before_it_begins(operator):
    site = fleet.live_site(operator, 1)
    open_surge(site, NOW + 15 * MINUTE, NOW)
    told = tariff(site)
    assert (told.price, told.next_price, told.changes_at) == (Decimal("0.4000"), Decimal("0.7000"), NOW + 15 * MINUTE)


def test_of_an_end_and_a_beginning_the_earlier_is_told(operator):
    site = fleet.live_site(operator, 1)
    open_surge(site, NOW, NOW)
    open_surge(site, NOW + 20 * MINUTE, NOW + MINUTE, price="0.6000")
    assert (tariff(site).next_price, tariff(site).changes_at) == (Decimal("0.4000"), NOW + 10 * MINUTE)


def test_a_limit_on_power_is_told_and_changes_no_price(operator):
    site = fleet.live_site(operator, 1)
    fleet.price_change(site, kind="limit", new_price="0.4", power_share="0.8")
    told = tariff(site)
    assert (told.price, told.next_price, told.power_share) == (Decimal("0.4000"), None, Decimal("0.800"))


def test_free_sites_say_so_and_prices_by_the_minute_too(operator):
    free = fleet.live_site(operator, 1, pricing_type="free", base_price="0")
    minute = fleet.live_site(operator, 2, pricing_type="per_minute", base_price="0.125")
    assert tariff(free).says == "Free."
    assert tariff(minute).says.startswith("0.125 USD per minute, ")


def test_tariffs_of_many_sites_take_two_queries(operator, django_assert_num_queries):
    sites = [fleet.live_site(operator, number) for number in range(5)]
    for site in sites[:3]:
        open_surge(site, NOW, NOW)
    with django_assert_num_queries(2):
        assert len(tariffs([site.pk for site in sites], NOW)) == 5


COPY_PAST = """
INSERT INTO pricing_pricechange (site_id, kind, announced_at, starts_at, ends_at, applied, ended_because, old_price,
    new_price, power_share, cost, reason, inputs, policy_id)
SELECT site_id, kind, announced_at, starts_at - n * interval '1 hour', starts_at - n * interval '1 hour', false,
    'calmed down', old_price, new_price, power_share, cost, reason, inputs, policy_id
FROM pricing_pricechange, generate_series(1, 5000) AS n;
ANALYZE pricing_pricechange
"""


def test_what_is_open_is_found_by_an_index_of_its_own_in_a_long_history(operator):
    fleet.price_change(fleet.site(operator, 1))
    with connection.cursor() as cursor:
        cursor.execute(COPY_PAST)
    questions = {
        "open": PriceChange.objects.open_ones(),
        "limited": PriceChange.objects.open_ones().filter(power_share__lt=1),
        "due": PriceChange.objects.open_ones().filter(applied=False, ended_because="", starts_at__lte=NOW),
    }
    for name, rows in questions.items():
        assert "price_change_open" in rows.order_by().explain(), name
