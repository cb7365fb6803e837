"""A database of its own for each benchmark, dropped afterwards."""

from contextlib import contextmanager

from django.db import connection, connections


@contextmanager
def fresh_database():
    """An empty, migrated database; the one in use before is used again afterwards."""
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_benchmark"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connections["progress"].settings_dict["NAME"] = connection.settings_dict["NAME"]
    try:
        yield
    finally:
        connections["progress"].close()
        connections["progress"].settings_dict["NAME"] = before
        connection.creation.destroy_test_db(before, verbosity=0)
