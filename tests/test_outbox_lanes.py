"""Receivers outside have lanes: one that fails waits for the next round, holds up nobody, and takes two threads."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core import mail
from django.utils import timezone

from stations import outbox
from stations.models import Outbox

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
told: list[tuple] = []


@outbox.delivers("lanes.note")
def note(payload):
    told.append((payload["key"], payload["text"]))


@outbox.delivers("lanes.refused")
def refused(payload):
    told.append((payload["key"], "refused"))
    raise ConnectionError("nobody there")


@pytest.fixture(autouse=True)
def nothing_told():
    told.clear()


def test_the_lanes_of_a_partner_become_two_lists_however_many_they_are():
    assert outbox.shares_of([]) == []
    assert outbox.shares_of(["1/a"]) == [["1/a"]]
    assert outbox.shares_of(["1/a", "1/b", "2/a", "1/c", "1/d", "1/e"]) == [
        ["1/a", "1/c", "1/e"],
        ["1/b", "1/d"],
        ["2/a"],
    ]
    assert outbox.shares_of(["1/a/x", "1/b/x"]) == [["1/a/x"], ["1/b/x"]]


@pytest.mark.django_db
def test_many_are_asked_for_at_once_each_with_its_lane_and_what_was_asked_for_stays():
    outbox.put("lanes.note", "a", {"text": "first"}, due_at=NOW)
    before = timezone.now()
    outbox.put_all("lanes.note", {"a": {"text": "second"}, "b": {"text": "b"}, "c": {"text": "c"}}, {"b": "7/hook"})
    rows = {row.idempotency_key: row for row in Outbox.objects.all()}
    assert {key: (row.kind, row.payload, row.lane) for key, row in rows.items()} == {
        "a": ("lanes.note", {"text": "first"}, ""),
        "b": ("lanes.note", {"text": "b"}, "7/hook"),
        "c": ("lanes.note", {"text": "c"}, ""),
    }
    assert rows["a"].due_at == NOW
    assert before <= rows["b"].due_at == rows["c"].due_at <= timezone.now()
    outbox.put_all("lanes.note", {"d": {"text": "d"}})
    assert Outbox.objects.get(idempotency_key="d").lane == ""


@pytest.mark.django_db
def test_what_is_put_is_due_at_once_and_is_known_again_by_its_key():
    before = timezone.now()
    assert outbox.put("lanes.note", "a", {"text": "x"}) is True
    assert outbox.put("lanes.other", "a", {"text": "y"}) is False
    row = Outbox.objects.get()
    assert (row.kind, row.idempotency_key, row.payload, row.lane) == ("lanes.note", "a", {"text": "x"}, "")
    assert before <= row.due_at <= timezone.now()


@pytest.mark.django_db
def test_inside_is_delivered_in_order_with_the_key_and_lanes_are_left_to_the_other_task():
    outbox.put_all("lanes.note", {"outside": {"text": "o"}}, {"outside": "7/hook"})
    outbox.put("lanes.note", "late", {"text": "2"}, due_at=NOW)
    outbox.put("lanes.note", "early", {"text": "1"}, due_at=NOW - timedelta(minutes=1))
    outbox.put("lanes.refused", "bad", {}, due_at=NOW - timedelta(minutes=2))
    assert outbox.deliver_due(NOW) == 2
    assert told == [("bad", "refused"), ("early", "1"), ("late", "2")]
    done = Outbox.objects.get(idempotency_key="late")
    assert (done.done_at, done.claimed_at, done.last_error) == (NOW, None, "")
    assert Outbox.objects.get(idempotency_key="bad").last_error == "ConnectionError: nobody there"
    assert Outbox.objects.get(idempotency_key="outside").attempts == 0


@pytest.mark.django_db
def test_a_round_begins_nothing_after_half_a_minute(monkeypatch):
    for number in range(3):
        outbox.put("lanes.note", f"{number}", {"text": "x"}, due_at=NOW)
    moments = iter([1000.0, 1029.9, 1030.0])
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    assert outbox.deliver_due(NOW) == 1
    monkeypatch.undo()
    assert outbox.deliver_due(NOW) == 2


@pytest.mark.django_db
def test_the_time_of_the_database_is_taken_when_none_is_given():
    outbox.put("lanes.note", "a", {"text": "x"})
    assert outbox.deliver_due() == 1
    outbox.put("lanes.note", "b", {"text": "x"}, due_at=timezone.now() + timedelta(hours=1))
    assert outbox.deliver_due() == 0


@pytest.mark.django_db
def test_what_somebody_else_has_delivered_meanwhile_does_not_count():
    outbox.put("lanes.note", "a", {"text": "x"}, due_at=NOW)
    row = Outbox.objects.claim_next(NOW)
    Outbox.objects.update(done_at=NOW - timedelta(seconds=1))
    assert outbox._carry_out(row, lambda: NOW) == 0
    assert Outbox.objects.get().done_at == NOW - timedelta(seconds=1)


@pytest.mark.django_db
def test_a_failure_inside_is_logged_with_its_traceback_and_one_outside_in_a_line(caplog):
    caplog.set_level(logging.INFO, "stations.outbox")
    outbox.put("lanes.refused", "in", {}, due_at=NOW)
    outbox.put_all("lanes.refused", {"out": {}}, {"out": "7/hook"})
    inside, outside = Outbox.objects.get(idempotency_key="in"), Outbox.objects.get(idempotency_key="out")
    inside.attempts = outside.attempts = 1
    assert [outbox._carry_out(row, lambda: NOW) for row in (inside, outside)] == [-1, -1]
    first, second = [record for record in caplog.records if record.name == "stations.outbox"]
    assert first.getMessage() == f"outbox row {inside.pk} (lanes.refused) failed"
    assert (first.levelname, first.exc_info[0]) == ("ERROR", ConnectionError)
    assert second.getMessage() == f"outbox row {outside.pk} (lanes.refused, 7/hook): nobody there"
    assert (second.levelname, second.exc_info) == ("INFO", None)


@pytest.mark.django_db
def test_what_was_carried_out_or_given_up_long_ago_is_forgotten_and_what_waits_is_kept():
    ends = {
        "done": {"done_at": NOW},
        "dead": {"dead_at": NOW},
        "waits": {},
        "new": {"done_at": NOW + timedelta(days=2)},
    }
    for key, end in ends.items():
        Outbox.objects.create(kind="lanes.note", idempotency_key=key, due_at=NOW, **end)
    Outbox.objects.drop_old(NOW)
    assert Outbox.objects.count() == 4
    Outbox.objects.drop_old(NOW + timedelta(days=1))
    assert {str(row) for row in Outbox.objects.all()} == {"lanes.note waits", "lanes.note new"}


def test_what_delivers_a_kind_is_found_in_the_apps_and_what_nobody_delivers_is_said(monkeypatch):
    looked = []
    monkeypatch.setattr(outbox, "autodiscover_modules", looked.append)
    assert outbox._handler_of("lanes.note") is note
    assert looked == []
    with pytest.raises(LookupError, match=r'^nothing delivers "lanes.nobody"$'):
        outbox._handler_of("lanes.nobody")
    assert looked == ["outbox"]
    monkeypatch.setattr(outbox, "autodiscover_modules", lambda name: outbox._handlers.update({"lanes.found": note}))
    assert outbox._handler_of("lanes.found") is note
    del outbox._handlers["lanes.found"]


def test_a_mail_is_known_by_a_number_of_its_key_at_the_domain_it_comes_from(settings):
    settings.DEFAULT_FROM_EMAIL = "noreply@sntry.example"
    outbox.send_the_mail({"key": "late order 7", "subject": "Late", "body": "Since noon.", "to": ["ops@example.com"]})
    [sent] = mail.outbox
    assert sent.extra_headers == {"Message-ID": "<8b1bf152d86cd20c8c985918e250681f@sntry.example>"}
    assert (sent.subject, sent.body, sent.to) == ("Late", "Since noon.", ["ops@example.com"])


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_fails_is_tried_once_a_round_and_the_others_are_worked_off(monkeypatch):
    texts = {f"{lane} {number}": {"text": lane} for lane in ("7/a", "7/b", "8/a") for number in range(2)}
    outbox.put_all("lanes.note", texts, {key: key.partition(" ")[0] for key in texts})
    Outbox.objects.filter(lane="7/a").update(kind="lanes.refused", due_at=NOW)
    Outbox.objects.exclude(lane="7/a").update(due_at=NOW)
    Outbox.objects.create(kind="lanes.note", idempotency_key="inside", payload={"text": "i"}, due_at=NOW)
    assert outbox.deliver_outside(NOW - timedelta(seconds=1)) == 0
    given_back, close_all = [], outbox.connections.close_all
    closing = SimpleNamespace(close_all=lambda: given_back.append(close_all()))
    monkeypatch.setattr(outbox, "connections", closing)
    assert outbox.deliver_outside(NOW) == 4
    assert sorted(text for _, text in told) == ["7/b", "7/b", "8/a", "8/a", "refused"]
    assert sum(Outbox.objects.filter(lane="7/a").values_list("attempts", flat=True)) == 1
    assert Outbox.objects.get(idempotency_key="inside").done_at is None
    assert len(given_back) == 3, "each lane gives its connection back, the one that failed too"
    Outbox.objects.filter(lane="7/a").update(kind="lanes.note", due_at=NOW)
    moments = iter([1000.0, 1029.9, 1030.0])
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    assert outbox.deliver_outside(NOW) == 1
    monkeypatch.undo()
    Outbox.objects.filter(lane="7/a").update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.deliver_outside() == 1
