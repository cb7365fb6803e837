from telemetry.importers import import_status
from telemetry.management.import_command import ChargerImportCommand


class Command(ChargerImportCommand):
    help = "Import status reports from a file: time, charger_id, status, temperature_celsius. All of it or nothing."

    def load_at(self, file, site, operator, **shared):
        return import_status(file, site=site, operator=operator, **shared)
