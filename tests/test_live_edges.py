"""What an open socket does when the database, the browser or the person behind it is gone."""

import asyncio

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError

from sntry_site.pages.board import BoardConsumer
from stations.consumers import StopConsumer


def raising(error: Exception):
    """A coroutine function that fails."""

    async def fail(*_):
        raise error

    return fail


async def test_a_check_at_once_that_fails_is_logged_and_left_to_the_next(caplog):
    consumer = BoardConsumer()
    consumer._check_rights = raising(OperationalError("the server closed the connection"))
    await consumer._check_now()
    [told] = [record for record in caplog.records if record.name == "stations.consumers"]
    assert told.getMessage() == "The rights of an open socket could not be checked; the next check will."
    assert told.exc_info[0] is OperationalError


@pytest.mark.parametrize("error", [StopConsumer(), RuntimeError("closed"), ConnectionResetError()])
async def test_sending_to_a_browser_that_is_gone_ends_the_sending(error):
    consumer = BoardConsumer()
    consumer.base_send = raising(error)
    with pytest.raises(asyncio.CancelledError):
        await consumer._send_text("{}")


@pytest.mark.parametrize("user", [AnonymousUser(), User(username="gone", is_active=False)])
async def test_who_is_not_signed_in_any_more_or_switched_off_is_shown_nothing(user):
    consumer = BoardConsumer()
    consumer.user = user
    assert await consumer._view() is None
    assert user.is_authenticated or await consumer._first_view() is None


async def test_a_socket_that_was_refused_leaves_nothing_to_clear_away():
    assert await BoardConsumer().disconnect(1006) is None
