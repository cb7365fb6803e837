"""Every new incident gets a note by rule, at once, in a fixed number of queries, from facts that it cites."""

from datetime import timedelta

import pytest
from django.utils import timezone

from maintenance.models import DriverReport, Incident, RemoteAttempt, RootCauseNote
from maintenance.notes import writing
from maintenance.notes.advice import ADVICE
from maintenance.notes.cases import cases_of
from maintenance.notes.note import MOST_STEPS, NOTE_CAUSES, SAFETY, STEP, SUMMARY, Case, numbered
from maintenance.notes.rule_note import DANGER_WARNING, rule_note
from stations.models import Operator
from telemetry.models import Diagnosis, SoftEvents, StatusReport
from telemetry.risk.taxonomy import REPAIR_OF, UNKNOWN

from . import fleet
from .at_once import at_once


def case(cause: str, **fields) -> Case:
    facts = numbered([("incident", "opened"), ("status", "Faulted: HighTemperature"), ("risk", "risk 91%")])
    return Case(1, "EV00001-1", **{"cause": cause, "confidence": 0.7, "others": (), "facts": facts, **fields})


@pytest.mark.parametrize("cause", NOTE_CAUSES)
def test_each_cause_has_a_note_with_every_field(cause):
    note = rule_note(case(cause))
    assert note.cause == cause
    assert note.summary.startswith("EV00001-1: ")
    assert len(note.summary) <= SUMMARY
    assert note.evidence[0][0] == "F2"
    assert note.parts == ((REPAIR_OF[cause].part,) if cause != UNKNOWN else ())
    assert 0 < len(note.steps) <= MOST_STEPS
    assert all(0 < len(step) <= STEP for step in note.steps)
    assert "supply" in note.safety
    assert len(note.safety) <= SAFETY


def test_there_is_advice_for_each_cause_and_no_other():
    assert set(ADVICE) == set(NOTE_CAUSES)


def test_an_unknown_cause_names_the_likeliest_and_does_not_claim_it():
    note = rule_note(case(UNKNOWN, confidence=0.4, others=(("power_module", 0.4), ("grid_supply", 0.3))))
    assert note.cause == UNKNOWN
    assert "not certain; 40%" in note.summary
    assert note.parts == ("rectifier module",)


def test_a_cause_without_a_figure_says_none():
    assert "sure" not in rule_note(case("meter_fault", confidence=None)).summary


@pytest.fixture
def incidents(db):
    """Three at one site: two chargers, and the site as a whole."""
    now = timezone.now()
    site = fleet.live_site(Operator.objects.create(name="Northline"), 1)
    found = [Incident.objects.create(site=site, source="prediction", summary="Risk 91 %", risk=0.91, opened_at=now)]
    for charger in site.chargers.all()[:2]:
        StatusReport.objects.record(
            [charger.pk] * 2, [now - timedelta(hours=1), now - timedelta(minutes=5)], ["AVAILABLE", "FAULTED"],
            ["", "HighTemperature"], [30.0, 71.0], ["", "CX003"],
        )  # fmt: skip
        SoftEvents.objects.create(charger=charger, at=now - timedelta(hours=2), retries=3, power_dips=1)
        diagnosis = Diagnosis.objects.create(
            charger=charger, kind="happened", at=now, cause="cooling_thermal", confidence=0.82,
            others=[["cooling_thermal", 0.82], ["power_module", 0.1]], evidence="code CX003",
        )  # fmt: skip
        found.append(
            Incident.objects.create(
                site=site,
                charger=charger,
                cause="cooling_thermal",
                source="status",
                summary=f"{charger} is faulted",
                opened_at=now,
                diagnosis=diagnosis,
            )
        )
    return found


def test_facts_are_what_chargers_and_sites_have_told(incidents):
    facts = cases_of([incidents[1].pk])[0].facts
    told = {fact.kind: fact.text for fact in facts}
    now, *reports = [fact.text for fact in facts if fact.kind == "status"]
    assert now.startswith("Faulted since 20")
    assert now.endswith(" UTC: HighTemperature, CX003")
    assert [report.split(" UTC ")[1] for report in reports] == [
        "Faulted, 71 °C: HighTemperature, CX003", "Available, 30 °C",
    ]  # fmt: skip
    assert told["soft events"] == "in the day before: 1 power dips, 3 retries"
    assert told["siblings"] == "2 of the site's 4 ports do not work"
    assert told["diagnosis"] == "cooling (82%), told from: code CX003"
    assert told["other causes"] == "power module 10%"


def test_notes_of_many_incidents_take_as_many_queries_as_of_one(incidents, django_assert_num_queries):
    with django_assert_num_queries(12):
        assert writing.write_notes([incidents[1].pk]) == 1
    with django_assert_num_queries(13):  # one more for the chargers under the incident of a site
        assert writing.write_notes([one.pk for one in incidents]) == 2


