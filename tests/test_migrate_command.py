"""`manage.py migrate` lets others go first: it waits for locks a little, gives up whole migrations, and tries again."""

import contextlib
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.commands import migrate as django_s
from django.db import OperationalError, connection
from django.db.migrations import Migration
from psycopg.errors import LockNotAvailable

from sntry_site.management.commands import migrate

pytestmark = pytest.mark.django_db(transaction=True)


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return cursor.fetchone()[0]


def test_a_table_that_somebody_holds_is_given_up_and_tried_again(monkeypatch):
    """Another connection reads the table; the change must not make everybody else wait behind it."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.05)
    holder, told, tried = connection.copy(), StringIO(), []
    holder.set_autocommit(False)
    holder.cursor().execute("LOCK TABLE telemetry_tick IN ACCESS SHARE MODE")

    def changes(self, *args, **options):
        tried.append(1)
        self.verbosity = 0
        migration = Migration("0099_more", "telemetry")
        self.migration_progress_callback("apply_start", migration)
        if len(tried) == 2:
            holder.rollback()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE telemetry_tick")

    monkeypatch.setattr(django_s.Command, "handle", changes)
    with contextlib.closing(holder):
        call_command("migrate", verbosity=0, stdout=told)
    assert len(tried) == 2
    assert "Others hold a lock" in told.getvalue()
    assert lock_timeout() == "0"


def test_another_failure_is_none_to_try_again(monkeypatch):
    tried = []

    def fails(self, *args, **options):
        tried.append(1)
        raise OperationalError("disk full")

    monkeypatch.setattr(django_s.Command, "handle", fails)
    with pytest.raises(OperationalError, match="disk full"):
        call_command("migrate", verbosity=0)
    assert len(tried) == 1


def test_after_all_tries_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(migrate, "TRIES", 3)

    def fails(self, *args, **options):
        raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable()

    monkeypatch.setattr(django_s.Command, "handle", fails)
    with pytest.raises(OperationalError, match="lock timeout"):
        call_command("migrate", verbosity=0, stdout=StringIO())


def test_a_migration_that_makes_an_index_beside_others_waits_as_long_as_it_takes():
    command = migrate.Command(stdout=StringIO())
    command.database, command.verbosity = "default", 0
    migration = Migration("0099_index", "telemetry")
    command.migration_progress_callback("apply_start", migration)
    assert lock_timeout() == "2s"
    migration.atomic = False
    command.migration_progress_callback("apply_start", migration)
    assert lock_timeout() == "0"
