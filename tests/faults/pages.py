"""People go on reading pages while Redis, Gemini or OSRM are dead, hung, slow or lying."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .crowd import Crowd, Partners, Told
from .scoreboard import Scoreboard
from .world import World

SECONDS = float(os.environ.get("FAULT_PAGE_SECONDS", "60"))  # that each fault lasts
READERS = 2
PAGES = (
    "/", "/board/events/", "/board/route/", "/sites/{site}/", "/dispatch/", "/dispatch/proposal/",
    "/dispatch/calendar/", "/dispatch/kpis/", "/work/", "/jobs/", "/drive/", "/drive/map.json", "/reliability/",
    "/find/?q=site", "/assistant/", "/admin/", "/admin/stations/site/", "/admin/telemetry/tick/",
    "/admin/maintenance/incident/", "/api/v1/sites/", "/api/v1/charger-states/", "/api/v1/risk/sites/",
)  # fmt: skip
PROXIED = {"gemini": ("refuse", "hang", "garbage", "half", "delay"), "osrm": ("refuse", "hang", "garbage", "half")}
WORDS = {"refuse": "dead", "hang": "hung", "garbage": "lying", "half": "cut off", "delay": "slow"}


class Readers(Crowd):
    """Each reads one page after the other, from another place in the list; and asks the assistant."""

    def headers(self) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.world.seeded['cookie']}"}

    def once(self, client, number, turn) -> None:
        path = PAGES[(turn + 7 * number) % len(PAGES)]
        begun = time.monotonic()
        answer = self.send(client, "GET", path.format(site=self.world.seeded["sites"][turn % 5]))
        took = time.monotonic() - begun
        if answer is None or answer.status_code >= 400:
            why = "no answer" if answer is None else answer.status_code
            self.told.odd.append(f"{path}: {why}")
        if took > 1:
            self.slow.append((took, path))
        self.over.wait(0.05)

    slow: list


def faults(world: World) -> Iterator[tuple[str, str, Callable]]:
    """(what, how, a context in which it is so) of each fault."""
    yield "none", "well", nothing
    yield "redis", "dead", lambda: redis_dead(world)
    yield "redis", "hung", lambda: redis_hung(world)
    for service, modes in PROXIED.items():
        for mode in modes:
            yield service, WORDS[mode], lambda service=service, mode=mode: spoilt(world.proxies[service], mode)


@contextmanager
def nothing():
    yield


@contextmanager
def redis_dead(world: World):
    world.kill_engine("valkey")
    try:
        yield
    finally:
        world.start_engines()


@contextmanager
def redis_hung(world: World):
    process = world.engine("valkey")
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def spoilt(proxy, mode: str):
    proxy.mode = mode
    try:
        yield
    finally:
        proxy.mode = "pass"


def read_pages(world: World, seconds: float) -> tuple[Told, list]:
    with Readers(world, READERS) as readers:
        readers.slow = []
        time.sleep(seconds)
    return readers.told, readers.slow


def run(world: World, board: Scoreboard, seconds: float = SECONDS) -> None:
    """Read all pages under each fault; the slowest hundredth of the answers, and those that were none."""
    worst, bad, requests = {}, [], 0
    read_pages(world, 20)  # so that every page has been made once
    sent: list[float] = []
    for what, how, broken in faults(world):
        with broken(), Partners(world, 1) as partner:
            told, slow = read_pages(world, seconds)
        if what == "redis":
            sent += partner.told.seconds
        p99 = float(np.quantile(told.seconds, 0.99))
        print(f"  {what} {how}: {len(told.seconds)} answers, p99 {p99:.2f} s, {told.statuses}", flush=True)
        if p99 > 1:
            print(f"    slowest: {sorted(slow, reverse=True)[:5]}")
        if what != "none":
            worst.setdefault(what, []).append((p99, how, len(told.seconds)))
            bad += [f"{what} {how}: {odd}" for odd in told.odd]
            requests += len(told.seconds)
        else:
            well = p99
        time.sleep(3)
    for what, found in worst.items():
        p99, how, _ = max(found)
        all_of_it = ", ".join(f"{how} {p99:.2f}" for p99, how, _ in found)
        board.note(
            f"pages_{what}",
            p99,
            f"{p99:.2f} s when {how} ({all_of_it}; with all well {well:.2f})",
            is_whole=seconds >= 60,
        )
    p99 = float(np.quantile(sent, 0.99))
    board.note("sent_redis", p99, f"{p99:.2f} s of {len(sent):,} calls", is_whole=seconds >= 60)
    board.note("pages_refused", len(bad), f"{len(bad)} of {requests:,}" + "".join(f"; {each}" for each in bad[:3]))
