"""Since when web processes have listened without a gap, that they really note it; and the one clock that decides."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from sntry_site import listening, tasks
from sntry_site.asgi import application
from stations import outbox
from stations.models import Operator, Outbox
from telemetry.models import Listening, Tick
from telemetry.models.ticks import slot_of

from . import fleet

pytestmark = pytest.mark.django_db


def test_it_listens_from_its_first_note_and_anew_after_a_gap():
    Listening.objects.all().delete()  # of the web process that other tests have started
    Listening.objects.note()
    first = Listening.objects.get()
    assert first.since == first.noted_at
    Listening.objects.note()
    again = Listening.objects.get()
    assert again.since == first.since
    assert again.noted_at > first.noted_at
    Listening.objects.update(noted_at=timezone.now() - timedelta(seconds=21))
    Listening.objects.note()
    assert Listening.objects.get().since > again.noted_at


@pytest.mark.django_db(transaction=True)
async def test_a_web_process_notes_it_from_its_start_and_settles_until_its_end(monkeypatch):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def settle():
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    monkeypatch.setattr(listening, "settle", settle)
    process = ApplicationCommunicator(application, {"type": "lifespan"})
    await process.send_input({"type": "lifespan.startup"})
    assert (await process.receive_output(60))["type"] == "lifespan.startup.complete"
    async with asyncio.timeout(60):
        while not await Listening.objects.acount():
            await asyncio.sleep(0.05)
    assert begun.is_set()
    assert not ended.is_set()
    await process.send_input({"type": "lifespan.shutdown"})
    assert (await process.receive_output(60))["type"] == "lifespan.shutdown.complete"
    assert ended.is_set()


@pytest.fixture
def an_hour_ahead(monkeypatch):
    """The clock of this host is wrong."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(hours=1))


def test_a_worker_whose_clock_is_wrong_does_the_slot_of_the_database(an_hour_ahead):
    fleet.live_site(Operator.objects.create(name="Northline", is_simulated=True), 1)
    tasks.tick_task()
    assert abs(Tick.objects.get().slot - slot_of(datetime.now(UTC))) <= 3


def test_a_worker_whose_clock_is_wrong_does_not_take_what_another_one_is_carrying_out(an_hour_ahead):
    now = datetime.now(UTC)
    Outbox.objects.create(kind="mail", idempotency_key="a", due_at=now, claimed_at=now, attempts=1)
    assert outbox.deliver_due() == 0
    assert Outbox.objects.get().attempts == 1
