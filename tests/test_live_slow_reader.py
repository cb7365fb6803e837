"""Over real sockets: a browser that does not read holds up nobody, and gets a snapshot when it reads again."""

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest
import uvicorn
from websockets.sync.client import connect

from stations import live
from stations.consumers import LiveConsumer

# Channels looks after connections to the database before each message, and finds one where an earlier test has left it.
pytestmark = pytest.mark.django_db

SYSTEM_BYTES = 64 * 1024  # what the system is asked to keep on the way for somebody who does not read
FRAME_CHARACTERS = 8 * SYSTEM_BYTES
MESSAGES = 2 * live.BACKLOG_FRAMES + 4


class LargeFeed:
    """A feed whose every frame is more than is kept on the way, and begins with the number of the message."""

    kinds = frozenset({"large"})
    version = 0

    def snapshot(self, view):
        return {"large": self.version}, [f"all {self.version} "]

    def changes(self, view, message):
        self.version = message["version"]
        return [f"to {self.version} ".ljust(FRAME_CHARACTERS, "x")]

    def merged(self, older, newer):
        return {**newer, "previous": older["previous"]}


class LargeConsumer(LiveConsumer):
    feed = LargeFeed()

    def view_of(self, user, asked):
        return "everything"


@pytest.fixture
def address(monkeypatch):
    """A uvicorn in a thread, as `manage.py up` starts it, whose every visitor may see the feed."""
    monkeypatch.setattr(live, "COALESCE_SECONDS", 0.02)
    consumer = LargeConsumer.as_asgi()

    async def application(scope, receive, send):
        user = SimpleNamespace(pk=1, is_authenticated=True, is_active=True)
        await consumer({**scope, "user": user, "session": None}, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)
    options = {"lifespan": "off", "log_level": "warning", "ws_per_message_deflate": False, "ws_ping_interval": None}
    server = uvicorn.Server(uvicorn.Config(application, **options))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    yield listening.getsockname()
    server.should_exit = server.force_exit = True
    thread.join(60)


def test_a_browser_that_does_not_read_holds_up_nobody_and_catches_up_with_a_snapshot(address):
    url = f"ws://127.0.0.1:{address[1]}/"
    # Without pings, because somebody who does not read does not answer them either, and a slow machine takes its time.
    options = {"max_size": None, "compression": None, "ping_interval": None, "close_timeout": 1}
    little = socket.socket()
    little.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BYTES)
    little.connect(address)
    with connect(url, sock=little, max_queue=1, **options) as stuck, connect(url, **options) as quick:
        assert stuck.recv(120) == quick.recv(30) == "all 0 "
        hub = live._hub
        for version in range(1, MESSAGES + 1):
            hub.loop.call_soon_threadsafe(hub.take, {"kind": "large", "version": version, "previous": version - 1})
            assert quick.recv(120).startswith(f"to {version} ")
        received = []
        while not received or str(MESSAGES) not in received[-1]:
            received.append(stuck.recv(120)[:12].rstrip("x"))
    assert len(received) < MESSAGES - 1, "it was sent everything, so that it was never slow"
    assert any(frame.startswith("all") for frame in received), received
