"""How often a caller may call: counted in Redis in one step, so that no two calls slip through together.

The rule is a bucket that drains evenly (GCRA): `limit` calls at once, and from then on one each `seconds / limit`.
"""

import logging
import threading
import time
from functools import cached_property

import redis
from django.conf import settings
from rest_framework.permissions import SAFE_METHODS

from stations.client_address import counted
from stations.redis_rest import Resting, asking

from .problems import Problem

# KEYS[1]: the bucket. ARGV: milliseconds between calls, and milliseconds for a whole bucket. The clock is Redis'.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local every, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + every
if full - now > whole + 0.5 then return {0, math.ceil(full - now - whole), math.ceil(full - every - now)} end
redis.call('SET', KEYS[1], full, 'PX', math.ceil(full - now) + 1000)
return {1, math.floor((whole - full + now) / every + 0.001), math.ceil(full - now)}
"""
MOST_KEPT = 20_000  # buckets of this process

logger = logging.getLogger(__name__)


class LocalBuckets:
    """The same rule inside one process, while Redis is away: a caller has a bucket in each web process then."""

    def __init__(self):
        self.full, self.lock = {}, threading.Lock()

    def take(self, name: str, every: float, whole: float, now: float) -> tuple[int, int, int]:
        """What the Lua script returns, at `now` in milliseconds."""
        with self.lock:
            if len(self.full) >= MOST_KEPT:
                self.full = {each: full for each, full in self.full.items() if full > now}
            full = max(self.full.get(name, now), now) + every
            if full - now > whole + 0.5:
                return 0, round(full - now - whole + 0.5), round(full - every - now + 0.5)
            self.full[name] = full
            return 1, int((whole - full + now) / every + 0.001), round(full - now + 0.5)


class Buckets:
    """Redis, or this process while Redis is away."""

    def __init__(self):
        self.local = LocalBuckets()

    @cached_property
    def script(self):
        where = settings.CACHES["default"]
        client = redis.Redis.from_url(where["LOCATION"], **where["OPTIONS"])
        return client.register_script(TAKE)

    def take(self, name: str, limit: int, seconds: float) -> tuple[int, int, int]:
        """(1 or 0, calls left or milliseconds to wait, milliseconds until the bucket is empty again)."""
        every, whole = seconds * 1000 / limit, seconds * 1000
        try:
            with asking():
                return tuple(self.script([f"{settings.REDIS_PREFIX}:limit:{name}"], [every, whole]))
        except Resting:
            pass
        except (redis.RedisError, OSError) as error:
            logger.warning("limits are counted in this process, because Redis is away: %s", error)
        return self.local.take(name, every, whole, time.monotonic() * 1000)


buckets = Buckets()


def count(request, view) -> None:
    """Count a call of a known caller, by the class of endpoints (`limit_class` of the view); a Problem if too many."""
    kind = getattr(view, "limit_class", "write")
    if request.method in SAFE_METHODS and kind != "heavy":
        kind = "read"
    request._request.rate_limit_headers = _take(kind, caller(request))


def count_stranger(request) -> None:
    """Count a refusal of somebody unknown, by address: whoever only guesses is told to wait.

    A good key is never held up by what others send from its address.
    """
    _take("stranger", counted(request))


def _take(kind: str, who: str) -> dict[str, str]:
    """The headers that say what is left; a Problem if nothing is."""
    limit, seconds = settings.API_LIMITS[kind]
    allowed, left_or_wait, empty = buckets.take(f"{kind}:{who}", limit, seconds)
    headers = {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(left_or_wait if allowed else 0),
        "RateLimit-Reset": str(-(-empty // 1000)),
    }
    if not allowed:
        wait = str(max(1, -(-left_or_wait // 1000)))
        detail = f"At most {limit} calls of this kind in {seconds} s; try again in {wait} s."
        raise Problem(429, detail, headers={**headers, "Retry-After": wait})
    return headers


def caller(request) -> str:
    """Whose bucket it is: two keys of a partner have one each, so that a rotation is not throttled."""
    if request.auth is not None:
        return f"key:{request.auth.pk}"
    return f"user:{request.user.pk}"
