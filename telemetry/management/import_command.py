"""What the commands that import a file have in common."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stations.progress import ConsoleProgress
from telemetry.importers import ImportRefused, ImportReport


class ImportCommand(BaseCommand):
    """Imports a file: draws its progress, tells what became of it, ends with 1 when nothing was loaded."""

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help=".csv or .csv.gz, UTF-8, at most 2 GB of text")
        parser.add_argument("--skip-bad", action="store_true", help="leave bad rows out and load the others")
        parser.add_argument(
            "--time-zone",
            default=settings.DATA_TIME_ZONE,
            help=f"zone of times that do not name one (default {settings.DATA_TIME_ZONE})",
        )
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="where to list the bad rows (default: FILE.rejects.csv)"
        )

    def load(self, file: Path, **options) -> ImportReport:
        """Import `file`; options are those that all importers share, and the command's own."""
        raise NotImplementedError

    def handle(self, *, file, skip_bad, time_zone, rejects, verbosity, **options):
        shared = {"skip_bad": skip_bad, "time_zone": time_zone, "rejects_path": rejects, "now": timezone.now()}
        try:
            with ConsoleProgress(f"Importing {file.name}") as progress:
                report = self.load(file, progress=progress, **shared, options=options)
        except ImportRefused as error:
            if error.report:
                self._show(error.report)
            raise CommandError(str(error)) from None
        self._show(report)
        if verbosity:
            self.stdout.write(str(report))

    def _show(self, report: ImportReport) -> None:
        for cell in report.bad_cells:
            self.stderr.write(str(cell))
        for note in report.notes:
            self.stdout.write(f"{note}.")


class ChargerImportCommand(ImportCommand):
    """Imports a file that names chargers and not where they stand."""

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("--site", metavar="EXTERNAL_ID", help="where unknown chargers belong (default: IMPORTED)")
        parser.add_argument("--operator", metavar="NAME", help="whose site that is (default: Imported)")

    def load_at(self, file: Path, site: str | None, operator: str | None, **shared) -> ImportReport:
        """Import `file`; unknown chargers come to `site`."""
        raise NotImplementedError

    def load(self, file, *, options, **shared):
        return self.load_at(file, options["site"], options["operator"], **shared)
