from telemetry.importers import import_soft_events
from telemetry.management.import_command import ChargerImportCommand


class Command(ChargerImportCommand):
    help = "Import soft events from a file: time, charger_id and counts per half-hour. All of it or nothing."

    def load_at(self, file, site, operator, **shared):
        return import_soft_events(file, site=site, operator=operator, **shared)
