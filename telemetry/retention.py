"""What is kept for how long, so that the disk does not grow without bound."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from stations.models import FleetEvent

from . import live_history
from .models import Risk, Tick
from .models.ticks import slot_of

TICKS_KEPT = timedelta(days=30)


LATEST = timedelta(hours=2)  # of half-hours that are thinned again, in case a turn was missed


def thin_latest(at: datetime) -> int:
    """Keep the half-hours that have just ended, because forecasts look at the last day of readings."""
    end = at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)
    return live_history.thin_between(end - LATEST, end, settings.DATA_TIME_ZONE)


def retain(at: datetime) -> dict[str, int]:
    """Keep half-hours of the days gone by, drop what is older than its keeping time; returns how much of each."""
    today = at.astimezone(UTC).date()
    live_history.ensure_partition(today + timedelta(days=1))
    thinned = dropped = 0
    for day in live_history.days_kept():
        if day < today:
            thinned += live_history.thin(day, settings.DATA_TIME_ZONE)
        if day < today - timedelta(days=settings.RAW_DAYS):
            live_history.drop(day)
            dropped += 1
    old = at - timedelta(days=settings.EVENT_DAYS)
    FleetEvent.objects.filter(at__lt=old).delete()
    Risk.objects.filter(at__lt=old).delete()
    Tick.objects.filter(slot__lt=slot_of(at - TICKS_KEPT)).delete()
    return {"readings_kept": thinned, "days_dropped": dropped}
