"""Copy the history of another PostgreSQL into ours."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stations.jobs import ConsoleProgress
from telemetry.importers import ImportRefused
from telemetry.importers.database import import_database


class Command(BaseCommand):
    help = (
        "Copy sites, chargers, charger_status and charging_sessions from the PostgreSQL whose URL is in an environment "
        "variable. All or nothing; the same source again changes nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("variable", metavar="ENVVAR", help="name of the environment variable that holds the URL")
        parser.add_argument("--operator", default="Imported", help="whose sites they are (default: Imported)")
        parser.add_argument("--time-zone", default=settings.DATA_TIME_ZONE, help="of times that do not say it")
        parser.add_argument("--skip-bad", action="store_true", help="leave bad rows out instead of refusing all")
        parser.add_argument(
            "--rejects",
            type=Path,
            metavar="FILE",
            default=Path("import_database.rejects.csv"),
            help="where to list the bad rows (default: %(default)s)",
        )

    def handle(self, *, variable, operator, time_zone, skip_bad, rejects, **_):
        url = os.environ.get(variable, "").strip()
        if not url:
            raise CommandError(
                f"The environment variable {variable} is not set; put the URL of the source database into it, "
                "as postgresql://<user>:<password>@<host>:5432/<name>."
            )
        try:
            ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise CommandError(f"There is no time zone {time_zone!r}; name one like Europe/Dublin.") from None
        try:
            with ConsoleProgress("Importing") as progress:
                report = import_database(
                    url,
                    operator=operator,
                    progress=progress,
                    now=timezone.now(),
                    skip_bad=skip_bad,
                    time_zone=time_zone,
                    rejects_path=rejects,
                )
        except ImportRefused as refused:
            raise CommandError(str(refused)) from None
        self._summarise(report, rejects)

    def _summarise(self, report, rejects) -> None:
        for table, rows in report.read.items():
            self.stdout.write(f"{table}: {rows:,} rows read, {report.changed[table]:,} new or different")
        if report.bad_values:
            self.stdout.write(f"{report.bad_values:,} bad values, whose rows were left out; the first of them:")
            for row in report.bad_rows:
                self.stdout.write(f"  {row}")
            self.stdout.write(f"All of them are in {rejects.name}.")
