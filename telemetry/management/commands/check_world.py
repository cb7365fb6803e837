from pathlib import Path

import numpy as np
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from stations.progress import ConsoleProgress
from telemetry.simulation.check import sample
from telemetry.simulation.check_page import report_page
from telemetry.simulation.check_report import check_report
from telemetry.simulation.network import network
from telemetry.simulation.parameter_tables import parameter_tables
from telemetry.simulation.parameters import SCENARIOS


class Command(BaseCommand):
    help = "Compare the simulated world with published field data; fails if a figure lies outside of its band."

    def add_arguments(self, parser):
        parser.add_argument("--scenario", choices=("good", "typical", "poor"), default="typical")
        parser.add_argument("--sites", type=int, default=150, help="how many sites (default 150)")
        parser.add_argument("--days", type=int, default=183, help="how many days (default 183)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--page", metavar="FILE", help="also write the report with plots as a page (.html)")
        parser.add_argument("--parameters", action="store_true", help="print the tables of docs/simulation.md instead")

    def handle(self, *, scenario, sites, days, seed, page, parameters, **options):
        if parameters:
            return self.stdout.write(parameter_tables())
        if days < 1 or seed < 0:
            raise CommandError("--days must be at least 1 and --seed at least 0.")
        start = np.datetime64("2025-07-01")
        try:
            with ConsoleProgress("Living in the world") as progress:
                lived = sample(network(sites, seed), start, days, seed, SCENARIOS[scenario], progress)
        except ValueError as error:
            raise CommandError(f"The world cannot be made: {error}.") from None
        report = check_report(lived, SCENARIOS[scenario])
        self.show(report)
        if page:
            self.write_page(page, report, f"{scenario}, {sites} sites, {days} days, seed {seed}")
        outside = [found["name"] for found in report["findings"] if not found["holds"]]
        if outside:
            raise CommandError(f"Outside of their bands: {'; '.join(outside)}.")

    def show(self, report: dict) -> None:
        console = Console(file=self.stdout, width=120)
        table = Table("", "this world", "95 % interval", "from", "to", "unit", "source", "")
        for one in report["findings"]:
            numbers = (one["value"], *one["interval"], one["lowest"], one["highest"])
            value, low, high, least, most = map(_digits, numbers)
            word = "" if one["holds"] else "outside"
            table.add_row(one["name"], value, f"{low} to {high}", least, most, one["unit"], one["source"], word)
        console.print(table)
        table = Table("cause", "per port-year", "visits", "median h")
        for name, rate, visits, hours in report["causes"]:
            table.add_row(name, f"{rate:.2f}", str(visits), _digits(hours))
        console.print(table)

    def write_page(self, path: str, report: dict, title: str) -> None:
        style = "".join(Path(finders.find(f"css/{name}.css")).read_text() for name in ("colours", "admin", "plots"))
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(report_page(report, title, style))
        except OSError as error:
            raise CommandError(f"The page cannot be written: {error.strerror}.") from None


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
