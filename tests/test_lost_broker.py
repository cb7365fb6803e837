"""A worker that has lost its broker keeps nothing of the connection."""

from types import SimpleNamespace

import pytest
from kombu.asynchronous import Hub

from sntry_site.celery import ForgetLostConnections, app

pytestmark = pytest.mark.core


def test_a_lost_connection_leaves_the_event_loop_and_the_rest_stays():
    hub = Hub()
    hub.on_tick.add(print)
    with app.connection() as connection:
        connection.connect()
        connection.transport.register_with_event_loop(connection.connection, hub)
        assert len(hub.on_tick) == 2
    ForgetLostConnections(None).stop(SimpleNamespace(hub=hub))
    assert hub.on_tick == {print}
    hub.close()


def test_the_worker_takes_that_step_and_one_without_an_event_loop_needs_none():
    assert ForgetLostConnections in app.steps["consumer"]
    ForgetLostConnections(None).stop(SimpleNamespace(hub=None))
