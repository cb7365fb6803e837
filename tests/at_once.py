"""Many who do something at the same moment, each with a connection of its own."""

import threading

from django.db import connection


def tried_at_once(count: int, act) -> list:
    """What `act(place)` returned or raised in each of `count` threads that begin together."""
    results, start = [None] * count, threading.Barrier(count)

    def run(place: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(120)
            results[place] = act(place)
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[place]) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def at_once(count: int, act) -> list:
    """The same, where nobody may fail: what one of them raised is raised here."""
    results = tried_at_once(count, act)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
