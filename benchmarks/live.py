"""Fan-out to browsers: the hub of a process, beside the usual way in which every browser's consumer joins the group.

Both ways run in a uvicorn of their own, as `manage.py up` starts it, on the same channel layer, for the same clients
and the same messages of one kilobyte. A delivery is one message that has reached one client; at most WINDOW messages
are on the way at a time, so that none is dropped. What counts is deliveries per second of processor time of the web
process, because other work on the machine changes it least; those per second of the clock stand beside it. The last
column is the hub as it runs: a burst becomes one frame, which carries all of its messages.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.parse import parse_qs

import django
import orjson

CLIENTS = [int(count) for count in os.environ.get("LIVE_CLIENTS", "500,1000").split(",")]
SECONDS, WINDOW, BURST = float(os.environ.get("LIVE_SECONDS", "6")), 4, 20
FRAME_BYTES = 1000
PATIENCE_SECONDS = 30
GOAL = 10.0
GROUP = "benchmark"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402  (needs the settings)
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from stations import live  # noqa: E402
from stations.consumers import LiveConsumer  # noqa: E402


class UsualConsumer(AsyncWebsocketConsumer):
    """The way of the handbook: each browser is a member of the group, and sends on what comes."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def live_message(self, event: dict) -> None:
        await self.send(text_data=event["body"].decode())


class Feed:
    """One view for all, whose frame is the message."""

    kinds = frozenset({"benchmark"})

    def snapshot(self, view):
        return {"benchmark": 0}, []

    def changes(self, view, message):
        return [_frame(message)]

    def merged(self, older, newer):
        return {**newer, "previous": older["previous"]}


class HubConsumer(LiveConsumer):
    """The way of Sntry."""

    feed = Feed()

    def view_of(self, user, asked):
        return "everything"


class EachByItself(live.LiveHub):
    """The hub without coalescing, for a comparison of frame with frame."""

    def take(self, message: dict) -> None:
        self._queue = getattr(self, "_queue", None) or asyncio.Queue()
        self._queue.put_nowait(message)
        self._worker = getattr(self, "_worker", None) or asyncio.create_task(self._pass_on())

    async def _pass_on(self) -> None:
        while True:
            await self.deliver(await self._queue.get())


def _frame(message: dict) -> str:
    return orjson.dumps(message).decode().ljust(FRAME_BYTES)


async def application(scope, receive, send) -> None:
    """The ASGI application of the web process: /usual/ and /hub/, everybody signed in as somebody else."""
    if scope["type"] != "websocket":
        raise NotImplementedError
    number = int(parse_qs(scope["query_string"].decode())["client"][0])
    user = SimpleNamespace(pk=number, is_authenticated=True, is_active=True)
    consumer = UsualConsumer if scope["path"] == "/usual/" else HubConsumer
    await consumer.as_asgi()({**scope, "user": user, "session": None}, receive, send)


if os.environ.get("LIVE_BENCHMARK") == "each by itself":
    live.LiveHub = EachByItself


class Client(asyncio.Protocol):
    """A browser that only counts the bytes that come: cheap, so that the web process is what is measured."""

    def __init__(self, path: str, number: int) -> None:
        self.request = (
            f"GET {path}?client={number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self.bytes, self.head, self.is_open = 0, b"", asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.is_open.done():
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self.is_open.set_exception(ConnectionError(head.decode()))
                return
            self.is_open.set_result(True)
        self.bytes += len(data)

    @property
    def frames(self) -> int:
        return self.bytes // (FRAME_BYTES + 4)


def main() -> None:
    """Measure and say how the two compare."""
    load = os.getloadavg()[0]
    title = f"Fan-out, {FRAME_BYTES} bytes a message; load of the machine at the start: {load:.1f}"
    columns = ("clients", "usual way /s CPU (/s)", "hub /s CPU (/s)", "ratio CPU (/s)", "hub, bursts /s CPU")
    table = Table(*columns, title=title)
    for count in CLIENTS:
        usual = asyncio.run(measured("/usual/", count, burst=1))
        hub = asyncio.run(measured("/hub/", count, burst=1))
        bursts = asyncio.run(measured("/hub/", count, burst=BURST))
        ratio = hub[0] / usual[0]
        table.add_row(
            f"{count:,}", f"{usual[0]:,.0f} ({usual[1]:,.0f})", f"{hub[0]:,.0f} ({hub[1]:,.0f})",
            f"{ratio:.1f} x ({hub[1] / usual[1]:.1f} x)", f"{bursts[0]:,.0f}",
        )  # fmt: skip
        held = "holds" if ratio >= GOAL else "DOES NOT HOLD"
        print(
            f"{count:,} clients: {ratio:.1f} times the deliveries per CPU second; goal {GOAL:.0f}: {held}", flush=True
        )
    Console().print(table)


async def measured(path: str, count: int, burst: int) -> tuple[float, float]:
    """Deliveries per second of processor time of the web process, and per second of the clock."""
    environment = {**os.environ, "LIVE_BENCHMARK": "each by itself" if burst == 1 else "as it runs"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--log-level", "warning", "--ws-per-message-deflate", "false", "--lifespan", "off"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.live:application", *options]
    process = await sync_to_async(subprocess.Popen)(command, env=environment)
    try:
        clients = await connected(path, count, port)
        layer = get_channel_layer()
        await rounds(layer, clients, path, burst, sent=0, seconds=1.0)  # warm up
        sent = max(client.frames for client in clients)
        cpu, clock = processor_seconds(process.pid), time.perf_counter()
        messages = await rounds(layer, clients, path, burst, sent=sent, seconds=SECONDS)
        cpu, clock = processor_seconds(process.pid) - cpu, time.perf_counter() - clock
    finally:
        process.kill()
        process.wait()
    return messages * count / cpu, messages * count / clock


async def connected(path: str, count: int, port: int) -> list[Client]:
    """So many clients, all of them open."""
    loop, clients, deadline = asyncio.get_running_loop(), [], time.monotonic() + 60
    while len(clients) < count:
        try:
            made = (lambda number: lambda: Client(path, number))(len(clients))
            clients.append((await loop.create_connection(made, "127.0.0.1", port))[1])
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
            continue
        await clients[-1].is_open
    await asyncio.sleep(1)  # the last of them joins
    return clients


async def rounds(layer, clients: list[Client], path: str, burst: int, sent: int, seconds: float) -> int:
    """Publish for so long and wait until everybody has everything; how many messages that were."""
    group, messages, frames = GROUP if path == "/usual/" else live.GROUP, 0, sent
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for _ in range(burst):
            rounds.version += 1
            message = {"kind": "benchmark", "version": rounds.version, "previous": rounds.version - 1}
            body = orjson.dumps(message) if path == "/hub/" else _frame(message).encode()
            await layer.group_send(group, {"type": "live.message", "body": body})
            messages += 1
        frames += 1
        await everybody_has(clients, frames - (WINDOW if burst == 1 else 0))
    await everybody_has(clients, frames)
    return messages


async def everybody_has(clients: list[Client], frames: int) -> None:
    """Wait for the slowest client; a frame that does not come is an error, not a result."""
    until = time.monotonic() + PATIENCE_SECONDS
    while min(client.frames for client in clients) < frames:
        if time.monotonic() > until:
            raise TimeoutError(f"some clients have not got {frames} frames within {PATIENCE_SECONDS} s")
        await asyncio.sleep(0.002)


rounds.version = 0


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
