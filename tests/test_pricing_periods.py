"""Days, ends and rest of price changes: to the second, at midnight, and where clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pricing.periods import Day, Past, day_of, histories, period_end
from pricing.policy import ORIGINAL

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = day_of(NOON, UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 7, 1), 24),
        ("UTC", date(2026, 12, 31), 24),
        ("UTC", date(2028, 2, 29), 24),
        ("America/Los_Angeles", date(2026, 3, 8), 23),
        ("America/Los_Angeles", date(2026, 11, 1), 25),
        ("Europe/Dublin", date(2026, 3, 29), 23),
        ("Asia/Kolkata", date(2026, 7, 1), 24),
    ],
)
def test_a_day_is_from_local_midnight_to_the_next_whatever_clocks_do(zone, day, hours):
    local = ZoneInfo(zone)
    for hour in (0, 12, 23):
        found = day_of(datetime(day.year, day.month, day.day, hour, 30, tzinfo=local), local)
        begins_at = found.begins_at.astimezone(local)
        assert (begins_at.date(), begins_at.time()) == (day, time())
        assert found.ends_at - found.begins_at == hours * HOUR
        assert (found.begins_at.tzinfo, found.ends_at.tzinfo, found.spent) == (UTC, UTC, {})


def test_a_day_keeps_what_was_spent_in_it():
    assert day_of(NOON, UTC, {3: Decimal("4.50")}) == Day(NOON - 12 * HOUR, NOON + 12 * HOUR, {3: Decimal("4.50")})


@pytest.mark.parametrize(
    ("starts", "longest", "budget", "surged", "ends"),
    [
        (NOON, 1800, None, 9e9, NOON + HOUR / 2),  # nothing counts the hours
        (NOON, 1800, 7200, 0, NOON + HOUR / 2),  # the longest time comes first
        (NOON, 7200, 7200, 5400, NOON + HOUR / 2),  # the rest of the day's hours comes first
        (NOON, 7200, 3600, 3600, NOON),  # nothing is left
        (NOON + 11.5 * HOUR, 7200, 3600, 900, NOON + 13 * HOUR),  # past midnight the next day's hours count
        (NOON + 11.5 * HOUR, 5400, 7200, 0, NOON + 13 * HOUR),  # the longest time, past midnight
        (NOON + 11.5 * HOUR, 7200, 3600, 1800, NOON + 13 * HOUR),  # used up at midnight to the second
        (NOON + 12 * HOUR, 7200, 3600, 3600, NOON + 13 * HOUR),  # begins with the next day
        (NOON + 12 * HOUR, 1800, 3600, 3600, NOON + 12.5 * HOUR),
        (NOON + 11.75 * HOUR, 36_000, 3600, 0, NOON + 13 * HOUR),
    ],
)
def test_a_change_ends_after_its_longest_time_or_when_the_hours_of_the_day_are_used_up(
    starts, longest, budget, surged, ends
):
    policy = replace(ORIGINAL, longest_seconds=longest, surge_seconds_per_day=budget)
    assert period_end(starts, policy, surged, DAY) == ends


def test_rest_is_counted_from_the_last_end_and_hours_inside_the_day_only():
    past = [
        Past(9, NOON, NOON),  # of a site that nobody asked about, and first
        Past(1, NOON - 3 * HOUR, NOON - 2 * HOUR),
        Past(1, NOON - 1.5 * HOUR, NOON - HOUR),
        Past(2, NOON - 13 * HOUR, NOON - 11 * HOUR),  # an hour of it was yesterday's
        Past(3, NOON - HOUR / 2, NOON + HOUR),  # goes on
        Past(4, NOON - 14 * HOUR, NOON - 12.5 * HOUR),  # yesterday's
        Past(5, NOON - 12 * HOUR, NOON - 11 * HOUR),  # from midnight on
        Past(6, NOON + 12 * HOUR, NOON + 13 * HOUR),  # tomorrow's, announced
    ]
    had = histories(past, np.array([1, 2, 3, 4, 5, 6, 7]), NOON, DAY)
    assert had["rested_seconds"][:5].tolist() == [3600, 11 * 3600, 0, 12.5 * 3600, 11 * 3600]
    assert had["rested_seconds"][6] == np.inf
    assert had["changes_today"].tolist() == [2, 0, 1, 0, 1, 0, 0]
    assert had["surged_today"].tolist() == [5400, 3600, 1800, 0, 3600, 0, 0]
    again = histories(past[::-1], np.array([1]), NOON, DAY)
    assert again["rested_seconds"].tolist() == [3600]


def test_who_has_said_no_is_left_alone_as_after_a_surge():
    refused = [(9, NOON), (1, NOON - HOUR), (1, NOON - 2 * HOUR), (2, NOON - HOUR)]
    had = histories([Past(2, NOON - HOUR, NOON - HOUR / 2)], np.array([1, 2, 3]), NOON, DAY, refused)
    assert had["rested_seconds"].tolist() == [3600, 1800, np.inf]
    assert had["changes_today"].tolist() == [0, 1, 0]
