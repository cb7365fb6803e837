from telemetry.importers import import_sessions
from telemetry.management.import_command import ImportCommand


class Command(ImportCommand):
    help = (
        "Import charging sessions from a file: start_time, charger_id, site_id, success, duration_minutes, energy_kwh. "
        "All of it or nothing."
    )

    def load(self, file, *, options, **shared):
        return import_sessions(file, **shared)
