"""Side effects that outlive a crash: asked for inside a transaction, carried out after it, once per key."""

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connections
from django.db.models.functions import Now
from django.utils.module_loading import autodiscover_modules

from .clock import now as database_now
from .models import Outbox

LANES_AT_ONCE, LANES_EACH = 8, 2
ROUND_SECONDS = 30  # no row is begun later than this, so that the task stays within its limit

logger = logging.getLogger(__name__)
_handlers: dict[str, Callable[[dict], None]] = {}


def delivers(kind: str):
    """Register `def deliver(payload)` as what carries out side effects of this kind, in an app's `outbox.py`.

    The payload has the idempotency key, too, as `key`.
    It must end within a minute, or say so by raising: after that the row may be taken up by somebody else.
    """

    def register(handler):
        _handlers[kind] = handler
        return handler

    return register


def put(kind: str, key: str, payload: dict, due_at: datetime | None = None) -> bool:
    """Ask for a side effect inside the caller's transaction; False if `key` was asked for before."""
    values = {"kind": kind, "payload": payload, "due_at": due_at or Now()}
    return Outbox.objects.get_or_create(idempotency_key=key, defaults=values)[1]


def put_all(kind: str, payloads: dict[str, dict], lanes: dict[str, str] | None = None) -> None:
    """Ask for many side effects in one statement, key -> payload; those asked for before are left alone.

    `lanes` (key -> lane) are for what goes to receivers outside.
    """
    now, lanes = Now(), lanes or {}
    rows = [
        Outbox(kind=kind, idempotency_key=key, payload=body, due_at=now, lane=lanes.get(key, ""))
        for key, body in payloads.items()
    ]
    Outbox.objects.bulk_create(rows, ignore_conflicts=True)


def deliver_due(now: datetime | None = None) -> int:
    """Carry out what is due, one row after another; say how many succeeded. A row that fails does not stop the rest."""
    clock = database_now if now is None else lambda: now
    Outbox.objects.bury_abandoned(clock())
    delivered, stop_at = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < stop_at and (row := Outbox.objects.claim_next(clock())):
        delivered += max(_carry_out(row, clock), 0)
    return delivered


def deliver_outside(now: datetime | None = None) -> int:
    """Carry out what is due for receivers outside: some lanes at once, in each one row after another.

    A lane whose row fails is left alone until the next round, so that a receiver that hangs costs one wait a round.
    The lanes of one partner get at most two of the threads, however many of them hang.
    """
    clock = database_now if now is None else lambda: now
    lanes, stop_at = Outbox.objects.due_lanes(clock()), time.monotonic() + ROUND_SECONDS

    def work_off(lane: str) -> int:
        delivered = 0
        try:
            while time.monotonic() < stop_at and (row := Outbox.objects.claim_next(clock(), lane)):
                done = _carry_out(row, clock)
                if done < 0:
                    break
                delivered += done
        finally:
            connections.close_all()
        return delivered

    with ThreadPoolExecutor(LANES_AT_ONCE) as pool:
        return sum(pool.map(lambda some: sum(map(work_off, some)), shares_of(lanes)))


def shares_of(lanes: list[str]) -> list[list[str]]:
    """Lanes that are worked off one after another: two lists for each partner, who is named before the slash."""
    shares: dict[str, list[list[str]]] = {}
    for lane in lanes:
        share = shares.setdefault(lane.partition("/")[0], [[] for _ in range(LANES_EACH)])
        min(share, key=len).append(lane)
    return [some for share in shares.values() for some in share if some]


def _carry_out(row: Outbox, clock) -> int:
    """1 if it was delivered here, 0 if somebody else was first, -1 if it failed."""
    try:
        _handler_of(row.kind)({**row.payload, "key": row.idempotency_key})
    except Exception as error:
        if row.lane:
            logger.info("outbox row %s (%s, %s): %s", row.pk, row.kind, row.lane, error)
        else:
            logger.exception("outbox row %s (%s) failed", row.pk, row.kind)
        row.note_failure(error, at=clock())
        return -1
    return row.note_delivery(at=clock())


def _handler_of(kind: str) -> Callable[[dict], None]:
    if kind not in _handlers:
        autodiscover_modules("outbox")
    if kind not in _handlers:
        raise LookupError(f'nothing delivers "{kind}"')
    return _handlers[kind]


@delivers("mail")
def send_the_mail(payload: dict) -> None:
    """An e-mail: subject, body, and to as a list of addresses.

    Its Message-ID follows from the key, so that one which is sent again after a crash is known for the same.
    """
    number = hashlib.sha256(payload["key"].encode()).hexdigest()[:32]
    headers = {"Message-ID": f"<{number}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}>"}
    EmailMessage(payload["subject"], payload["body"], None, payload["to"], headers=headers).send()
