"""When an answer about reliability is old, and what is kept of what a person said."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.analyses.scope import Scope
from telemetry.analyses.store import input_version
from telemetry.models import ChargingSession, LateChange, Outage, StatusReport

from . import fleet
from .reliability_network import END, START, live_through
from .test_reliability_pages import do, page

pytestmark = pytest.mark.django_db
WHOLE = Scope(START, END)


@pytest.fixture
def volta():
    sync_roles()
    operator = Operator.objects.create(name="Volta")
    live_through(operator, 4, seed=1)
    return operator


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss", password="a long word"))


def test_a_late_report_that_moves_the_start_of_an_outage_keeps_what_a_person_said_of_it(volta):
    outage = Outage.objects.order_by("pk")[5]
    Outage.objects.mark_excluded([outage.pk], "vandalism", "police report 12")
    earlier = outage.started_at - timedelta(seconds=30)
    StatusReport.objects.record([outage.charger_id], [earlier], ["OFFLINE"])
    moved = Outage.objects.get(charger=outage.charger_id, started_at=earlier)
    assert (moved.excluded_reason, moved.excluded_evidence) == ("vandalism", "police report 12")


def test_new_chargers_first_reports_sessions_and_edited_sites_make_an_answer_old(volta):
    one = fleet.charger(fleet.site(volta, 99, charger_type="Level 2"), 1)
    versions = [input_version(WHOLE)]
    for day in (5, 4):  # a new charger, then an earlier first report
        StatusReport.objects.record([one.pk], [START + timedelta(days=day)], ["AVAILABLE"])
        versions.append(input_version(WHOLE))
    at = START + timedelta(days=10)
    begun = ChargingSession.objects.create(charger=one, started_at=at)
    versions.append(input_version(WHOLE))
    ChargingSession.objects.filter(pk=begun.pk).update(ended_at=at + timedelta(hours=1), energy_kwh=7)
    versions.append(input_version(WHOLE))
    type(one.site).objects.filter(pk=one.site_id).update(charger_type="DC Fast Charge")
    versions.append(input_version(WHOLE))
    assert len(set(versions)) == len(versions)


def test_no_file_is_given_of_an_answer_that_is_out_of_date(client, volta, boss):
    page(client, "factors")
    do(Job.objects.get())
    assert page(client, "factors", format="csv").status_code == 200
    one = Outage.objects.first().charger_id
    StatusReport.objects.record([one], [END - timedelta(hours=5)], ["FAULTED"])
    assert page(client, "factors", format="csv").status_code == 409


def test_a_failed_answer_is_tried_again_after_an_hour(client, volta, boss):
    page(client, "load")
    Job.objects.update(state=Job.State.FAILED, message="Given up.", finished_at=datetime.now(UTC))
    assert "Given up." in page(client, "load").content.decode()
    assert Job.objects.count() == 1
    Job.objects.update(finished_at=datetime.now(UTC) - timedelta(hours=2))
    assert "Given up." not in page(client, "load").content.decode()
    assert Job.objects.count() == 2


def test_changed_success_temperatures_and_deleted_rows_make_old_what_was_made_of_them(volta):
    one = Outage.objects.first().charger
    begun = ChargingSession.objects.create(charger=one, started_at=START + timedelta(days=9), success=True)
    reading = fleet.reading(one.site, at=START + timedelta(days=9))
    versions = [input_version(WHOLE)]
    ChargingSession.objects.filter(pk=begun.pk).update(success=False)
    versions.append(input_version(WHOLE))
    type(reading).objects.filter(pk=reading.pk).update(temperature_f=99)
    versions.append(input_version(WHOLE))
    begun.delete()
    versions.append(input_version(WHOLE))
    assert len(set(versions)) == len(versions)
    light = input_version(WHOLE, ["reports"])
    type(reading).objects.filter(pk=reading.pk).update(temperature_f=98)
    assert input_version(WHOLE, ["reports"]) == light  # who reads no temperatures need not care


def test_what_is_written_about_the_day_that_goes_on_is_not_noted(volta):
    LateChange.objects.all().delete()
    one, now = Outage.objects.first().charger_id, datetime.now(UTC)
    StatusReport.objects.record([one], [now], ["FAULTED"])
    ChargingSession.objects.create(charger_id=one, started_at=now)
    assert not LateChange.objects.exists()
    yesterday = now - timedelta(days=1)
    StatusReport.objects.record([one, one], [yesterday, yesterday], ["AVAILABLE", "FAULTED"])
    assert list(LateChange.objects.values_list("kind", "operator", "day", "changes")) == [
        ("reports", volta.pk, yesterday.date(), 1)
    ]


def test_gathering_the_notes_changes_no_version(volta):
    one = Outage.objects.first().charger_id
    for minute in range(3):
        StatusReport.objects.record([one], [START + timedelta(days=3, minutes=minute)], ["AVAILABLE"])
    before, rows = input_version(WHOLE), LateChange.objects.count()
    LateChange.objects.gather()
    assert LateChange.objects.count() < rows
    assert input_version(WHOLE) == before


def test_another_operators_late_rows_make_nothing_old(volta):
    other = Operator.objects.create(name="Other")
    mine = Scope(START, END, (volta.pk,))
    before, whole = input_version(mine), input_version(WHOLE)
    live_through(other, 1, seed=2)
    assert input_version(mine) == before
    assert input_version(WHOLE) != whole
