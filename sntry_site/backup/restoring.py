"""Putting a backup back, and proving that what is there then is what was backed up, and works."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import get_commands
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from .archive import DUMP, Archive, BadBackup
from .making import secret_key_mark
from .postgres import Database, load
from .trial import try_site

STAGING = ".restoring"


@dataclass
class Report:
    """What was restored, how long each part took in seconds, and what whoever did it has to know."""

    seconds: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    files: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @contextmanager
    def timing(self, name: str):
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun


def restore(archive: Archive, *, replace: bool, say: Callable[[str], None]) -> Report:
    """Put `archive` in place of an empty installation, or with `replace` of a filled one. Raises BadBackup.

    The database changes as a whole and last of what can fail; files that were there are gone only after it.
    """
    database, report = Database.of_settings(), Report()
    connections.close_all()
    _refuse_if_used(database)
    homes = {"media": Path(settings.MEDIA_ROOT), "models": Path(settings.MODEL_DIR)}
    if not replace:
        _refuse_if_filled(database, homes)
    _check(archive, report, say)
    with report.timing("files"):
        for name, home in homes.items():
            home.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home / STAGING, ignore_errors=True)
            report.files += archive.extract(name, home / STAGING)
    with report.timing("database"), archive.opened(DUMP) as dumped:
        say(f"Filling the database {database.name} ...")
        load(database, dumped)
    for home in homes.values():
        _move_in(home)
    _prove(archive, database, homes["models"], report, say)
    return report


def verify(archive: Archive, say: Callable[[str], None]) -> Report:
    """Prove `archive` by restoring it into a scratch database of the same server, which is dropped afterwards."""
    report = Report()
    _check(archive, report, say)
    with _scratch_database() as database, tempfile.TemporaryDirectory(prefix="sntry-proof-") as folder:
        with report.timing("files"):
            for name in ("media", "models"):
                report.files += archive.extract(name, Path(folder) / name)
        with report.timing("database"), archive.opened(DUMP) as dumped:
            say(f"Filling the scratch database {database.name} ...")
            load(database, dumped)
        _prove(archive, database, Path(folder) / "models", report, say)
    return report


def _check(archive: Archive, report: Report, say) -> None:
    """Everything that can be known before anything changes."""
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    newer = [f"{app}.{name}" for app, name in archive.manifest["migrations"] if (app, name) not in known]
    if newer:
        raise BadBackup(
            f"The backup is of a version of Sntry that has {newer[0]}, which this one has not: "
            f"restore it with {archive.manifest['versions']['sntry']}."
        )
    say("Comparing every file with its hash ...")
    with report.timing("hashes"):
        archive.verify()
    applied = {tuple(each) for each in archive.manifest["migrations"]}
    if behind := len(known - applied):
        report.notes.append(f"The backup is {behind} migrations behind this version: run `manage.py migrate`.")
    if archive.manifest["secret_key_mark"] != secret_key_mark():
        report.notes.append(
            "It was made under another SECRET_KEY: put that one into SECRET_KEY or SECRET_KEY_FALLBACKS, or enter the"
            " secrets of webhooks and OCPI anew; everybody has to sign in again."
        )


def _refuse_if_used(database: Database) -> None:
    if count := database.others():
        raise BadBackup(f"{count} connections to {database.name} are open: stop web, workers and beat first.")


def _refuse_if_filled(database: Database, homes: dict[str, Path]) -> None:
    hint = "give --replace if all of it may be deleted"
    if count := len(database.tables()):
        raise BadBackup(f"The database {database.name} is not empty ({count} tables): {hint}.")
    for home in homes.values():
        if home.exists() and any(home.iterdir()):
            raise BadBackup(f"{home} is not empty: {hint}.")


def _move_in(home: Path) -> None:
    """The restored files take the place of what is in `home`, which may be a mounted disk and stays itself."""
    staging = home / STAGING
    for old in home.iterdir():
        if old != staging:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    if staging.exists():
        for new in staging.iterdir():
            new.rename(home / new.name)
        staging.rmdir()


@contextmanager
def _scratch_database():
    home, name = Database.of_settings(), f"sntry_proof_{secrets.token_hex(4)}"
    quoted = psycopg.sql.Identifier(name)
    with home.connect(autocommit=True) as session:
        try:
            session.execute(psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(quoted))
        except psycopg.Error as error:
            raise BadBackup(
                f"No scratch database could be made ({str(error).splitlines()[0]}): use a role that may, "
                "or restore the file on another server."
            ) from None
        try:
            yield Database(name)
        finally:
            session.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))


def _prove(archive: Archive, database: Database, models: Path, report: Report, say) -> None:
    """Hold the restored rows to the manifest, check the chain of the audit log, and start a site on them."""
    expected = archive.manifest["tables"]
    with report.timing("counting"):
        say("Counting rows ...")
        if database.tables() != sorted(expected):
            raise BadBackup(f"The tables of {database.name} are not those of the backup.")
        found = database.counts(sorted(expected))
        wrong = [name for name in expected if found[name] != expected[name]]
        if wrong:
            name = wrong[0]
            raise BadBackup(f"{name} has {found[name]:,} rows, and had {expected[name]:,} when it was backed up.")
        report.rows = sum(found.values())
    environment = _environment(database, models)
    if "verify_audit" in get_commands():
        with report.timing("audit log"):
            say("Checking the chain of the audit log ...")
            _run_command(environment, "verify_audit")
    with report.timing("start"):
        say("Starting a site on it ...")
        try_site(environment)


def _environment(database: Database, models: Path) -> dict[str, str]:
    """Variables under which commands and a web process work on `database`."""
    return {**os.environ, "DATABASE_URL": database.url(), "MODEL_DIR": str(models), "SECRET_KEY": settings.SECRET_KEY}


def _run_command(environment: dict[str, str], name: str) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise BadBackup(f"`manage.py {name}` fails on the restored data: {said[-1]}")
