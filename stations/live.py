"""Live push to browsers: one group, small messages, never in the way of the work that caused them."""

import asyncio
import logging

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

GROUP = "live"
SECONDS = 1.0

logger = logging.getLogger(__name__)


def publish(kind: str, payload: dict) -> None:
    """Tell every open page. Takes at most a second and never raises: a page that missed it refetches."""
    try:
        async_to_sync(_send)({"type": "live.message", "kind": kind, "payload": payload})
    except Exception as error:
        logger.warning("a live message (%s) was not sent: %s", kind, error)


async def _send(message: dict) -> None:
    async with asyncio.timeout(SECONDS):
        await get_channel_layer().group_send(GROUP, message)
