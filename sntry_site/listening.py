"""Each web process notes every few seconds that it listens, from its start to its end."""

import asyncio
import logging

from django.db import DatabaseError, connection

from telemetry.models import Listening
from telemetry.models.listening import EVERY_SECONDS

from .garbage import settle

logger = logging.getLogger(__name__)


async def lifespan(scope, receive, send) -> None:
    """The part of ASGI that tells of start and end; what goes on beside the requests lives in between."""
    beside = []
    while (message := await receive())["type"] != "lifespan.shutdown":
        if message["type"] == "lifespan.startup":
            beside = [asyncio.create_task(note_for_ever()), asyncio.create_task(settle())]
            await send({"type": "lifespan.startup.complete"})
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await send({"type": "lifespan.shutdown.complete"})


def note() -> None:
    """Note it once, by a connection of its own: one that is kept might be the one that a crash has cut."""
    try:
        Listening.objects.note()
    except DatabaseError as error:
        logger.warning("it could not be noted that reports can come in: %s", error)
    finally:
        connection.close()


async def note_for_ever() -> None:
    """Note it again and again; a database that is away makes a gap, which is right."""
    while True:
        await asyncio.to_thread(note)  # because a page that hangs must not look like a deaf process
        await asyncio.sleep(EVERY_SECONDS)
