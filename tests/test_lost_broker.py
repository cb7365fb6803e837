"""A worker keeps nothing of a lost broker, and of its tasks only the last few names."""

from types import SimpleNamespace

import pytest
from celery.signals import worker_init
from celery.worker import state
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


def test_a_worker_that_begins_keeps_few_ids_of_tasks_that_are_done(monkeypatch):
    monkeypatch.setattr(state.successful_requests, "maxlen", 1000)
    worker_init.send(sender=None)
    for number in range(100):
        state.successful_requests.add(f"task {number}")
    assert len(state.successful_requests) <= 10
    assert len(state.successful_requests._heap) <= 20
    state.successful_requests.clear()
