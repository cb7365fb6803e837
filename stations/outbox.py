"""Side effects that outlive a crash: asked for inside a transaction, carried out after it, once per key."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules

from .models import Outbox

ROUND_SECONDS = 30  # no row is begun later than this, so that the task stays within its limit

logger = logging.getLogger(__name__)
_handlers: dict[str, Callable[[dict], None]] = {}


def delivers(kind: str):
    """Register `def deliver(payload)` as what carries out side effects of this kind, in an app's `outbox.py`.

    It must end within a minute, or say so by raising: after that the row may be taken up by somebody else.
    """

    def register(handler):
        _handlers[kind] = handler
        return handler

    return register


def put(kind: str, key: str, payload: dict, due_at: datetime | None = None) -> bool:
    """Ask for a side effect inside the caller's transaction; False if `key` was asked for before."""
    values = {"kind": kind, "payload": payload, "due_at": due_at or timezone.now()}
    return Outbox.objects.get_or_create(idempotency_key=key, defaults=values)[1]


def put_all(kind: str, payloads: dict[str, dict]) -> None:
    """Ask for many side effects in one statement, key -> payload; those asked for before are left alone."""
    now = timezone.now()
    rows = [Outbox(kind=kind, idempotency_key=key, payload=body, due_at=now) for key, body in payloads.items()]
    Outbox.objects.bulk_create(rows, ignore_conflicts=True)


def deliver_due(now: datetime | None = None) -> int:
    """Carry out what is due, one row after another; say how many succeeded. A row that fails does not stop the rest."""
    clock = timezone.now if now is None else lambda: now
    Outbox.objects.bury_abandoned(clock())
    delivered, stop_at = 0, time.monotonic() + ROUND_SECONDS
    while time.monotonic() < stop_at and (row := Outbox.objects.claim_next(clock())):
        try:
            _handler_of(row.kind)(row.payload)
        except Exception as error:
            logger.exception("outbox row %s (%s) failed", row.pk, row.kind)
            row.note_failure(error, at=clock())
        else:
            delivered += row.note_delivery(at=clock())
    return delivered


def _handler_of(kind: str) -> Callable[[dict], None]:
    if kind not in _handlers:
        autodiscover_modules("outbox")
    if kind not in _handlers:
        raise LookupError(f'nothing delivers "{kind}"')
    return _handlers[kind]


@delivers("mail")
def send_the_mail(payload: dict) -> None:
    """An e-mail: subject, body, and to as a list of addresses."""
    send_mail(payload["subject"], payload["body"], None, payload["to"])
