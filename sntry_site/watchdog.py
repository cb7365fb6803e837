"""Programs that live but do nothing: known by the age of the last finished tick, not by whether they answer."""

import logging
import threading
import time
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from telemetry.models.ticks import SET_BACK, lies_in_future

LATE_SECONDS = 45  # a tick may take 30 s, and the next one comes within 10
MOST_PATIENCE = 1800  # seconds
LOOK_SECONDS = 5
OF_TICKS = ("tick", "beat")  # nobody can tell from outside which of them is stuck
AGE = "SELECT extract(epoch FROM clock_timestamp() - max(finished_at))::float8 FROM telemetry_tick"

logger = logging.getLogger(__name__)


def seconds_since_tick() -> float | None:
    """The age of the last finished tick; None where there is none, or where database or Redis are away themselves."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as broker:
            broker.ping()
        with connection.cursor() as cursor:
            cursor.execute(AGE)
            return cursor.fetchone()[0]
    except (redis.RedisError, DatabaseError, OSError):
        return None
    finally:
        connection.close()


def is_late(age: float) -> bool:
    """Whether a tick of this age is too old, or of a future that the clock has left again."""
    return age >= LATE_SECONDS or lies_in_future(age)


def why_late(age: float) -> str:
    """In words."""
    return SET_BACK if lies_in_future(age) else f"no tick has finished for {age:.0f} s"


class Watchdog:
    """Says which programs are to be started anew. It looks in a thread of its own, because looking may take seconds."""

    def __init__(self, look: Callable[[], float | None] = seconds_since_tick, clock=time.monotonic) -> None:
        self.look, self.clock = look, clock
        self.age: float | None = None
        self.patience = LATE_SECONDS  # that a program is given; doubled each time, or a slow start would never end
        self.well_since: float | None = None  # since when database and Redis have answered every time
        self.thread: threading.Thread | None = None

    def look_once(self) -> None:
        """Note how old the last tick is."""
        self.age = self.look()
        if self.age is None:
            self.well_since = None
        elif self.well_since is None:
            self.well_since = self.clock()
        if self.age is not None and not is_late(self.age):
            self.patience = LATE_SECONDS

    def stuck(self, lasted: dict[str, float]) -> list[str]:
        """Those to be started anew, of the running programs (name -> seconds): both, once both had time for a tick.

        One that runs for less than that may still be loading, and its first tick may be under way.
        """
        if self.age is None or self.well_since is None or not is_late(self.age):
            return []
        if self.clock() - self.well_since < LATE_SECONDS:
            return []
        if min(lasted.get(name, 0) for name in OF_TICKS) <= self.patience:
            return []
        self.patience = min(2 * self.patience, MOST_PATIENCE)
        logger.error("%s", why_late(self.age))
        return list(OF_TICKS)

    def __call__(self, lasted: dict[str, float]) -> list[str]:
        if self.thread is None:
            self.thread = threading.Thread(target=self._look_for_ever, daemon=True, name="watchdog")
            self.thread.start()
        return self.stuck(lasted)

    def _look_for_ever(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look_once()
