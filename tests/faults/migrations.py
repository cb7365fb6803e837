"""A million rows are migrated while others read and write them, and one of the readers is slow."""

import os
import subprocess
import sys
import threading
import time

import psycopg

from .scoreboard import Scoreboard
from .world import World

ROWS = int(os.environ.get("FAULT_MIGRATION_ROWS", "1000000"))
BEFORE = (("stations", "0018_webhooks_and_ocpi"), ("telemetry", "0012_late_changes"))  # from there to the newest
SLOW_SECONDS = 8  # of a report that reads the table in one transaction
TABLES = ("telemetry_chargingsession", "telemetry_statusreport", "telemetry_chargerstate")
CHARGERS = 2000
# Table -> the columns that matter, and where its rows come from; others that must not be null get what is neutral.
FILL = {
    "stations_operator": ({"name": "'Northline'"}, "generate_series(1, 1) n"),
    "stations_site": (
        {"operator_id": "(SELECT min(id) FROM stations_operator)", "external_id": "'S' || n"},
        "generate_series(1, {sites}) n",
    ),
    "stations_charger": (
        {"site_id": "site.id", "external_id": "site.external_id || '-' || n"},
        "stations_site site, generate_series(1, 4) n",
    ),
    "telemetry_chargerstate": ({"charger_id": "charger.id", "status": "'AVAILABLE'"}, "stations_charger charger"),
    "telemetry_statusreport": (
        {"charger_id": "charger.id", "status": "'AVAILABLE'", "reported_at": "now() - n * interval '1 minute'"},
        "stations_charger charger, generate_series(1, {each}) n",
    ),
    "telemetry_chargingsession": (
        {"charger_id": "charger.id", "price": "0.4", "started_at": "now() - n * interval '1 hour'"},
        "stations_charger charger, generate_series(1, {each}) n",
    ),
}
NEUTRAL = {"boolean": "false", "jsonb": "'{}'", "ARRAY": "'{}'", "timestamp with time zone": "now()"}
NEUTRAL |= dict.fromkeys(("integer", "bigint", "smallint", "numeric", "double precision"), "0")
NEEDED = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""
READ = "SELECT count(*) FROM (SELECT 1 FROM {} ORDER BY charger_id LIMIT 100) AS few"
WRITE = "UPDATE {} SET charger_id = charger_id WHERE charger_id = (SELECT min(id) FROM stations_charger) AND false"


class Users:
    """One reader and one writer of each table, who note how long each statement took."""

    def __init__(self, world: World) -> None:
        self.world, self.over, self.longest, self.failed, self.done = world, threading.Event(), {}, [], 0
        self.threads = [
            threading.Thread(target=self._use, args=(statement.format(table), f"{word} {table}"), daemon=True)
            for table in TABLES
            for word, statement in (("reading", READ), ("writing", WRITE))
        ]
        self.threads.append(threading.Thread(target=self._slow, daemon=True))

    def __enter__(self) -> "Users":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(f"host={self.world.runtime} user=sntry dbname=sntry", autocommit=True)

    def _use(self, statement: str, word: str) -> None:
        with self._connect() as wire:
            while not self.over.wait(0.05):
                begun = time.monotonic()
                try:
                    wire.execute(statement)
                except psycopg.Error as error:
                    self.failed.append(f"{word}: {error}")
                self.longest[word] = max(self.longest.get(word, 0), time.monotonic() - begun)
                self.done += 1

    def _slow(self) -> None:
        """A report: it holds its locks for some seconds, rests a little, and comes again."""
        with self._connect() as wire:
            while not self.over.wait(2):
                with wire.transaction():
                    for table in TABLES:
                        wire.execute(READ.format(table))
                    self.over.wait(SLOW_SECONDS)


def run(board: Scoreboard, rows: int = ROWS) -> None:
    with World() as world:
        world.start_engines()
        for app, name in BEFORE:
            manage(world, "migrate", app, name, "-v0")
        for table in FILL:
            fill(world, table, rows)
        world.ask("VACUUM ANALYZE telemetry_statusreport")
        with Users(world) as users:
            time.sleep(3)
            begun = time.monotonic()
            said = manage(world, "migrate", "-v0")
            took = time.monotonic() - begun
        again = said.count("trying again")
    word, longest = max(users.longest.items(), key=lambda item: item[1])
    words = f"{longest:.1f} s ({word}); {took:.0f} s in all, {users.done:,} statements, {again} locks given up"
    is_whole = rows >= 1_000_000 and again > 0  # else the slow report was in nobody's way, by chance
    board.note("migration_wait", longest, words + f"; {rows:,} rows a table", is_whole=is_whole)
    board.note("migration_failed", len(users.failed), f"{len(users.failed)}" + "".join(users.failed[:1]))


def fill(world: World, table: str, rows: int) -> None:
    """Make the rows of a table in one statement, whatever columns it has in this schema."""
    columns, source = FILL[table]
    needed = {name: NEUTRAL.get(kind, "''") for name, kind in world.ask(NEEDED, table) if name not in columns}
    columns = columns | needed
    source = source.format(sites=CHARGERS // 4, each=rows // CHARGERS)
    what = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}"  # noqa: S608
    world.ask(what)


def manage(world: World, *arguments: str) -> str:
    """What a management command of the clone prints."""
    setting = {"cwd": world.folder, "env": {**world.environment, **world.outside}}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], **setting, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
