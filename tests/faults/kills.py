"""Everything is killed in turn while partners send telemetry: nothing acknowledged is lost, nothing is there twice."""

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np

from .crowd import Partners, Told
from .scoreboard import Scoreboard
from .world import SLOT_SECONDS, World, is_alive, wait_until

KILLS = int(os.environ.get("FAULT_KILLS", "60"))
PARTNERS = 4
# In turn, so that every kind has its share of the kills.
VICTIMS = ("redis", "postgres", "worker", "web", "pool child", "beat", "jobs")
RECOVERY = {"redis": "redis_recovery", "postgres": "postgres_recovery", "worker": "worker_recovery"}


def aim(world: World, victim: str) -> tuple[int, signal.Signals]:
    """The process that is to be killed, and how."""
    if victim == "redis":
        return world.engine("valkey"), signal.SIGKILL
    if victim == "postgres":
        return world.engine("postgres"), signal.SIGQUIT  # immediate
    is_child = victim == "pool child"
    role = {"worker": "tick", "pool child": "tick"}.get(victim, victim)
    wait_until(lambda: len(world.processes(role)) > is_child, 60, f"there is a process of {role}")
    return world.processes(role)[is_child], signal.SIGKILL


def strike(
    world: World, victim: str, when: Callable[[], bool] = lambda: False, away: float = 1.0
) -> tuple[float, bool]:
    """Kill one thing once `when` returns: (the time, what that told: whether a tick was under way).

    An engine is started again a second later, as a service manager would, or after the seconds that it is `away`.
    """
    process, number = aim(world, victim)  # beforehand, because looking for it takes longer than a tick
    hit = when()
    if not is_alive(process):
        process, number = aim(world, victim)
    begun = time.time()
    os.kill(process, number)
    if victim in ("redis", "postgres"):
        wait_until(lambda: not is_alive(process), 30, f"{victim} is gone")
        time.sleep(away)
        world.start_engines()
    return begun, hit


def run(world: World, board: Scoreboard, kills: int = KILLS) -> None:
    """Kill `kills` times, each time wait for the next finished tick; then count what is stored."""
    rng, seconds, hits = random.Random(1), defaultdict(list), 0
    with Partners(world, PARTNERS) as partners:
        for number in range(kills):
            victim = VICTIMS[number % len(VICTIMS)]
            # Every second one in the middle of a tick, because ticks are short; the others anywhere between two.
            most = 60 if number % 2 else 0
            time.sleep(0 if most else rng.uniform(0, SLOT_SECONDS))
            begun, hit = strike(world, victim, lambda most=most: world.meets_a_tick(most))
            hits += hit
            seconds[victim].append(world.seconds_to_next_tick(begun))
            where = "in a tick" if hit else "between ticks"
            print(f"  {number + 1}/{kills}: {victim} {where}, {seconds[victim][-1]:.1f} s to the next", flush=True)
    note_rows(world, board, partners.told, f"{kills} kills, {hits} of them in a tick", kills >= 60)
    for victim, name in RECOVERY.items():
        if seconds[victim]:
            found = np.array(seconds[victim])
            p95 = float(np.quantile(found, 0.95))
            words = f"{p95:.1f} s over {len(found)} kills (median {np.median(found):.1f})"
            board.note(name, p95, words, is_whole=kills >= 60)
    board.note("hits", 100 * hits / kills, f"{hits} of {kills}", is_whole=kills >= 60)
    print("  medians of all:", {other: f"{np.median(times):.0f}" for other, times in seconds.items()})


def note_rows(world: World, board: Scoreboard, told: Told, kills: str, is_whole: bool) -> None:
    """What became of the rows that partners sent; where none was taken, nothing has been shown."""
    stored = Counter(dict(world.ask("SELECT vendor_code, count(*) FROM telemetry_statusreport"
                                    " WHERE vendor_code <> '' GROUP BY 1")))  # fmt: skip
    lost = sum(not stored[mark] for mark in told.acknowledged)
    twice = sum(stored[mark] > 1 for mark in told.acknowledged)
    rows = f"{len(told.acknowledged):,} rows acknowledged, {kills}"
    words = ", ".join(f"{number} × {status or 'no answer'}" for status, number in sorted(told.statuses.items()))
    odd = f"{len(told.odd)}: {words}; {told.given_up} times given up" + "".join(told.odd[:1])
    found = {"lost": (lost, f"{lost} of {rows}"), "duplicated": (twice, f"{twice} of {rows}"),
             "refused_badly": (len(told.odd), odd)}  # fmt: skip
    for name, (value, said) in found.items():
        board.note(name, value if told.acknowledged else float("inf"), said, is_whole=is_whole)
