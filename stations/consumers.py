"""The WebSocket end of live pages: who may connect, what may come in, and when a socket is closed."""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Hashable
from urllib.parse import parse_qsl

import orjson
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore

from .live import Feed, Socket, hub
from .second_factor import is_let_in

logger = logging.getLogger(__name__)

LARGEST_MESSAGE = 512  # characters
MESSAGES_PER_SECOND = 10
SOCKETS_PER_USER = 5
PARAMETERS = 10
FAILED_CHECKS = 2  # in a row, before a socket whose rights nobody can tell is closed

SIGNED_OUT, FORBIDDEN, TOO_MANY_SOCKETS, TOO_MANY_MESSAGES, NOT_UNDERSTOOD, TOO_LARGE, FAILED = (
    4401,
    4403,
    4408,
    4429,
    4400,
    1009,
    1011,
)

_open: dict[int, list["LiveConsumer"]] = defaultdict(list)


class LiveConsumer(AsyncWebsocketConsumer):
    """A socket that shows a feed. Strangers are refused in the handshake; rights are checked again while it is open."""

    channel_layer_alias = None  # the hub holds the one subscription of this process
    feed: Feed

    def view_of(self, user, asked: dict) -> Hashable | None:
        """What `user` may see of what was asked for; None refuses. Reads the database."""
        raise NotImplementedError

    async def connect(self) -> None:
        self.tokens, self.refilled_at = float(MESSAGES_PER_SECOND), time.monotonic()
        self.user, self.session = self.scope["user"], self.scope["session"]
        self.user_id = self.user.pk
        view = await self._first_view()
        if view is None:
            await self.close()  # before accept: the handshake is answered with 403
            return
        await self.accept()
        self.socket = Socket(self.feed, view, self._send_text)
        self.socket.user_id, self.socket.check_rights = self.user_id, self._check_now
        self.tasks = [asyncio.create_task(self.socket.pump(hub())), asyncio.create_task(self._recheck())]
        await self._make_room()
        await hub().join(self.socket)

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "socket"):
            hub().leave(self.socket)
            for task in self.tasks:
                task.cancel()
            if self in _open[self.user_id]:
                _open[self.user_id].remove(self)
            if not _open[self.user_id]:
                del _open[self.user_id]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None or len(text_data) > LARGEST_MESSAGE:
            await self.close(TOO_LARGE)
            return
        if not self._take_token():
            await self.close(TOO_MANY_MESSAGES)
            return
        try:
            message = orjson.loads(text_data)
            understood = isinstance(message, dict) and await self.handle(message)
        except orjson.JSONDecodeError:
            understood = False
        if not understood:
            await self.close(NOT_UNDERSTOOD)

    async def handle(self, message: dict) -> bool:
        """Act on a message of the page; False when it is none that we know."""
        if message == {"type": "resync"}:
            self.socket.resync()
            return True
        return False

    async def ask(self, **asked: str) -> None:
        """Show what is asked for from now on."""
        self.asked.update(asked)
        await self._follow(await self._view())

    async def _first_view(self) -> Hashable | None:
        if not self.user.is_authenticated:
            return None
        try:
            self.asked = dict(parse_qsl(self.scope["query_string"].decode("latin-1"), max_num_fields=PARAMETERS))
        except ValueError:  # more parameters than any page sends
            return None
        return await self._view()

    async def _view(self) -> Hashable | None:
        if not (self.user.is_authenticated and self.user.is_active):
            return None
        return await database_sync_to_async(self._allowed_view, thread_sensitive=False)()

    def _allowed_view(self) -> Hashable | None:
        return self.view_of(self.user, self.asked) if is_let_in(self.user, self.session) else None

    async def _follow(self, view: Hashable | None) -> None:
        if view is None:
            await self.close(FORBIDDEN)
        elif view != self.socket.view:
            await hub().move(self.socket, view)

    async def _recheck(self) -> None:
        failures = 0
        while failures < FAILED_CHECKS:
            # Spread, so that a thousand sockets do not ask in the same second.
            await asyncio.sleep(settings.LIVE_RECHECK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311  (spread, no secret)
            try:
                await self._check_rights()
                failures = 0
            except Exception:
                failures += 1
                logger.exception("The rights of an open socket could not be checked (%s in a row).", failures)
        await self.close(FAILED)  # the page connects again, and the handshake asks anew

    async def _check_now(self) -> None:
        try:
            await self._check_rights()
        except Exception:
            logger.exception("The rights of an open socket could not be checked; the next check will.")

    async def _check_rights(self) -> None:
        self.session = SessionStore(self.scope["session"].session_key)
        self.user = await get_user({"session": self.session})
        if self.user.is_authenticated:
            await self._follow(await self._view())
        else:
            await self.close(SIGNED_OUT)  # disconnect() ends the checks

    async def _make_room(self) -> None:
        mine = _open[self.user_id]
        mine.append(self)
        if len(mine) > SOCKETS_PER_USER:
            await mine.pop(0).close(TOO_MANY_SOCKETS)

    def _take_token(self) -> bool:
        now = time.monotonic()
        self.tokens = min(MESSAGES_PER_SECOND, self.tokens + (now - self.refilled_at) * MESSAGES_PER_SECOND)
        self.refilled_at = now
        self.tokens -= 1
        return self.tokens >= 0

    async def _send_text(self, frame: str) -> None:
        try:
            # Straight to the server: the two layers in between cost as much as the rest of the way.
            await self.base_send({"type": "websocket.send", "text": frame})
        except (StopConsumer, RuntimeError, OSError) as error:
            raise asyncio.CancelledError from error  # the browser is gone; disconnect() cleans up
