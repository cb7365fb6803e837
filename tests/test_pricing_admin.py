"""Prices in the admin: who decides, stops and writes policies."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from pricing.models import PriceChange, PriceProposal, PricingStop, SurgePolicy
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db
BUTTON = "pricing_priceproposal_approve_this"


@pytest.fixture(autouse=True)
def calm_world(settings):
    settings.TICK_SURGE_CHANCE = 0.0


@pytest.fixture
def simulated():
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


@pytest.fixture
def real():
    return Operator.objects.create(name="Real", is_simulated=False)


@pytest.fixture
def ops(real, client):
    sync_roles()
    user = fleet.person("ops", "ops", real)
    client.force_login(user)
    return user


def act(client, model: str, action: str, ids: list) -> None:
    client.post(changelist(model), {"action": action, "_confirmed": "yes", "_selected_action": ids})


def changelist(name: str) -> str:
    return reverse(f"admin:pricing_{name}_changelist")


def test_proposals_are_approved_and_rejected_in_bulk(real, ops, client):
    sites = [fleet.site(real, number, base_price="0.40") for number in range(3)]
    soon = timezone.now() + timedelta(minutes=20)
    rows = [fleet.price_proposal(site, expires_at=soon).pk for site in sites]
    page = client.get(changelist("priceproposal")).content.decode()
    assert "-6 %" in page
    client.post(
        changelist("priceproposal"), {"_confirmed": "yes", "action": "approve_all", "_selected_action": rows[:2]}
    )
    client.post(
        changelist("priceproposal"), {"_confirmed": "yes", "action": "reject_all", "_selected_action": rows[2:]}
    )
    assert list(PriceProposal.objects.order_by("pk").values_list("state", "decided_by")) == [
        ("approved", ops.pk), ("approved", ops.pk), ("rejected", ops.pk),
    ]  # fmt: skip
    assert PriceChange.objects.filter(by=ops).count() == 2


def test_a_waiting_price_can_be_edited_within_what_the_policy_allows(real, ops, client):
    row = fleet.price_proposal(fleet.site(real, 1, base_price="0.40"))
    url = reverse("admin:pricing_priceproposal_change", args=[row.pk])
    for minutes in ("0", "61", "100000"):
        assert client.post(url, {"new_price": "0.45", "minutes": minutes}).status_code == 200, minutes
    answer = client.post(url, {"new_price": "0.56", "minutes": "30"})
    assert b"The policy allows 0.4000 to 0.5000" in answer.content
    assert client.post(url, {"new_price": "0.45", "minutes": "30"}).status_code == 302
    row.refresh_from_db()
    assert (row.new_price, row.minutes) == (Decimal("0.45"), 30)


def row_of(proposal, what: str, **edits) -> dict:
    """What a browser sends when a button of a proposal's row is pressed, as the only row of the list."""
    shown = {"id": proposal.pk, "new_price": "0.5000", "minutes": "60", **edits}
    form = {f"form-0-{name}": value for name, value in shown.items()}
    return {**form, "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_decide": f"{what}-{proposal.pk}"}


@pytest.fixture
def waiting(real):
    soon = timezone.now() + timedelta(minutes=20)
    return fleet.price_proposal(fleet.site(real, 1, base_price="0.40", name="<b>Hot</b>"), expires_at=soon)


def test_a_row_is_approved_as_it_stands_with_one_button(waiting, ops, client):
    page = client.get(changelist("priceproposal")).content.decode()
    assert f'value="approve-{waiting.pk}"' in page
    assert "<b>Hot" not in page
    first, approve = page.index('form="changelist-form" disabled'), page.index('name="_decide"')
    assert first < approve, "Enter in a field presses the first button, which must do nothing"
    answer = client.post(changelist("priceproposal"), row_of(waiting, "approve", new_price="0.45", minutes="30"))
    assert answer.status_code == 302
    change = PriceChange.objects.get()
    assert (change.by, change.new_price, change.ends_at - change.starts_at) == (
        ops, Decimal("0.4500"), timedelta(minutes=30),
    )  # fmt: skip


