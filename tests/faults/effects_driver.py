"""Inside the clone: the work of a tick and of the outbox in a child that is killed at any place, then by another one.

Argument: JSON with `runs` and the addresses that the partner has. Prints JSON of what the database holds afterwards.
"""

import json
import os
import random
import signal
import sys
import time
from datetime import timedelta

import django

django.setup()

from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from maintenance.models import Incident, RootCauseNote  # noqa: E402
from maintenance.notes.writing import write_missing_notes  # noqa: E402
from sntry_site import tasks  # noqa: E402
from stations import outbox  # noqa: E402
from stations.models import Operator, Outbox, Site, Webhook, WebhookDelivery  # noqa: E402
from telemetry.models import LiveReading, Tick  # noqa: E402
from tests import fleet  # noqa: E402

VOID = timedelta(seconds=61)  # a claim that is older than a minute is void


def work(at, outbox_at) -> None:
    """All that a beat does, one after the other."""
    tasks.tick(at)
    tasks.tell_partners(outbox_at)
    # By whichever clock is ahead: ticks come ten seconds apart here, however long they take, and open incidents, too.
    write_missing_notes(max(at, outbox_at) + timedelta(minutes=11))
    outbox.deliver_due(outbox_at)
    outbox.deliver_outside(outbox_at)


def in_child(at, outbox_at, kill_after: float | None) -> float:
    """Do the work in a process of its own, which is killed after so many seconds; how long it lived."""
    connections.close_all()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            work(at, outbox_at)
        finally:
            os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.monotonic() - begun


def ask_for_effects(number: int, hook: Webhook) -> None:
    """A mail, a message to a partner and an incident without its note, asked for as the product does."""
    site = fleet.site(Operator.objects.get(name="Bluebolt"), 9000 + number)
    fleet.work_order(site, opened_at=timezone.now())
    ask_for_words(f"run:{number}", hook)


def ask_for_words(key: str, hook: Webhook) -> None:
    """A mail and a message to a partner."""
    outbox.put("mail", key, {"subject": key, "body": "", "to": ["ops@northline.example"]})
    message = WebhookDelivery(webhook=hook, key=key, event="test", payload={"data": {"of": key}})
    WebhookDelivery.objects.ask([message])


def two_at_once(runs: int, hook: Webhook) -> None:
    """Two processes deliver the same rows at once and neither is killed, so that nothing has to be sent again."""
    for number in range(runs):
        ask_for_words(f"calm:{number}", hook)
    connections.close_all()
    begin = time.time() + 1
    for child in [fork_a_deliverer(begin) for _ in range(2)]:
        os.waitpid(child, 0)


def fork_a_deliverer(begin: float) -> int:
    """A process that delivers everything from `begin` (seconds since 1970) on; its number."""
    child = os.fork()
    if child:
        return child
    try:
        time.sleep(max(0.0, begin - time.time()))
        while outbox.deliver_due() + outbox.deliver_outside():
            pass
    finally:
        os._exit(0)


def main(runs: int) -> dict:
    rng, start = random.Random(2), timezone.now()
    hook = Webhook.objects.get()
    whole = max(in_child(start - timedelta(seconds=10 * (n + 2)), start, None) for n in range(2))
    for number in range(runs):
        ask_for_effects(number, hook)
        at = start + timedelta(seconds=10 * number)
        in_child(at, timezone.now(), rng.uniform(0, 1.1 * whole))
        in_child(at, timezone.now() + VOID, None)
        if number % 20 == 19:
            print(f"  {number + 1}/{runs}", file=sys.stderr, flush=True)
    for _ in range(3):
        in_child(start + timedelta(seconds=10 * runs), timezone.now() + 2 * VOID, None)
    two_at_once(runs, hook)
    connections.close_all()
    return told(runs)


def told(runs: int) -> dict:
    sites = Site.objects.filter(operator__is_simulated=True).count()
    ticks = dict.fromkeys(Tick.objects.values_list("slot", flat=True), 0)
    for at in LiveReading.objects.values_list("at", flat=True).iterator():
        ticks[int(at.timestamp()) // 10] = ticks.get(int(at.timestamp()) // 10, 0) + 1
    notes = list(RootCauseNote.objects.filter(source="rules").values_list("incident", flat=True))
    return {
        "runs": runs,
        "ticks": len(ticks),
        "ticks_not_once": sum(number != sites for number in ticks.values()),
        "undone": Outbox.objects.filter(done_at=None).count(),
        "notes": len(notes),
        "notes_twice": len(notes) - len(set(notes)),
        "attempts": attempts(),
        "incidents_without": Incident.objects.filter(notes=None).count(),
    }


def attempts() -> dict[str, int]:
    """How often each mail and message was tried, by its kind and key: nobody may have received one more often."""
    mails = Outbox.objects.filter(kind="mail").values_list("idempotency_key", "attempts")
    tried = dict(Outbox.objects.filter(kind="webhook").values_list("idempotency_key", "attempts"))
    messages = WebhookDelivery.objects.values_list("key", "pk", "tries")
    return {**{f"mail {key}": number for key, number in mails},
            **{f"message {key}": tried[f"webhook:{pk}:{tries}"] for key, pk, tries in messages}}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
