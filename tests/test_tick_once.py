"""A slot is done once, whoever asks and however often: two beats, a redelivery, or a crash in the middle."""

from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from sntry_site import tasks
from stations.models import Operator
from telemetry.models import LiveReading, SiteState, Tick

from . import fleet
from .at_once import at_once

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def site():
    return fleet.live_site(Operator.objects.create(name="Northline Charging", is_simulated=True), 1)


@pytest.mark.django_db(transaction=True)
def test_of_six_at_once_one_does_the_work(site):
    results = at_once(6, lambda _: tasks.tick(START))
    assert len(results) == 6
    assert sum(result is not None for result in results) == 1
    assert Tick.objects.count() == LiveReading.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_tick_that_breaks_leaves_nothing_and_can_be_done_again(site, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "write_states", broken)
        with pytest.raises(RuntimeError):
            tasks.tick(START)
    assert not Tick.objects.exists()
    assert not LiveReading.objects.exists()
    assert tasks.tick(START) is not None
    assert SiteState.objects.get().at == START


@pytest.mark.django_db
def test_the_command_does_the_ticks_it_is_asked_for(site, capsys):
    call_command("tick", at=START.isoformat(), count=3)
    assert Tick.objects.count() == 3
    call_command("tick", at=START.isoformat())
    assert "was done already" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize(("at", "sentence"), [("yesterday", "is not a time"), ("2026-07-01T12:00", "no time zone")])
def test_the_command_refuses_a_time_that_is_none(at, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("tick", at=at)
