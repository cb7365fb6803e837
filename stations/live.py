"""Live push: `publish` says that something changed; one subscription per web process fans it out to its sockets."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.core.cache import cache

from .redis_rest import asking

logger = logging.getLogger(__name__)

GROUP = "live"
RIGHTS = "rights"  # the kind of message after which sockets look at their rights again
PUBLISH_SECONDS = 1.0
COALESCE_SECONDS = 0.3  # messages of a kind that come within it become one
MOST_WAITING = 50  # messages of a kind; of more than that the pages are told to read again
# A subscriber that cannot swallow a frame at once is dropped by Redis, so a larger message only says "read again".
LARGEST_BODY_BYTES = 256 * 1024
BACKLOG_FRAMES = 8
SNAPSHOT_SECONDS = 10.0
RETRY_SECONDS = 1.0


def publish(kind: str, payload: dict) -> None:
    """Tell every web process that something changed. Call it after the commit; it takes at most a second, never raises.

    `payload` holds plain values. Receivers notice a gap by `version` and `previous`, and read again; a payload without
    them gets the next number of its kind.
    """
    try:
        payload = payload if "version" in payload else {**payload, **_next_version(kind)}
        body = orjson.dumps({**payload, "kind": kind}, default=str)
        if len(body) > LARGEST_BODY_BYTES:
            body = orjson.dumps({"kind": kind, "version": payload.get("version"), "read_again": True})
        async_to_sync(_send)(body)
    except Exception as error:
        # What was committed stays true without the push: browsers notice the gap and read again.
        logger.warning("The push of a %s did not go out: %s", kind, error or type(error).__name__)


def _next_version(kind: str) -> dict[str, int]:
    key = f"live-version:{kind}"
    cache.add(key, 0, timeout=None)
    version = cache.incr(key)
    return {"version": version, "previous": version - 1}


def current_version(kind: str) -> int:
    """The number of the last message of a kind that `publish` has numbered; 0 before the first, or without a cache."""
    try:
        return cache.get(f"live-version:{kind}") or 0
    except Exception as error:
        logger.warning("The version of %s cannot be read: %s", kind, error or type(error).__name__)
        return 0


async def _send(body: bytes) -> None:
    message = {"type": "live.message", "body": body}
    with asking():
        await asyncio.wait_for(get_channel_layer().group_send(GROUP, message), PUBLISH_SECONDS)


class Feed(Protocol):
    """What a kind of page shows live. `snapshot` and `changes` read the database and are called in a thread."""

    kinds: frozenset[str]

    def snapshot(self, view: Hashable) -> tuple[dict[str, int], list[str]]:
        """The version by kind of all there is to see in `view`, and the frames that show it."""

    def changes(self, view: Hashable, message: dict) -> list[str]:
        """The frames that bring `view` from the version before `message` to the one after it."""

    def merged(self, older: dict, newer: dict) -> dict:
        """One message that says what both say, from before `older` to after `newer`, which follows it."""


class Socket:
    """One browser. A bounded backlog: one that reads too slowly loses it and gets a snapshot instead."""

    def __init__(self, feed: Feed, view: Hashable, send: Callable[[str], Awaitable[None]]):
        self.feed, self.view, self.send = feed, view, send
        self.user_id: int | None = None
        self.check_rights: Callable[[], Awaitable[None]] | None = None
        self._backlog: asyncio.Queue[list[str] | None] = asyncio.Queue(BACKLOG_FRAMES)

    def offer(self, frames: list[str]) -> None:
        """Queue frames for sending; never waits."""
        try:
            self._backlog.put_nowait(frames)
        except asyncio.QueueFull:
            self.resync()

    def resync(self) -> None:
        """Forget what is queued and send a whole snapshot next."""
        while not self._backlog.empty():
            self._backlog.get_nowait()
        self._backlog.put_nowait(None)

    async def pump(self, hub: "LiveHub") -> None:
        """Send what is queued, for as long as the socket lives."""
        while True:
            frames = await self._backlog.get()
            if frames is None:
                try:
                    frames = await hub.snapshot(self.feed, self.view)
                except Exception:
                    logger.exception("A snapshot could not be made; trying again.")
                    await asyncio.sleep(RETRY_SECONDS)
                    self.resync()
                    continue
            for frame in frames:
                await self.send(frame)


@dataclass
class ViewState:
    """The sockets that see the same, and what was made for them."""

    sockets: set[Socket] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)  # kind -> of the last message that went out to them
    snapshot_versions: dict[str, int] = field(default_factory=dict)
    snapshot: list[str] = field(default_factory=list)
    snapshot_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_snapshot_current(self) -> bool:
        age = time.monotonic() - self.snapshot_at
        is_new = all(self.snapshot_versions.get(kind, -1) >= version for kind, version in self.versions.items())
        return is_new and age < SNAPSHOT_SECONDS


class LiveHub:
    """The sockets of this process, by what they see. Frames are made once per view and message, not per socket."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.views: dict[tuple[Feed, Hashable], ViewState] = {}
        self._listener: asyncio.Task | None = None
        self._subscribed = asyncio.Event()
        self._waiting: dict[str, list[dict]] = {}  # kind -> messages that came in since the last frame
        self._flushes: set[asyncio.Task] = set()

    async def join(self, socket: Socket) -> None:
        """Add a socket. Its first frames are a snapshot, read once the subscription stands, so that nothing is lost."""
        self.views.setdefault((socket.feed, socket.view), ViewState()).sockets.add(socket)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            await asyncio.wait_for(self._subscribed.wait(), 2)
        except TimeoutError:
            logger.warning("The live subscription does not stand yet; the page shows a snapshot until it does.")
        socket.resync()

    def leave(self, socket: Socket) -> None:
        """Remove a socket, and what was made for its view when it was the last."""
        state = self.views.get((socket.feed, socket.view))
        if state is not None:
            state.sockets.discard(socket)
            if not state.sockets:
                del self.views[socket.feed, socket.view]

    async def move(self, socket: Socket, view: Hashable) -> None:
        """Let a socket see something else from now on."""
        self.leave(socket)
        socket.view = view
        await self.join(socket)

    async def snapshot(self, feed: Feed, view: Hashable) -> list[str]:
        """The frames of all there is to see, read at most once per version however many sockets ask."""
        state = self.views.get((feed, view)) or ViewState()
        async with state.lock:
            if not state.is_snapshot_current():
                state.snapshot_versions, state.snapshot = await _in_thread(feed.snapshot, view)
                state.snapshot_at = time.monotonic()
            return state.snapshot

    async def _listen(self) -> None:
        while True:
            try:
                layer = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                self._subscribed.set()
                while True:
                    message = await layer.receive(channel)
                    self.take(orjson.loads(message["body"]))
            except Exception:
                logger.exception("The live subscription failed; trying again.")
                self._subscribed.clear()
                await asyncio.sleep(RETRY_SECONDS)

    def take(self, message: dict) -> None:
        """Let a message wait a moment for others of its kind, so that a burst of them becomes one frame."""
        kind = message["kind"]
        if kind == RIGHTS:
            self._check_rights(message.get("users"))
            return
        waiting = self._waiting.get(kind)
        if waiting is not None:
            if len(waiting) >= MOST_WAITING:
                waiting[:] = [{"kind": kind, "read_again": True}]
            waiting.append(message)
            return
        self._waiting[kind] = [message]
        flush = asyncio.create_task(self._flush(kind))
        self._flushes.add(flush)
        flush.add_done_callback(self._flushes.discard)

    def _check_rights(self, users: list[int] | None) -> None:
        sockets = [socket for state in self.views.values() for socket in state.sockets if socket.check_rights]
        for socket in sockets:
            if users is None or socket.user_id in users:
                check = asyncio.create_task(socket.check_rights())
                self._flushes.add(check)
                check.add_done_callback(self._flushes.discard)

    async def _flush(self, kind: str) -> None:
        while self._waiting[kind]:
            await asyncio.sleep(COALESCE_SECONDS)
            messages, self._waiting[kind] = self._waiting[kind], []
            try:
                await self.deliver(*messages)
            except Exception:
                logger.exception("A message about %s could not be passed on.", kind)
        del self._waiting[kind]

    async def deliver(self, *messages: dict) -> None:
        """Bring every view that cares up to the last of `messages` (of one kind, in their order), with one frame."""
        cares = [(key, state) for key, state in self.views.items() if messages[0]["kind"] in key[0].kinds]
        await asyncio.gather(*(self._deliver_to(feed, view, state, messages) for (feed, view), state in cares))

    async def _deliver_to(self, feed: Feed, view: Hashable, state: ViewState, messages: tuple[dict, ...]) -> None:
        message, last = _as_one(feed, messages), messages[-1]
        version, kind = last.get("version"), last["kind"]
        known = state.versions.get(kind)
        missed = message is None or (version is not None and known is not None and message.get("previous") != known)
        if version is not None:
            state.versions[kind] = version
        if missed or message.get("read_again"):
            return _resync(state)
        try:
            frames = await _in_thread(feed.changes, view, message)
        except Exception:
            logger.exception("The frames of a %s could not be made.", kind)
            return _resync(state)
        for socket in state.sockets:
            socket.offer(frames)
        return None


def _as_one(feed: Feed, messages: tuple[dict, ...]) -> dict | None:
    """What all messages say; None where one is missing in between, or says only that all is to be read again."""
    merged = messages[0]
    for message in messages[1:]:
        if message.get("read_again") or merged.get("read_again") or message.get("previous") != merged.get("version"):
            return None
        merged = feed.merged(merged, message)
    return merged


def _resync(state: ViewState) -> None:
    state.snapshot_at = 0.0
    for socket in state.sockets:
        socket.resync()


async def _in_thread(function: Callable, *arguments):
    # In a thread of its own: a slow page must not hold up the sockets.
    return await database_sync_to_async(function, thread_sensitive=False)(*arguments)


_hub: LiveHub | None = None


def open_sockets() -> int:
    """How many sockets this process holds open."""
    return sum(len(state.sockets) for state in list(_hub.views.values())) if _hub else 0


def hub() -> LiveHub:
    """The hub of this process's event loop."""
    global _hub
    if _hub is None or _hub.loop is not asyncio.get_running_loop():
        _hub = LiveHub()
    return _hub
