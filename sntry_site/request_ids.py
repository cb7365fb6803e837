"""One id from a request through its problem details, its log lines and the tasks that it asks for."""

import logging
import re
import secrets
import time
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")  # nothing that could end a line or look like another field
WATCHERS = {"healthz", "readyz", "metrics"}  # asked every few seconds, and told only when they fail

logger = logging.getLogger(__name__)
_request: ContextVar[str] = ContextVar("request", default="")
_task: ContextVar[str] = ContextVar("task", default="")
_tick: ContextVar[int | None] = ContextVar("tick", default=None)


def current() -> str:
    """The id of what is being done here; empty outside of requests and tasks."""
    return _request.get()


def known() -> dict:
    """What a log line of this moment is about: request, task, tick, where there is one."""
    return {
        name: value
        for name, value in (("request", _request.get()), ("task", _task.get()), ("tick", _tick.get()))
        if value not in ("", None)
    }


def accepted(sent: str | None) -> str:
    """The id that a caller sent if it may stand in our logs, else a fresh one."""
    return sent if sent and ACCEPTED.fullmatch(sent) else secrets.token_hex(8)


@contextmanager
def during(*, request: str | None = None, task: str | None = None, tick: int | None = None):
    """Everything that is logged inside carries these."""
    pairs = ((_request, request), (_task, task), (_tick, tick))
    tokens = [(variable, variable.set(value)) for variable, value in pairs if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


class RequestId:
    """Middleware: takes the caller's X-Request-ID or makes one, returns it, and logs one line per request.

    The line names the route and never the address, which may hold a token, a place or somebody's search.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        begun = time.perf_counter()
        with during(request=accepted(request.headers.get(HEADER))):
            response = self.get_response(request)
            response.headers.setdefault(HEADER, current())  # OCPI returns what it was sent, whatever that is
            tell(request, response.status_code, (time.perf_counter() - begun) * 1000)
        return response


def tell(request, status: int, milliseconds: float) -> None:
    """The line of one request."""
    found = request.resolver_match
    is_quiet = found is not None and found.url_name in WATCHERS and status < 400
    extra = {"milliseconds": round(milliseconds, 1), "status": status}
    route = found.route if found else ""
    logger.log(logging.DEBUG if is_quiet else logging.INFO, "%s /%s %s", request.method, route, status, extra=extra)
