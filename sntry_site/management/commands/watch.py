"""`manage.py watch`: ends with code 3 once ticks have stopped, so that whatever runs it starts their programs anew."""

import sys
import time

from django.core.management.base import BaseCommand

from sntry_site import watchdog

LATE = 3  # the exit code, for which deploy/systemd/sntry-watch.service and deploy/compose.yaml look
START_SECONDS = 180  # that programs have for their first tick, because how often it was tried before is not known here


class Command(BaseCommand):
    """Look at the age of the last finished tick until it is too old."""

    help = f"Wait until no tick has finished for {watchdog.LATE_SECONDS} s, say so, and end with code {LATE}."
    requires_system_checks = []

    def handle(self, **options):
        dog = watchdog.Watchdog(watchdog.seconds_since_tick, time.monotonic)
        dog.patience = START_SECONDS
        began = time.monotonic()
        while not dog.stuck(dict.fromkeys(watchdog.OF_TICKS, time.monotonic() - began)):
            time.sleep(watchdog.LOOK_SECONDS)
            dog.look_once()
        sys.exit(LATE)
