"""What one driver's question costs at 5,000 and 50,000 sites: the cells around a place, beside all sites at once."""

import gzip
import os
import statistics
import time
from functools import partial
from itertools import chain

import numpy as np
import orjson
from django.db.models import F
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from pricing.tariff import tariffs
from sntry_site.drive import _public, advice, map_of_sites, public_sites
from stations.models import Site
from telemetry.models import SiteState

from .database import fresh_database
from .tick import fill

SIZES = tuple(int(size) for size in os.environ.get("DRIVE_SIZES", "5000,50000").split(","))
PLACES = 20  # of drivers, each near a site


def main() -> None:
    print(f"load average now: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    columns = ["sites", "map", "KB", "cells asked, median", "most", "a driver, p50", "p95", "KB", "all sites", "KB"]
    table = Table(*columns, "ratio of time", title="The page for drivers, server side, compressed")
    for sites in SIZES:
        with fresh_database():
            fill(sites)
            # One in three is full, because where nobody has room a driver's search goes on for 100 km.
            now = {"at": timezone.now(), "level": "low", "utilization": 0.4, "ports_available": 2, "ports_occupied": 2}
            SiteState.objects.update(**now)
            SiteState.objects.annotate(third=F("pk") % 3).filter(third=0).update(utilization=1, ports_available=0)
            table.add_row(f"{sites:,}", *measure())
    Console(width=200).print(table)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


def measure() -> list[str]:
    """One row of the table."""
    map_seconds, told = timed(map_of_sites)
    seconds, counts, sizes = [], [], []
    places = np.array(Site.objects.exclude(latitude=None).values_list("latitude", "longitude"))
    rng = np.random.default_rng(1)
    for place in rng.choice(places, PLACES) + rng.normal(0, 0.05, (PLACES, 2)):
        asked = []
        sites_of = partial(kept, asked=asked)
        taken, _ = timed(advice, tuple(place), told["cells"], sites_of)
        seconds.append(taken)
        counts.append(len(asked))
        sizes.append(kilobytes(list(chain(*asked))))
    all_seconds, every = timed(all_at_once)
    usual = statistics.median(seconds)
    return [
        f"{1000 * map_seconds:.0f} ms", f"{kilobytes(told):.0f}", f"{statistics.median(counts):.0f}", f"{max(counts)}",
        f"{1000 * usual:.0f} ms", f"{1000 * np.quantile(seconds, 0.95):.0f} ms", f"{statistics.median(sizes):.0f}",
        f"{1000 * all_seconds:,.0f} ms", f"{kilobytes(every):,.0f}", f"{all_seconds / usual:.0f}",
    ]  # fmt: skip


def all_at_once() -> list[dict]:
    """Every site in one answer, read in as few queries as one cell."""
    now, states = timezone.now(), list(SiteState.objects.located().select_related("site__operator"))
    told = tariffs([state.site_id for state in states], now)
    return [_public(state, told[state.site_id], now) for state in states]


def kept(cell, asked: list) -> list[dict]:
    """The sites of a cell, which are noted."""
    asked.append(public_sites(cell, timezone.now()))
    return asked[-1]


def timed(function, *arguments):
    """(seconds, what it returned)."""
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def kilobytes(told) -> float:
    return len(gzip.compress(orjson.dumps(told))) / 1000
