from telemetry.importers import import_status
from telemetry.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import status reports from a file: time, charger_id, status, temperature_celsius. All of it or nothing."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument("--site", metavar="EXTERNAL_ID", help="where unknown chargers belong (default: IMPORTED)")
        parser.add_argument("--operator", metavar="NAME", help="whose site that is (default: Imported)")

    def load(self, file, *, options, **shared):
        return import_status(file, site=options["site"], operator=options["operator"], **shared)
