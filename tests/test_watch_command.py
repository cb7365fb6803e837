"""`manage.py watch` ends once ticks have stopped, and the files of a deployment start their programs anew then."""

import logging

import pytest
from django.core.management import call_command

from sntry_site import watchdog
from sntry_site.management.commands import watch

from .test_deploy import OURS, UNITS, lines_of


class Clock:
    """A time that passes by sleeping, and the age of a tick at each moment of it."""

    def __init__(self, age):
        self.now, self.age = 0.0, age

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > 3600:
            raise TimeoutError


@pytest.fixture
def ended(monkeypatch):
    """After how many seconds the command ends by code 3, for an age of the last tick as a function of the time."""

    def run(age) -> float:
        clock = Clock(age)
        monkeypatch.setattr(watch, "time", clock)
        monkeypatch.setattr(watchdog, "seconds_since_tick", lambda: age(clock.now))
        with pytest.raises(SystemExit) as end:
            call_command("watch")
        assert end.value.code == watch.LATE
        return clock.now

    return run


def test_it_ends_when_ticks_have_stopped_and_says_why(ended, caplog):
    with caplog.at_level(logging.ERROR):
        seconds = ended(lambda now: 5.0 if now < 600 else 5.0 + now - 600)
    assert 600 + watchdog.LATE_SECONDS - 5 <= seconds <= 600 + watchdog.LATE_SECONDS + 5
    assert "no tick has finished for 45 s" in caplog.text


def test_programs_that_have_just_been_started_have_three_minutes_for_the_first(ended):
    assert 180 <= ended(lambda now: 400.0 + now) <= 190


@pytest.mark.parametrize("age", [lambda now: 5.0, lambda now: None])
def test_it_goes_on_while_ticks_come_and_while_database_or_redis_are_away(ended, age):
    with pytest.raises(TimeoutError):
        ended(age)


def test_the_unit_starts_worker_and_beat_anew_for_that_code_alone():
    (then,) = lines_of("sntry-watch.service", "ExecStopPost")
    assert then.startswith("+"), "the command itself has no rights"
    assert f'"$$EXIT_STATUS" != {watch.LATE}' in then
    assert "try-restart" in then
    assert "sntry-tick@*.service" in then
    assert "sntry-beat.service" in then
    assert "sntry-watch.service" in UNITS["sntry.target"]


@pytest.mark.parametrize("name", ["tick", "beat"])
def test_a_container_of_ticks_ends_itself_for_that_code_and_is_started_again(name):
    each = OURS[name]
    assert (each["init"], each["restart"]) == (True, "unless-stopped")
    assert f"manage.py watch; [ $$? -eq {watch.LATE} ]" in each["command"][-1]
    assert "kill -KILL -1" in each["command"][-1]
    assert "& exec celery" in each["command"][-1], "signals go to celery itself"
