"""When planned work comes round, by the wall clock of its site. Pure: no database, no clock."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
DAYS = {"daily": 1, "weekly": 7}


def occurrences(first: datetime, repeats: str, until: datetime, zone: str) -> Iterator[datetime]:
    """The beginnings (aware, UTC) of work from `first` on up to `until`, at the same hour of the wall clock of `zone`.

    `repeats`: "" for once, or a key of DAYS or MONTHS. A month without that day has its last day instead; an hour that
    a change to summer time leaves out is the hour after.
    """
    here = first.astimezone(ZoneInfo(zone))
    number = 0
    while True:
        day = _day(here.date(), repeats, number)
        local = datetime.combine(day, here.time(), ZoneInfo(zone))
        begins = local.astimezone(UTC)
        if begins > until:
            return
        yield begins
        if not repeats:
            return
        number += 1


def _day(first: date, repeats: str, number: int) -> date:
    if repeats in MONTHS:
        months = first.year * 12 + first.month - 1 + number * MONTHS[repeats]
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))
    return first + timedelta(days=number * DAYS.get(repeats, 0))
