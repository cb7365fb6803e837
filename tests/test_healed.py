"""What healed itself is counted by failure and cause, and only for one's own operators."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from maintenance.models import Incident, RemoteAttempt
from stations.access import sync_roles
from stations.models import Operator

from . import fleet


@pytest.fixture
def operator(db):
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    charger, at = fleet.charger(fleet.site(operator, 1)), timezone.now() - timedelta(days=3)
    for number in range(4):
        about = {"site": charger.site, "charger": charger, "source": "status", "opened_at": at, "closed_at": at}
        incident = Incident.objects.create(summary="odd", cause="firmware_hang", **about)
        for rung, helped in (("poll", False), ("soft_reset", number < 2), ("hard_reset", number == 2)):
            RemoteAttempt.objects.create(
                incident=incident, charger=charger, rung=rung, at=at, answer="ok", helped=helped
            )
    return operator


def healed(operators):
    now = timezone.now()
    return RemoteAttempt.objects.healed(now - timedelta(days=30), now, operators)


def test_failures_count_once_by_what_helped(operator):
    assert healed(None) == healed([operator.pk]) == [("firmware_hang", 4, 2, 1, 12, 0)]
    assert healed([operator.pk + 1]) == healed([]) == []


def test_a_failure_counts_once_it_is_decided(operator):
    charger, at = fleet.charger(operator.sites.get(), 2), timezone.now()
    about = {"site": charger.site, "charger": charger, "cause": "hmi_display", "source": "status", "summary": "odd"}
    incident = Incident.objects.create(**about, opened_at=at)

    def tried(rung, answer="still faulted", *, helped=False):
        RemoteAttempt.objects.create(incident=incident, charger=charger, rung=rung, at=at, answer=answer, helped=helped)
        return healed(None)[-1][1:]

    assert tried("poll") == (0, 0, 0, 1, 1)
    assert tried("soft_reset") == (0, 0, 0, 2, 1)
    assert tried("hard_reset", "not sent: a car is charging at the same cabinet") == (0, 0, 0, 3, 1)
    Incident.objects.close([incident.pk], at, "works again")
    assert healed(None)[-1][1:] == (1, 0, 0, 3, 0)


def test_the_page_shows_the_share_with_its_interval_to_those_who_may_see_it(operator, client):
    client.force_login(fleet.person("ops", "ops", operator))
    page = client.get(reverse("healed")).content.decode()
    assert "75 %" in page
    assert "30 to 95 %" in page
    assert client.get(reverse("healed"), {"days": "all"}).status_code == 400
    client.force_login(fleet.person("stranger", "ops"))
    assert "Nothing has been tried" in client.get(reverse("healed")).content.decode()
    client.force_login(fleet.person("partner", "partner", operator))
    assert client.get(reverse("healed")).status_code == 403
