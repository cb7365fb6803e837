"""Charging sessions that come from outside are merged: once each, and their prices are left alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from stations.models import Charger, Operator, Site
from telemetry.models import ChargingSession

START = datetime(2026, 3, 1, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def make_charger() -> int:
    operator = Operator.objects.create(name="Volta")
    site = Site.objects.create(operator=operator, external_id="EV00001", name="Dock")
    return Charger.objects.create(site=site, external_id="C1").pk


def merge(*rows) -> int:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged")
        cursor.execute(
            "CREATE TEMP TABLE staged (charger_id bigint, started_at timestamptz, ended_at timestamptz, "
            "energy_kwh double precision, success boolean)"
        )
        with cursor.copy("COPY staged FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return ChargingSession.objects.record_staged(cursor, "staged")


def test_sessions_are_merged_once_and_only_what_differs_changes():
    charger, end = make_charger(), START + timedelta(minutes=30)
    rows = [(charger, START, end, 12.5, True), (charger, START + timedelta(hours=1), None, 0.0, None)]
    assert merge(*rows) == 2
    assert merge(*rows) == 0
    assert merge((charger, START, end, 12.5, False), rows[1]) == 1
    assert [session.minutes for session in ChargingSession.objects.order_by("started_at")] == [30, None]


def test_of_two_rows_for_the_same_session_the_later_one_counts():
    charger = make_charger()
    assert merge((charger, START, None, 1.0, None), (charger, START, None, 2.0, None)) == 1
    assert ChargingSession.objects.get().energy_kwh == 2.0


def test_a_price_that_was_fixed_stays():
    charger = make_charger()
    ChargingSession.objects.create(charger_id=charger, started_at=START, price=Decimal("0.45"))
    merge((charger, START, START + timedelta(minutes=5), 3.0, True))
    session = ChargingSession.objects.get()
    assert (session.price, session.energy_kwh) == (Decimal("0.4500"), 3.0)
