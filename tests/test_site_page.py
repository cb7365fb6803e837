"""The page of a site draws its price, says when it is stale, and tells times in the zone of the site."""

from datetime import UTC, datetime

import orjson
import pytest
from django.utils import timezone

from sntry_site.pages.site_feed import SiteConsumer, SiteFeed
from sntry_site.templatetags.sntry_times import local_time
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import SiteState

from . import fleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_networks():
    sync_roles()
    return [Operator.objects.create(name=name) for name in ("Mine", "Theirs")]


def test_a_time_is_in_the_zone_of_the_site_with_the_exact_one_on_hover(two_networks):
    site = fleet.site(two_networks[0], 1, time_zone="America/Denver")
    shown = local_time(datetime(2026, 7, 1, 18, 5, 9, tzinfo=UTC), site)
    assert 'title="2026-07-01 18:05:09 UTC"' in shown
    assert ">07-01 12:05 MDT<" in shown


def test_the_page_of_a_site_shows_its_price_drawn_and_its_keys(client, two_networks):
    site = fleet.site(two_networks[0], 1, time_zone="America/Denver", base_price="0.40")
    SiteState.objects.ensure()
    SiteState.objects.update(at=datetime(2026, 7, 1, tzinfo=UTC), reason="hot <b>")
    fleet.price_change(site)
    client.force_login(fleet.person("Ada", "ops", two_networks[0]))
    text = client.get(f"/sites/{site.external_id}/").content.decode()
    assert "Price of the last 7 days" in text
    assert "MST" in text
    assert "Stale: nothing has been heard" in text
    assert "hot &lt;b&gt;" in text


def test_the_socket_of_a_site_is_for_staff_of_its_operator_and_sends_the_site_as_it_is(two_networks):
    mine, theirs = (fleet.site(operator, 1) for operator in two_networks)
    SiteState.objects.ensure()
    SiteState.objects.update(at=timezone.now(), reason="hot <b>")
    ada = fleet.person("Ada", "ops", two_networks[0])
    assert SiteConsumer().view_of(ada, {"site": str(mine.pk)}) == mine.pk
    for asked in (str(theirs.pk), "", "x", "9" * 40, "-1"):
        assert SiteConsumer().view_of(ada, {"site": asked}) is None
    ada.is_staff = False
    assert SiteConsumer().view_of(ada, {"site": str(mine.pk)}) is None
    [frame] = SiteFeed().changes(mine.pk, {})
    panels = orjson.loads(frame)["panels"]
    assert "hot &lt;b&gt;" in panels["site-now"]
    assert set(panels) == {"site-now", "site-chargers"}
