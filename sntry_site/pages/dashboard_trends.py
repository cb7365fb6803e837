"""The last day of the dashboard's figures, each in a constant number of queries however large the network is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, Q

from telemetry.models import LiveReading, Outage, Reading

HALF_HOUR = timedelta(minutes=30)
STEPS = 49  # half-hours of a day, both ends with them
MOST_SITES = 300  # whose readings are averaged: the mean of more would differ by less than can be seen
LONGEST = timedelta(days=60)  # outages that began earlier are not looked for


@dataclass(frozen=True)
class Tile:
    """One figure that matters, with what it is to be compared with."""

    title: str
    figure: str
    below: str
    link: str
    alarm: bool = False
    trend: str = ""  # a small picture, made by stations.sparkline


def percent(share: float, decimals: int = 0) -> str:
    """`share` (0-1) in percent, with the space that belongs before the sign."""
    return f"{100 * share:.{decimals}f} %"


def half_hours(now: datetime) -> list[datetime]:
    """The half-hours of the last day, the present one last."""
    last = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return [last - HALF_HOUR * step for step in reversed(range(STEPS))]


def utilization(states, now: datetime) -> tuple[list[float | None], int]:
    """Mean utilization at each half-hour of the last day (None where nothing was measured), and of how many sites."""
    sites, times = list(states.order_by("site_id").values_list("site_id", flat=True)[:MOST_SITES]), half_hours(now)
    mean: dict[datetime, float] = {}
    for table in (Reading, LiveReading):
        rows = table.objects.filter(site_id__in=sites, at__in=times).order_by().values("at")
        mean.update(rows.annotate(mean=Avg("utilization")).values_list("at", "mean"))
    return [mean.get(at) for at in times], len(sites)


def ports_out(user, now: datetime) -> list[int]:
    """How many outages went on at each half-hour of the last day."""
    recent = Outage.objects.visible_to(user).filter(started_at__gt=now - LONGEST)
    return going_on(recent, ("started_at", "ended_at"), half_hours(now))


def going_on(rows, spell: tuple[str, str], times: list[datetime]) -> list[int]:
    """How many of the rows go on at each of `times`, in one query; `spell` names their start and end (null: open)."""
    start, end = spell
    rows = rows.filter(Q(**{end: None}) | Q(**{f"{end}__gt": min(times)})).order_by()
    then = {
        f"number_{place}": Count("pk", filter=Q(**{f"{start}__lte": at}) & (Q(**{end: None}) | Q(**{f"{end}__gt": at})))
        for place, at in enumerate(times)
    }
    return list(rows.aggregate(**then).values())
