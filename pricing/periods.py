"""Days, rest and ends of price changes: what a policy may still do today. Pure: times are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

import numpy as np

from .policy import Policy


@dataclass(frozen=True)
class Day:
    """The day of the network's time zone that a moment lies in, and what operators have spent in it on discounts."""

    begins_at: datetime
    ends_at: datetime
    spent: dict[int, Decimal]


def day_of(at: datetime, zone: tzinfo, spent: dict[int, Decimal] | None = None) -> Day:
    """From local midnight to the next, in UTC: 23 or 25 hours where clocks change; a missing midnight is the change."""
    local = at.astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    following = midnight.date() + timedelta(days=1)
    ends = datetime(following.year, following.month, following.day, tzinfo=zone)
    return Day(midnight.astimezone(UTC), ends.astimezone(UTC), spent or {})


def period_end(starts_at: datetime, policy: Policy, surged_today: float, day: Day) -> datetime:
    """When a change that starts then ends by itself: after its longest time, or when the day's surge hours are used up.

    A period may go on past midnight, into the hours of the next day.
    """
    longest = starts_at + timedelta(seconds=policy.longest_seconds)
    if policy.surge_seconds_per_day is None:
        return longest
    budget = timedelta(seconds=policy.surge_seconds_per_day)
    if starts_at >= day.ends_at:
        return min(longest, starts_at + budget)
    left = budget - timedelta(seconds=surged_today)
    if starts_at + left < day.ends_at:
        return min(longest, starts_at + left)
    return min(longest, day.ends_at + budget)


@dataclass(frozen=True)
class Past:
    """A surge or limit of today or shortly before, over or not."""

    site: int
    starts_at: datetime
    ends_at: datetime


def histories(
    past: Sequence[Past], site: np.ndarray, at: datetime, day: Day, refused: Sequence[tuple[int, datetime]] = ()
) -> dict[str, np.ndarray]:
    """The last three columns of `Sites` for the sites with these ids, from what was opened in the past.

    Seconds count only inside the day and up to `at`; what goes on still is no rest. After a surge that somebody has
    `refused` (site, when) the site rests as after any other, because who has said no is not asked again at once.
    """
    place_of = {int(number): place for place, number in enumerate(site.tolist())}
    rested, changes, surged = np.full(len(site), np.inf), np.zeros(len(site), int), np.zeros(len(site))
    for change in past:
        place = place_of.get(change.site)
        if place is None:
            continue
        ended = min(change.ends_at, at)
        rested[place] = min(rested[place], (at - ended).total_seconds())
        changes[place] += day.begins_at <= change.starts_at < day.ends_at
        surged[place] += max((ended - max(change.starts_at, day.begins_at)).total_seconds(), 0.0)
    for number, when in refused:
        if (place := place_of.get(number)) is not None:
            rested[place] = min(rested[place], (at - when).total_seconds())
    return {"rested_seconds": rested, "changes_today": changes, "surged_today": surged}
