"""The tick with one worker and with two that share its forecasts, whole and the share that they divide."""

import os
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from rich.console import Console
from rich.table import Table

from sntry_site import embedded, tasks
from telemetry.models import TickShard

from .database import fresh_database
from .tick import PORTS, START, fill, store_forecast

SITES = int(os.environ.get("TICK_WORKERS_SITES", "15000"))
SHARDS, TICKS = 8, 5


def main() -> None:
    table = Table("workers", "whole tick, median", "before it: shares", "shares by helper", title=f"{SITES:,} sites")
    with fresh_database():
        fill(SITES)
        store_forecast()
        tasks.tick(START)
        for helpers in (0, 1):
            settings.TICK_SHARDS = SHARDS if helpers else 1
            helper = start_helper() if helpers else None
            try:
                whole, inside = measure(START + timedelta(minutes=10 * (1 + helpers)), helper)
            finally:
                if helper:
                    helper.kill()
                    helper.wait()
            by_others = TickShard.objects.exclude(worker__endswith=f":{os.getpid()}").count()
            shared = f"{by_others} of {TickShard.objects.count()}" if helpers else "-"
            before = f"{whole - inside:,.0f} ms" if helpers else "-"
            table.add_row(str(1 + helpers), f"{whole:,.0f} ms", before, shared)
    Console().print(table)
    print(f"{SITES * PORTS:,} chargers are forecast, on {os.cpu_count()} cores that database and benchmark use, too.")


def start_helper() -> subprocess.Popen:
    """A worker of the tick queue on this benchmark's database."""
    address = urlsplit(os.environ.get("DATABASE_URL") or embedded.database_url())
    path = f"{address.path.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    own = {"DATABASE_URL": urlunsplit(address._replace(path=path)), "TICK_SHARDS": str(SHARDS)}
    command = [sys.executable, "-m", "celery", "--quiet", "--app=sntry_site", "worker", "--queues=tick", "--pool=solo"]
    command += ["--hostname=helper@%h", "--without-gossip", "--without-mingle"]
    return subprocess.Popen(command, cwd=Path(settings.BASE_DIR), env={**os.environ, **own})


def measure(start, helper) -> tuple[float, float]:
    """Median milliseconds of a tick, and of its part that one worker alone does; after the helper has taken part."""
    number, deadline = 0, time.monotonic() + 120
    while helper and not TickShard.objects.exclude(worker__endswith=f":{os.getpid()}").exists():
        assert time.monotonic() < deadline, "the helper takes no part"
        tasks.tick(start + timedelta(seconds=10 * number))
        number += 1
    TickShard.objects.all().delete()
    whole, inside = [], []
    for later in range(TICKS + 1):
        begun = time.perf_counter()
        done = tasks.tick(start + timedelta(seconds=10 * (number + later)))
        whole.append((time.perf_counter() - begun) * 1000)
        inside.append(sum(done.milliseconds.values()))
    return statistics.median(whole[1:]), statistics.median(inside[1:])
