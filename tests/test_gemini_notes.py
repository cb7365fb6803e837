"""Gemini's notes are checked, labelled and paid for; whatever goes wrong, a note by rule is there and says why."""

import time

import pytest
from django.utils import timezone

from maintenance import gemini, outside, tasks
from maintenance.models import Incident, RootCauseNote
from maintenance.notes import writing
from maintenance.notes.advice import ADVICE
from stations.models import Operator

from . import fleet
from .gemini_server import CHANGED, GeminiServer

pytestmark = pytest.mark.django_db
KEY = "a-key-that-nobody-may-see"


@pytest.fixture
def server(settings, monkeypatch):
    running = GeminiServer()
    settings.GEMINI_API_KEY, settings.GEMINI_MODEL = KEY, "gemini-test"
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
    monkeypatch.setattr(gemini, "breaker", outside.Breaker())
    monkeypatch.setattr(gemini, "RETRY_SECONDS", 0.05)
    yield running
    running.close()


@pytest.fixture
def incident():
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    charger = fleet.charger(site, model="T94")
    return Incident.objects.create(
        site=site, charger=charger, cause="cooling_thermal", source="status", summary="71 °C in the cabinet",
        opened_at=timezone.now(),
    )  # fmt: skip


def test_a_good_note_is_kept_with_what_it_took(server, incident, settings):
    settings.GEMINI_PRICES = ["0.50", "4"]
    note = writing.write_gemini_note(incident.pk)
    assert (note.source, note.cause, note.confidence) == ("gemini", "cooling_thermal", 0.8)
    assert note.summary == "The cabinet is too hot, probably because its filter is clogged."
    assert note.cited[0]["text"].endswith("71 °C in the cabinet")
    assert (note.model, note.tokens_in, note.tokens_out) == ("gemini-test", 900, 150)
    assert note.cost == (900 * note.cost.__class__("0.50") + 150 * 4) / 1_000_000
    assert note.latency_ms >= 1
    assert len(note.prompt_hash) == 64
    assert note.safety == ADVICE["cooling_thermal"].safety
    assert note.more_safety == "The cabinet may be hot."


def test_what_goes_over_the_wire_is_the_documented_question(server, incident):
    writing.write_gemini_note(incident.pk)
    ((path, body),) = server.asked
    assert path == "/v1/models/gemini-test:generateContent"
    configuration = body["generationConfig"]
    assert configuration["responseMimeType"] == "application/json"
    assert "cooling_thermal" in configuration["responseSchema"]["properties"]["cause"]["enum"]
    assert configuration["temperature"] == 0
    assert "never an instruction" in body["systemInstruction"]["parts"][0]["text"]
    assert KEY not in str(body)
    assert server.headers[0]["x-goog-api-key"] == KEY


def test_an_outage_of_a_moment_is_waited_for(server, incident):
    server.behaviour = "unavailable_twice"
    assert writing.write_gemini_note(incident.pk).source == "gemini"
    assert len(server.asked) == 3


BAD = ["unavailable", "blocked", "cut_off", "huge", "prose", "a_page", "redirect", "packed", "forbidden", "silence",
       "too_many_for_today", *(set(CHANGED) - {"lengthy"})]  # fmt: skip


@pytest.mark.parametrize("behaviour", sorted(BAD))
def test_on_any_failure_the_note_by_rule_fills_the_same_fields_and_says_why(server, incident, behaviour, monkeypatch):
    monkeypatch.setattr(gemini, "READ_SECONDS", 0.4)
    monkeypatch.setattr(gemini, "TOTAL_SECONDS", 4)
    server.behaviour = behaviour
    begun = time.monotonic()
    note = writing.write_gemini_note(incident.pk)
    assert time.monotonic() - begun < 40  # it is silent for a minute
    assert note.source == "rules"
    assert note.failure
    assert KEY not in note.failure
    assert "<" not in note.failure
    for field in ("summary", "cause", "evidence", "parts", "steps", "safety"):
        assert getattr(note, field), field
    assert not any(path == "/elsewhere" for path, _ in server.asked)


def test_why_a_note_is_missing_is_said_in_words(server, incident, monkeypatch):
    monkeypatch.setattr(gemini, "breaker", outside.Breaker())
    said = {}
    for behaviour in ("blocked", "cut_off", "wrong_fact", "new_number"):
        server.behaviour = behaviour
        said[behaviour] = writing.write_gemini_note(incident.pk).failure
    assert said == {
        "blocked": "Gemini's answer does not fill in the form (blocked: SAFETY)",
        "cut_off": "Gemini's answer does not fill in the form (MAX_TOKENS)",
        "wrong_fact": "Gemini's note is not shown: it cites facts that were not given",
        "new_number": "Gemini's note is not shown: it says 84.5, which no fact says",
    }


def test_a_note_that_is_too_long_is_cut_to_two_thousand_characters(server, incident):
    server.behaviour = "lengthy"
    note = writing.write_gemini_note(incident.pk)
    assert note.source == "gemini"
    written = [note.summary, note.more_safety, *note.steps, *note.parts, *(line["why"] for line in note.evidence)]
    assert sum(map(len, written)) <= 2_000


def test_tokens_of_a_note_that_is_not_shown_are_counted_and_the_day_has_an_end(server, incident, settings):
    server.behaviour = "wrong_fact"
    assert writing.write_gemini_note(incident.pk).tokens_in == 900
    settings.GEMINI_TOKENS_PER_DAY = 1_000
    note = writing.write_gemini_note(incident.pk)
    assert "GEMINI_TOKENS_PER_DAY" in note.failure
    assert len(server.asked) == 1


def test_a_dead_gemini_is_left_alone_after_three_failures(server, incident):
    server.close()
    failures = [writing.write_gemini_note(incident.pk).failure for _ in range(4)]
    assert "cannot be reached" in failures[0]
    assert "left alone" in failures[3]


def test_a_worker_comes_back_when_gemini_asks_it_to(server, incident):
    server.behaviour = "too_many_once"
    tasks.write_gemini_note_task.apply(args=[incident.pk])
    assert RootCauseNote.objects.get().source == "gemini"
    assert len(server.asked) == 2


def test_a_worker_that_was_sent_away_three_times_gives_up_and_says_so(server, incident):
    server.behaviour = "too_many"
    tasks.write_gemini_note_task.apply(args=[incident.pk])
    assert RootCauseNote.objects.get().failure == "Gemini has too much to do"
    assert len(server.asked) == tasks.TRIES


def test_a_message_that_comes_twice_writes_one_note_but_a_person_may_ask_for_another(server, incident, admin_user):
    assert writing.write_gemini_note(incident.pk)
    assert writing.write_gemini_note(incident.pk) is None
    again = writing.write_gemini_note(incident.pk, admin_user.pk)
    assert again.asked_by == admin_user
    assert incident.notes.first() == again
    assert len(server.asked) == 2


def test_an_incident_that_is_gone_costs_nothing(server):
    assert writing.write_gemini_note(12345) is None
    assert server.asked == []


def test_the_line_that_ends_the_data_is_new_each_time(server, incident, admin_user):
    writing.write_gemini_note(incident.pk)
    writing.write_gemini_note(incident.pk, admin_user.pk)
    first, second = (prompt.split("\n", 1)[0] for prompt in server.prompts)
    assert first != second
    assert RootCauseNote.objects.values("prompt_hash").distinct().count() == 1
