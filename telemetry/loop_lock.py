"""One beat at a time, and nobody between its reading and its writing."""

from django.db import connection


def one_at_a_time() -> None:
    """Wait until no other beat is under way, and keep others waiting until this transaction ends.

    Whoever changes what a beat reads and writes takes this first: the beat has read the network before it locks rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sntry loop'))")
