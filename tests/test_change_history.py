"""A row's history says who changed it, from what to what, and why; some changes need the reason."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.forms import model_to_dict

from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(client):
    sync_roles()
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    client.force_login(fleet.person("ann", "ops", site.operator))
    return site


def change(client, site, **fields):
    values = {name: value for name, value in model_to_dict(site).items() if value is not None}
    page = client.get(f"/admin/stations/site/{site.pk}/change/")
    prefixes = [each.formset.prefix for each in page.context["inline_admin_formsets"]]
    inline = {f"{prefix}-{name}_FORMS": 0 for prefix in prefixes for name in ("TOTAL", "INITIAL")}
    return client.post(f"/admin/stations/site/{site.pk}/change/", {**values, **inline, **fields})


def test_the_history_shows_the_values_and_the_reason(client, site):
    response = change(client, site, city="Dallas", change_reason="moved across the road")
    assert response.status_code == 302, response.context["adminform"].errors
    [part] = json.loads(LogEntry.objects.get().change_message)
    assert part["values"] == {"city": ["Austin", "Dallas"]}
    page = client.get(f"/admin/stations/site/{site.pk}/history/").content.decode()
    for words in ("ann", "Austin", "Dallas", "moved across the road"):
        assert words in page


def test_a_price_does_not_change_without_a_reason(client, site):
    response = change(client, site, base_price="0.77")
    assert "Say why, because base price changed." in response.content.decode()
    assert not LogEntry.objects.exists()
    change(client, site, base_price="0.77", change_reason="new tariff")
    site.refresh_from_db()
    assert str(site.base_price) == "0.7700"


def test_who_may_only_look_is_asked_for_no_reason(client, site):
    client.force_login(fleet.person("val", "viewer", site.operator))
    page = client.get(f"/admin/stations/site/{site.pk}/change/")
    assert page.status_code == 200
    assert "change_reason" not in page.content.decode()
