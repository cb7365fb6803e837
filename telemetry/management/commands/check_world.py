import numpy as np
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from stations.progress import ConsoleProgress
from telemetry.simulation.check import Sample, cause_table, findings, sample
from telemetry.simulation.check_page import report_page
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
        found = findings(lived, SCENARIOS[scenario])
        self.show(found, lived)
        if page:
            self.write_page(page, found, lived, f"{scenario}, {sites} sites, {days} days, seed {seed}")
        outside = [finding.name for finding in found if not finding.holds]
        if outside:
            raise CommandError(f"Outside of their bands: {'; '.join(outside)}.")

    def show(self, found, lived: Sample) -> None:
        console = Console(file=self.stdout, width=110)
        table = Table("", "this world", "from", "to", "unit", "source", "")
        for one in found:
            numbers = (f"{number:.3g}" for number in (one.value, one.lowest, one.highest))
            table.add_row(one.name, *numbers, one.unit, one.source, "" if one.holds else "outside")
        console.print(table)
        table = Table("cause", "per port-year", "visits", "median h")
        for name, rate, visits, hours in cause_table(lived):
            table.add_row(name, f"{rate:.2f}", str(visits), f"{hours:.2f}")
        console.print(table)

    def write_page(self, path: str, found, lived: Sample, title: str) -> None:
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(report_page(found, lived, title))
        except OSError as error:
            raise CommandError(f"The page cannot be written: {error.strerror}.") from None
