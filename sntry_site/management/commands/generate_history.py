import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from sntry_site.generated_history import KINDS, PLAIN, Wanted, has_rows, write_files
from stations.progress import ConsoleProgress
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.streams import STEPS_PER_DAY
from telemetry.simulation.world_files import EXTRAS, beside

COMMANDS = {
    "statuses": "import_status",
    "soft-events": "import_soft_events",
    "sessions": "import_sessions",
    "orders": "import_orders",
}
DATA_SET_ENDS_AT = datetime(2025, 12, 31, tzinfo=UTC)


class Command(BaseCommand):
    help = "Generate half-hours of a simulated network as a file of the 33 columns, or load them."

    def add_arguments(self, parser):
        parser.add_argument("--sites", type=int, default=150, help="how many sites (default 150)")
        parser.add_argument("--days", type=int, default=183, help="how many days (default 183)")
        parser.add_argument(
            "--scenario",
            choices=(*SCENARIOS, PLAIN),
            default="typical",
            help="the kind of world (default typical); plain: patterns by site, without chargers",
        )
        parser.add_argument(
            "--with",
            dest="extras",
            metavar="KINDS",
            default="",
            help=f"of {','.join(EXTRAS)}: also write these beside the file, or load all but truth",
        )
        parser.add_argument(
            "--lived",
            type=int,
            metavar="DAYS",
            default=0,
            help="continue the history that began so many days earlier",
        )
        parser.add_argument("--dirt", action="store_true", help="status reports twice, late, out of order or from 1970")
        parser.add_argument("--seed", type=int, default=1, help="another seed, another network (default 1)")
        when = parser.add_mutually_exclusive_group()
        when.add_argument(
            "--end", metavar="ISO", help="last half-hour, UTC (default with --load: now; else 2025-12-31)"
        )
        when.add_argument("--start", metavar="ISO", help="first half-hour, UTC, instead of the last")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--csv", metavar="FILE", help="write .csv or .csv.gz")
        where.add_argument("--load", action="store_true", help="import it as any other file")

    def handle(self, *, sites, days, seed, scenario, extras, lived, dirt, end, start, csv, load, verbosity, **options):
        if days < 1 or seed < 0 or lived < 0:
            raise CommandError("--days must be at least 1, --seed and --lived at least 0.")
        wanted = [kind for kind in extras.split(",") if kind]
        if (wanted or dirt or lived) and scenario == PLAIN:
            raise CommandError("--with, --dirt and --lived need a world with chargers, not --scenario plain.")
        if load and (dirt or set(wanted) - set(KINDS)):
            raise CommandError(f"--load takes --with {','.join(KINDS)} alone; write the rest with --csv.")
        first = np.datetime64(self._first(start, end, days, load).replace(tzinfo=None), "s")
        steps = days * STEPS_PER_DAY + 1
        order = Wanted(sites, seed, scenario, first, steps, tuple(wanted), dirt, lived)
        if csv:
            return self._write(Path(csv), order)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.csv")
            self._write(path, order)
            self._load(path, wanted, verbosity)

    def _load(self, path: Path, kinds: list[str], verbosity: int) -> None:
        shared = {"time_zone": "UTC", "verbosity": verbosity}
        follow = "statuses" in kinds
        call_command("import_readings", str(path), simulated=True, statuses_follow=follow, **shared)
        for kind in KINDS:
            if kind in kinds and has_rows(beside(path, kind)):
                call_command(COMMANDS[kind], str(beside(path, kind)), **shared)

    def _first(self, start: str | None, end: str | None, days: int, load: bool) -> datetime:
        if start:
            return _half_hour(start)
        last = _half_hour(end) if end else datetime.now(UTC) if load else DATA_SET_ENDS_AT
        return datetime.fromtimestamp(last.timestamp() // 1800 * 1800, UTC) - timedelta(days=days)

    def _write(self, path: Path, wanted: Wanted) -> None:
        try:
            with ConsoleProgress("Generating history") as progress:
                rows = write_files(path, wanted, progress)
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
