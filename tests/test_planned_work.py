"""Planned work comes round by the site's clock, takes its chargers out for its time, and counts as planned."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from maintenance.models import Incident, PlannedSpell, PlannedWork, WorkOrder
from maintenance.recurrence import occurrences
from sntry_site import tasks
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import ChargerState, Outage, StatusReport

from . import fleet

START = datetime(2026, 7, 5, 12, tzinfo=UTC)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


@pytest.fixture
def site(db, settings):
    settings.TICK_SURGE_CHANCE = 0.0
    operator = Operator.objects.create(name="Northline", is_simulated=True)
    return fleet.live_site(operator, 1, ports_total=4, time_zone="America/Denver")


def planned(site, **fields) -> PlannedWork:
    work = PlannedWork.objects.create(site=site, title="Clean the filters", first_at=second(60), minutes=5, **fields)
    work.lay_out(START)
    return work


def statuses(chargers) -> list[str]:
    return sorted(ChargerState.objects.filter(charger__in=chargers).values_list("status", flat=True))


def test_work_comes_round_at_the_same_hour_of_the_wall_clock_in_summer_and_winter():
    first = datetime(2026, 10, 24, 15, tzinfo=UTC)  # nine o'clock in Denver, before the clocks go back on 1 November
    begins = list(occurrences(first, "weekly", datetime(2026, 11, 8, tzinfo=UTC), "America/Denver"))
    assert [each.hour for each in begins] == [15, 15, 16]


def test_work_on_the_last_day_of_a_month_stays_there():
    first = datetime(2027, 1, 31, 12, tzinfo=UTC)
    begins = [each.date() for each in occurrences(first, "monthly", datetime(2027, 5, 1, tzinfo=UTC), "UTC")]
    assert begins == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    assert list(occurrences(first, "", datetime(2030, 1, 1, tzinfo=UTC), "UTC")) == [first]


def test_its_chargers_are_out_of_service_for_its_time_and_then_back_and_nobody_is_sent(site):
    worked_on, other = site.chargers.order_by("pk")[:2]
    work = planned(site)
    work.chargers.add(worked_on)
    StatusReport.objects.record([worked_on.pk, other.pk], [START] * 2, ["AVAILABLE"] * 2)
    for number in (0, 6, 7, 20):
        tasks.tick(second(10 * number))
    assert statuses([worked_on]) == ["UNAVAILABLE"]
    assert statuses([other]) != ["UNAVAILABLE"]
    assert not Outage.objects.exists()
    assert work.spells.get().state == "running"
    tasks.tick(second(360))
    assert statuses([worked_on]) != ["UNAVAILABLE"]
    assert work.spells.get().state == "done"
    assert not Incident.objects.exists()
    assert not WorkOrder.objects.exists()


def test_all_chargers_of_the_site_where_none_is_named_and_none_whose_car_still_charges(site):
    charging, *idle = site.chargers.order_by("pk")
    planned(site)
    StatusReport.objects.record([c.pk for c in (charging, *idle)], [START] * 4, ["CHARGING", *["AVAILABLE"] * 3])
    tasks.tick(second(60))
    assert statuses(idle) == ["UNAVAILABLE"] * 3
    assert statuses([charging]) != ["UNAVAILABLE"]


def test_an_outage_within_the_work_does_not_count_against_uptime_and_one_from_before_or_that_stays_does(site):
    broken, worked_on, left_broken = site.chargers.order_by("pk")[:3]
    planned(site)
    StatusReport.objects.record([broken.pk], [START], ["FAULTED"])
    tasks.tick(second(60))
    StatusReport.objects.record([worked_on.pk, left_broken.pk], [second(65)] * 2, ["FAULTED"] * 2)
    tasks.tick(second(230))
    assert not Incident.objects.filter(charger__in=[worked_on, left_broken]).exists(), "somebody is working there"
    StatusReport.objects.record([worked_on.pk], [second(235)], ["UNAVAILABLE"])
    tasks.tick(second(360))
    during = Outage.objects.get(charger=worked_on)
    assert during.excluded_reason == "scheduled_maintenance"
    assert "Clean the filters" in during.excluded_evidence
    for charger in (broken, left_broken):
        assert Outage.objects.get(charger=charger).excluded_reason == ""


def test_the_calendar_shows_a_month_by_the_clock_of_each_site(site, client):
    sync_roles()
    work = planned(site, repeats="weekly")
    PlannedWork.objects.filter(pk=work.pk).update(title="<b>Filters</b>")
    foreign = fleet.site(Operator.objects.create(name="Copperline"), 9)
    planned(foreign)
    client.force_login(fleet.person("desk", "ops", site.operator))
    page = client.get(reverse("maintenance-calendar"), {"month": "2026-07"})
    text = page.content.decode()
    assert text.count("06:01–06:06") == 5, "six in the morning, there; the last week goes over into August"
    assert "<b>Filters" not in text
    assert "Clean the filters" not in text, "that is somebody else's"
    for month in ("soon", "0001-01", "9999-12"):
        assert client.get(reverse("maintenance-calendar"), {"month": month}).status_code == 200
    client.force_login(User.objects.create_user("stranger", is_staff=True))
    assert client.get(reverse("maintenance-calendar")).status_code == 403


def test_another_rhythm_changes_what_is_to_come_and_not_what_was(site):
    work = planned(site, repeats="weekly")
    coming = work.spells.count()
    assert 56 <= coming <= 58
    work.spells.filter(starts_at=second(60)).update(state="done")
    work.repeats, work.minutes = "monthly", 90
    work.lay_out(second(3600))
    assert 13 <= work.spells.count() <= 15
    assert work.spells.get(starts_at=second(60)).state == "done"
    later = work.spells.filter(state="planned").first()
    assert later.ends_at - later.starts_at == timedelta(minutes=90)


def test_work_that_overlaps_or_is_deleted_while_it_is_under_way_gives_its_chargers_back(site):
    first, ids = planned(site), list(site.chargers.values_list("pk", flat=True))
    StatusReport.objects.record(ids, [START] * 4, ["AVAILABLE"] * 4)
    second_work = PlannedWork.objects.create(site=site, title="Paint", first_at=second(240), minutes=5)
    second_work.lay_out(START)
    for number in (60, 240):
        tasks.tick(second(number))
    tasks.tick(second(370))
    assert set(statuses(site.chargers.all())) == {"UNAVAILABLE"}, "the other work goes on"
    second_work.delete()
    tasks.tick(second(380))
    assert "UNAVAILABLE" not in statuses(site.chargers.all())
    assert first.spells.get().state == "done"


def test_what_a_person_has_taken_out_of_service_stays_out_after_the_work(site):
    charger = site.chargers.first()
    StatusReport.objects.record([charger.pk], [START], ["UNAVAILABLE"])
    planned(site)
    for number in (60, 370):
        tasks.tick(second(number))
    assert statuses([charger]) == ["UNAVAILABLE"]


def test_work_that_is_called_off_does_not_begin(site):
    work = planned(site)
    work.spells.update(state=PlannedSpell.State.CALLED_OFF)
    tasks.tick(second(60))
    assert "UNAVAILABLE" not in statuses(site.chargers.all())
