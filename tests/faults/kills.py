"""Everything is killed in turn while partners send telemetry: nothing acknowledged is lost, nothing is there twice."""

import os
import random
import signal
import time
from collections import Counter, defaultdict

import numpy as np

from .crowd import Partners
from .scoreboard import Scoreboard
from .world import World, wait_until

KILLS = int(os.environ.get("FAULT_KILLS", "60"))
PARTNERS = 4
# In turn, so that every kind has its share of the kills.
VICTIMS = ("redis", "postgres", "worker", "web", "pool child", "beat", "jobs")
RECOVERY = {"redis": "redis_recovery", "postgres": "postgres_recovery", "worker": "worker_recovery"}


def strike(world: World, victim: str) -> None:
    """Kill one thing. An engine is started again a second later, as a service manager would."""
    if victim in ("redis", "postgres"):
        key, number = ("valkey", signal.SIGKILL) if victim == "redis" else ("postgres", signal.SIGQUIT)  # immediate
        world.kill_engine(key, number)
        time.sleep(1)
        world.start_engines()
    else:
        role = {"worker": "tick", "pool child": "tick"}.get(victim, victim)
        wait_until(lambda: len(world.processes(role)) > (victim == "pool child"), 60, f"there is a process of {role}")
        world.kill(role, child=victim == "pool child")


def run(world: World, board: Scoreboard, kills: int = KILLS) -> None:
    """Kill `kills` times, each time wait for the next finished tick; then count what is stored."""
    rng, seconds = random.Random(1), defaultdict(list)
    with Partners(world, PARTNERS) as partners:
        for number in range(kills):
            victim = VICTIMS[number % len(VICTIMS)]
            time.sleep(rng.uniform(0, 5))  # at any place of a tick
            begun = time.time()
            strike(world, victim)
            seconds[victim].append(world.seconds_to_next_tick(begun))
            print(f"  {number + 1}/{kills}: {victim}, {seconds[victim][-1]:.1f} s to the next tick", flush=True)
    told = partners.told
    stored = Counter(dict(world.ask("SELECT vendor_code, count(*) FROM telemetry_statusreport"
                                    " WHERE vendor_code <> '' GROUP BY 1")))  # fmt: skip
    lost = [mark for mark in told.acknowledged if not stored[mark]]
    twice = [mark for mark in told.acknowledged if stored[mark] > 1]
    rows = f"{len(told.acknowledged):,} rows acknowledged, {kills} kills"
    board.note("lost", len(lost), f"{len(lost)} of {rows}", is_whole=kills >= 60)
    board.note("duplicated", len(twice), f"{len(twice)} of {rows}", is_whole=kills >= 60)
    words = ", ".join(f"{number} × {status or 'no answer'}" for status, number in sorted(told.statuses.items()))
    board.note(
        "refused_badly", len(told.odd), f"{len(told.odd)}: {words}" + "".join(told.odd[:1]), is_whole=kills >= 60
    )
    for victim, name in RECOVERY.items():
        if seconds[victim]:
            found = np.array(seconds[victim])
            p95 = float(np.quantile(found, 0.95))
            every = {other: f"{np.median(times):.0f}" for other, times in seconds.items()}
            board.note(
                name, p95, f"{p95:.1f} s over {len(found)} kills (median {np.median(found):.1f})", is_whole=kills >= 60
            )
    print("  medians of all:", every)
