"""People go on reading pages while Redis, Gemini or OSRM are dead, hung, slow or lying."""

import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import redis

from .crowd import Crowd, Partners, Told
from .scoreboard import Scoreboard
from .world import World

SECONDS = float(os.environ.get("FAULT_PAGE_SECONDS", "60"))  # that each fault lasts
READERS = 2
ASKED_EVERY = 5  # pages
CACHE = 2  # number of the cache's database
OPENS_SECONDS = 150  # a service that failed is left alone for one minute, with one more try at a time
PAGES = (
    "/", "/board/events/", "/board/route/", "/sites/{site}/", "/dispatch/", "/dispatch/proposal/",
    "/dispatch/calendar/", "/dispatch/kpis/", "/work/", "/jobs/", "/drive/", "/drive/map.json", "/reliability/",
    "/find/?q=site", "/assistant/", "/admin/", "/admin/stations/site/", "/admin/telemetry/tick/",
    "/admin/maintenance/incident/", "/api/v1/sites/", "/api/v1/charger-states/", "/api/v1/risk/sites/",
)  # fmt: skip
PROXIED = {"gemini": ("refuse", "hang", "garbage", "half", "delay"), "osrm": ("refuse", "hang", "garbage", "half")}
WORDS = {"refuse": "dead", "hang": "hung", "garbage": "lying", "half": "cut off", "delay": "slow"}


class Readers(Crowd):
    """Each reads one page after the other, from another place in the list; and asks the assistant after some."""

    BORNE = frozenset()  # a page is good, or it is not

    def __init__(self, world: World, people: int) -> None:
        super().__init__(world, people)
        self.slow: list[tuple[float, str]] = []

    def headers(self) -> dict[str, str]:
        return signed_in(self.world.seeded["cookie"])

    def once(self, client, number, turn) -> None:
        path = PAGES[(turn + 7 * number) % len(PAGES)]
        self.timed(client, "GET", path.format(site=self.world.seeded["sites"][turn % 5]))
        if turn % ASKED_EVERY == 0 and self.world.seeded["cookies"]:
            self.ask(client, number + READERS * (turn // ASKED_EVERY))
        self.over.wait(0.05)

    def ask(self, client, number: int) -> None:
        """Ask as one person after the other, because each may ask ten questions a minute; and look for the draft."""
        cookies = self.world.seeded["cookies"]
        person = signed_in(cookies[number % len(cookies)])
        answer = self.timed(client, "POST", "/assistant/ask/", headers=person, data={"question": "who is free"})
        draft = answer and re.search(r'data-assistant-words="([^"]+)"', answer.text)
        if draft:
            self.timed(client, "GET", draft[1], headers=person)

    def timed(self, client, method: str, path: str, **more):
        begun = time.monotonic()
        answer = self.send(client, method, path, **more)
        if (took := time.monotonic() - begun) > 1:
            self.slow.append((took, path))
        return answer


def signed_in(cookie: str) -> dict[str, str]:
    """Headers of a browser of this session, with the token that forms need in the cookie and beside it."""
    token = "t" * 32
    return {"Cookie": f"sessionid={cookie}; csrftoken={token}", "X-CSRFToken": token}


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
        time.sleep(seconds)
    return readers.told, readers.slow


def forget_answers(world: World) -> None:
    """Empty the cache, because ways are kept for hours, and a service that is not asked cannot fail."""
    redis.Redis(unix_socket_path=f"{world.runtime}/valkey.sock", db=CACHE).flushdb()


def until_asked(world: World, service: str) -> None:
    """Read on while all is well until the service is asked again, which it is not for a minute after it failed."""
    proxy, deadline = world.proxies[service], time.monotonic() + OPENS_SECONDS
    forget_answers(world)
    before = proxy.connections
    with Readers(world, READERS):
        while proxy.connections == before and time.monotonic() < deadline:
            time.sleep(0.5)
    assert proxy.connections > before, f"{service} is not asked at all"
    forget_answers(world)


class Found:
    """What readers met under the faults of one service."""

    def __init__(self) -> None:
        self.faults: list[tuple[float, str]] = []  # (99th percentile, how)
        self.slowest, self.unasked = 0.0, []

    def add(self, how: str, seconds: list[float]) -> float:
        p99 = float(np.quantile(seconds, 0.99)) if seconds else float("inf")
        self.faults.append((p99, how))
        self.slowest = max([self.slowest, *seconds])
        return p99


def run(world: World, board: Scoreboard, seconds: float = SECONDS) -> None:
    """Read all pages under each fault; the slowest hundredth of the answers, and those that were none."""
    services, bad, requests, sent = defaultdict(Found), [], 0, []
    read_pages(world, 20)  # so that every page has been made once
    for what, how, broken in faults(world):
        proxy = world.proxies.get(what)
        if proxy:
            until_asked(world, what)
        asked = proxy.connections if proxy else 0
        with broken(), Partners(world, 1) as partner:
            told, slow = read_pages(world, seconds)
        found, asked = services[what], proxy.connections - asked if proxy else None
        if asked == 0:
            found.unasked.append(how)
        if what == "redis":
            sent += partner.told.seconds
        p99 = found.add(how, told.seconds)
        print(
            f"  {what} {how}: {len(told.seconds)} answers, p99 {p99:.2f} s, {told.statuses}, asked {asked}", flush=True
        )
        if p99 > 1:
            print(f"    slowest: {sorted(slow, reverse=True)[:5]}")
        bad += [f"{what} {how}: {odd}" for odd in told.odd]
        requests += sum(told.statuses.values())
        time.sleep(3)
    note(board, services, sent, seconds >= 60)
    words = f"{len(bad)} of {requests:,}" + "".join(f"; {each}" for each in bad[:3])
    board.note("pages_refused", len(bad), words, is_whole=seconds >= 60)


def note(board: Scoreboard, services: dict[str, Found], sent: list[float], is_whole: bool) -> None:
    """The worst fault of each service; one under which it was not asked has shown nothing."""
    [(well, _)] = services["none"].faults
    for what, found in services.items():
        if what != "none":
            p99, how = max(found.faults)
            all_of_it = ", ".join(f"{how} {p99:.2f}" for p99, how in found.faults)
            words = (
                f"{p99:.2f} s when {how} ({all_of_it}; with all well {well:.2f}; slowest of all {found.slowest:.2f})"
            )
            words += f"; not asked when {', '.join(found.unasked)}" if found.unasked else ""
            board.note(f"pages_{what}", float("inf") if found.unasked else p99, words, is_whole=is_whole)
    p99 = float(np.quantile(sent, 0.99)) if sent else float("inf")
    words = f"{p99:.2f} s of {len(sent):,} calls, slowest {max(sent, default=0):.2f}"
    board.note("sent_redis", p99, words, is_whole=is_whole)
