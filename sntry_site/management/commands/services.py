"""`manage.py services start|stop|status`: the embedded PostgreSQL and Valkey by themselves."""

from django.core.management.base import BaseCommand, CommandError

from sntry_site import embedded, single_up


class Command(BaseCommand):
    """Start, stop or show the embedded engines."""

    help = "Start, stop or show the embedded PostgreSQL and Valkey of this clone."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("action", choices=["start", "stop", "status"])

    def handle(self, *, action, **options):
        if action == "stop":
            self.stop()
        elif action == "start":
            started = embedded.ensure_running()
            self.stdout.write(f"Started {' and '.join(started)}." if started else "Nothing to start.")
        for name, state in embedded.status().items():
            self.stdout.write(f"{name:<10}  {state}")

    def stop(self) -> None:
        running = single_up.owner()
        if running:
            raise CommandError(
                f"`manage.py up` runs in this clone (process {running.process_id}) and needs them: "
                f"stop it first, with Ctrl-C or `kill {running.process_id}`."
            )
        embedded.stop()
