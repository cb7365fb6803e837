import json

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from stations.models import Operator
from stations.progress import ConsoleProgress
from telemetry.analyses import store
from telemetry.analyses.answer import Answer
from telemetry.analyses.asking import BadQuestion, options_of, period_of, place_of
from telemetry.analyses.questions import BY_SLUG, QUESTIONS
from telemetry.analyses.scope import USUAL_DAYS, Scope
from telemetry.analyses.tables import as_csv

SHOWN = 40


class Command(BaseCommand):
    help = "Answer one of the questions of the reliability pages: " + ", ".join(one.slug for one in QUESTIONS)

    def add_arguments(self, parser):
        parser.add_argument("report", choices=[one.slug for one in QUESTIONS])
        parser.add_argument("--days", type=int, default=USUAL_DAYS, help=f"length of the period (default {USUAL_DAYS})")
        parser.add_argument(
            "--to", metavar="DAY", help="its end (YYYY-MM-DD, not included); default: all that is known"
        )
        parser.add_argument("--operator", metavar="NAME", help="of one operator only")
        parser.add_argument("--site", default="", help="ID of one site")
        parser.add_argument("--type", default="", help="one charger type, such as 'Level 2'")
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE", help="what the question asks besides"
        )
        parser.add_argument("--format", choices=("table", "json", "csv"), default="table")

    def handle(self, *, report, days, to, operator, site, type, option, format, **others):
        if not all("=" in one for one in option):
            raise CommandError("Every --option must be written NAME=VALUE.")
        options = dict(one.split("=", 1) for one in option)
        unknown = sorted(set(options) - {one.name for one in BY_SLUG[report].options})
        if unknown:
            known = ", ".join(one.name for one in BY_SLUG[report].options) or "none"
            raise CommandError(f"{report} has no option {unknown[0]!r}; it has: {known}.")
        try:
            period, place = period_of(days, to), place_of(site, type)
            scope = Scope(*period, self.operators(operator), *place, options_of(BY_SLUG[report], options))
        except BadQuestion as error:
            raise CommandError(str(error)) from None
        with ConsoleProgress("Answering") as progress:
            answer = Answer.from_json(store.make(report, scope, progress).answer)
        getattr(self, f"show_{format}")(report, scope, answer)

    def operators(self, name: str | None) -> tuple[int, ...] | None:
        if not name:
            return None
        found = () if "\0" in name else Operator.objects.filter(name=name).values_list("pk", flat=True)
        if not found:
            raise CommandError(f"There is no operator {name!r}.")
        return tuple(found)

    def show_table(self, report: str, scope: Scope, answer: Answer) -> None:
        console = Console(file=self.stdout, width=120, markup=False)
        console.print(f"{BY_SLUG[report].asks} {scope.start:%Y-%m-%d} to {scope.end:%Y-%m-%d}", markup=False)
        console.print(answer.sentence, markup=False)
        if answer.figures:
            table = Table("", "", "95 % interval", "")
            for one in answer.figures:
                table.add_row(one.label, one.said, one.interval or one.sure, one.note)
            console.print(table)
        if len(answer.table):
            table = Table(*(str(name) for name in answer.table.columns))
            for row in answer.table.head(SHOWN).itertuples(index=False):
                table.add_row(*("" if value is None else str(value) for value in row))
            console.print(table)
        if len(answer.table) > SHOWN:
            console.print(f"The first {SHOWN} of {len(answer.table):,} rows; --format csv has all.")

    def show_json(self, report: str, scope: Scope, answer: Answer) -> None:
        values = answer.as_json()
        del values["plots"]
        self.stdout.write(json.dumps({"report": report, "scope": scope.as_json(), **values}, indent=1))

    def show_csv(self, report: str, scope: Scope, answer: Answer) -> None:
        self.stdout.write(as_csv(answer.table).decode("utf-8-sig"))
