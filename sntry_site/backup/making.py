"""Making a backup: what one moment of the database holds, with the files that its rows name."""

import hmac
import os
import tarfile
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings
from django.utils import timezone

from telemetry.model_registry import code_version

from .archive import DUMP, Archive, BadBackup, Writing
from .postgres import Database, dump, row_counts, server_major, table_names


def make(target: Path) -> Archive:
    """Write a backup to the file `target`, or into the folder `target` under a name with the time.

    It appears under its name when it is complete and on the disk; a file of that name is not overwritten.
    """
    now = timezone.now()
    if target.is_dir():
        target = target / f"sntry-{now:%Y%m%dT%H%M%SZ}.backup"
    if target.exists():
        raise BadBackup(f"{target} exists: choose another name.")
    if not target.parent.is_dir():
        raise BadBackup(f"There is no folder {target.parent}: make it first.")
    with _partial(target) as partial, tempfile.TemporaryDirectory(dir=target.parent, prefix=".sntry-dump-") as scratch:
        dumped = Path(scratch) / DUMP
        about = _dump_one_moment(dumped) | {"made_at": now.isoformat(), "secret_key_mark": secret_key_mark()}
        with partial.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w:") as tar:
                writing = Writing(tar)
                writing.add(DUMP, dumped)
                # After the database, because rows name files and never the other way round.
                writing.add_folder("media", Path(settings.MEDIA_ROOT))
                writing.add_folder("models", Path(settings.MODEL_DIR))
                writing.finish(about)
            file.flush()
            os.fsync(file.fileno())
    return Archive(target)


@contextmanager
def _partial(target: Path):
    """A file beside `target` for its owner only, which becomes `target` in the end and is gone after a failure."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield partial
        os.link(partial, target)  # not rename, which would overwrite
    except OSError as error:
        raise BadBackup(f"{target} was not written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _dump_one_moment(dumped: Path) -> dict:
    """Dump the database; rows and migrations are counted in the same snapshot, to which a restore is held."""
    database = Database.of_settings()
    with database.connect() as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = session.execute("SELECT pg_export_snapshot()").fetchone()[0]
        tables = table_names(session)
        if "django_migrations" not in tables:
            raise BadBackup("The database holds no Sntry: run `manage.py up` or `manage.py migrate` first.")
        applied = session.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
        counts = row_counts(session, tables)
        dump(database, snapshot, dumped)
    versions = {"sntry": code_version(), "django": django.get_version(), "postgresql": server_major()}
    versions["scikit-learn"] = version("scikit-learn")  # models are loaded by this one alone
    return {"versions": versions, "migrations": [list(each) for each in applied], "tables": counts}


def secret_key_mark() -> str:
    """Tells whether two installations have the same SECRET_KEY, and nothing else about it."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"sntry backup", "sha256").hex()[:16]
