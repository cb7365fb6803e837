from django.core.management.base import BaseCommand, CommandError

from stations.audit_chain import walk


class Command(BaseCommand):
    help = "Walk the chain of the audit log; says the first entry that was changed, removed or put in between."

    def add_arguments(self, parser):
        parser.add_argument(
            "--known-head", default="", metavar="HASH",
            help="a hash that this command gave out earlier and that was kept elsewhere: it must be in the chain still",
        )  # fmt: skip

    def handle(self, *args, known_head, **options):
        found = walk(known_head)
        if found.broken:
            raise CommandError(f"The audit log is broken after {found.entries:,} good entries. {found.broken}")
        self.stdout.write(f"{found.entries:,} entries, each follows the one before it. Head: {found.head}")