def test_the_note_of_a_whole_site_tells_of_its_chargers_and_of_what_was_tried_from_afar(incidents):
    whole, first, second = incidents
    whole.chargers.set([first.charger, second.charger])
    RemoteAttempt.objects.create(
        incident=whole, charger=first.charger, rung="soft_reset", at=whole.opened_at, answer="accepted; still faulted"
    )
    told = [(fact.kind, fact.text) for fact in cases_of([whole.pk])[0].facts]
    assert ("tried from afar", "Soft reset: accepted; still faulted") in told
    said = [text for kind, text in told if kind == "status"]
    assert len(said) == 2
    assert said[0].startswith(f"{first.charger}: ")
    assert "what was tried from afar" in [why for _, why in rule_note(cases_of([whole.pk])[0]).evidence]


def test_what_a_driver_calls_dangerous_is_the_first_thing_that_a_note_says(incidents):
    incident = incidents[1]
    for problem, text in (("danger", "smoke at the plug"), *[("slow", "only 20 kW")] * 9):
        DriverReport.objects.file(incident.site, incident.charger, problem, text, timezone.now())
    case = cases_of([incident.pk])[0]
    note = rule_note(case)
    assert note.safety.startswith(DANGER_WARNING)
    assert len(note.safety) <= RootCauseNote._meta.get_field("safety").max_length
    assert {fact.id: fact.text for fact in case.facts}[note.evidence[0][0]].endswith("smoke at the plug")
    assert sum(fact.kind == "driver" for fact in case.facts) == 5


def test_every_warning_fits_after_that_of_a_driver():
    longest = RootCauseNote._meta.get_field("safety").max_length
    assert max(len(f"{DANGER_WARNING} {advice.safety}") for advice in ADVICE.values()) <= longest


def test_without_a_key_the_note_says_that_a_rule_wrote_it_and_why(incidents, settings):
    settings.GEMINI_API_KEY = ""
    writing.write_notes([one.pk for one in incidents])
    for note in RootCauseNote.objects.all():
        assert (note.source, note.failure) == ("rules", "no GEMINI_API_KEY is set")
        assert note.cited
    assert RootCauseNote.objects.current().count() == 3


def test_a_note_changes_nothing_else(incidents):
    before = list(Incident.objects.order_by("pk").values())
    writing.write_notes([one.pk for one in incidents])
    assert list(Incident.objects.order_by("pk").values()) == before


def test_with_a_key_the_workers_are_told_once(incidents, settings, monkeypatch):
    settings.GEMINI_API_KEY, told = "x", []
    monkeypatch.setattr(writing, "tell", lambda task, calls: told.append((task, calls)))
    writing.write_notes([one.pk for one in incidents])
    assert told == [("maintenance.write_gemini_note", [[one.pk, None] for one in incidents])]
    assert not RootCauseNote.objects.exclude(failure="").exists()


def test_an_incident_that_is_told_of_twice_gets_one_note_unless_somebody_asks_for_another(incidents):
    ids = [one.pk for one in incidents]
    assert [writing.write_notes(ids), writing.write_notes(ids), writing.write_notes(ids, anew=True)] == [3, 0, 3]


def test_no_incidents_need_no_query(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert writing.write_notes([]) == 0


def test_notes_that_a_crash_has_left_out_are_written_later_and_lost_messages_sent_again(
    incidents, settings, monkeypatch
):
    later, told = timezone.now() + timedelta(minutes=11), []
    monkeypatch.setattr(writing, "tell", lambda task, calls, expires=None: told.append(calls))
    assert writing.write_missing_notes(timezone.now()) == 0, "they may still come by themselves"
    assert Incident.objects.close([incidents[2].pk], timezone.now(), "works again") == [incidents[2].pk]
    assert writing.write_missing_notes(later) == 3, "of the one that is closed by now, too"
    assert writing.write_missing_notes(later) == 0
    settings.GEMINI_API_KEY = "x"
    assert writing.write_missing_notes(later) == 0
    assert told == [[]], "there was no key when these were written, and the notes say so"
    RootCauseNote.objects.filter(incident__in=[incidents[0], incidents[2]]).update(failure="")
    writing.write_missing_notes(later)
    assert told[1] == [[incidents[0].pk, None]]


def test_notes_of_incidents_that_were_closed_long_ago_are_dropped(incidents, settings):
    writing.write_notes([one.pk for one in incidents])
    past = timezone.now() - timedelta(days=settings.EVENT_DAYS + 1)
    RootCauseNote.objects.update(made_at=past)
    Incident.objects.filter(pk=incidents[0].pk).update(opened_at=past, closed_at=past)
    RootCauseNote.objects.drop_old(timezone.now())
    assert set(RootCauseNote.objects.values_list("incident", flat=True)) == {one.pk for one in incidents[1:]}


@pytest.mark.django_db(transaction=True)
def test_two_who_write_the_first_note_at_once_leave_one():
    """The tick that opened the incident, and the sweeper that finds it without one."""
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    incident = fleet.work_order(site).incident
    at_once(6, lambda _: writing.write_notes([incident.pk]))
    assert RootCauseNote.objects.count() == 1
