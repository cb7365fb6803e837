from django.core.management.base import BaseCommand
from django.db import transaction

from stations.progress import ConsoleProgress
from telemetry.models import Outage


class Command(BaseCommand):
    help = "Derive all outages anew from the status reports. They are kept up to date, so that nothing should change."

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true", help="only say how many would change; change nothing")

    def handle(self, *args, check, **options):
        with ConsoleProgress("Deriving outages") as progress:
            changed = would_change(progress) if check else Outage.objects.rebuild(progress)
        if not changed:
            self.stdout.write("Every outage is as the status reports say.")
        else:
            said = "would change" if check else "were changed"
            self.stdout.write(f"{changed:,} outages {said}, because they did not follow from the status reports.")


def would_change(progress) -> int:
    """How many outages a rebuild would change; nothing is changed."""
    with transaction.atomic():
        changed = Outage.objects.rebuild(progress)
        transaction.set_rollback(True)
    return changed
