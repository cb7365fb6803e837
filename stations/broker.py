"""Telling the workers, in bounded time: what has to be done stands in the database, the broker only carries a hint."""

import logging

from celery import current_app

from .redis_rest import asking

# Publishing gives up after about a second, because somebody waits for the page.
BOUNDED = {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0, "connect_retries_timeout": 1}

logger = logging.getLogger(__name__)


def tell(task: str, calls: list[list], expires: float | None = None) -> bool:
    """Send `task` once for each list of arguments; False, and a line in the log, if the broker is away."""
    try:
        with asking(), current_app.connection_for_write(transport_options=BOUNDED, connect_timeout=1) as connection:
            for arguments in calls:
                current_app.send_task(task, arguments, connection=connection, retry=False, expires=expires)
    except Exception as error:
        logger.warning("the workers were not told of %s %s: %s", task, calls, error)
        return False
    return True
