from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.forecast_training import signal_of_history
from telemetry.scoring import NothingToLearn


class Command(BaseCommand):
    help = "Say whether failures in the history that is loaded can be forecast at all, with a 95 % interval."

    def handle(self, *args, **options):
        try:
            self.stdout.write(signal_of_history(timezone.now())["sentence"])
        except NothingToLearn as error:
            raise CommandError(str(error)) from None
