"""The one clock that decides: the database's, because the hosts of workers may disagree about the time."""

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """The time at the database, also within a transaction that began earlier."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
