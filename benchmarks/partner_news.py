"""What it costs to note the news of partners: writing status and sessions with a listener against without any.

`NEWS_CHARGERS` (2,000) say something new `NEWS_ROUNDS` (10) times, each time with and without a listener in turn; then
all of it is queued for one OCPI receiver.
"""

import os
import statistics
import time
from datetime import timedelta

from django.utils import timezone

from sntry_site.partner_news import tell_partners
from stations.models import Charger, OcpiConnection, OcpiPush, Operator, Partner, Site
from telemetry.models import ChargingSession, StatusReport

from .database import fresh_database

CHARGERS = int(os.environ.get("NEWS_CHARGERS", "2000"))
ROUNDS = int(os.environ.get("NEWS_ROUNDS", "10"))
MODULES = ("tariffs", "locations", "sessions", "cdrs")


def main() -> None:
    """Print the ratio, and how long the queueing takes."""
    with fresh_database():
        operator = Operator.objects.create(name="Northline")
        site = Site.objects.create(operator=operator, external_id="S1", name="Site", latitude=1, longitude=1)
        Charger.objects.bulk_create(Charger(site=site, external_id=f"C{n:05}") for n in range(CHARGERS))
        connection = OcpiConnection(partner=Partner.objects.create(operator=operator, name="Fleetly"), party_id="NOR")
        endpoints = dict.fromkeys(MODULES, "https://receiver.example/")
        connection.register("token", "https://receiver.example/", "2.2.1", [], endpoints, timezone.now())
        ids, seconds = list(Charger.objects.values_list("pk", flat=True)), {True: [], False: []}
        for number in range(2 * ROUNDS):
            listens = bool(number % 2)
            OcpiConnection.objects.update(registered_at=timezone.now() if listens else None)
            seconds[listens].append(write(ids, number))
        OcpiConnection.objects.update(registered_at=timezone.now() - timedelta(days=1))
        begun = time.perf_counter()
        tell_partners(timezone.now() + timedelta(seconds=1))
        queued = time.perf_counter() - begun
        with_one, without = (statistics.median(seconds[listens]) for listens in (True, False))
        print(f"News of partners: {2 * CHARGERS:,} rows in {without * 1000:,.0f} ms without a listener, "
              f"{with_one * 1000:,.0f} ms with one ({with_one / without:.2f} times); "
              f"{OcpiPush.objects.count():,} objects queued in {queued * 1000:,.0f} ms")  # fmt: skip


def write(ids: list[int], number: int) -> float:
    """Seconds for a new status and a new session of every charger."""
    at = timezone.now() - timedelta(hours=1) + timedelta(seconds=number)
    begun = time.perf_counter()
    StatusReport.objects.record(ids, [at] * len(ids), [("AVAILABLE", "CHARGING")[number % 2]] * len(ids))
    ChargingSession.objects.begin(ids, at, [4000] * len(ids))
    return time.perf_counter() - begun
