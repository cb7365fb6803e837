"""A made-up history: written as files, and loaded as any other files would be."""

import gzip
import itertools
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from maintenance.order_importer import import_orders
from stations.progress import Progress
from telemetry.importers import import_readings, import_sessions, import_soft_events, import_status
from telemetry.simulation.history_file import write_history
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.world_files import beside, write_world

PLAIN = "plain"  # patterns by site, without chargers
_IMPORTERS = {
    "statuses": lambda path, **shared: import_status(path, site=None, operator=None, **shared),
    "soft-events": lambda path, **shared: import_soft_events(path, site=None, operator=None, **shared),
    "sessions": import_sessions,
    "orders": lambda path, **shared: import_orders(path, site=None, operator=None, **shared),
}
KINDS = tuple(_IMPORTERS)  # what can be loaded beside the readings
# A file is loaded a few chargers at a time, because recording reports locks the states of their chargers, and ticks
# wait for those five seconds at most.
_PIECES = 48


@dataclass(frozen=True)
class Wanted:
    """What is to be generated: a network, from when on, how many half-hours, and what beside the readings."""

    sites: int
    seed: int
    scenario: str
    start: np.datetime64
    steps: int
    extras: tuple[str, ...] = ()
    dirt: bool = False
    lived_days: int = 0


def write_files(path: Path, wanted: Wanted, progress: Progress) -> int:
    """Write the readings to `path` and the extras beside it; returns how many readings. Raises ValueError."""
    sites = network(wanted.sites, wanted.seed)
    if wanted.scenario == PLAIN:
        return write_history(path, sites, wanted.start, wanted.steps, wanted.seed, progress)
    return write_world(
        path, sites, wanted.start, wanted.steps, wanted.seed, SCENARIOS[wanted.scenario], wanted.extras, progress,
        wanted.dirt, wanted.lived_days,
    )  # fmt: skip


def has_rows(path: Path) -> bool:
    """Whether there is anything below the first line of a .csv file: a small network may have closed no order."""
    with open(path, "rb") as file:
        return len(list(itertools.islice(file, 2))) == 2


def load_files(path: Path, extras: Iterable[str], progress: Progress, now: datetime) -> None:
    """Load the readings in `path` and the extras beside it, each but the readings a few chargers at a time.

    All of it or, after a failure, what was loaded until then; the same again changes nothing.
    """
    shared = {"skip_bad": False, "time_zone": "UTC", "rejects_path": None, "now": now}
    import_readings(path, simulated=True, statuses_follow="statuses" in extras, progress=progress, **shared)
    for kind in extras:
        progress(0, _PIECES, f"Sorting {kind} by charger")
        for number, piece in enumerate(_pieces(beside(path, kind)), 1):
            if has_rows(piece):
                _IMPORTERS[kind](piece, progress=lambda *_: None, **shared)
            piece.unlink()
            progress(number, _PIECES, f"Loading {kind}")


def _pieces(path: Path) -> list[Path]:
    """The rows of a .csv.gz file in _PIECES files, those of a charger together and in their order."""
    pieces = [path.with_name(f"piece-{number}.csv") for number in range(_PIECES)]
    with gzip.open(path, "rb") as whole, ExitStack() as stack:
        files = [stack.enter_context(open(piece, "wb")) for piece in pieces]
        header = whole.readline()
        for file in files:
            file.write(header)
        place = header.rstrip().split(b",").index(b"charger_id")
        for line in whole:
            files[zlib.crc32(line.split(b",", place + 1)[place]) % _PIECES].write(line)
    return pieces
