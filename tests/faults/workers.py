"""Two beats, a worker that hangs, and one whose clock is an hour behind: every slot is done once, and goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise

from .scoreboard import Scoreboard
from .world import SLOT_SECONDS, World, wait_until

WATCHED_SECONDS = 60
# CLOCK_REALTIME is an hour behind; what measures spans of time is left alone. Not ahead, because beat's ticks expire
# after ten seconds, so that a worker ahead of it would drop every one of them and show nothing.
BEHIND = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *told) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, told);
    if (!failed && which == CLOCK_REALTIME) told->tv_sec -= 3600;
    return failed;
}
time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
"""


def celery(world: World, *arguments: str, **environment: str) -> subprocess.Popen:
    """One more program beside those of `up`; what it says is in `second.log`."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app=sntry_site", *arguments]
    settings = {**world.environment, **world.outside, **environment}
    with open(world.home / "second.log", "wb") as log:
        said = {"stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=world.folder, env=settings, start_new_session=True, **said)


def end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def not_once(world: World, since: float) -> tuple[int, int]:
    """(slots that have finished since, those of which a site was not measured exactly once, or that nobody did)."""
    sites = len(world.seeded["sites"])
    found = world.ask(
        "SELECT extract(epoch FROM tick.started_at)::float8, count(reading.at) FROM telemetry_tick tick"
        " LEFT JOIN telemetry_livereading reading ON reading.at = to_timestamp(tick.slot * 10)"
        " WHERE tick.started_at > to_timestamp(%s) AND tick.finished_at IS NOT NULL GROUP BY tick.id ORDER BY 1",
        since,
    )
    times = [since, *(begun for begun, _ in found), time.time()]
    return len(found), sum(count != sites for _, count in found) + left_out(times)


def left_out(times: list[float]) -> int:
    """How many ticks are missing between these times of ticks, which are one slot apart, give or take a half."""
    return sum(max(0, round((later - earlier) / SLOT_SECONDS) - 1) for earlier, later in pairwise(times))


def run(world: World, board: Scoreboard) -> None:
    two_beats(world, board)
    wrong_clock(world, board)
    hung_redis(world, board)
    hung_worker(world, board)


def two_beats(world: World, board: Scoreboard) -> None:
    begun = time.time()
    second = celery(world, "beat", f"--schedule={world.home}/second-beat", "--pidfile=")
    time.sleep(WATCHED_SECONDS)
    end(second)
    slots, wrong = not_once(world, begun)
    board.note("two_beats", wrong if slots else float("inf"), f"{wrong} of {slots} slots in {WATCHED_SECONDS} s")


def wrong_clock(world: World, board: Scoreboard) -> None:
    """A second worker of ticks, whose clock is an hour behind, takes its share of them."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        board.leave_out("wrong_clock", "no C compiler is here to make a wrong clock with")
        return
    library = world.home / "behind.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=BEHIND.encode(), check=True
    )
    told = [sys.executable, "-c", "import time; print(time.time())"]
    shown = float(subprocess.check_output(told, env={**os.environ, "LD_PRELOAD": str(library)}))
    assert shown < time.time() - 3500, "the clock of the second worker is not wrong"
    options = ["--queues=tick", "--hostname=behind@%h", "--concurrency=1", "--without-gossip", "--loglevel=INFO"]
    second = celery(world, "worker", *options, LD_PRELOAD=str(library))
    wait_until(lambda: ticks_of_the_second(world), 180, "the second worker has done a tick")
    begun, before = time.time(), ticks_of_the_second(world)
    time.sleep(WATCHED_SECONDS)
    (slots, wrong), done = not_once(world, begun), ticks_of_the_second(world) - before
    end(second)
    wait_for_a_tick(world)
    [(elsewhere,)] = world.ask(
        "SELECT count(*) FROM telemetry_tick WHERE abs(slot * 10 - extract(epoch FROM started_at)) > 60"
    )
    wrong += elsewhere
    words = f"{wrong} of {slots} slots, {done} of them by the wrong clock, {elsewhere} at another time"
    board.note("wrong_clock", wrong if slots and done else float("inf"), words)


def ticks_of_the_second(world: World) -> int:
    """How many slots the second worker says it has done."""
    return (world.home / "second.log").read_bytes().count(b" sites in ")


def hung_worker(world: World, board: Scoreboard) -> None:
    """Its process lives and answers nothing: nobody but the age of the last tick can tell."""
    wait_for_a_tick(world)
    begun = time.time()
    for process in world.processes("tick"):
        os.kill(process, signal.SIGSTOP)
    seconds = world.seconds_to_next_tick(begun, most=240)
    board.note("hung_worker", seconds, f"{seconds:.0f} s")


def hung_redis(world: World, board: Scoreboard) -> None:
    """It takes connections and answers nothing, and then goes on as if nothing had been."""
    process = world.engine("valkey")
    os.kill(process, signal.SIGSTOP)
    time.sleep(20)
    os.kill(process, signal.SIGCONT)
    seconds = world.seconds_to_next_tick(time.time())
    board.note("hung_redis", seconds, f"{seconds:.0f} s after it went on")


def wait_for_a_tick(world: World) -> None:
    world.seconds_to_next_tick(time.time(), most=120)
