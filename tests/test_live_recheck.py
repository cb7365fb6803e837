"""The rights of an open socket go on being checked after the database was away; who cannot be checked is let go."""

import asyncio

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.test import Client

from sntry_site.pages.board import BoardConsumer
from stations import consumers, live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


@pytest.fixture
def away(monkeypatch):
    """How many of the next reads of a session find no database; it also counts those that did."""
    count, read = {"left": 0, "failed": 0}, consumers.get_user

    async def get_user(scope):
        if count["left"]:
            count["left"] -= 1
            count["failed"] += 1
            raise OperationalError("the server closed the connection unexpectedly")
        return await read(scope)

    monkeypatch.setattr(consumers, "get_user", get_user)
    return count


@pytest.fixture
async def socket(boss, settings, monkeypatch):
    """An open socket of the boss, in this process, whose rights are checked many times a second."""
    # No thread keeps a connection, because the test database could not be dropped then.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    settings.LIVE_RECHECK_SECONDS = 0.1
    client = Client()
    await database_sync_to_async(client.force_login)(boss)
    scope = {"type": "websocket", "path": "/live/board/", "query_string": b"", "user": boss, "session": client.session}
    opened = ApplicationCommunicator(BoardConsumer.as_asgi(), scope)
    await opened.send_input({"type": "websocket.connect"})
    assert (await opened.receive_output(timeout=60))["type"] == "websocket.accept"
    yield opened
    if not opened.future.done():  # a test that waited in vain has ended it
        await opened.send_input({"type": "websocket.disconnect", "code": 1000})
        await opened.wait(timeout=60)
    live.hub()._listener.cancel()


async def close_code(socket) -> int:
    while (message := await socket.receive_output(timeout=60))["type"] != "websocket.close":
        pass
    return message["code"]


async def test_one_failed_check_does_not_end_the_checks(socket, boss, away):
    away["left"] = 1
    while not away["failed"]:
        await asyncio.sleep(0.01)
    await database_sync_to_async(User.objects.filter(pk=boss.pk).update)(is_active=False)
    assert await close_code(socket) == consumers.SIGNED_OUT


async def test_a_second_failure_in_a_row_closes_the_socket_so_that_the_page_connects_again(socket, away):
    away["left"] = 10
    assert await close_code(socket) == 1011
    assert away["failed"] == 2
