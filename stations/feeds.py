"""How far a table that is read in the order of its numbers can be read without passing over anything.

Numbers are given out when a row is written, and rows appear when their transaction ends: the row with number 7 may
appear before that with number 6, and whoever goes on after 7 never sees 6. Therefore each transaction that writes
such a table holds, from its first row to its end, a lock whose key is the last number that was given out before it
began (triggers of migration 0019 do it, so that no writer can forget it). Readers stop before the smallest of them.
"""

from django.db import connection


def settled(model, column: str) -> int:
    """The number up to which every row of `model` is there or will never be; `column` is what numbers them.

    Ask before the rows are read, in a statement of its own: then the rows are those of a later moment.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT stations_feed_settled(%s::regclass)", [f"{model._meta.db_table}_{column}_seq"])
        return cursor.fetchone()[0]
