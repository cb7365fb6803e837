"""Incidents open of what lasts, one for each failure, and close when that is proven well."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from maintenance.grouping import Out, groups
from maintenance.models import DriverReport, Incident, RemoteAttempt, ServiceCentre, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.severity import severities
from sntry_site import tasks
from stations.models import FleetEvent, Operator
from telemetry.models import ChargerState, ChargingSession, Listening, StatusReport, WorldState
from telemetry.simulation import causes, ladder

from . import fleet

START = datetime(2026, 7, 5, 12, tzinfo=UTC)  # a Sunday: no planned services


@pytest.fixture
def simulated(db, settings):
    settings.TICK_SURGE_CHANCE = 0.0
    return fleet.live_site(Operator.objects.create(name="Northline", is_simulated=True), 1, ports_total=4)


@pytest.fixture
def real(simulated):
    """A site of an operator whose data come from outside, beside the simulated one."""
    site = fleet.site(Operator.objects.create(name="Real"), 2, ports_total=4)
    for number in range(4):
        fleet.charger(site, number + 1)
    return site


def say(charger, status: str, at: datetime, **codes) -> None:
    StatusReport.objects.record([charger.pk], [at], [status], **codes)


def second(number: float) -> datetime:
    return START + timedelta(seconds=number)


@pytest.mark.parametrize(("status", "seconds"), [("FAULTED", 120), ("OFFLINE", 300)])
def test_an_incident_opens_when_a_status_has_lasted_and_not_a_tick_before(real, status, seconds):
    charger = real.chargers.first()
    say(charger, status, START)
    tasks.tick(second(seconds - 10))
    assert not Incident.objects.exists()
    tasks.tick(second(seconds))
    incident = Incident.objects.get()
    assert (incident.site, incident.charger, incident.source) == (real, charger, "status")
    tasks.tick(second(seconds + 10))
    assert Incident.objects.count() == 1


def test_flapping_and_boot_noise_open_nothing(real):
    charger = real.chargers.first()
    for minute in range(12):
        say(charger, "FAULTED", second(60 * minute))
        say(charger, "AVAILABLE", second(60 * minute + 50))
        tasks.tick(second(60 * minute + 55))
    assert not Incident.objects.exists()


def test_a_real_operator_s_failure_gets_its_order_with_its_incident_because_nothing_can_be_tried_from_afar(real):
    charger = real.chargers.first()
    say(charger, "FAULTED", START)
    tasks.tick(second(120))
    order = WorkOrder.objects.get()
    assert (order.charger, order.incident, order.state) == (charger, Incident.objects.get(), "triaged")
    assert not RemoteAttempt.objects.exists()


def test_a_silent_charger_shows_as_offline_after_three_missed_heartbeats(real):
    real.operator.heartbeat_seconds = 60
    real.operator.save()
    heard, silent = real.chargers.all()[:2]
    say(silent, "AVAILABLE", START)
    say(heard, "AVAILABLE", second(100))
    tasks.tick(second(180))
    assert ChargerState.objects.get(charger=silent).status == "AVAILABLE"
    tasks.tick(second(190))
    assert ChargerState.objects.get(charger=silent).status == "OFFLINE"
    assert ChargerState.objects.get(charger=heard).status == "AVAILABLE"


def test_a_charger_that_reports_is_not_silent_because_its_reporters_clock_is_late(real):
    real.operator.heartbeat_seconds = 60
    real.operator.save()
    late = real.chargers.first()
    say(late, "AVAILABLE", START)
    reports = StatusReport.objects.filter(charger=late)
    reports.update(received_at=second(395))  # five minutes and more after its own time, and after the slot's begin
    tasks.tick(second(390))
    assert ChargerState.objects.get(charger=late).status == "AVAILABLE"
    tasks.tick(second(570))
    assert ChargerState.objects.get(charger=late).status == "AVAILABLE"
    tasks.tick(second(580))
    assert ChargerState.objects.get(charger=late).status == "OFFLINE"


def test_silence_while_nobody_listened_is_no_silence_of_the_charger(real):
    """Our web processes were down from 0 to 300 s: the first tick after that may not call the network dead."""
    real.operator.heartbeat_seconds = 60
    real.operator.save()
    gone, back = real.chargers.all()[:2]
    say(gone, "AVAILABLE", START)
    say(back, "AVAILABLE", START)
    Listening.objects.create(pk=1, since=START - timedelta(days=1), noted_at=START)
    tasks.tick(second(290))  # still nobody listens
    assert set(ChargerState.objects.values_list("status", flat=True)) == {"AVAILABLE"}
    Listening.objects.update(since=second(300), noted_at=second(480))
    say(back, "AVAILABLE", second(330))
    tasks.tick(second(480))  # the third interval since is not over
    assert set(ChargerState.objects.values_list("status", flat=True)) == {"AVAILABLE"}
    tasks.tick(second(490))
    assert ChargerState.objects.get(charger=gone).status == "OFFLINE"
    assert ChargerState.objects.get(charger=back).status == "AVAILABLE"


def test_a_whole_site_that_is_out_is_one_incident_with_its_chargers_and_one_order(real):
    chargers = list(real.chargers.all())
    for charger in chargers:
        say(charger, "FAULTED", START)
    tasks.tick(second(120))
    incident = Incident.objects.get()
    assert incident.charger is None
    assert set(incident.chargers.all()) == set(chargers)
    assert (incident.severity, incident.severity_reason) == ("major", "no other port of the site works")
    assert incident.summary == "4 of 4 chargers of Site 2 do not work"
    assert WorkOrder.objects.get().incident == incident


def out(charger: int, cause: str = "unknown", site: int = 1) -> Out:
    return Out(charger, site, cause)


def test_what_is_of_a_site_is_told_by_its_causes():
    alone = groups([out(1, "comms_backhaul")], [], {1: 4})
    assert [(group.is_site, group.chargers) for group in alone] == [(False, [1])]
    half = groups([out(1, "comms_backhaul"), out(2, "comms_backhaul"), out(3, "meter_fault")], [], {1: 5})
    assert [group.is_site for group in half] == [False] * 3, "two of five is less than half"
    half = groups([out(1, "comms_backhaul"), out(2, "comms_backhaul"), out(3, "meter_fault")], [], {1: 4})
    assert {(group.is_site, group.cause, tuple(group.chargers)) for group in half} == {
        (True, "comms_backhaul", (1, 2)),
        (False, "meter_fault", (3,)),
    }
    supply = groups([out(1, "grid_supply"), out(9, "grid_supply", site=2)], [], {1: 8, 2: 8})
    assert [(group.site, group.is_site) for group in supply] == [(1, True), (2, True)]
    single = groups([out(1)], [], {1: 1})
    assert not single[0].is_site, "a site with one charger has no site's incidents"


def test_how_bad_it_is_follows_from_safety_ports_budget_and_money():
    nan = np.nan
    level, why = severities(
        ["unknown", "unknown", "unknown", "unknown", "contactor_weld", "contactor_weld", "unknown"],
        [4, 3, 0, 5, 9, 9, 9],
        [0, 0, 0, 263, 0, nan, nan],
        [0, 0, 0, 0, 0, 0, 0],
        [nan, nan, nan, nan, nan, 0.95, 0.8],
    )
    assert level.tolist() == [0, 1, 2, 2, 3, 2, 1]
    assert why[3] == "the year's uptime budget is used up"
    costly, _ = severities(["unknown"] * 3, [9, 2, 0], [0] * 3, [50] * 3, [nan] * 3)
    assert costly.tolist() == [2, 2, 3]


def test_a_charger_that_comes_back_closes_its_incident_once_somebody_has_charged(simulated):
    tasks.tick(START)
    charger = simulated.chargers.first()
    sites, memory = WorldState.objects.remembered()
    row = memory["charger"] == charger.pk
    memory["down"][row], memory["session_from"][row] = causes.FIRMWARE, 0
    memory["fixed_at"][row], memory["gives_up_at"][row] = second(600).timestamp(), START.timestamp()
    WorldState.objects.remember(sites, memory, 0)
    say(charger, "FAULTED", second(5), error_codes=["InternalError"])
    for number in range(1, 61):
        tasks.tick(second(10 * number))
    incident = Incident.objects.get()
    rungs = list(incident.attempts.order_by("pk").values_list("rung", "helped"))
    assert rungs in (
        [("poll", False), ("soft_reset", True)],
        [*[(r, False) for r in ladder.RUNGS[:2]], ("hard_reset", True)],
    )
    assert incident.closed_at is None, "it works, but nobody has charged yet"
    assert not WorkOrder.objects.exists()
    charger.sessions.all().delete()
    ChargingSession.objects.create(charger=charger, started_at=second(601), ended_at=second(611), success=True)
    tasks.tick(second(620))
    incident.refresh_from_db()
    assert incident.closed_at == second(620)
    assert incident.changes.get().note == "works again, and that is proven"


def test_tries_from_afar_are_rungs_in_order_and_none_after_the_one_that_helped():
    since, ends = np.array([0, 0, 0]), np.array([100, 100, 100])
    helps = np.array([-1, ladder.SOFT, ladder.HARD])
    counts = [ladder.tried(since, ends, helps, at).sum(0).tolist() for at in (0, 25, 50, 75, 1000)]
    assert counts == [[0, 0, 0], [1, 1, 1], [2, 1, 2], [3, 1, 2], [3, 1, 2]]
    chargers = np.arange(20_000)
    assert np.mean(ladder.helping_rung(chargers, chargers * 7 + 1_700_000_000) == ladder.SOFT) == pytest.approx(
        0.7, abs=0.02
    )


def test_no_hard_reset_where_a_car_charges_at_the_same_cabinet(simulated):
    broken, busy = simulated.chargers.order_by("pk")[:2]
    for port, charger in enumerate((broken, busy), 1):
        type(charger).objects.filter(pk=charger.pk).update(cabinet_id="CAB-1", cabinet_port=port)
    say(broken, "FAULTED", second(-180))
    say(busy, "CHARGING", second(-180))
    tasks.tick(START)
    answers = dict(RemoteAttempt.objects.filter(charger=broken).values_list("rung", "answer"))
    assert answers["hard_reset"] == "not sent: a car is charging at the same cabinet"
    assert answers["soft_reset"] == "accepted; still faulted afterwards"


def test_an_incident_is_acknowledged_once_put_off_for_a_reason_and_merged(real):
    person = fleet.person("ops", is_superuser=True)
    first, other = (
        Incident.objects.create(site=real, charger=charger, source="person", summary="odd", opened_at=START)
        for charger in real.chargers.all()[:2]
    )
    assert first.acknowledge(person, START)
    assert not first.acknowledge(person, second(10))
    with pytest.raises(ValidationError, match="Say why it can wait"):
        first.snooze(second(600), " ", person, START)
    with pytest.raises(ValidationError, match="within 14 days"):
        first.snooze(START + timedelta(days=15), "later", person, START)
    first.snooze(second(600), "the road is closed", person, START)
    other.merge_into(first, person, second(20))
    assert (other.merged_into, other.closed_at) == (first, second(20))
    assert list(first.chargers.all()) == [other.charger]
    with pytest.raises(ValidationError, match="another open incident"):
        first.merge_into(other, person, second(30))
    kinds = [list(each.changes.order_by("pk").values_list("kind", flat=True)) for each in (first, other)]
    assert kinds == [["acknowledged", "snoozed"], ["merged"]]


def test_nobody_is_sent_for_what_is_put_off_until_its_time_is_over(real):
    charger = real.chargers.first()
    say(charger, "FAULTED", second(-300))
    incident = Incident.objects.create(site=real, charger=charger, source="driver", summary="odd", opened_at=START)
    incident.snooze(second(600), "the road is closed", fleet.person("ops", is_superuser=True), START)
    tasks.tick(second(10))
    assert not WorkOrder.objects.exists()
    tasks.tick(second(600))
    assert WorkOrder.objects.get().incident == incident
    assert Incident.objects.count() == 1, "the failure was known already"


def test_a_site_that_was_served_rests_unless_a_person_ended_the_visit(real):
    site, at = real, START
    order = WorkOrder.objects.open_orders([Wanted(site.pk, None, "unknown", "prediction", 0.5, "risk")], at)[0]

    def served(after: timedelta, rest=timedelta(hours=1)) -> bool:
        return site.pk in WorkOrder.objects.served_before_failures({site.pk: rest}, at + after)

    assert served(timedelta(days=30)), "it is open"
    WorkOrder.objects.filter(pk=order.pk).update(state="closed", closed_at=at)
    assert not served(timedelta(minutes=1)), "nobody says by whom"
    step = order.changes.create(at=at, old_state="verified", new_state="closed")
    assert served(timedelta(minutes=59))
    assert not served(timedelta(minutes=61))
    step.by = User.objects.create_user("boss")
    step.save()
    assert not served(timedelta(minutes=1))
    assert WorkOrder.objects.served_before_failures({}, at) == set()


def test_no_number_that_somebody_may_type_stops_the_loop(real, simulated):
    Operator.objects.update(heartbeat_seconds=2**31 - 1)
    say(real.chargers.first(), "AVAILABLE", START)
    tasks.tick(second(10))
    assert ChargerState.objects.get(charger=real.chargers.first()).status == "AVAILABLE"
    with pytest.raises(ValidationError, match="less than or equal to 90"):
        ServiceCentre(name="Far", latitude=1e200, longitude=0).full_clean()


def test_what_was_put_off_for_longer_than_a_week_gets_its_order_afterwards(real):
    charger = real.chargers.first()
    say(charger, "FAULTED", second(-300))
    incident = Incident.objects.create(site=real, charger=charger, source="status", summary="odd", opened_at=START)
    incident.snooze(START + timedelta(days=13), "the road is closed", fleet.person("ops", is_superuser=True), START)
    tasks.tick(START + timedelta(days=13, hours=1))
    assert WorkOrder.objects.get().incident == incident


def test_what_somebody_said_of_a_charger_that_works_is_over_after_a_day_without_another_word(real):
    charger = real.chargers.first()
    say(charger, "AVAILABLE", second(-300))
    DriverReport.objects.file(real, charger, "slow", "", START)
    again = DriverReport.objects.file(real, charger, "slow", "", START + timedelta(hours=20))
    tasks.tick(START + timedelta(hours=43))
    assert again.incident.closed_at is None
    tasks.tick(START + timedelta(hours=45))
    again.incident.refresh_from_db()
    assert again.incident.closed_at == START + timedelta(hours=45)
    assert not WorkOrder.objects.exists()


def test_what_is_dangerous_gets_an_urgent_order_though_its_charger_says_that_it_works_and_though_it_was_put_off(real):
    charger = real.chargers.first()
    say(charger, "AVAILABLE", second(-300))
    incident = DriverReport.objects.file(real, charger, "slow", "", START).incident
    incident.snooze(START + timedelta(days=3), "known", fleet.person("ops", is_superuser=True), START)
    tasks.tick(second(10))
    assert not WorkOrder.objects.exists()
    DriverReport.objects.file(real, charger, "danger", "smoke", second(15))
    tasks.tick(second(20))
    order = WorkOrder.objects.get()
    assert (order.incident, order.charger, order.priority) == (incident, charger, "urgent")
    tasks.tick(second(30))
    assert WorkOrder.objects.count() == 1


def test_an_order_that_a_person_has_called_verified_is_closed(real):
    resolved = {"resolved_at": second(-60), **fleet.REPORT}
    order = fleet.work_order(real, charger=real.chargers.first(), state="verified", opened_at=second(-600), **resolved)
    tasks.tick(START)
    order.refresh_from_db()
    assert (order.state, order.closed_at) == ("closed", START)


def test_a_driver_who_sees_danger_wakes_what_was_put_off_and_that_is_a_row(real):
    person, charger = fleet.person("ops", is_superuser=True), real.chargers.first()
    incident = Incident.objects.create(site=real, charger=charger, source="person", summary="odd", opened_at=START)
    incident.snooze(second(600), "the road is closed", person, START)
    DriverReport.objects.file(real, charger, "danger", "smoke", second(10))
    assert incident.changes.filter(kind="woken").get().note == "a driver says that it is dangerous"
    event = FleetEvent.objects.get(kind="DANGER_REPORTED")
    assert (event.operator, event.site) == (real.operator, real)
    assert "smoke" in event.message
    incident.wake(person, second(20))
    assert incident.changes.filter(kind="woken", by=person).exists()


def test_what_a_partner_calls_dangerous_gets_somebody_there_although_the_charger_works(real):
    charger, problem = real.chargers.first(), DriverReport.Problem.DANGER
    say(charger, "AVAILABLE", START)
    incident, is_new = Incident.objects.report(real, charger, problem, "bare wires", START, "partner Roamwell")
    DriverReport.objects.call_dangerous(incident, "partner Roamwell", "bare wires", START)
    tasks.tick(second(10))
    order = WorkOrder.objects.get()
    assert (is_new, order.incident, order.priority) == (True, incident, "urgent")
    assert FleetEvent.objects.get(kind="DANGER_REPORTED").message == f"partner Roamwell at {charger}: bare wires"
    assert FleetEvent.objects.filter(kind="WORK_ORDER_OPENED", operator=real.operator).exists()
