"""A list can be kept under a name: for oneself, for colleagues, or as what the list opens with."""

import pytest
from django.urls import reverse

from stations.access import sync_roles
from stations.models import Operator, SavedView
from stations.models.saved_views import plain_query

from . import fleet

pytestmark = pytest.mark.django_db
SITES = "/admin/stations/site/"


@pytest.fixture
def people():
    sync_roles()
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southline")
    fleet.site(north, 1)
    names = {"ann": north, "bob": north, "eve": south}
    return {name: fleet.person(name, "ops", operator) for name, operator in names.items()}


def save(client, query: str, name: str, **fields):
    return client.post(f"{SITES}views/", {"querystring": query, "name": name, **fields}, follow=True)


def tabs_of(client, query: str = "view=all") -> list[str]:
    return [view.name for view in client.get(f"{SITES}?{query}").context["views"]]


def test_a_view_is_private_until_it_is_shared_and_then_seen_by_colleagues_only(client, people):
    client.force_login(people["ann"])
    page = save(client, "p=3&state_level=critical&q=Austin", "Hot in Austin")
    view = SavedView.objects.get()
    assert (view.querystring, view.shared, view.default) == ("q=Austin&state_level=critical", False, False)
    assert page.context["own_view"] == view
    client.force_login(people["bob"])
    assert tabs_of(client) == []
    SavedView.objects.update(shared=True)
    assert tabs_of(client) == ["Hot in Austin"]
    page = client.get(f"{SITES}?state_level=critical&q=Austin")
    assert page.context["view"] == view
    assert page.context["own_view"] is None, "somebody else's can be looked at, not changed"
    assert client.post(f"{SITES}views/{view.pk}/", {"delete": "yes"}).status_code == 404
    client.force_login(people["eve"])
    assert tabs_of(client) == []


def test_the_default_opens_the_list_and_another_takes_its_place(client, people):
    client.force_login(people["ann"])
    save(client, "state_level=critical", "Hot", default="on")
    assert client.get(SITES).url == f"{SITES}?state_level=critical"
    assert client.get(f"{SITES}?view=all").status_code == 200
    save(client, "state_level=watch", "Warm", default="on")
    assert client.get(SITES).url == f"{SITES}?state_level=watch"
    assert SavedView.objects.filter(default=True).count() == 1
    client.force_login(people["bob"])
    assert client.get(SITES).status_code == 200, "somebody else's default is not mine"


def test_a_view_is_renamed_shared_and_deleted_by_its_owner(client, people):
    client.force_login(people["ann"])
    save(client, "state_level=critical", "Hot")
    view = SavedView.objects.get()
    client.post(f"{SITES}views/{view.pk}/", {"name": "Very hot", "shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.shared, view.querystring) == ("Very hot", True, "state_level=critical")
    client.post(f"{SITES}views/{view.pk}/", {"delete": "yes"})
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("query", "name", "reason"),
    [
        ("operator__owner__password__startswith=a", "Spy", "cannot be asked that"),
        ("nonsense=1", "Odd", "cannot be asked that"),
        ("q=1", "", "Name: This field is required"),
        ("q=" + "x" * 2000, "Long", "at most 1000"),
        ("q=2", "Taken", "choose another name"),
    ],
)
def test_what_no_list_can_be_asked_is_refused_in_words(client, people, query, name, reason):
    client.force_login(people["ann"])
    save(client, "q=1", "Taken")
    page = save(client, query, name)
    assert SavedView.objects.count() == 1
    assert reason in " ".join(str(message) for message in page.context["messages"])


def test_who_may_not_see_the_list_keeps_no_view_of_it(client, people):
    client.force_login(fleet.person("pat", "partner"))
    assert client.post("/admin/maintenance/workorder/views/", {"name": "x", "querystring": "q=1"}).status_code == 403
    assert reverse("admin:stations_site_save_view") == f"{SITES}views/"


def test_two_querystrings_that_ask_the_same_are_the_same():
    assert plain_query("b=2&a=1&p=7&e=1&a=0") == plain_query("a=0&a=1&b=2")
