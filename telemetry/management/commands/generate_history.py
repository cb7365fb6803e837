import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from stations.progress import ConsoleProgress
from telemetry.simulation.history_file import write_history
from telemetry.simulation.network import network
from telemetry.simulation.surroundings import STEPS_PER_DAY

DATA_SET_ENDS_AT = datetime(2025, 12, 31, tzinfo=UTC)


class Command(BaseCommand):
    help = "Generate half-hours of a simulated network as a file of the 33 columns, or load them."

    def add_arguments(self, parser):
        parser.add_argument("--sites", type=int, default=150, help="how many sites (default 150)")
        parser.add_argument("--days", type=int, default=183, help="how many days (default 183)")
        parser.add_argument("--seed", type=int, default=1, help="another seed, another network (default 1)")
        when = parser.add_mutually_exclusive_group()
        when.add_argument(
            "--end", metavar="ISO", help="last half-hour, UTC (default with --load: now; else 2025-12-31)"
        )
        when.add_argument("--start", metavar="ISO", help="first half-hour, UTC, instead of the last")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--csv", metavar="FILE", help="write .csv or .csv.gz")
        where.add_argument("--load", action="store_true", help="import it as any other file")

    def handle(self, *, sites, days, seed, end, start, csv, load, verbosity, **options):
        if days < 1 or seed < 0:
            raise CommandError("--days must be at least 1 and --seed at least 0.")
        first = self._first(start, end, days, load)
        if csv:
            return self._write(Path(csv), sites, first, days, seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.csv")
            self._write(path, sites, first, days, seed)
            call_command("import_readings", str(path), simulated=True, time_zone="UTC", verbosity=verbosity)

    def _first(self, start: str | None, end: str | None, days: int, load: bool) -> datetime:
        if start:
            return _half_hour(start)
        last = _half_hour(end) if end else datetime.now(UTC) if load else DATA_SET_ENDS_AT
        return datetime.fromtimestamp(last.timestamp() // 1800 * 1800, UTC) - timedelta(days=days)

    def _write(self, path: Path, sites: int, first: datetime, days: int, seed: int) -> None:
        moment = np.datetime64(first.replace(tzinfo=None), "s")
        try:
            with ConsoleProgress("Generating history") as progress:
                rows = write_history(path, network(sites, seed), moment, days * STEPS_PER_DAY + 1, seed, progress)
        except (ValueError, OSError) as error:
            raise CommandError(f"History cannot be generated: {getattr(error, 'strerror', None) or error}.") from None
        self.stdout.write(f"{rows:,} rows written to {path.name}.")


def _half_hour(text: str) -> datetime:
    """The time `text` names, in UTC unless it says otherwise."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not a time like 2025-12-31T00:00.") from None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    if at.timestamp() % 1800:
        raise CommandError(f"{text!r} is not on the half-hour.")
    return at
