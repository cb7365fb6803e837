"""A place with nothing in it says why: nothing yet, nothing that matches, or nothing that its reader may see."""

import pytest

from sntry_site.templatetags.empty_states import STRANGER
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db
PLACES = {  # address: what it says with nothing in it, filters that nothing matches, what it says then
    "/": ("No site has been measured yet", "city=Nowhere", "No site matches these filters"),
    "/board/events/": ("Nothing has happened yet", "group=charger", "No event matches these filters"),
    "/dispatch/": ("No order is open", "find=nowhere", "No open order matches these filters"),
    "/dispatch/proposal/": ("Every open order has somebody", "find=nowhere", "Of the orders that the filters show"),
    "/dispatch/calendar/": ("No work is planned for these weeks yet", "operator=1", "No work of this operator"),
    "/admin/stations/site/": ("nothing in this list yet", "q=nowhere", "Nothing here matches the search"),
    "/admin/telemetry/statusreport/": ("nothing in this list yet", "status__exact=FAULTED", "Nothing here matches"),
}


@pytest.fixture
def operator():
    sync_roles()
    return Operator.objects.create(name="Northline")


@pytest.mark.parametrize("address", PLACES)
def test_an_empty_place_says_which_kind_of_empty_it_is(client, operator, address):
    yet, query, filtered = PLACES[address]
    client.force_login(fleet.person("ann", "ops", operator))
    assert yet in client.get(address).content.decode()
    assert filtered in client.get(f"{address}?{query}").content.decode()
    client.force_login(fleet.person("newcomer", "ops"))
    assert STRANGER in client.get(address).content.decode()
