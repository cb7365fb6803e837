"""The import of 1,317,750 half-hours, beside the row-by-row way: a look-up and a create() per row."""

import csv
import itertools
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from stations.models import Site
from telemetry.importers import import_readings
from telemetry.models import LocalEvent, Reading, SiteStatus, Weather

from .database import fresh_database

NAIVE_ROWS = 3_000


def main() -> None:
    """Print seconds, rows per second, ratios and the peak memory of this process."""
    with tempfile.TemporaryDirectory() as folder, fresh_database():
        path = Path(folder, "history.csv")
        generation = _timed(lambda: _generate(path))
        table = Table(title=f"Import of {path.stat().st_size / 1e6:,.0f} MB (generated in {generation:.1f} s)")
        for name in ("way", "rows", "seconds", "rows/s", "against naive", "peak memory"):
            table.add_column(name, justify="left" if name == "way" else "right")
        _forget_peak()
        first = _timed(lambda: _load(path))
        peak, rows = _peak(), Reading.objects.count()
        again = _timed(lambda: _load(path))
        naive = _timed(lambda: _naive(path)) / NAIVE_ROWS * rows
    ways = ((first, "import_readings", peak), (again, "the same file again", ""), (naive, "naive, scaled", ""))
    for seconds, way, memory in ways:
        table.add_row(way, f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{naive / seconds:.0f}×", memory)
    Console(width=120).print(table)


def _timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _generate(path: Path) -> None:
    """In a process of its own, so that its memory does not count here."""
    command = [sys.executable, "manage.py", "generate_history", "--csv", str(path)]
    subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True)


def _load(path: Path) -> None:
    import_readings(
        path,
        simulated=True,
        skip_bad=False,
        time_zone="UTC",
        rejects_path=None,
        progress=lambda *_: None,
        now=timezone.now(),
    )


def _naive(path: Path) -> None:
    """The first rows again, of another year: each looked up, converted and created by itself."""
    kinds = (SiteStatus, Weather, LocalEvent)
    status, weather, event = ({choice.label: choice.value for choice in kind} for kind in kinds)
    with open(path, newline="") as file, transaction.atomic():
        for row in itertools.islice(csv.DictReader(file), NAIVE_ROWS):
            Reading.objects.create(
                site=Site.objects.get(external_id=row["station_id"]),
                at=datetime.fromisoformat(row["timestamp"]).replace(year=2015, tzinfo=UTC),
                ports_total=int(row["ports_total"]),
                ports_available=int(row["ports_available"]),
                ports_occupied=int(row["ports_occupied"]),
                ports_out_of_service=int(row["ports_out_of_service"]),
                utilization=float(row["utilization_rate"]),
                status=status[row["station_status"]],
                wait_minutes=float(row["estimated_wait_time_mins"]),
                session_minutes=float(row["avg_session_duration_mins"]),
                price=row["current_price"],
                temperature_f=float(row["temperature_f"]),
                precipitation_mm=float(row["precipitation_mm"]),
                weather=weather[row["weather_condition"]],
                gas_price=row["gas_price_per_gallon"],
                traffic_index=float(row["traffic_congestion_index"]),
                local_event=event[row["local_event"]],
            )
        transaction.set_rollback(True)


def _forget_peak() -> None:
    """Let the kernel measure this process's peak memory anew (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> str:
    """This process's peak memory since then."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return f"{int(line.split()[1]) / 1000:,.0f} MB"
    return "unknown"
