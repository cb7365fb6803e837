import time

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

LOCK_SECONDS, PAUSE_SECONDS, TRIES = 2, 1.0, 60


class Command(migrate.Command):
    """Django's own, which waits two seconds at most for a lock and then lets the others go first.

    A change of a table waits for whoever reads it, and everybody else waits behind it. A migration that gives up has
    changed nothing, and is tried again.
    """

    help = f"{migrate.Command.help} Waits {LOCK_SECONDS} s at most for a lock, and tries again up to {TRIES} times."

    def handle(self, *args, **options):
        self.database = options["database"]
        for left in reversed(range(TRIES)):
            try:
                return super().handle(*args, **options)
            except OperationalError as error:
                if not left or not isinstance(error.__cause__, LockNotAvailable):
                    raise
                self.stdout.write(f"Others hold a lock for more than {LOCK_SECONDS} s; trying again.")
                time.sleep(PAUSE_SECONDS)
            finally:
                self.limit_locks(0)

    def migration_progress_callback(self, action, migration=None, fake=False):
        if action in ("apply_start", "unapply_start"):
            # One that makes an index while others write waits for them without being in anybody's way; given up, it
            # would leave half an index.
            self.limit_locks(LOCK_SECONDS if migration.atomic else 0)
        super().migration_progress_callback(action, migration, fake)

    def limit_locks(self, seconds: int) -> None:
        """Wait so long for a lock from now on; 0: for ever."""
        with connections[self.database].cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{seconds}s'")
