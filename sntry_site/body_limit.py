"""How large a request may be. Django writes a whole body to disk before any middleware or view sees the request."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from .request_ids import HEADER, accepted

Limit = int | Callable[[dict], Awaitable[int]]  # bytes, or what says how many a caller may send, told by the scope
REFUSAL = "The request is larger than this address takes; send less at once.\n"


class BodyLimit:
    """ASGI: answers 413 as soon as a body is, or says that it will be, larger than its address takes.

    `limits` has the addresses that take another amount than `limit`.
    """

    def __init__(self, application, limit: int, limits: Mapping[str, Limit]):
        self.application, self.limit, self.limits = application, limit, limits

    async def __call__(self, scope, receive, send) -> None:
        limit = self.limits.get(scope["path"].removeprefix(scope.get("root_path", "")), self.limit)
        if callable(limit):
            limit = await limit(scope)
        if _announced(scope) > limit:
            await _refuse(scope, send)
            return
        counted = 0

        async def receive_counted():
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted <= limit:
                return message
            await _refuse(scope, send)
            return {"type": "http.disconnect"}  # lets go of what has come so far

        await self.application(scope, receive_counted, send)


def _announced(scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(length) for length in lengths if length.isdigit()), default=0)


async def _refuse(scope, send) -> None:
    number = accepted(dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1"))
    body, content_type = REFUSAL.encode(), b"text/plain; charset=utf-8"
    if "/ocpi/" in scope["path"]:  # whose every answer is in an envelope
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        told = {"status_code": 2000, "status_message": REFUSAL.strip(), "timestamp": now}
        body, content_type = json.dumps(told).encode(), b"application/json"
    elif "/api/" in scope["path"]:  # whose every error is a problem (RFC 9457)
        told = {"type": "/api/docs/#problem-413", "title": "Too large", "status": 413, "detail": REFUSAL.strip()}
        told["request_id"] = number
        body, content_type = json.dumps(told).encode(), b"application/problem+json"
    headers = [
        (HEADER.lower().encode(), number.encode()),
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
