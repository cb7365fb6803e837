"""A worker keeps nothing of a lost broker, and of its tasks only the last few names."""

import gc
import weakref
from itertools import count
from types import SimpleNamespace

import pytest
import redis
from celery.signals import task_prerun, worker_init
from celery.worker import WorkController, state
from celery.worker.consumer import Consumer
from kombu import Queue
from kombu.asynchronous import Hub

from sntry_site.celery import ForgetLostConnections, app, forget_the_last_failure
from sntry_site.worker_consumer import LastingConsumer

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


@pytest.fixture(params=[LastingConsumer, Consumer])
def consumer(request, monkeypatch):
    """A worker's consumer that has been given a task, when Redis ends while the channel still waits for the next."""
    consumer = request.param.__new__(request.param)
    consumer.app, consumer.connection = app, app.connection_for_read()
    channel = consumer.connection.default_channel
    queue = Queue(f"lost-{id(consumer)}", channel=channel)
    consumer.task_consumer = app.amqp.TaskConsumer(channel, queues=[queue], callbacks=[lambda body, message: None])
    app.amqp.Producer(channel).publish({}, routing_key=queue.name)
    consumer.task_consumer.consume()
    consumer.connection.drain_events(timeout=10)
    assert len(channel.qos._delivered) == 1

    tries = count(1)

    def is_gone():
        channel._in_poll = next(tries) < 2  # a second channel, which is closed in between, fails in this one's place
        raise redis.ConnectionError("Redis is gone")

    consumer.qos_global = False
    consumer.pool, consumer.prefetch_multiplier = SimpleNamespace(num_processes=1), 1
    monkeypatch.setattr(channel, "_in_poll", True)
    monkeypatch.setattr(channel, "_brpop_read", is_gone)
    yield consumer
    with app.connection_for_write() as again:
        again.default_channel.queue_delete(queue.name)
        again.default_channel.client.delete("unacked", "unacked_index")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_worker_outlives_redis_that_is_lost_while_a_task_is_not_acknowledged(consumer):
    """Celery's own does not; once it does, ours may go."""
    lost = ConnectionError("Redis is gone")
    if isinstance(consumer, LastingConsumer):
        consumer.on_connection_error_after_connected(lost)
        assert consumer.connection is None
    else:
        with pytest.raises(AttributeError, match="hostname"):
            consumer.on_connection_error_after_connected(lost)


def test_workers_take_that_consumer():
    controller = WorkController.__new__(WorkController)
    controller.app = app
    controller.setup_defaults()
    assert controller.consumer_cls == "sntry_site.worker_consumer:LastingConsumer"


@pytest.fixture
def begun_worker(monkeypatch, caplog):
    """What a worker does to its process before its pool is forked."""
    caplog.set_level("CRITICAL", "celery")  # what is captured of a log is kept, failure and all
    monkeypatch.setattr(state.successful_requests, "maxlen", 1000)
    monkeypatch.setattr(state.successful_requests, "_data", {})
    monkeypatch.setattr(state.successful_requests, "_heap", [])
    worker_init.send(sender=None)
    yield
    task_prerun.disconnect(forget_the_last_failure)
    gc.unfreeze()


def test_a_worker_that_begins_keeps_few_ids_of_tasks_that_are_done(begun_worker):
    for number in range(100):
        state.successful_requests.add(f"task {number}")
    assert len(state.successful_requests) <= 10
    assert len(state.successful_requests._heap) <= 20


class Kept:
    """Something that a task holds when it fails."""


@app.task(name="test.fails_with_a_circle")
def fails(seen):
    kept = Kept()
    seen.append(weakref.ref(kept))
    raise ValueError(kept)


@app.task(name="test.asks")
def asks(seen):
    return [each() for each in seen]


@pytest.mark.parametrize("is_worker", [True, False])
def test_what_a_failed_task_has_held_is_gone_when_the_next_begins(is_worker, request):
    if is_worker:
        request.getfixturevalue("begun_worker")
    gc.disable()  # as between two of its own runs, which are far apart
    try:
        seen = []
        result = fails.apply([seen])
        result.circle = result
        del result
        left = asks.apply([seen]).result
    finally:
        gc.enable()
    assert (left == [None]) is is_worker
