from datetime import datetime, timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sntry_site.tasks import tick
from telemetry.models.ticks import SLOT_SECONDS


class Command(BaseCommand):
    help = "Do the work of one or more ticks now, as the beat does every ten seconds."

    def add_arguments(self, parser):
        parser.add_argument("--at", help="time of the first tick, ISO 8601 with a zone; now by default")
        parser.add_argument("--count", type=int, default=1, help="how many ticks, ten seconds apart (default 1)")

    def handle(self, *args, at, count, **options):
        start = self._parse(at) if at else timezone.now()
        if count < 1:
            raise CommandError("--count must be 1 or more.")
        for number in range(count):
            moment = start + timedelta(seconds=number * SLOT_SECONDS)
            done = tick(moment)
            self.stdout.write(f"{moment:%Y-%m-%d %H:%M:%S} {self._summary(done)}")

    def _parse(self, at: str) -> datetime:
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise CommandError(f"--at {at!r} is not a time; write it like 2026-11-20T12:00:00+00:00.") from None
        if moment.tzinfo is None:
            raise CommandError(f"--at {at!r} has no time zone; add one, like 2026-11-20T12:00:00+00:00.")
        return moment

    def _summary(self, done) -> str:
        if done is None:
            return "was done already"
        total = sum(done.milliseconds.values())
        return f"{done.sites} sites in {total:.0f} ms, scored by {done.scorer}"
