from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from sntry_site import single_up
from sntry_site.backup import Archive, BadBackup, restore
from sntry_site.backup.restoring import Report


class Command(BaseCommand):
    help = "Put a backup back into an empty installation, and prove it: hashes, rows, audit log, a site that starts."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="a backup that `manage.py backup` made")
        parser.add_argument("--replace", action="store_true", help="delete what is there: database, media and models")

    def handle(self, *, file, replace, **options):
        if running := single_up.owner():
            raise CommandError(f"`manage.py up` runs in this clone (process {running.process_id}): stop it first.")
        try:
            report = restore(Archive(file), replace=replace, say=self.stdout.write)
        except BadBackup as error:
            raise CommandError(str(error)) from None
        self.stdout.write(summary(f"{file} is restored", report))


def summary(what: str, report: Report) -> str:
    """What was done, in how much time."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items())
    lines = [f"{what}: {report.rows:,} rows, {report.files} files, {report.total:.1f} s ({parts})."]
    return "\n".join([*lines, *(f"Note: {note}" for note in report.notes)])
