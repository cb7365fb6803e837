"""What the palette finds, and for whom."""

import pytest
from django.urls import reverse

from maintenance.models import Technician
from stations.access import sync_roles
from stations.models import Operator

from . import fleet


@pytest.fixture
def two_networks(db):
    sync_roles()
    for name in ("Northline", "Southline"):
        fleet.fill(Operator.objects.create(name=name), 2)


def names(client, user, asked: str) -> list[tuple[str, str]]:
    client.force_login(user)
    found = client.get(reverse("find"), {"q": asked}).json()["found"]
    assert all(client.get(one["url"]).status_code == 200 for one in found), "each of them opens"
    return [(one["kind"], one["name"]) for one in found]


def test_staff_find_what_is_of_their_operators_only(client, two_networks, django_assert_max_num_queries):
    north, south = Operator.objects.order_by("name")
    ada = fleet.person("ada", "ops", north)
    assert names(client, ada, "site 1") == [("Site", "Site 1")]
    key = f"{north.pk}-00001"
    assert names(client, ada, key) == [("Site", "Site 1"), ("Charger", f"{key}-1")]
    assert names(client, ada, f"{south.pk}-00001") == []
    order = north.sites.first().work_orders.get()
    assert names(client, ada, order.number) == [("Work order", order.number)]
    assert names(client, ada, south.sites.first().work_orders.get().number) == []
    with django_assert_max_num_queries(9):
        client.get(reverse("find"), {"q": "cooling"})


def test_a_technician_finds_the_own_orders_and_nothing_else(client, two_networks):
    technician = Technician.objects.first()
    technician.user.groups.add(*fleet.Group.objects.filter(name="technician"))
    mine = technician.work_orders.get()
    assert names(client, technician.user, "cooling") == [("Work order", mine.number)]
    assert names(client, technician.user, "site") == []


@pytest.mark.parametrize("asked", ["", "x", "\0", "9" * 60, "²", "%", "'); DROP TABLE", "WO-", "#", "é" * 500])
def test_odd_letters_find_nothing_and_break_nothing(client, two_networks, asked):
    assert names(client, fleet.person("chief", is_superuser=True), asked) == []


def test_strangers_are_sent_to_sign_in(client, two_networks):
    assert client.get(reverse("find"), {"q": "site"}).status_code == 302
