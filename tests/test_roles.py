"""Roles give exactly what they list, and a person sees the rows of his or her own operators only."""

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pricing.models import SurgePolicy
from stations.access import APPS, ROLES, actions_of, operator_ids, sync_roles, visible_rows
from stations.models import Charger, Operator, Site

from . import fleet

pytestmark = pytest.mark.django_db

SCOPED = [
    model
    for app in APPS
    for model in apps.get_app_config(app).get_models()
    if hasattr(model._default_manager.all(), "visible_to") and model._meta.managed
]


def codes(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_every_role_of_the_list_has_its_group_and_a_second_run_changes_nothing():
    sync_roles()
    before = {role: codes(role) for role in ROLES}
    call_command("sync_roles", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    assert {role: codes(role) for role in ROLES} == before


def test_a_permission_that_is_not_listed_is_taken_away_and_a_missing_one_comes_back():
    sync_roles()
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.set(Permission.objects.filter(codename__in=["delete_site", "add_user"]))
    sync_roles()
    assert "view_site" in codes("viewer")
    assert not {"delete_site", "add_user"} & codes("viewer")


def test_a_viewer_sees_all_and_changes_nothing():
    sync_roles()
    assert all(code.startswith("view_") for code in codes("viewer"))
    assert {"view_site", "view_statusreport", "view_workorder", "view_pricechange"} <= codes("viewer")


def test_ops_change_nearly_everything_but_neither_people_nor_history():
    sync_roles()
    assert {"change_site", "add_operator", "change_workorder", "change_outage", "add_job"} <= codes("ops")
    refused = {"change_user", "add_membership", "change_statusreport", "change_reading", "change_pricechange"}
    assert not refused & codes("ops")
    assert not [code for code in codes("ops") if code.startswith("delete_")]


def test_a_dispatcher_changes_maintenance_and_looks_at_the_rest():
    sync_roles()
    changing = {code for code in codes("dispatcher") if not code.startswith("view_")}
    models = ("incident", "workorder", "technician", "servicecentre", "part", "stock", "orderpart", "checklistitem")
    kept = {f"{a}_{m}" for a in ("add", "change") for m in (*models, "plannedwork")}
    assert changing == {*kept, "change_plannedspell"}
    assert "add_job" not in codes("dispatcher")


@pytest.mark.parametrize("role", ["technician", "partner"])
def test_technicians_and_partners_see_little_and_change_nothing(role):
    sync_roles()
    assert all(code.startswith("view_") for code in codes(role))
    assert not {"view_job", "view_outbox", "view_membership", "view_modelversion"} & codes(role)


@pytest.mark.parametrize("model", SCOPED, ids=lambda model: model.__name__)
def test_owner_and_colleague_see_the_rows_and_a_stranger_sees_none(model):
    mine, other = Operator.objects.create(name="Northline"), Operator.objects.create(name="Volterra")
    fleet.fill(mine, 2)
    owner, colleague = fleet.person("owner", None, mine), fleet.person("colleague", None, mine)
    stranger, outsider = fleet.person("stranger", None, other), fleet.person("outsider")
    rows = model._default_manager.all()
    if model is Operator:
        rows = rows.filter(pk=mine.pk)
    if model is SurgePolicy:
        rows = rows.filter(operator=mine)  # those of nobody in particular are seen by every member
    assert rows.exists()
    for user, expected in ((owner, True), (colleague, True), (stranger, False), (outsider, False)):
        seen = rows.visible_to(user)
        assert (set(seen) == set(rows)) if expected else not seen.exists(), user


def test_superusers_see_all_and_whoever_is_not_active_or_not_known_sees_nothing():
    fleet.fill(Operator.objects.create(name="Northline"), 1)
    chief = fleet.person("chief", is_superuser=True)
    assert Operator.objects.visible_to(chief).count() == 1
    assert operator_ids(chief) is None
    chief.is_active = False
    assert not Operator.objects.visible_to(chief).exists()
    assert not Operator.objects.visible_to(AnonymousUser()).exists()
    assert operator_ids(AnonymousUser()) == set()


def test_a_membership_that_ends_ends_the_view_at_once():
    mine = Operator.objects.create(name="Northline")
    user = fleet.person("owner", None, mine)
    assert Operator.objects.visible_to(user).exists()
    user.memberships.all().delete()
    assert not Operator.objects.visible_to(user).exists()


@pytest.mark.django_db
def test_who_is_switched_off_sees_nothing_whatever_they_were():
    operator = Operator.objects.create(name="Northline")
    fleet.site(operator, 1)
    for is_superuser in (False, True):
        gone = fleet.person(f"gone {is_superuser}", None, operator)
        gone.is_active, gone.is_superuser = False, is_superuser
        assert operator_ids(gone) == set()
        assert not visible_rows(Site.objects.all(), gone, "operator").exists()
    key = fleet.partner(operator)[0]
    assert operator_ids(key) == {operator.pk}
    assert visible_rows(Site.objects.all(), key, "operator").count() == 1


def test_the_rule_of_a_model_goes_before_that_of_its_app_and_what_is_not_listed_is_denied():
    assert actions_of("ops", "stations", "site") == ["view", "add", "change"]
    assert actions_of("ops", "stations", "partnerkey") == ["view", "add", "change"]
    assert actions_of("ops", "stations", "membership") == []
    assert actions_of("ops", "telemetry", "risk") == ["view"]
    assert actions_of("technician", "maintenance", "plannedwork") == []
    assert actions_of("partner", "auth", "user") == []


def test_roles_are_given_without_a_query_for_every_permission():
    sync_roles()
    with CaptureQueriesContext(connection) as captured:
        sync_roles()
    assert len(captured) <= 1 + 5 * len(ROLES)


def test_rows_of_operators_are_theirs_alone_and_none_means_all():
    mine, other = (Operator.objects.create(name=name) for name in ("Northline", "Volterra"))
    here, there = fleet.charger(fleet.site(mine, 1)), fleet.charger(fleet.site(other, 2))
    rows = Charger.objects.all()
    assert set(rows.of_operators({mine.pk})) == {here}
    assert set(rows.of_operators(None)) == {here, there}
    assert not rows.of_operators([]).exists()
    member = fleet.person("member", None, mine)
    assert operator_ids(member) == {mine.pk}
    assert set(rows.visible_to(member)) == {here}
    assert set(rows.visible_to(fleet.partner(other)[0])) == {there}
