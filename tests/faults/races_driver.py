"""Inside the clone: many at once want the same thing; prints JSON of how many got it, each race and round."""

import json
import sys
from datetime import timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from maintenance.models import Incident, RootCauseNote, WorkOrder  # noqa: E402
from maintenance.notes.writing import write_notes  # noqa: E402
from stations.models import AnsweredRequest, Job, Operator, Outbox  # noqa: E402
from telemetry.models import Tick  # noqa: E402
from telemetry.models.ticks import SLOT_SECONDS  # noqa: E402
from tests import fleet  # noqa: E402
from tests.at_once import tried_at_once  # noqa: E402

AT_ONCE = 20
LOSING = ("Overtaken", "Refused")  # what the product raises for those who came too late
strange: list[str] = []  # what nobody should have raised


def winners(act) -> int:
    """How many of the threads, which begin together, got something true from `act`."""
    results = tried_at_once(AT_ONCE, act)
    errors = [result for result in results if isinstance(result, Exception)]
    strange.extend(f"{type(error).__name__}: {error}" for error in errors if type(error).__name__ not in LOSING)
    return sum(bool(result) for result in results) - len(errors)


def tick(number: int) -> int:
    at = timezone.now() + timedelta(days=30, seconds=SLOT_SECONDS * number)
    return winners(lambda _: Tick.objects.claim(at))


def outbox_row(number: int) -> int:
    now = timezone.now()
    Outbox.objects.create(kind="race", idempotency_key=f"race:{number}", due_at=now - timedelta(days=1))

    def act(_) -> bool:
        row = Outbox.objects.claim_next(now)
        return row is not None and row.kind == "race"

    won = winners(act)
    Outbox.objects.filter(kind="race").delete()
    return won


def job(number: int) -> int:
    row = Job.objects.create(kind="prepare_reliability", heartbeat_at=timezone.now())
    won = winners(lambda _: Job.objects.claim(row.pk, at=timezone.now()))
    row.delete()
    return won


def idempotency_key(number: int) -> int:
    def act(_) -> bool:
        row, is_mine = AnsweredRequest.objects.claim("partner:1", f"race:{number}", "hash", timezone.now())
        with transaction.atomic():
            if not is_mine or not AnsweredRequest.objects.hold(row):
                return False
            AnsweredRequest.objects.filter(pk=row.pk).update(status=200)
        return True

    return winners(act)


def work_order(number: int) -> int:
    site = fleet.site(Operator.objects.get(name="Bluebolt"), 5000 + number)
    order = fleet.work_order(site)

    def act(_) -> bool:
        found = WorkOrder.objects.get(pk=order.pk)
        return found.move("cancelled", by=None, expected_version=order.version, note="race", key=None)

    return winners(act)


def note(number: int) -> int:
    """Here every thread may try; what counts is how many notes there are."""
    site = fleet.site(Operator.objects.get(name="Bluebolt"), 7000 + number)
    incident = fleet.work_order(site).incident
    winners(lambda _: write_notes([incident.pk]))
    return RootCauseNote.objects.filter(incident=incident).count()


def control(number: int) -> int:
    """The negative control: look, then write, without a lock or a condition. More than one must win."""
    row = Job.objects.create(kind="prepare_reliability", heartbeat_at=timezone.now())

    def act(_) -> bool:
        found = Job.objects.get(pk=row.pk)
        if found.state != Job.State.QUEUED:
            return False
        found.state = Job.State.RUNNING
        found.save()
        return True

    won = winners(act)
    row.delete()
    return won


RACES = (tick, outbox_row, job, idempotency_key, work_order, note, control)

if __name__ == "__main__":
    rounds = int(sys.argv[1])
    assert Incident.objects.exists()
    won = {race.__name__: [race(number) for number in range(rounds)] for race in RACES}
    print(json.dumps({"won": won, "strange": strange}))
