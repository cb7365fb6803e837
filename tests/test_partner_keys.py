"""Keys of partners: made and shown once in the admin, stored hashed, two at once, revoked at once, seldom written."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.access import operator_ids, sync_roles
from stations.models import Operator, Partner, PartnerKey, Scope, Site

from . import fleet

pytestmark = pytest.mark.django_db
NOWHERE = "/api/v1/nowhere/"  # an address at which only the caller is looked at


@pytest.fixture
def mine():
    return Operator.objects.create(name="Northline")


def call(client, text: str, address: str = NOWHERE):
    return client.get(address, headers={"Authorization": f"Bearer {text}"})


def test_the_text_of_a_key_is_kept_nowhere(mine):
    key, text = fleet.partner(mine)
    assert text.startswith(f"sntry_{key.prefix}_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM stations_partnerkey k")
        (row,) = cursor.fetchone()
    assert text.split("_", 2)[2] not in row
    assert PartnerKey.objects.of_text(text, timezone.now()) == key


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: "x" + text,
        lambda text: text[:-43] + "A" * 43,  # the prefix of a key with another secret of the same form
    ],
)
def test_a_key_that_is_nearly_right_is_refused(mine, change, client):
    _, text = fleet.partner(mine)
    assert call(client, text).status_code == 404
    answer = call(client, change(text))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="Sntry"'
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a b", "Bearer ÿ", "Token sntry_x"])
def test_no_key_and_a_key_in_another_form_are_refused_with_what_to_send(header, client, mine):
    answer = client.get(NOWHERE, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.json()["status"] == 401


def test_a_third_key_that_works_is_refused_until_one_is_revoked_or_over(mine):
    first, _ = fleet.partner(mine)
    fleet.partner(mine)
    with pytest.raises(ValidationError, match="has 2 keys that work; revoke one"):
        fleet.partner(mine)
    PartnerKey.objects.filter(pk=first.pk).revoke(timezone.now())
    third, _ = fleet.partner(mine)
    PartnerKey.objects.filter(pk=third.pk).update(expires_at=timezone.now())
    fleet.partner(mine)


def test_revoking_and_expiry_count_from_the_next_call_on(mine, client):
    (old, old_text), (_, text) = fleet.partner(mine), fleet.partner(mine)
    assert PartnerKey.objects.filter(pk=old.pk).revoke(timezone.now()) == 1
    assert call(client, old_text).status_code == 401
    assert call(client, text).status_code == 404
    PartnerKey.objects.update(expires_at=timezone.now())
    assert call(client, text).status_code == 401


def test_the_last_use_is_written_once_a_minute(mine, client):
    key, text = fleet.partner(mine)
    call(client, text)
    with CaptureQueriesContext(connection) as second:
        call(client, text)
    assert not [query for query in second if query["sql"].startswith("UPDATE")]
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)
    PartnerKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    call(client, text)
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)


def test_to_every_scope_of_rows_a_key_is_a_viewer_of_its_operator_alone(mine):
    other = Operator.objects.create(name="Volterra")
    here, there = fleet.site(mine, 1), fleet.site(other, 2)
    key, _ = fleet.partner(mine)
    assert set(Site.objects.visible_to(key)) == {here}
    assert set(Operator.objects.visible_to(key)) == {mine}
    assert operator_ids(key) == {mine.pk}
    key.revoked_at = timezone.now()
    assert not Site.objects.visible_to(key).exists()
    assert there.pk


@pytest.mark.parametrize("days", [-1, 400])
def test_a_key_ends_within_a_year(mine, days):
    who = Partner.objects.create(operator=mine, name="Fleetly")
    with pytest.raises(ValidationError, match="from now to 366 days"):
        who.issue_key([Scope.SITES_READ], timezone.now() + timedelta(days=days))


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_a_key_has_scopes_and_only_known_ones(mine, scopes):
    who = Partner.objects.create(operator=mine, name="Fleetly")
    with pytest.raises(ValidationError):
        who.issue_key(scopes, timezone.now() + timedelta(days=1))


def form(partner, **fields) -> dict:
    ends = timezone.now() + timedelta(days=30)
    values = {"partner": partner.pk, "scopes": ["sites:read", "exports:read"]}
    return {**values, "expires_at_0": f"{ends:%Y-%m-%d}", "expires_at_1": "12:00:00", **fields}


def test_the_admin_shows_a_new_key_once_and_revokes_it(mine, client):
    sync_roles()
    client.force_login(fleet.person("owner", "ops", mine))
    who = Partner.objects.create(operator=mine, name="Fleetly")
    shown = client.post(reverse("admin:stations_partnerkey_add"), form(who))
    assert shown.status_code == 200
    assert shown["Cache-Control"].startswith("no-store")
    key = PartnerKey.objects.get()
    text = shown.content.decode().partition('value="sntry_')[2].partition('"')[0]
    assert PartnerKey.objects.of_text(f"sntry_{text}", timezone.now()) == key
    assert key.created_by.username == "owner"
    for page in ("changelist", "change"):
        arguments = [key.pk] if page == "change" else []
        again = client.get(reverse(f"admin:stations_partnerkey_{page}", args=arguments)).content.decode()
        assert key.prefix in again
        assert text.partition("_")[2] not in again
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    client.post(reverse("admin:stations_partnerkey_changelist"), chosen)
    assert PartnerKey.objects.of_text(f"sntry_{text}", timezone.now()) is None


def test_the_admin_says_in_words_that_two_keys_work(mine, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    for _ in range(2):
        key, _ = fleet.partner(mine)
    page = client.post(reverse("admin:stations_partnerkey_add"), form(key.partner)).content.decode()
    assert "has 2 keys that work; revoke one of them first" in page
    assert PartnerKey.objects.count() == 2


def test_nobody_makes_keys_for_an_operator_of_others(mine, client):
    sync_roles()
    client.force_login(fleet.person("owner", "ops", mine))
    who = Partner.objects.create(operator=Operator.objects.create(name="Volterra"), name="Hubject")
    answer = client.post(reverse("admin:stations_partnerkey_add"), form(who))
    assert "not one of the available choices" in answer.content.decode()
    assert not PartnerKey.objects.exists()
