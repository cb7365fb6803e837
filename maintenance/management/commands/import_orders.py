from maintenance.order_importer import import_orders
from telemetry.management.import_command import ChargerImportCommand


class Command(ChargerImportCommand):
    help = "Import closed work orders from a file: their turns, charger_id, cause. All of it or nothing."

    def load_at(self, file, site, operator, **shared):
        return import_orders(file, site=site, operator=operator, **shared)
