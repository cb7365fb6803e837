"""Whoever follows a feed by its numbers gets every row exactly once, also those whose transaction ends late."""

import random
import threading
import time
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import connection

from maintenance.models import Incident
from sntry_site.api import rows
from sntry_site.api.urls import ADDRESSES
from stations.feeds import settled
from stations.models import FleetEvent, Operator
from telemetry.models import ChargingSession

from . import fleet

EVENT = """
INSERT INTO stations_fleetevent (at, kind, operator_id, message) VALUES (now(), 'HEALED', %s, %s) RETURNING id
"""


class Writer:
    """A connection of its own with a transaction that goes on."""

    def __init__(self):
        self.connection = connection.copy()
        self.connection.set_autocommit(False)

    def run(self, statement: str, *values):
        """The first value of the first row, if there is any."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0] if cursor.description else None

    def close(self):
        self.connection.close()


@pytest.fixture
def writers(transactional_db):
    made = [Writer(), Writer()]
    yield made
    for writer in made:
        writer.close()


@pytest.fixture
def follow(transactional_db, client):
    """A partner that asks for what is behind the last number it has; each call returns what is new."""
    operator = Operator.objects.create(name="Northline")
    _, text = fleet.partner(operator)
    headers = {"Authorization": f"Bearer {text}"}
    last = {}

    def new(address="events/", number="id", parameter="after", limit=1000) -> list[dict]:
        found, query = [], f"order={number}&limit={limit}&{parameter}="
        while True:
            answer = client.get(f"/api/v1/{address}?{query}{last.get(address, 0)}", headers=headers).json()
            found += answer["results"]
            if answer["results"]:
                last[address] = answer["results"][-1][number]
            if not answer["next"]:
                return found

    new.operator = operator
    return new


def late_and_early(writers, operator) -> tuple[int, int]:
    """Two events: the one with the lower number is not committed yet."""
    late, early = writers
    first = late.run(EVENT, operator.pk, "late")
    second = early.run(EVENT, operator.pk, "early")
    early.connection.commit()
    assert first < second
    return first, second


def test_a_row_that_commits_late_is_delivered_once_and_in_its_place(writers, follow):
    first, second = late_and_early(writers, follow.operator)
    assert follow() == []
    writers[0].connection.commit()
    assert [row["id"] for row in follow()] == [first, second]
    assert follow() == []


def test_without_the_lock_the_late_row_would_be_lost(writers, follow, monkeypatch):
    monkeypatch.setattr(rows, "settled", lambda model, column: 2**62)
    first, second = late_and_early(writers, follow.operator)
    assert [row["id"] for row in follow()] == [second]
    writers[0].connection.commit()
    assert follow() == []
    assert FleetEvent.objects.filter(pk=first).exists()


def test_a_transaction_that_is_undone_holds_up_nobody_any_more(writers, follow):
    _, second = late_and_early(writers, follow.operator)
    writers[0].connection.rollback()
    assert [row["id"] for row in follow()] == [second]


def test_newest_first_goes_on_to_the_same_rows_while_others_are_written(writers, follow, client):
    first, second = late_and_early(writers, follow.operator)
    writers[0].connection.commit()
    third = writers[0].run(EVENT, follow.operator.pk, "late")
    writers[1].run(EVENT, follow.operator.pk, "early")
    writers[1].connection.commit()
    assert third > second
    client.force_login(fleet.person("chief", None, is_superuser=True))
    found = client.get("/api/v1/events/?order=-id&limit=5").json()["results"]
    assert [row["id"] for row in found] == [second, first]


def test_changes_of_incidents_come_in_the_order_in_which_they_can_be_seen(writers, follow):
    here = fleet.site(follow.operator, 1)
    one, other = (
        Incident.objects.create(site=here, cause=cause, source="person", summary=cause, opened_at=fleet.NOW)
        for cause in ("firmware", "vandalism")
    )
    seen = {"address": "incidents/", "number": "change", "parameter": "changed_after"}
    assert [row["id"] for row in follow(**seen)] == [one.pk, other.pk]
    change = "UPDATE maintenance_incident SET summary = 'seen' WHERE id = %s"
    writers[0].run(change, one.pk)
    writers[1].run(change, other.pk)
    writers[1].connection.commit()
    assert follow(**seen) == []
    writers[0].connection.commit()
    assert [row["id"] for row in follow(**seen)] == [one.pk, other.pk]
    Incident.objects.filter(pk=one.pk).update(summary="seen")
    assert follow(**seen) == [], "an update that changes nothing is no change"


def test_the_end_of_a_session_comes_to_those_who_follow_changes(writers, follow, client):
    begun, ended = fleet.NOW, fleet.NOW + timedelta(minutes=30)
    ports = [fleet.charger(fleet.site(follow.operator, number)).pk for number in (1, 2)]
    ChargingSession.objects.begin(ports, begun, [4000, 4000])
    followed = ("sessions/", "change", "changed_after")
    assert [row["ended_at"] for row in follow(*followed)] == [None, None]
    late = writers[0]
    late.run("UPDATE telemetry_chargingsession SET energy_kwh = 5 WHERE charger_id = %s", ports[0])
    ChargingSession.objects.finish(ports[1:], [begun], [ended], [12.5], [True])
    assert follow(*followed) == [], "the change before it is not committed yet"
    late.connection.commit()
    assert [row["energy_kwh"] for row in follow(*followed)] == [5, 12.5]
    assert follow(*followed) == []
    ChargingSession.objects.record(ports[1:], [begun], [ended], [12.5], [True])
    assert follow(*followed) == [], "nothing new"
    ChargingSession.objects.record(ports[1:], [begun], [ended], [13], [True])
    assert [row["energy_kwh"] for row in follow(*followed)] == [13]


def test_with_many_writers_at_once_nothing_is_lost_and_nothing_comes_twice(follow):
    written, failed = [], []

    def write(seed: int):
        pace = random.Random(seed)
        try:
            with closing(Writer()) as writer:
                for number in range(25):
                    ids = [writer.run(EVENT, follow.operator.pk, f"{seed} {number}") for _ in range(pace.randint(1, 3))]
                    time.sleep(pace.random() / 100)
                    if pace.random() < 0.2:
                        writer.connection.rollback()
                    else:
                        writer.connection.commit()
                        written.extend(ids)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    found = []
    while any(thread.is_alive() for thread in threads):
        found += follow(limit=3)
    found += follow()
    assert not failed
    assert [row["id"] for row in found] == sorted(written)


NUMBERS = {"id": "id", "change": "change_number"}
FEEDS = [(address, view, name) for address, view in ADDRESSES.items() for name in getattr(view, "feeds", ())]


@pytest.mark.parametrize(("address", "view", "name"), FEEDS, ids=[f"{address} {name}" for address, _, name in FEEDS])
def test_the_database_notes_the_writers_of_every_feed(address, view, name, db):
    viewer, of_all = SimpleNamespace(user=User(is_superuser=True)), view()
    of_all.order = of_all.webhook = None  # comments are those of an order
    table, column = of_all.rows(viewer).model._meta.db_table, NUMBERS[name]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        (sequence,) = cursor.fetchone()
        cursor.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass", [table])
        triggers = " ".join(row[0] for row in cursor.fetchall())
    assert sequence == f"public.{table}_{column}_seq"
    assert f"stations_feed_begins('{table}_{column}_seq')" in triggers


@pytest.mark.parametrize("last", [2**31 - 2, 2**31 - 1, 2**32 - 2, 2**32 - 1, 2**32, 5 * 2**32 + 7])
def test_numbers_beyond_32_bits_are_told_apart(last, writers, follow):
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('stations_fleetevent_id_seq', %s)", [last])
    try:
        late_and_early(writers, follow.operator)
        assert settled(FleetEvent, "id") == last
        writers[0].connection.commit()
        assert settled(FleetEvent, "id") == last + 2
    finally:
        FleetEvent.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('stations_fleetevent_id_seq', 1)")
