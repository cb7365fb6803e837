"""By when an order must be answered and done: service levels by priority, counted in the site's business hours.

Pure: times are aware datetimes, an argument each; no clock, no database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(18)
WORKDAYS = range(5)  # Monday to Friday
_BUSINESS_DAY = timedelta(hours=10)


@dataclass(frozen=True)
class ServiceLevel:
    """How long somebody may take to accept an order, and to resolve it; in business time unless it never sleeps."""

    respond: timedelta
    resolve: timedelta
    never_sleeps: bool = False


SERVICE_LEVELS = {
    "urgent": ServiceLevel(timedelta(hours=1), timedelta(hours=8), never_sleeps=True),
    "high": ServiceLevel(timedelta(hours=4), timedelta(hours=24), never_sleeps=True),
    "normal": ServiceLevel(_BUSINESS_DAY, 3 * _BUSINESS_DAY),
    "low": ServiceLevel(2 * _BUSINESS_DAY, 10 * _BUSINESS_DAY),
}


def deadlines(priority: str, opened_at: datetime, zone: str) -> tuple[datetime, datetime]:
    """When an order of this priority, opened at a site in the time zone `zone`, must be accepted and resolved."""
    level = SERVICE_LEVELS[priority]
    add = _add if level.never_sleeps else lambda at, lasts: add_business(at, lasts, zone)
    return add(opened_at, level.respond), add(opened_at, level.resolve)


def resumed(priority: str, due_at: datetime, held_since: datetime, at: datetime, zone: str) -> datetime:
    """The new deadline of an order that has waited from `held_since` to `at`: what was left then is left now.

    One that was late already is as late as it was.
    """
    if due_at <= held_since:
        return due_at
    if SERVICE_LEVELS[priority].never_sleeps:
        return due_at + (at - held_since)
    return add_business(at, business_between(held_since, due_at, zone), zone)


def add_business(start: datetime, lasts: timedelta, zone: str) -> datetime:
    """The moment at which `lasts` of business time have passed since `start`; UTC."""
    left = lasts
    for opens, closes in _open_spells(start, zone):
        begin = max(opens, start)
        if closes - begin >= left:
            return begin + left
        left -= closes - begin
    raise AssertionError("there is always another workday")


def business_between(start: datetime, end: datetime, zone: str) -> timedelta:
    """Business time between two moments."""
    passed = timedelta()
    for opens, closes in _open_spells(start, zone):
        if opens >= end:
            return passed
        passed += min(closes, end) - max(opens, start)
    raise AssertionError("there is always another workday")


def _add(at: datetime, lasts: timedelta) -> datetime:
    return at + lasts


def _open_spells(start: datetime, zone: str):
    """The business hours from `start` on, one workday after another, as UTC; the first may have begun already.

    Each day's hours are made from the wall clock, so that a change to summer time moves them as it moves people.
    """
    here = ZoneInfo(zone)
    day = start.astimezone(here).date()
    while True:
        if day.weekday() in WORKDAYS:
            opens, closes = (datetime.combine(day, hour, here).astimezone(UTC) for hour in (OPENS, CLOSES))
            if closes > start:
                yield opens, closes
        day += timedelta(days=1)
