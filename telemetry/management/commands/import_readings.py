from telemetry.importers import import_readings
from telemetry.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import half-hours from a .csv or .csv.gz file of the 33 columns, all of it or nothing."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument(
            "--simulated", action="store_true", default=True, help="new operators are simulated (default)"
        )
        whose.add_argument("--real", action="store_false", dest="simulated", help="new operators are real")
        parser.add_argument(
            "--statuses-follow",
            action="store_true",
            help="chargers are not taken for available, because a file of status reports comes next",
        )

    def load(self, file, *, options, **shared):
        wanted = {name: options[name] for name in ("simulated", "statuses_follow")}
        return import_readings(file, **wanted, **shared)
