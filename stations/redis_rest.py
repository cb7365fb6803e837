"""Redis is left alone for a moment after it has not answered, because each try costs somebody's time who waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from django.core.cache.backends.redis import RedisCache
from kombu.exceptions import OperationalError

REST_SECONDS = 5
AWAY = (redis.ConnectionError, redis.TimeoutError, OperationalError, OSError)  # TimeoutError is an OSError

_rest_until = 0.0


class Resting(redis.ConnectionError):
    """Redis has just not answered, and was not asked again."""


@contextmanager
def asking() -> Iterator[None]:
    """Around whatever asks Redis. Raises Resting at once while this process leaves it alone."""
    global _rest_until
    if time.monotonic() < _rest_until:
        raise Resting(f"Redis is left alone for {REST_SECONDS} s, because it did not answer")
    try:
        yield
    except AWAY:
        _rest_until = time.monotonic() + REST_SECONDS
        raise


def ask_again() -> None:
    """End the rest, for tests that bring Redis back."""
    global _rest_until
    _rest_until = 0.0


def _asking(name: str):
    def ask(self, *arguments, **named):
        with asking():
            return getattr(RedisCache, name)(self, *arguments, **named)

    return ask


class RestingCache(RedisCache):
    """Django's cache in Redis, of which a page waits once and not for every key."""

    add, get, set, touch, delete, incr, has_key = map(
        _asking, ("add", "get", "set", "touch", "delete", "incr", "has_key")
    )
    get_many, set_many, delete_many = map(_asking, ("get_many", "set_many", "delete_many"))
