from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.forecast_training import signal_of_history
from telemetry.scoring import NothingToLearn


class Command(BaseCommand):
    help = "Say whether failures in the history that is loaded can be forecast at all, with a 95 % interval."

    def handle(self, *args, **options):
        try:
            found = signal_of_history(timezone.now())
        except NothingToLearn as error:
            raise CommandError(str(error)) from None
        if found["level"] == "site":
            self.stdout.write("Chargers have told too little, so this is of whole sites, by their readings alone.")
        self.stdout.write(found["sentence"])
