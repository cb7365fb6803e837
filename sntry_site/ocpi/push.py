"""Tell registered receivers what has changed: one call after another for each, the newest state of each object.

Nothing is queued but that an object has changed. A receiver that was away is told what is so then, in an order in
which nothing names what it has not heard of: tariffs, locations, sessions, CDRs.
"""

import json
import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

from django.db import connections as database
from django.utils import timezone

from stations.models import OcpiConnection, OcpiPush
from stations.outgoing import NotCalled, call
from stations.sealing import CannotOpen

from .credentials import authorization
from .frame import party_of
from .pushed import Told, objects_of

AT_ONCE = 8  # connections
TOGETHER = 200  # objects that are read at once
ROUND_SECONDS = 25  # no object is sent later than this, so that the claim holds
UNSENT = {401, 403, 408, 425, 429}  # answers to us, not to the object: it is sent again
logger = logging.getLogger(__name__)


class NotTaken(Exception):
    """The receiver could not be told; it is tried again later."""


class Declined(Exception):
    """The receiver does not take this object, and would not the next time."""


def push_due(now: datetime | None = None) -> int:
    """Tell all receivers that have something to be told, some at once; how many objects they took."""
    at, stop_at = now or timezone.now(), time.monotonic() + ROUND_SECONDS

    def tell(pk: int) -> int:
        try:
            claimed = OcpiConnection.objects.claim(pk, at) if time.monotonic() < stop_at else None
            return push(claimed, at, stop_at) if claimed else 0
        finally:
            database.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(tell, list(OcpiConnection.objects.to_push(at).values_list("pk", flat=True))))


def push(connection: OcpiConnection, at: datetime, stop_at: float) -> int:
    """Tell one receiver until it knows everything, fails or the round is over; how many objects it took."""
    told, refusal = 0, ""
    try:
        while time.monotonic() < stop_at and (waiting := list(connection.pushes.order_by("module", "pk")[:TOGETHER])):
            objects = objects_of(connection, waiting)
            for each in waiting:
                if time.monotonic() >= stop_at:
                    break
                if each in objects:
                    try:
                        _send(connection, each, objects[each])
                        told += 1
                    except Declined as error:
                        refusal = f"{each}: {error}"
                        logger.info("OCPI %s: %s", connection, refusal)
                        _ask_for_place(connection, each, objects[each])
                each.note_told()  # also where there is nothing any more to be told of
        connection.note_pushes(at, refusal=refusal)
    except (NotTaken, NotCalled, CannotOpen) as error:
        logger.info("OCPI %s: %s", connection, error)
        connection.note_pushes(at, failure=str(error))
    return told


def _send(connection: OcpiConnection, push: OcpiPush, told: Told) -> None:
    """PUT what is new, PATCH what has changed, and PUT it all the same where they do not know it; POST a CDR."""
    base = connection.endpoints[OcpiPush.Module(push.module).endpoint].rstrip("/")
    if push.module == OcpiPush.Module.CDR:
        _call(connection, "POST", base, told.whole)
        return
    url = "/".join([base, *map(quote, party_of(connection)), told.path])
    if told.changed is not None and not push.is_whole:
        try:
            _call(connection, "PATCH", url, told.changed)
            return
        except Declined:
            pass
    _call(connection, "PUT", url, told.whole)


def _ask_for_place(connection: OcpiConnection, push: OcpiPush, told: Told) -> None:
    """An EVSE that they do not take may be at a location that they do not know: tell them of all of that."""
    if push.module == OcpiPush.Module.EVSE:
        place = {"module": OcpiPush.Module.LOCATION, "row_id": int(told.path.partition("/")[0])}
        OcpiPush.objects.ask([OcpiPush(connection=connection, **place, is_whole=True, noted_at=push.noted_at)])


def _call(connection: OcpiConnection, method: str, url: str, body: dict) -> None:
    """One call. Raises NotCalled, NotTaken or Declined."""
    to_country, to_party = connection.them
    ours = party_of(connection)
    headers = {
        "Authorization": authorization(connection.their_token), "Content-Type": "application/json",
        "X-Request-ID": secrets.token_hex(16), "X-Correlation-ID": secrets.token_hex(16),
        "OCPI-from-country-code": ours[0], "OCPI-from-party-id": ours[1],
        "OCPI-to-country-code": to_country, "OCPI-to-party-id": to_party,
    }  # fmt: skip
    said = json.dumps(body, allow_nan=False).encode()
    answer = call(method, url, headers, said, share=f"partner:{connection.partner_id}")
    code, message = 1000, ""
    with suppress(ValueError, RecursionError, AttributeError, TypeError):
        envelope = json.loads(answer.body)
        code, message = int(envelope.get("status_code", 1000)), str(envelope.get("status_message", ""))[:100]
    if answer.is_success and code < 2000:
        return
    why = f"{method} was answered {answer.status}, status code {code} {message}".strip()
    is_about_it = 2000 <= code < 3000 if answer.is_success else 400 <= answer.status < 500
    raise Declined(why) if is_about_it and answer.status not in UNSENT else NotTaken(why)
