"""All browsers come back at once after the web process has died; some of them never read."""

import asyncio
import os
import socket
import time
from contextlib import suppress

import numpy as np
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from .scoreboard import Scoreboard
from .soak import own_and_files_mb
from .world import SLOT_SECONDS, World, wait_until

SOCKETS = int(os.environ.get("FAULT_SOCKETS", "200"))
EACH = 5  # sockets of one person, of which no more are let in
SLOW = 20
BUFFER_BYTES = 4096
CONVERGED_SECONDS = 10


def run(world: World, board: Scoreboard, count: int = SOCKETS) -> None:
    world.kill("web")
    wait_until(world.answers, 60, "the web process is back")
    times, behind, grown, slow = asyncio.run(storm(world, count))
    p99 = float(np.quantile(times, 0.99)) if len(times) == count else float("inf")
    is_whole = count >= 200
    board.note("handshake", p99, f"{p99:.2f} s, {len(times)} of {count} sockets at once", is_whole=is_whole)
    words = f"{behind} of {count} were not at the newest tick {CONVERGED_SECONDS} s after it"
    board.note("behind", behind, words, is_whole=is_whole)
    words = f"{grown:.0f} MB more in the web process with {SLOW} that never read"
    board.note("slow_sockets", grown, words, is_whole=is_whole)
    asked, came = (sum(numbers) for numbers in zip(*slow, strict=True)) if slow else (0, 0)
    kept = SLOW - sum(came < asked for asked, came in slow)
    board.note("slow_kept", kept, f"{kept} of {SLOW}: asked for {asked:,} boards, {came:,} came", is_whole=is_whole)


async def storm(world: World, count: int) -> tuple[list[float], int, float, list[tuple[int, int]]]:
    """(seconds of each handshake, browsers behind, MB grown, boards asked for and come of slow ones)."""
    cookies, over = world.seeded["cookies"], asyncio.Event()
    slow = [asyncio.create_task(never_reads(world, cookies[-1 - n // EACH], over)) for n in range(SLOW)]
    await asyncio.sleep(2)
    before, _ = own_and_files_mb(world.processes("web")[0])
    versions: dict[int, int] = {}
    times: list[float] = []
    tasks = [asyncio.create_task(browser(world, cookies[n // EACH], n, times, versions)) for n in range(count)]
    await asyncio.sleep(45)
    newest = await asyncio.to_thread(old_version, world)
    behind = sum(versions.get(n, -1) < newest for n in range(count))
    after, _ = own_and_files_mb(world.processes("web")[0])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    over.set()
    ended = await asyncio.gather(*slow, return_exceptions=True)
    return times, behind, after - before, [each for each in ended if isinstance(each, tuple)]


def old_version(world: World) -> int:
    """The version of the newest tick that all have had time to see."""
    found = world.ask(
        "SELECT coalesce(max(version), 0) FROM telemetry_tick"
        " WHERE finished_at < clock_timestamp() - %s * interval '1 second'",
        CONVERGED_SECONDS,
    )
    return found[0][0]


def address(world: World) -> str:
    return world.url.replace("http", "ws") + "/live/board/"


def options(world: World, cookie: str) -> dict:
    headers = {"Cookie": f"sessionid={cookie}"}
    return {"additional_headers": headers, "origin": world.url, "max_size": None, "open_timeout": 60}


async def browser(world: World, cookie: str, number: int, times: list[float], versions: dict[int, int]) -> None:
    """One that reads, and comes back as the pages do; its first handshake is timed."""
    begun, is_first = time.monotonic(), True
    while True:
        try:
            async with connect(address(world), **options(world, cookie)) as wire:
                if is_first:
                    times.append(time.monotonic() - begun)
                    is_first = False
                async for text in wire:
                    version = orjson.loads(text).get("version")
                    versions[number] = version if version is not None else versions.get(number, -1)
        except (OSError, TimeoutError, WebSocketException):
            await asyncio.sleep(0.5)


async def never_reads(world: World, cookie: str, over: asyncio.Event) -> tuple[int, int]:
    """Its buffers are small, fill up, and stay so until it is `over`: (boards asked for, boards that came).

    Whole boards are asked for again and again, so that a minute is enough to fill what lies between, too.
    """
    wire, asked = narrow_wire(), 0
    await asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", world.port))
    async with connect(address(world), sock=wire, max_queue=1, **options(world, cookie)) as live:
        live.transport.pause_reading()
        with suppress(OSError, WebSocketException):  # the server has closed it
            while not over.is_set():
                await live.send('{"type":"resync"}')
                asked += 1
                await asyncio.sleep(0.5)
        live.transport.resume_reading()
        return asked, await boards_left(live)


def narrow_wire() -> socket.socket:
    """Small buffers at this end, and small segments, which keep those of the server small."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    wire.setblocking(False)
    return wire


async def boards_left(live) -> int:
    """How many whole boards were on their way, until nothing comes any more or the server has closed it."""
    found = 0
    with suppress(TimeoutError, OSError, WebSocketException):
        while True:
            text = await asyncio.wait_for(live.recv(), SLOT_SECONDS / 2)
            found += orjson.loads(text).get("type") == "snapshot"
    return found