def test_a_row_that_the_policy_does_not_allow_is_not_approved(waiting, ops, client):
    for wrong in ({"new_price": "0.56"}, {"minutes": "0"}, {"minutes": "61"}, {"minutes": ""}):
        answer = client.post(changelist("priceproposal"), row_of(waiting, "approve", **wrong), follow=True)
        assert "0 approved" not in answer.content.decode()
        assert PriceProposal.objects.waiting().exists(), wrong
    assert not PriceChange.objects.exists()
    client.post(changelist("priceproposal"), row_of(waiting, "reject"))
    assert PriceProposal.objects.get().state == "rejected"


def test_a_proposals_own_page_approves_and_rejects_too(waiting, ops, client):
    url = reverse("admin:pricing_priceproposal_change", args=[waiting.pk])
    page = client.get(url).content.decode()
    assert page.count("Save and approve") == 1
    client.post(url, {"new_price": "0.44", "minutes": "20", BUTTON: "1"})
    assert PriceChange.objects.get().new_price == Decimal("0.4400")
    assert "Save and approve" not in client.get(url).content.decode()


@pytest.mark.parametrize("role", ["stranger", "viewer"])
def test_the_buttons_of_a_row_are_for_who_may_change_it(waiting, real, client, role):
    sync_roles()
    where = real if role == "viewer" else Operator.objects.create(name="Volterra")
    client.force_login(fleet.person(role, "viewer" if role == "viewer" else "ops", where))
    for what in ("approve", "reject"):
        assert client.post(changelist("priceproposal"), row_of(waiting, what)).status_code == 403
    url = reverse("admin:pricing_priceproposal_change", args=[waiting.pk])
    client.post(url, {"new_price": "0.44", "minutes": "20", BUTTON: "1"})
    assert PriceProposal.objects.waiting().exists()


def test_others_neither_see_nor_decide(real, client):
    sync_roles()
    row = fleet.price_proposal(fleet.site(real, 1, base_price="0.40"))
    other = Operator.objects.create(name="Volterra")
    people = (fleet.person("stranger", "ops", other), False), (fleet.person("viewer", "viewer", real), True)
    for person, seen in people:
        client.force_login(person)
        page = client.get(changelist("priceproposal"))
        assert (row.site.name.encode() in page.content) == seen
        client.post(
            changelist("priceproposal"), {"_confirmed": "yes", "action": "approve_all", "_selected_action": [row.pk]}
        )
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
    act(client, "pricingstop", "release", [stop.pk])
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


def test_a_version_that_has_ended_is_for_the_record_whoever_asks(real, client):
    client.force_login(fleet.person("boss", is_superuser=True))
    old = fleet.shipped("original")
    fleet.shipped("original").save_as_new_version(timezone.now() - timedelta(minutes=10))
    old.refresh_from_db()
    url = reverse("admin:pricing_surgepolicy_change", args=[old.pk])
    assert client.post(url, _form_of(old)).status_code == 403
    assert {each.name for each in SurgePolicy.objects.in_force(timezone.now())} == {"original", "guarded"}


def test_a_new_version_keeps_its_name(real, client):
    client.force_login(fleet.person("boss", is_superuser=True))
    old = fleet.shipped("original")
    url = reverse("admin:pricing_surgepolicy_change", args=[old.pk])
    assert client.post(url, _form_of(old) | {"name": "renamed", "sites": []}).status_code == 302
    assert [str(each) for each in SurgePolicy.objects.in_force(timezone.now())] == ["guarded v1", "original v2"]


def test_a_planned_end_does_not_keep_ops_from_editing(real, ops, client):
    until = timezone.now() + timedelta(days=400)
    row = fleet.surge_policy("ours", applies_to="operator", operator=real, valid_until=until)
    url = reverse("admin:pricing_surgepolicy_change", args=[row.pk])
    assert client.get(url).status_code == 200
    form = {**_form_of(row), "multiplier": "1.2", "valid_until_0": f"{until:%Y-%m-%d}", "valid_until_1": "00:00:00"}
    assert client.post(url, form).status_code == 302
    assert SurgePolicy.objects.get(name="ours", version=2).multiplier == Decimal("1.2000")


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
