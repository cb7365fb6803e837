"""Redis that hangs is waited for once, whoever asks; and a database that is away is said as such."""

import socket

import pytest
from django.db import OperationalError
from django.test import Client

from stations import broker, live, redis_rest
from stations.redis_rest import Resting, RestingCache


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self):
        self.wire = socket.create_server(("127.0.0.1", 0))
        self.wire.setblocking(False)
        self.url = f"redis://127.0.0.1:{self.wire.getsockname()[1]}/0"

    def connections(self) -> int:
        number = 0
        while True:
            try:
                self.wire.accept()[0].close()
            except BlockingIOError:
                return number
            number += 1


@pytest.fixture
def silent():
    server = Silent()
    yield server
    server.wire.close()


@pytest.fixture
def cache(silent):
    return RestingCache(silent.url, {"OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}})


def test_ten_keys_of_a_silent_redis_cost_one_wait(cache, silent):
    for number in range(10):
        with pytest.raises((redis_rest.redis.TimeoutError, Resting)):
            cache.get(f"key-{number}")
    first = silent.connections()
    assert first <= 2  # the driver may try once more by itself
    redis_rest.ask_again()
    with pytest.raises(redis_rest.redis.TimeoutError):
        cache.set("key", 1)
    assert silent.connections() == first


def test_while_redis_rests_nothing_is_sent_and_nobody_waits(cache, monkeypatch, caplog):
    with pytest.raises(redis_rest.redis.TimeoutError):
        cache.get("key")
    monkeypatch.setattr(broker.current_app, "send_task", lambda *_, **__: pytest.fail("it was sent"))
    assert not broker.tell("stations.run_job", [[1]])
    live.publish("job", {"id": 1})
    assert "Redis is left alone" in caplog.text


def test_what_is_no_fault_of_redis_does_not_make_it_rest():
    with pytest.raises(ValueError, match="nothing"), redis_rest.asking():
        raise ValueError("nothing")
    with redis_rest.asking():
        pass


@pytest.fixture
def answer(monkeypatch):
    """What a browser gets when the view of the log-in page fails so."""

    def ask(error: Exception):
        def fails(*_, **__):
            raise error

        monkeypatch.setattr("django.contrib.auth.views.LoginView.get", fails)
        return Client(raise_request_exception=False).get("/login/")

    return ask


def test_a_database_that_is_away_is_503_and_asks_to_come_again(answer):
    told = answer(OperationalError("terminating connection due to immediate shutdown"))
    assert (told.status_code, told["Retry-After"]) == (503, "5")
    assert "The database does not answer at the moment." in told.content.decode()


def test_another_failure_is_500_and_says_nothing_of_what_happened(answer):
    told = answer(RuntimeError("the secret"))
    assert told.status_code == 500
    assert "Retry-After" not in told
    assert "Something went wrong on our side" in told.content.decode()
    assert "secret" not in told.content.decode()
