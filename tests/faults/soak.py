"""An hour of use with a fault a minute: how many requests were answered well, and what grew."""

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import numpy as np
from scipy.stats import theilslopes

from . import kills, pages
from .crowd import PATIENCE_SECONDS, ROWS_EACH, Crowd, Partners
from .scoreboard import Scoreboard
from .world import ROLES, World, command_of

SECONDS = float(os.environ.get("FAULT_SOAK_SECONDS", "3600"))
EVERY = float(os.environ.get("FAULT_SOAK_EVERY", "60"))
SAMPLE_SECONDS = 5.0
LAST_SECONDS = 20.0  # that a fault lasts which does not end by itself
KILLING = 1 / 6  # of the run, in which processes are killed; what lives from then on shows what it keeps
WARM_SECONDS = 600.0  # of a process that do not count: it loads what it needs, and meets most faults for the first time
SHORTEST = 0.4  # of the run, which a process must have lived to say anything about its memory
KILLS = ("redis", "postgres", "worker", "web", "pool child", "beat", "jobs")
AWAY = "postgres away"  # so long that tasks fail in every process, of which the first cost a megabyte or two for good
LASTING = (AWAY, "redis hung", "gemini hang", "gemini garbage", "osrm hang", "osrm refuse", "redis", "postgres")


class Visitors(Crowd):
    """People who load pages; one that fails is loaded again for a while, as a browser's reader would."""

    def headers(self) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.world.seeded['cookie']}"}

    def once(self, client, number, turn) -> None:
        path = pages.PAGES[(turn + 7 * number) % len(pages.PAGES)].format(site=self.world.seeded["sites"][turn % 5])
        deadline, is_first, is_well = time.monotonic() + PATIENCE_SECONDS, True, False
        while not is_well and time.monotonic() < deadline:
            answer = self.send(client, "GET", path)
            is_well = answer is not None and answer.status_code < 400
            with self.lock:
                self.well += is_well
                self.well_at_once += is_well and is_first
            is_first = False
            if not is_well:
                time.sleep(0.5)
        with self.lock:
            self.asked += 1
        self.over.wait(0.3)

    well = well_at_once = asked = 0


class Memory(threading.Thread):
    """What every process of the world has in memory, again and again: of its own, and of files."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self.world, self.over = world, threading.Event()
        self.seen: dict[tuple[str, int], list[tuple[float, float, float]]] = defaultdict(list)

    def run(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            now = time.monotonic()
            for process in self.world.everything():
                words = command_of(process)
                role = next((role for role, word in ROLES.items() if word in words), None)
                if role:
                    with suppress(OSError, KeyError):  # it has just ended
                        own, files = own_and_files_mb(process)
                        self.seen[role, process].append((now, own, files))

    def counted(self, shortest: float) -> Iterator[tuple[str, np.ndarray]]:
        """Role and columns (seconds, MB of its own, MB of mapped files) of each process that lived for long enough."""
        for (role, _), samples in self.seen.items():
            columns = np.array(samples).T
            seconds = columns[0] - columns[0, 0]
            warm = seconds > WARM_SECONDS
            if seconds[-1] >= shortest and warm.sum() > 20:
                yield role, columns[:, warm]

    def slopes(self, shortest: float) -> dict[str, tuple[float, float, float]]:
        """Role -> MB of its own an hour (Theil-Sen) with its 95 % interval, of the process of it that grew most."""
        found: dict[str, tuple[float, float, float]] = {}
        for role, (seconds, own, _) in self.counted(shortest):
            slope, _, low, high = theilslopes(own, seconds / 3600)
            found[role] = max(found.get(role, (-np.inf,)), (float(slope), float(low), float(high)))
        return found

    def most_files(self, shortest: float) -> float:
        """MB of mapped files that one process has more of in the end, at most."""
        return max(files[-1] - files[0] for _, (_, _, files) in self.counted(shortest))


def own_and_files_mb(process: int) -> tuple[float, float]:
    """Resident memory in MB: of the process's own, and of mapped files.

    Files are told apart because they are mostly the code of libraries, which all processes share and the system may
    drop: a worker's child has none of them when it is forked, and more whenever it first comes by a piece of code.
    """
    status = dict(line.split(":") for line in Path(f"/proc/{process}/status").read_text().splitlines() if "Rss" in line)
    anonymous, files, shared = (
        1024 * int(status[name].split()[0]) / 1e6 for name in ("RssAnon", "RssFile", "RssShmem")
    )
    return anonymous + shared, files


def break_something(world: World, fault: str) -> None:
    """One fault, from its beginning to its end."""
    seconds = min(LAST_SECONDS, EVERY / 2)
    if fault in KILLS:
        kills.strike(world, fault)
        return
    if fault == AWAY:
        kills.strike(world, "postgres", away=seconds)
        return
    what, mode = fault.split()
    broken = pages.redis_hung(world) if what == "redis" else pages.spoilt(world.proxies[what], mode)
    with broken:
        time.sleep(seconds)


def run(world: World, board: Scoreboard, seconds: float = SECONDS) -> None:
    """At first processes are killed; from then on they live, so that what they keep can be seen to grow."""
    rng, begun, faults = random.Random(4), time.monotonic(), 0
    first, rest = cycle(KILLS), cycle(LASTING)
    memory = Memory(world)
    memory.start()
    with Partners(world, 2) as partners, Visitors(world, 2) as visitors:
        while (passed := time.monotonic() - begun) < seconds:
            time.sleep(max(0.0, faults * EVERY - passed) + rng.uniform(0, EVERY / 4))
            fault = next(first) if passed < KILLING * seconds else next(rest)
            print(f"  {passed:.0f} s: {fault}", flush=True)
            break_something(world, fault)
            faults += 1
    memory.over.set()
    told = partners.told
    asked = visitors.asked + len(told.acknowledged) // ROWS_EACH + told.given_up
    well = visitors.well + len(told.acknowledged) // ROWS_EACH
    share = 100 * well / asked
    at_once = 100 * visitors.well_at_once / max(visitors.asked, 1)
    length = f"in {seconds / 60:.0f} min with {faults} faults"
    board.note(
        "soak",
        share,
        f"{share:.3f} % of {asked:,} {length}, asked again for {PATIENCE_SECONDS} s; pages {at_once:.2f} % at once",
        is_whole=seconds >= 3600,
    )
    slopes = memory.slopes(SHORTEST * seconds)
    if not slopes:
        board.leave_out("memory", f"no process lived for long enough in {seconds / 60:.0f} min of soak")
        return
    files = memory.most_files(SHORTEST * seconds)
    words = ", ".join(f"{role} {slope:+.2f} ({low:+.2f} to {high:+.2f})" for role, (slope, low, high) in slopes.items())
    board.note(
        "memory",
        max(slope for slope, *_ in slopes.values()),
        f"MB an hour: {words}; mapped files, of one process at most {files:+.1f} MB; {length}",
        is_whole=seconds >= 3600,
    )
