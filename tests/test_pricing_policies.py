"""Policies as rows: versions and scope, proposals that wait for somebody, notice, power limits and the kill switch."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from pricing import decisions
from pricing.models import PriceChange, PriceProposal, PricingStop, SurgePolicy
from pricing.policy import SHIPPED
from sntry_site import interventions, tasks
from stations.access import sync_roles
from stations.models import FleetEvent, Operator
from telemetry.models import ChargerState, SiteState, StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
START = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def calm_world(settings):
    settings.TICK_SURGE_CHANCE = 0.0


@pytest.fixture
def simulated():
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


@pytest.fixture
def real():
    return Operator.objects.create(name="Real", is_simulated=False)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def beat(number: float = 0):
    return tasks.tick(minute(number))


def heat(site, celsius: float, at: datetime) -> None:
    """All chargers of a site report how hot they are."""
    chargers = list(site.chargers.all())
    count = len(chargers)
    reports = ([charger.pk for charger in chargers], [at] * count, ["AVAILABLE"] * count)
    StatusReport.objects.record(*reports, [""] * count, [celsius] * count)


def real_pair(operator, celsius: float = 65):
    """A hot site of a real operator and a cool one a kilometre away, as their reports say."""
    here = fleet.live_site(operator, 1, latitude=30.30)
    near = fleet.live_site(operator, 2, latitude=30.31)
    heat(here, celsius, START - timedelta(seconds=5))
    return here, near


def price(site) -> Decimal:
    return SiteState.objects.get(site=site).price


def kinds() -> set[str]:
    return set(FleetEvent.objects.values_list("kind", flat=True))


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
    beat(3)
    again = PriceProposal.objects.waiting().get()
    with pytest.raises(decisions.Refused, match="waited for too long"):
        decisions.approve(again, None, minute(33))
    beat(34)
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


@pytest.fixture
def ops(real, client):
    sync_roles()
    user = fleet.person("ops", "ops", real)
    client.force_login(user)
    return user


def changelist(name: str) -> str:
    return reverse(f"admin:pricing_{name}_changelist")


def test_proposals_are_approved_and_rejected_in_bulk(real, ops, client):
    sites = [fleet.site(real, number, base_price="0.40") for number in range(3)]
    soon = timezone.now() + timedelta(minutes=20)
    rows = [fleet.price_proposal(site, expires_at=soon).pk for site in sites]
    page = client.get(changelist("priceproposal")).content.decode()
    assert "-6 %" in page
    client.post(changelist("priceproposal"), {"action": "approve_all", "_selected_action": rows[:2]})
    client.post(changelist("priceproposal"), {"action": "reject_all", "_selected_action": rows[2:]})
    assert list(PriceProposal.objects.order_by("pk").values_list("state", "decided_by")) == [
        ("approved", ops.pk), ("approved", ops.pk), ("rejected", ops.pk),
    ]  # fmt: skip
    assert PriceChange.objects.filter(by=ops).count() == 2


def test_a_waiting_price_can_be_edited_within_what_the_policy_allows(real, ops, client):
    row = fleet.price_proposal(fleet.site(real, 1, base_price="0.40"))
    url = reverse("admin:pricing_priceproposal_change", args=[row.pk])
    answer = client.post(url, {"new_price": "0.56", "minutes": "30"})
    assert b"The policy allows 0.4000 to 0.5000" in answer.content
    assert client.post(url, {"new_price": "0.45", "minutes": "30"}).status_code == 302
    row.refresh_from_db()
    assert (row.new_price, row.minutes) == (Decimal("0.45"), 30)


def test_others_neither_see_nor_decide(real, client):
    sync_roles()
    row = fleet.price_proposal(fleet.site(real, 1, base_price="0.40"))
    other = Operator.objects.create(name="Volterra")
    people = (fleet.person("stranger", "ops", other), False), (fleet.person("viewer", "viewer", real), True)
    for person, seen in people:
        client.force_login(person)
        page = client.get(changelist("priceproposal"))
        assert (row.site.name.encode() in page.content) == seen
        client.post(changelist("priceproposal"), {"action": "approve_all", "_selected_action": [row.pk]})
        assert PriceProposal.objects.waiting().exists()


def test_ops_stop_the_prices_of_their_operator_only(real, ops, client):
    other = Operator.objects.create(name="Volterra")
    site = fleet.live_site(real, 1)
    fleet.price_change(site)
    add = reverse("admin:pricing_pricingstop_add")
    for wrong in ("", other.pk):
        client.post(add, {"operator": wrong, "why": "off", "note": ""})
        assert not PricingStop.objects.exists()
    client.post(add, {"operator": real.pk, "why": "emergency", "note": "storm"})
    stop = PricingStop.objects.get()
    assert (stop.by, stop.why) == (ops, "emergency")
    assert not PriceChange.objects.applied().exists()
    client.post(changelist("pricingstop"), {"action": "release", "_selected_action": [stop.pk]})
    assert not PricingStop.objects.in_force(timezone.now()).exists()


def test_ops_write_policies_of_their_operator_and_leave_those_for_all_alone(real, ops, client):
    site, foreign = fleet.site(real, 1), fleet.site(Operator.objects.create(name="Volterra"), 2)
    shipped = fleet.shipped("guarded")
    form = _form_of(shipped)
    url = reverse("admin:pricing_surgepolicy_change", args=[shipped.pk])
    assert client.post(url, form).status_code == 403
    add = reverse("admin:pricing_surgepolicy_add")
    mine = {**form, "name": "ours", "applies_to": "operator", "operator": real.pk, "sites": [site.pk]}
    client.post(add, {**mine, "sites": [foreign.pk]})
    client.post(add, {**mine, "applies_to": "real", "operator": ""})
    assert not SurgePolicy.objects.filter(name="ours").exists()
    assert client.post(add, mine).status_code == 302
    row = SurgePolicy.objects.get(name="ours")
    assert list(row.sites.all()) == [site]
    edit = reverse("admin:pricing_surgepolicy_change", args=[row.pk])
    assert client.post(edit, {**mine, "multiplier": "1.2"}).status_code == 302
    latest = SurgePolicy.objects.get(name="ours", version=2)
    assert (latest.multiplier, list(latest.sites.all())) == (Decimal("1.2000"), [site])
    row.refresh_from_db()
    assert (row.multiplier, row.valid_until is None) == (Decimal("1.2500"), False)


def _form_of(policy: SurgePolicy) -> dict:
    """What a browser would post of a policy's page."""
    form = {}
    for field in SurgePolicy._meta.fields:
        value = getattr(policy, field.attname)
        if field.name in ("id", "version", "valid_from", "valid_until", "operator"):
            continue
        form[field.name] = "" if value is None else value
        if value is False:
            form.pop(field.name)
    return {**form, "valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}
