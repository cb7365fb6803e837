"""A small network of simulated and real sites, and the clock that the tests of prices go by."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sntry_site import tasks
from stations.models import FleetEvent
from telemetry.models import SiteState, StatusReport

from . import fleet

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def beat(number: float = 0):
    return tasks.tick(minute(number))


def heat(site, celsius: float, at: datetime) -> None:
    """All chargers of a site report how hot they are."""
    chargers = list(site.chargers.all())
    count = len(chargers)
    reports = ([charger.pk for charger in chargers], [at] * count, ["AVAILABLE"] * count)
    StatusReport.objects.record(*reports, [""] * count, [celsius] * count)


def real_pair(operator, celsius: float = 65):
    """A hot site of a real operator and a cool one a kilometre away, as their reports say."""
    here = fleet.live_site(operator, 1, latitude=30.30)
    near = fleet.live_site(operator, 2, latitude=30.31)
    heat(here, celsius, START - timedelta(seconds=5))
    heat(near, 20, START - timedelta(seconds=5))
    return here, near


def price(site) -> Decimal:
    return SiteState.objects.get(site=site).price


def kinds() -> set[str]:
    return set(FleetEvent.objects.values_list("kind", flat=True))
