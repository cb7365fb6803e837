"""Outages are kept up to date as reports come, and deriving them all anew gives the same."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.management import call_command

from stations.models import Operator
from telemetry.models import ChargerState, Outage, StatusReport

from .fleet import charger, site

START = datetime(2026, 3, 1, tzinfo=UTC)
STATES = ["AVAILABLE", "CHARGING", "FAULTED", "OFFLINE", "UNAVAILABLE"]
pytestmark = pytest.mark.django_db


def record_untidily(seed: int, count: int = 1500) -> None:
    """Reports of six chargers, shuffled, some twice, some corrected, in batches of many sizes."""
    random = np.random.default_rng(seed)
    at = site(Operator.objects.create(name=f"Volta {seed}"), seed)
    ids = [charger(at, number).pk for number in range(6)]
    rows = [
        (ids[random.integers(6)], START + timedelta(minutes=int(random.integers(4000))), STATES[random.integers(5)])
        for _ in range(count)
    ]
    rows += [rows[place] for place in random.integers(0, count, count // 5)]
    rows += [(who, when, STATES[random.integers(5)]) for who, when, _ in rows[:: count // 50]]
    order, place = random.permutation(len(rows)), 0
    while place < len(rows):
        size = int(random.integers(1, 120))
        batch = [rows[one] for one in order[place : place + size]]
        StatusReport.objects.record(*zip(*batch, strict=True))
        place += size


def kept() -> tuple[list, list]:
    states = ChargerState.objects.order_by("charger_id").values()
    return (
        list(Outage.objects.order_by("charger_id", "started_at").values()),
        [{name: value for name, value in state.items() if name != "changed_at"} for state in states],
    )


def test_a_rebuild_reproduces_what_shuffled_repeated_and_late_reports_left():
    record_untidily(1)
    before = kept()
    assert len(before[0]) > 300
    assert Outage.objects.rebuild() == 0
    assert kept() == before


def test_a_rebuild_mends_a_table_that_went_wrong_and_keeps_what_a_person_wrote():
    record_untidily(2, count=300)
    first = Outage.objects.order_by("pk").first()
    Outage.objects.mark_excluded([first.pk], "vandalism", "photo 7")
    wanted = [{**row, "id": None} for row in kept()[0]], kept()[1]
    Outage.objects.order_by("-pk")[:1].get().delete()
    Outage.objects.filter(ended_at__isnull=False).exclude(pk=first.pk).update(error_code="made up")
    ChargerState.objects.update(status="UNKNOWN", since=None)
    assert Outage.objects.rebuild() > 1
    assert ([{**row, "id": None} for row in kept()[0]], kept()[1]) == wanted


def test_the_command_says_what_it_would_change_and_changes_it(capsys):
    record_untidily(3, count=300)
    Outage.objects.order_by("pk").first().delete()
    left = Outage.objects.count()
    call_command("rebuild_outages", check=True)
    assert "1 outages would change" in capsys.readouterr().out
    assert Outage.objects.count() == left
    call_command("rebuild_outages")
    assert "1 outages were changed" in capsys.readouterr().out
    call_command("rebuild_outages")
    assert "Every outage is as the status reports say." in capsys.readouterr().out
