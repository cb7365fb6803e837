"""The supervisor of `manage.py up`, with small shell programs in place of web and workers."""

import signal
import time

import pytest

from sntry_site import process_logs
from sntry_site.supervisor import Program, Supervisor
from sntry_site.watchdog import Watchdog

PATIENT = ((signal.SIGTERM, 60.0), (signal.SIGKILL, 60.0))


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setattr(process_logs, "LOG_DIR", tmp_path)
    return tmp_path


def shell(name, stage, script, signals=PATIENT):
    return Program(name, stage, ["sh", "-c", script], signals)


def supervise(programs, until, **options):
    """Run `programs` until the condition holds, then stop them; the seconds that stopping took."""
    asked_at = []

    def look() -> list[str]:
        assert time.monotonic() < deadline, "it did not happen in time"
        if until() and not asked_at:
            asked_at.append(time.monotonic())
            boss.ask_to_stop()
        return []

    deadline = time.monotonic() + 120
    boss = Supervisor(programs, look_after_engines=look, **options)
    boss.run()
    return time.monotonic() - asked_at[0]


def test_a_program_that_dies_is_started_again_and_it_is_said(logs, capsys):
    web = shell(
        "web", 1, f"echo begun; echo >> '{logs}/starts'; [ $(wc -l < '{logs}/starts') -gt 2 ] && sleep 60; exit 3"
    )
    supervise([web], until=lambda: (logs / "web.log").exists() and (logs / "web.log").read_text().count("begun") == 3)
    shown = capsys.readouterr().out
    assert "web  | begun" in shown
    assert shown.count("web ended with exit code 3; it starts again in") == 2
    assert "stopping" in (logs / "up.log").read_text()


def test_a_program_that_lives_but_does_nothing_is_ended_and_started_again(logs, capsys):
    """At first it is stopped, so that it does not even hear that it should go."""
    tick = shell("tick", 1, f"echo >> '{logs}/starts'; [ $(wc -l < '{logs}/starts') -gt 1 ] || kill -STOP $$; sleep 60")
    asked = []

    def watchdog(lasted):
        has_begun = (logs / "starts").exists() and not asked
        asked.extend([lasted] if has_begun else [])
        return ["tick"] if has_begun else []

    supervise([tick], lambda: (logs / "starts").exists() and len((logs / "starts").read_text()) == 2, watchdog=watchdog)
    assert asked[0].keys() == {"tick"}
    shown = capsys.readouterr().out
    assert "no tick has finished for long: tick is ended and started again" in shown
    assert "tick was ended by SIGKILL" in shown


@pytest.mark.parametrize(
    ("ages", "lasted", "expected"),
    [
        ([5] * 12, {"tick": 100, "beat": 100}, []),
        ([50] * 12, {"tick": 100, "beat": 100}, ["tick", "beat"]),
        ([50] * 12, {"tick": 20, "beat": 100}, []),  # it has only just been started, and the other may be well
        ([50] * 12, {"beat": 100}, []),
        ([50] * 6 + [None] + [300] * 5, {"tick": 400, "beat": 400}, []),  # Redis was away until a moment ago
        ([-3] * 12, {"tick": 100, "beat": 100}, []),  # the clock was corrected by a little
        ([-3600] * 12, {"tick": 100, "beat": 100}, ["tick", "beat"]),
        ([None] * 12, {"tick": 400, "beat": 400}, []),
    ],
)
def test_stuck_is_who_had_time_and_all_that_a_tick_needs(ages, lasted, expected):
    clock = iter(range(0, 1000, 5))
    answers = iter(ages)
    dog = Watchdog(look=lambda: next(answers), clock=lambda: now[0])
    for _ in ages:
        now = [next(clock)]
        dog.look_once()
    assert dog.stuck(lasted) == expected


def test_a_start_that_takes_long_is_given_twice_the_time_each_time_until_a_tick_has_finished():
    """On a busy machine a worker may need more than a minute before its first tick."""
    age, now = [50.0], [0.0]
    dog = Watchdog(look=lambda: age[0], clock=lambda: now[0])
    dog.look_once()
    now[0] = 100.0
    both = ["tick", "beat"]
    assert dog.stuck({"tick": 46, "beat": 46}) == both
    assert dog.stuck({"tick": 80, "beat": 80}) == []
    assert dog.stuck({"tick": 91, "beat": 91}) == both
    assert dog.stuck({"tick": 170, "beat": 170}) == []
    age[0] = 3.0
    dog.look_once()
    age[0] = 50.0
    dog.look_once()
    assert dog.stuck({"tick": 46, "beat": 46}) == both


def test_stages_stop_one_after_the_other_and_a_stage_at_once(logs, capsys):
    script = "trap 'sleep 0.5; echo {0} goes; exit' TERM; echo ready; while :; do sleep 0.05; done"
    programs = [shell(name, stage, script.format(name)) for name, stage in (("web", 1), ("tick", 2), ("jobs", 2))]
    seconds = supervise(programs, until=lambda: all((logs / f"{p.name}.log").exists() for p in programs))
    shown = capsys.readouterr().out
    assert shown.index("web goes") < shown.index("web has stopped") < shown.index("tick goes")
    assert shown.index("jobs goes") < shown.index("tick has stopped")
    assert seconds < 2.0


def test_a_program_that_does_not_listen_is_killed_with_its_children(logs):
    deaf = "trap '' TERM; sleep 97531 & echo $! > '{}/child'; echo ready; while :; do sleep 0.05; done"
    program = shell("jobs", 1, deaf.format(logs), signals=((signal.SIGTERM, 0.3), (signal.SIGKILL, 60.0)))
    supervise([program], until=lambda: (logs / "jobs.log").exists())
    child = int((logs / "child").read_text())
    deadline = time.monotonic() + 60
    while process_exists(child):
        assert time.monotonic() < deadline, "a child was left behind"
        time.sleep(0.05)


def process_exists(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_logs_keep_to_their_size(logs, monkeypatch):
    monkeypatch.setattr(process_logs, "BYTES", 2000)
    log = process_logs.ProcessLog("web")
    for number in range(200):
        log.feed(f"line {number}\n".encode())
    log.close()
    assert sorted(path.name for path in logs.iterdir()) == ["web.log", "web.log.1"]
    assert sum(path.stat().st_size for path in logs.iterdir()) <= 4000
    assert "line 199" in (logs / "web.log").read_text()


def test_pieces_of_lines_are_put_together_and_bad_bytes_do_not_matter(logs, capsys):
    log = process_logs.ProcessLog("web")
    for piece in (b"one li", b"ne\ntwo \xff\n", b"the rest"):
        log.feed(piece)
    log.close()
    assert capsys.readouterr().out == "web  | one line\nweb  | two \ufffd\nweb  | the rest\n"
