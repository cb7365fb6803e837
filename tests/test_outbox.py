"""Side effects are carried out after the transaction that asked for them, once per key, whatever fails on the way."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connections, transaction

from stations import outbox
from stations.models import Outbox

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)
carried_out: list[str] = []


@outbox.delivers("test.note")
def note(payload):
    time.sleep(payload.get("seconds", 0))
    carried_out.append(payload["text"])


@outbox.delivers("test.poison")
def poison(payload):
    raise RuntimeError("the mail server said no")


@pytest.fixture(autouse=True)
def nothing_carried_out():
    carried_out.clear()


def test_a_key_is_asked_for_once():
    assert outbox.put("test.note", "a", {"text": "first"})
    assert not outbox.put("test.note", "a", {"text": "second"})
    assert outbox.deliver_due() == 1
    assert not outbox.put("test.note", "a", {"text": "third"})
    assert outbox.deliver_due() == 0
    assert carried_out == ["first"]


def test_what_a_host_asks_for_whose_clock_is_ahead_is_due_at_once(monkeypatch):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: ahead)
    outbox.put("test.note", "a", {"text": "one"})
    outbox.put_all("test.note", {"b": {"text": "two"}})
    assert outbox.deliver_due() == 2


def test_a_transaction_that_is_rolled_back_asks_for_nothing():
    with transaction.atomic():
        outbox.put("test.note", "a", {"text": "never"})
        transaction.set_rollback(True)
    assert outbox.deliver_due() == 0


def test_nothing_is_carried_out_before_it_is_due():
    outbox.put("test.note", "a", {"text": "later"}, due_at=NOW + timedelta(hours=1))
    assert outbox.deliver_due(NOW) == 0
    assert outbox.deliver_due(NOW + timedelta(hours=1)) == 1


def test_two_deliverers_at_once_carry_out_each_row_once():
    for number in range(20):
        outbox.put("test.note", f"key {number}", {"text": str(number), "seconds": 0.01})

    def deliver():
        outbox.deliver_due()
        connections.close_all()

    deliverers = [threading.Thread(target=deliver) for _ in range(2)]
    for deliverer in deliverers:
        deliverer.start()
    for deliverer in deliverers:
        deliverer.join()
    assert sorted(carried_out, key=int) == [str(number) for number in range(20)]
    assert not Outbox.objects.waiting().exists()


def test_a_row_that_fails_is_tried_five_times_ever_later_and_never_stops_the_others():
    outbox.put("test.poison", "p", {}, due_at=NOW)
    outbox.put("test.note", "a", {"text": "after the poison"}, due_at=NOW)
    now = NOW
    for seconds in (10, 60, 300, 1800):
        outbox.deliver_due(now)
        row = Outbox.objects.get(kind="test.poison")
        assert row.due_at == now + timedelta(seconds=seconds)
        assert outbox.deliver_due(now + timedelta(seconds=seconds - 1)) == 0
        now = row.due_at
    assert carried_out == ["after the poison"]
    outbox.deliver_due(now)
    row.refresh_from_db()
    assert (row.attempts, row.dead_at, row.last_error) == (5, now, "RuntimeError: the mail server said no")
    outbox.deliver_due(now + timedelta(days=1))
    row.refresh_from_db()
    assert row.attempts == 5


def test_what_nobody_delivers_is_tried_again_and_says_so():
    outbox.put("test.nobody", "a", {}, due_at=NOW)
    outbox.deliver_due(NOW)
    assert Outbox.objects.get().last_error == 'LookupError: nothing delivers "test.nobody"'


def test_a_claim_is_void_after_a_minute():
    outbox.put("test.note", "a", {"text": "at last"}, due_at=NOW)
    assert Outbox.objects.claim_next(NOW).attempts == 1  # and its process dies
    assert outbox.deliver_due(NOW + timedelta(seconds=59)) == 0
    assert outbox.deliver_due(NOW + timedelta(seconds=60)) == 1
    assert Outbox.objects.get().attempts == 2


def test_a_row_that_kills_its_process_is_given_up_too():
    outbox.put("test.note", "a", {"text": "never"}, due_at=NOW)
    for attempt in range(5):
        assert Outbox.objects.claim_next(NOW + timedelta(minutes=attempt))
    assert outbox.deliver_due(NOW + timedelta(minutes=5)) == 0
    row = Outbox.objects.get()
    assert row.dead_at == NOW + timedelta(minutes=5)
    assert "stopped in the middle" in row.last_error


def test_a_mail_that_is_sent_again_after_a_crash_has_the_same_message_id():
    outbox.put("mail", "late order 7", {"subject": "Late", "body": "", "to": ["ops@example.com"]})
    outbox.deliver_due()
    Outbox.objects.update(done_at=None)  # the process died before it could say that it was done
    outbox.deliver_due()
    outbox.put("mail", "late order 8", {"subject": "Late", "body": "", "to": ["ops@example.com"]})
    outbox.deliver_due()
    first, again, other = (message.message()["Message-ID"] for message in mail.outbox)
    assert first == again != other


def test_mail_is_sent():
    outbox.put("mail", "a", {"subject": "EV00001 is down", "body": "Since noon.", "to": ["ops@example.com"]})
    assert outbox.deliver_due() == 1
    assert (mail.outbox[0].subject, mail.outbox[0].body, mail.outbox[0].to) == (
        "EV00001 is down",
        "Since noon.",
        ["ops@example.com"],
    )
