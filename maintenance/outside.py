"""Asking services of others: never longer and never more than was agreed, and not at all while they are down."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache

import httpx

FAILURES = 3  # in a row, after which a service is left alone
REST_SECONDS = 60


class TooMuch(httpx.TransportError):
    """The answer is longer than any honest one, or takes longer than agreed."""


@cache
def trust() -> ssl.SSLContext:
    """The certificates that are trusted, read once, because that takes 40 ms."""
    return httpx.create_ssl_context(trust_env=False)


class _LimitedStream(httpx.SyncByteStream):
    def __init__(self, stream, most_bytes: int, until: float) -> None:
        self._stream, self._most_bytes, self._until = stream, most_bytes, until

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for part in self._stream:
            taken += len(part)
            if taken > self._most_bytes:
                raise TooMuch(f"the answer has more than {self._most_bytes:,} bytes")
            if time.monotonic() > self._until:
                raise TooMuch("the answer came too slowly")
            yield part

    def close(self) -> None:
        self._stream.close()


class _LimitedTransport(httpx.BaseTransport):
    """A time between two bytes is no limit by itself: a server that sends one a second would hold a page for ever."""

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most_bytes, self._until = most_bytes, time.monotonic() + seconds
        self._inner = httpx.HTTPTransport(verify=trust())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooMuch("there is no time left for another try")
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {name: min(left, value or left) for name, value in limits.items()}
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()  # because a kilobyte of it may be a gigabyte unpacked
            raise TooMuch("the answer is packed although that was not asked for")
        response.stream = _LimitedStream(response.stream, self._most_bytes, self._until)
        return response

    def close(self) -> None:
        self._inner.close()


def client(most_bytes: int, connect_seconds: float, read_seconds: float, total_seconds: float) -> httpx.Client:
    """A client for one question: it follows no redirect, uses no proxy of the environment, and keeps these limits.

    `read_seconds` is the longest wait for a byte, `total_seconds` the longest for all answers, from now on.
    """
    return httpx.Client(
        transport=_LimitedTransport(most_bytes, total_seconds),
        timeout=httpx.Timeout(read_seconds, connect=connect_seconds),
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Sntry"},
    )


class Breaker:
    """Leaves a service alone for a minute after three failures in a row; then one caller may try it again.

    It belongs to one process: so each process pays for three failures of its own, and none needs Redis to know.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failures, self._closed_until = 0, 0.0

    def lets_through(self) -> bool:
        """Whether the service may be asked now. Of those who ask after the rest, one is let through at a time."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self._clock() < self._closed_until:
                return False
            self._closed_until = self._clock() + REST_SECONDS
            return True

    def note(self, worked: bool) -> None:
        """It answered, or it did not."""
        with self._lock:
            self._failures = 0 if worked else self._failures + 1
            if self._failures >= FAILURES:
                self._closed_until = self._clock() + REST_SECONDS
