from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from sntry_site.backup import Archive, BadBackup, make
from sntry_site.backup.restoring import verify

from .restore import summary


class Command(BaseCommand):
    help = "Write database, media and models into one file; --verify proves such a file in a scratch database."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="file to write, or a folder; with --verify the backup to prove")
        parser.add_argument("--verify", action="store_true", help="restore FILE into a scratch database, and drop that")

    def handle(self, *, file, verify, **options):
        try:
            self.prove(file) if verify else self.write(file)
        except BadBackup as error:
            raise CommandError(str(error)) from None

    def write(self, file: Path) -> None:
        made = make(file)
        manifest = made.manifest
        size = made.path.stat().st_size / 1e6
        self.stdout.write(
            f"{made.path}: {sum(manifest['tables'].values()):,} rows of {len(manifest['tables'])} tables and "
            f"{len(manifest['files']) - 1} files, {size:,.1f} MB."
        )

    def prove(self, file: Path) -> None:
        report = verify(Archive(file), self.stdout.write)
        self.stdout.write(summary(f"{file} can be restored", report))
