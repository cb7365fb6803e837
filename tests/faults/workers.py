"""Two beats, a worker that hangs, and a worker whose clock is an hour ahead: every slot is done once, and goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time

from .scoreboard import Scoreboard
from .world import World

WATCHED_SECONDS = 60
# CLOCK_REALTIME is an hour ahead; what measures spans of time is left alone.
AHEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *told) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, told);
    if (!failed && which == CLOCK_REALTIME) told->tv_sec += 3600;
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
    """One more program beside those of `up`."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app=sntry_site", *arguments]
    settings = {**world.environment, **world.outside, **environment}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=world.folder, env=settings, start_new_session=True, **quiet)


def end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def not_once(world: World, since: float) -> tuple[int, int]:
    """(slots that have finished since, those of which a site was not measured exactly once)."""
    sites = len(world.seeded["sites"])
    counts = world.ask(
        "SELECT tick.slot, count(reading.at) FROM telemetry_tick tick LEFT JOIN telemetry_livereading reading"
        " ON reading.at = to_timestamp(tick.slot * 10) WHERE tick.started_at > to_timestamp(%s)"
        " AND tick.finished_at IS NOT NULL GROUP BY 1",
        since,
    )
    return len(counts), sum(number != sites for _, number in counts)


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
    board.note("two_beats", wrong if slots else float("inf"), f"{wrong} of {slots} slots")


def wrong_clock(world: World, board: Scoreboard) -> None:
    """A second worker of ticks, whose clock is an hour ahead, takes its share of the ticks."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        board.leave_out("wrong_clock", "no C compiler is here to make a wrong clock with")
        return
    library = world.home / "ahead.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=AHEAD.encode(), check=True
    )
    told = [sys.executable, "-c", "import time; print(time.time())"]
    shown = float(subprocess.check_output(told, env={**os.environ, "LD_PRELOAD": str(library)}))
    assert shown > time.time() + 3500, "the clock of the second worker is not wrong"
    begun = time.time()
    options = ["--queues=tick", "--hostname=ahead@%h", "--concurrency=1", "--without-gossip", "--without-mingle"]
    second = celery(world, "worker", *options, LD_PRELOAD=str(library))
    time.sleep(10)
    first = world.processes("tick")
    for process in first:  # so that the wrong one gets some of them for sure
        os.kill(process, signal.SIGSTOP)
    time.sleep(WATCHED_SECONDS / 2)
    for process in first:
        os.kill(process, signal.SIGCONT)
    time.sleep(WATCHED_SECONDS / 2)
    end(second)
    slots, wrong = not_once(world, begun)
    ahead = world.ask("SELECT count(*) FROM telemetry_tick WHERE slot > extract(epoch FROM clock_timestamp()) / 10 + 1")
    wrong += ahead[0][0]
    board.note(
        "wrong_clock", wrong if slots else float("inf"), f"{wrong} of {slots} slots, {ahead[0][0]} in the future"
    )


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
