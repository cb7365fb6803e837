"""PostgreSQL's own programs on the database of the settings, or on another one of the same server."""

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from .. import embedded
from ..embedded.binaries import postgres_directory
from ..embedded.failures import EnginesUnavailable
from .archive import CHUNK, BadBackup

FIRST_WITH_TRANSACTION_TIMEOUT = 17
HEADING_BYTES = 4096  # of a restored dump, before its first statement that makes anything
CLEAR = b"BEGIN;\nDROP SCHEMA IF EXISTS public CASCADE;\n"  # the dump makes it anew


@dataclass(frozen=True)
class Database:
    """A database of the configured server; programs find it by `conninfo`, and the password is in no command line."""

    name: str

    @classmethod
    def of_settings(cls) -> "Database":
        return cls(connection.settings_dict["NAME"])

    @property
    def conninfo(self) -> str:
        """Everything but the password; without limits of time, because a dump takes what it takes."""
        kept = connection.settings_dict
        options = {name: value for name, value in kept.get("OPTIONS", {}).items() if name.startswith("ssl")}
        where = {"host": kept["HOST"], "port": kept["PORT"], "user": kept["USER"], "dbname": self.name}
        return make_conninfo(**{name: value for name, value in (where | options).items() if value}, connect_timeout=5)

    def url(self) -> str:
        """DATABASE_URL of processes that are to work on it."""
        address = os.environ.get("DATABASE_URL") or embedded.database_url()
        before, query = address.partition("?")[::2]
        return f"{before.rpartition('/')[0]}/{quote(self.name)}" + (f"?{query}" if query else "")

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        password = connection.settings_dict["PASSWORD"]
        return {**kept, "PGPASSWORD": password} if password else kept

    def connect(self, **options) -> psycopg.Connection:
        try:
            return psycopg.connect(self.conninfo, password=connection.settings_dict["PASSWORD"] or None, **options)
        except psycopg.OperationalError as error:
            raise BadBackup(f"The database {self.name} does not answer: {str(error).splitlines()[0]}") from None

    def tables(self) -> list[str]:
        """The tables in it, partitions too."""
        with self.connect() as session:
            return table_names(session)

    def others(self) -> int:
        """How many other connections to it are open."""
        with self.connect() as session:
            return session.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'",
                [self.name],
            ).fetchone()[0]

    def counts(self, tables: list[str]) -> dict[str, int]:
        """Rows of each of `tables`."""
        with self.connect() as session:
            return row_counts(session, tables)


def table_names(session: psycopg.Connection) -> list[str]:
    """Ordinary tables of the schema public; a partitioned one is told by its partitions."""
    found = session.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
    )
    return [name for (name,) in found]


def row_counts(session: psycopg.Connection, tables: list[str]) -> dict[str, int]:
    counts = {}
    for name in tables:
        quoted = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier("public", name))
        counts[name] = session.execute(quoted).fetchone()[0]
    return counts


def server_major() -> int:
    """The major version of the configured server."""
    connection.ensure_connection()
    return connection.pg_version // 10_000


def program(name: str) -> Path:
    """pg_dump, pg_restore or psql: from the wheel, else from this machine; not older than the server."""
    try:
        return postgres_directory() / name
    except EnginesUnavailable:
        found = shutil.which(name)
    if not found:
        raise BadBackup(f"{name} is not installed: install the client programs of PostgreSQL {server_major()}.")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.search(r"(\d+)", said)[1]) < server_major():
        raise BadBackup(f"{found} is older than the server: install the programs of PostgreSQL {server_major()}.")
    return Path(found)


def dump(database: Database, snapshot: str, target: Path) -> None:
    """Write what `snapshot` saw of `database` to `target`, in PostgreSQL's custom format."""
    command = [program("pg_dump"), "--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
    command += ["--schema=public", f"--snapshot={snapshot}", f"--file={target}", f"--dbname={database.conninfo}"]
    done = subprocess.run(command, env=database.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadBackup(f"The database was not written down: {_reason(done.stderr)}")


def load(database: Database, dumped) -> None:
    """Fill `database` from the file `dumped` in one transaction, in which what is there goes: all of it, or nothing.

    Reading `dumped` to its end may raise; then nothing has changed either.
    """
    taking = [program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--file=-"]
    putting = [
        program("psql"),
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
        database.conninfo,
    ]
    with _started(taking) as taken, _started(putting, database.environment()) as put, ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(_feed, dumped, taken.stdin)
        try:
            with suppress(BrokenPipeError):  # psql has given up, and says why below
                put.stdin.write(CLEAR)
                put.stdin.write(_without_newer_settings(taken.stdout.read(HEADING_BYTES)))
                shutil.copyfileobj(taken.stdout, put.stdin, CHUNK)
            taken.stdout.close()
            feeding.result()
            said = taken.stderr.read().decode(errors="replace")
            if taken.wait() and put.poll() is None:
                raise BadBackup(f"The dump was not read: {_reason(said)}")
            with suppress(BrokenPipeError):
                put.stdin.write(b"COMMIT;\n")
                put.stdin.close()
            said = put.stderr.read().decode(errors="replace")
            if put.wait():
                raise BadBackup(f"The database was not restored, and is as it was: {_reason(said)}")
        finally:
            for process in (taken, put):  # without COMMIT nothing has happened
                process.kill()


def _started(command: list, environment: dict | None = None) -> subprocess.Popen:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, **pipes)


def _feed(file, pipe) -> None:
    """Copy `file` into `pipe` to its end, also when nobody reads any more, so that its hash is known."""
    with suppress(BrokenPipeError):
        while data := file.read(CHUNK):
            pipe.write(data)
    while file.read(CHUNK):
        pass
    with suppress(BrokenPipeError):
        pipe.close()


def _without_newer_settings(heading: bytes) -> bytes:
    """Newer programs set a limit that older servers do not know; its value is what they do anyway."""
    if server_major() >= FIRST_WITH_TRANSACTION_TIMEOUT:
        return heading
    return heading.replace(b"SET transaction_timeout = 0;\n", b"")


def _reason(said: str) -> str:
    """The line of a program's complaint that says most."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "error:" in line or "FATAL" in line]
    return (telling or lines or ["it said nothing"])[0]
