"""All browsers come back at once after the web process has died; some of them never read."""

import asyncio
import os
import time

import numpy as np
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from .scoreboard import Scoreboard
from .soak import resident_mb
from .world import World, wait_until

SOCKETS = int(os.environ.get("FAULT_SOCKETS", "200"))
EACH = 5  # sockets of one person, of which no more are let in
SLOW = 20
CONVERGED_SECONDS = 10


def run(world: World, board: Scoreboard, count: int = SOCKETS) -> None:
    world.kill("web")
    wait_until(world.answers, 60, "the web process is back")
    times, behind, grown = asyncio.run(storm(world, count))
    p99 = float(np.quantile(times, 0.99)) if len(times) == count else float("inf")
    board.note("handshake", p99, f"{p99:.2f} s, {len(times)} of {count} sockets at once", is_whole=count >= 200)
    board.note("behind", behind, f"{behind} of {count} were not at the newest tick {CONVERGED_SECONDS} s after it")
    board.note("slow_sockets", grown, f"{grown:.0f} MB more in the web process with {SLOW} that never read")


async def storm(world: World, count: int) -> tuple[list[float], int, float]:
    cookies = world.seeded["cookies"]
    slow = [asyncio.create_task(never_reads(world, cookies[-1 - n // EACH])) for n in range(SLOW)]
    await asyncio.sleep(2)
    before = resident_mb(world.processes("web")[0])
    versions: dict[int, int] = {}
    times: list[float] = []
    tasks = [asyncio.create_task(browser(world, cookies[n // EACH], n, times, versions)) for n in range(count)]
    await asyncio.sleep(45)
    newest = await asyncio.to_thread(old_version, world)
    behind = sum(versions.get(n, -1) < newest for n in range(count))
    grown = resident_mb(world.processes("web")[0]) - before
    for task in [*tasks, *slow]:
        task.cancel()
    await asyncio.gather(*tasks, *slow, return_exceptions=True)
    return times, behind, grown


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


async def never_reads(world: World, cookie: str) -> None:
    """Its buffers fill up and stay so."""
    async with connect(address(world), max_queue=1, **options(world, cookie)) as wire:
        wire.transport.pause_reading()
        await asyncio.sleep(3600)
