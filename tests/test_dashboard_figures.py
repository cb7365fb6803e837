"""What the dashboard and a charger's page draw is what the rows say."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from sntry_site.pages.dashboard_trends import going_on
from sntry_site.pages.status_timeline import drawn, last_days, shares, spells
from stations.models import Operator
from telemetry.models import ChargerStatus, Outage, StatusReport

from . import fleet
from .fleet import NOW

HOUR = timedelta(hours=1)


def test_states_that_repeat_are_one_spell_and_shares_are_of_the_time_not_of_the_reports():
    states = ["AVAILABLE", "FAULTED", "FAULTED", "AVAILABLE"]
    told = [(NOW - (4 - place) * HOUR, state) for place, state in enumerate(states)]
    found = spells(told, NOW)
    assert [(spell.status, spell.ends_at - spell.starts_at) for spell in found] == [
        ("AVAILABLE", HOUR), ("FAULTED", 2 * HOUR), ("AVAILABLE", HOUR),
    ]  # fmt: skip
    assert shares(found) == [(ChargerStatus.AVAILABLE, 0.5, 2), (ChargerStatus.FAULTED, 0.5, 1)]
    picture = drawn(found, ZoneInfo("America/Denver"))
    assert picture.count("<rect") == 3
    assert "Available: Fri 20 Nov 01:00 to Fri 20 Nov 02:00 MST (from 2026-11-20 08:00:00 UTC)" in picture
    assert 'aria-label="The last 7 days: Available 50%, Faulted 50%"' in picture


@pytest.mark.django_db
def test_what_held_before_the_week_began_holds_into_it_and_a_silent_charger_is_unknown():
    here = fleet.site(Operator.objects.create(name="Northline"), 1)
    port, silent = fleet.charger(here, 1), fleet.charger(here, 2)
    StatusReport.objects.create(charger=port, reported_at=NOW - timedelta(days=30), status="OFFLINE")
    StatusReport.objects.create(charger=port, reported_at=NOW - timedelta(days=1), status="AVAILABLE")
    found = last_days(port.pk, NOW)
    assert [(spell.status, round(share, 3)) for spell, (_, share, _) in zip(found, shares(found), strict=True)] == [
        ("OFFLINE", 0.857), ("AVAILABLE", 0.143),
    ]  # fmt: skip
    assert [spell.status for spell in last_days(silent.pk, NOW)] == ["UNKNOWN"]


@pytest.mark.django_db
def test_an_open_spell_goes_on_and_one_that_ended_at_a_moment_does_not():
    port = fleet.charger(fleet.site(Operator.objects.create(name="Northline"), 1), 1)
    for start, end in [(NOW - 2 * HOUR, None), (NOW - 3 * HOUR, NOW - HOUR), (NOW - 9 * HOUR, NOW - 8 * HOUR)]:
        Outage.objects.create(charger=port, started_at=start, ended_at=end)
    times = [NOW - 4 * HOUR, NOW - 2 * HOUR, NOW - HOUR, NOW]
    assert going_on(Outage.objects.all(), ("started_at", "ended_at"), times) == [0, 2, 1, 1]
