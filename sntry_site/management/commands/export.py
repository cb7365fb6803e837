import csv
import sys
from datetime import date
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sntry_site.exports import dump, ev_chart
from sntry_site.exports.quarter import Quarter
from sntry_site.exports.streaming import csv_pieces
from stations.models import Operator
from stations.progress import ConsoleProgress


class Command(BaseCommand):
    help = "Write a federal quarterly report (EV-ChART) as CSV, or a dump of an operator's data as a ZIP."

    def add_arguments(self, parser):
        kinds = parser.add_subparsers(dest="kind", required=True)
        report = kinds.add_parser("ev-chart", help="module 2 (sessions), 3 (uptime) or 4 (outages) of a quarter")
        report.add_argument("module", type=int, choices=sorted(ev_chart.COLUMNS))
        report.add_argument("--quarter", help="such as 2026-Q3; default: the last that is over")
        report.add_argument("--operator", metavar="NAME", help="of one operator only")
        report.add_argument("--output", type=Path, help="file to write; default: standard output")
        archive = kinds.add_parser("dump", help="every table as Parquet and CSV")
        archive.add_argument("--operator", metavar="NAME", required=True)
        archive.add_argument("--until", default="", help="day that is not included any more; default: today (UTC)")
        archive.add_argument("--days", type=int, default=1, help="whole days before that (default 1)")
        archive.add_argument("--output", type=Path, required=True, help="the ZIP to write")

    def handle(self, *, kind, **options):
        try:
            getattr(self, "write_report" if kind == "ev-chart" else "write_dump")(**options)
        except ValueError as error:
            raise CommandError(str(error)) from None

    def write_report(self, *, module, quarter, operator, output, **_):
        wanted = Quarter.named(quarter) if quarter else Quarter.of(timezone.now()).before()
        wanted.check_over(timezone.now())
        operators = [one.pk for one in self.operators(operator)]
        pieces = csv_pieces(ev_chart.COLUMNS[module], ev_chart.report(module, wanted, operators))
        if output is None:
            for piece in pieces:
                self.stdout.write(piece.decode(), ending="")
            return
        with output.open("wb") as file:
            file.writelines(pieces)
        with output.open(newline="", encoding="utf-8") as file:
            count = sum(1 for _ in csv.reader(file)) - 1
        self.stderr.write(f"{count:,} rows of {wanted} in {output}")

    def write_dump(self, *, operator, until, days, output, **_):
        day = date.fromisoformat(until) if until else timezone.now().date()
        dump.check_period(day, days, timezone.now())
        with ConsoleProgress("Writing") as progress:
            counts = dump.write_archive(output, self.operators(operator)[0], day, days, progress)
        sys.stderr.write(f"{sum(counts.values()):,} rows in {output}\n")

    def operators(self, name: str | None):
        found = list(Operator.objects.filter(name=name) if name else Operator.objects.all())
        if name and not found:
            raise CommandError(f"There is no operator {name!r}.")
        return found
