"""How large a request may be. Django writes a whole body to disk before any middleware or view sees the request."""

from collections.abc import Mapping

REFUSAL = "The request is larger than this address takes; send less at once.\n"


class BodyLimit:
    """ASGI: answers 413 as soon as a body is, or says that it will be, larger than its address takes.

    `limits` has the bytes of the addresses that take another amount than `limit`.
    """

    def __init__(self, application, limit: int, limits: Mapping[str, int]):
        self.application, self.limit, self.limits = application, limit, limits

    async def __call__(self, scope, receive, send) -> None:
        limit = self.limits.get(scope["path"].removeprefix(scope.get("root_path", "")), self.limit)
        if _announced(scope) > limit:
            await _refuse(send)
            return
        counted = 0

        async def receive_counted():
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted <= limit:
                return message
            await _refuse(send)
            return {"type": "http.disconnect"}  # lets go of what has come so far

        await self.application(scope, receive_counted, send)


def _announced(scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(length) for length in lengths if length.isdigit()), default=0)


async def _refuse(send) -> None:
    body = REFUSAL.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
