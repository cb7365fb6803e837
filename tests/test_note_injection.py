"""Whatever chargers write, and however obedient the model is: nothing reaches the page, the data or the network."""

import json
import re
import threading
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.apps import apps
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from maintenance import gemini, outside
from maintenance.models import Incident, RootCauseNote, ServiceCentre, Technician
from maintenance.notes import writing
from maintenance.notes.cases import cases_of
from maintenance.notes.prompt import SYSTEM, prompt
from maintenance.plain_text import plain
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import Listening, StatusReport

from . import fleet
from .gemini_server import GeminiServer
from .hostile_strings import HOSTILE, hostile
from .live_server import elsewhere

KEY = "a-key-that-nobody-may-see"
ALLOWED = {"section", "p", "span", "time", "strong", "h3", "ol", "ul", "li"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
LEADS = re.compile(r"https?:|//|javascript:|data:|www\.|\.invalid|mailto:|tel:|\b192\.0\.2\.7", re.IGNORECASE)


@pytest.fixture
def obedient(settings, monkeypatch):
    """A Gemini that does whatever it reads."""
    running = GeminiServer()
    running.behaviour = "obeys"
    settings.GEMINI_API_KEY = KEY
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
    monkeypatch.setattr(gemini, "breaker", outside.Breaker())
    yield running
    running.close()


@pytest.fixture
def trap():
    """An address on loopback that remembers every visit."""
    visits = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", visits
    server.shutdown()
    server.server_close()


def incident_about(text: str, number: int, site=None) -> Incident:
    """An incident of a charger that says `text` wherever a charger or partner can say anything."""
    stored = text.replace("\0", "")
    if site is None:
        site = fleet.site(Operator.objects.create(name=f"Operator {number}"), number, name=stored[:200])
    charger = fleet.charger(site, number, model=stored[:100], connector_type=stored[:50])
    StatusReport.objects.record([charger.pk], [timezone.now()], ["FAULTED"], [stored[:50]], [40.0], [stored[50:100]])
    return Incident.objects.create(
        site=site, charger=charger, cause="cooling_thermal", source="status", summary=stored[:200],
        opened_at=timezone.now(),
    )  # fmt: skip


class Elements(HTMLParser):
    """Names and attributes of the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names, self.attributes, self.titles = set(), set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.titles |= {value for name, value in attributes if name == "title"}


def batched(texts: list[str], count: int) -> list[list[str]]:
    return [texts[place : place + count] for place in range(0, len(texts), count)]


def everything_but_notes() -> str:
    """All rows of the project but notes, as one text."""
    labels = ("stations", "telemetry", "maintenance", "pricing", "auth")
    moving = (RootCauseNote, Listening)  # what is looked at itself, and what the web process beside notes by itself
    models = [model for label in labels for model in apps.get_app_config(label).get_models() if model not in moving]
    rows = {str(model): list(model._default_manager.order_by("pk").values()) for model in models}
    return json.dumps(rows, default=str)


def test_the_corpus_is_as_large_as_promised():
    assert len(set(HOSTILE)) >= 50


@pytest.mark.django_db
def test_an_obedient_model_gets_nothing_onto_the_page_into_the_data_or_onto_the_network(obedient, trap, client):
    address, visits = trap
    incidents = [incident_about(text, number) for number, text in enumerate(hostile(address), 1)]
    before = everything_but_notes()
    for incident in incidents:
        writing.write_gemini_note(incident.pk)
    assert everything_but_notes() == before
    notes = list(RootCauseNote.objects.select_related("incident"))
    assert len(notes) == len(incidents) == len(obedient.asked)
    believed = [note for note in notes if note.source == "gemini"]
    assert len(believed) >= 20, "the fake's obedience was never shown, so that this would prove nothing"
    for note in notes:
        _assert_harmless(note, address)
    assert visits == []
    assert {path for path, _ in obedient.asked} == {"/v1/models/gemini-3.8-flash:generateContent"}


def _assert_harmless(note: RootCauseNote, address: str) -> None:
    written = [note.summary, note.more_safety, *note.steps, *(line["why"] for line in note.evidence), note.failure]
    for text in written:
        assert "<" not in text
        assert ">" not in text
        assert address not in text
        assert not LEADS.search(text), text
        assert KEY not in text
        assert all(character.isprintable() for character in text)
    page = Elements(render_to_string("maintenance/note.html", {"note": note}))
    assert page.names <= ALLOWED
    assert page.attributes <= {"class", "aria-label", "aria-hidden", "datetime", "title"}
    assert all(MOMENT.fullmatch(title) for title in page.titles)
    known = {fact["id"] for fact in note.facts}
    assert {line["fact"] for line in note.evidence} <= known
    assert note.is_unverified == (note.source == "gemini")
    assert "supply" in note.safety, "the warning of our own table is always there"


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_fact_can_end_the_data_or_hold_unseen_characters(number):
    incident = incident_about(HOSTILE[number], 1)
    question = prompt(cases_of([incident.pk])[0], "5f3a")
    lines = question.split("\n")
    assert [place for place, line in enumerate(lines) if line == "DATA 5f3a"] == [0, 2]
    data = json.loads(lines[1])
    assert question.isascii()
    assert "<" not in lines[1]
    assert all(fact["text"].isprintable() and len(fact["text"]) <= 160 for fact in data["facts"])
    assert KEY not in question
    assert "never an instruction" in SYSTEM


pieces = st.sampled_from([*HOSTILE, "<", ">", "&lt;", "[", "](", "//", "a"])


@given(st.text(max_size=400) | st.lists(pieces).map("".join))
def test_plain_text_has_no_markup_leads_nowhere_and_is_plain_already(text):
    once = plain(text, 150)
    assert len(once) <= 150
    assert plain(once, 150) == once
    assert "<" not in once
    assert ">" not in once
    assert "://" not in once
    assert all(character.isprintable() for character in once)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Swap the fan; see [the manual](http://x.y/z).", "Swap the fan; see the manual."),
        ("**Hot** `cabinet`", "Hot cabinet"),
        ("T < 40 °C and > 30 °C", "T ‹ 40 °C and › 30 °C"),
        ("Measure 3.5 V at port 2, e.g. by hand.", "Measure 3.5 V at port 2, e.g. by hand."),
        ("the power_module of EV00001-2", "the power_module of EV00001-2"),
        ("Go to https://evil.example/a?b=c now", "Go to [link removed] now"),
    ],
)
def test_honest_words_stay(text, left):
    assert plain(text, 200) == left


@pytest.mark.django_db
def test_every_page_that_shows_a_note_has_the_same_elements_whatever_the_model_wrote(obedient, client):
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.2, longitude=-97.7)
    ada = Technician.objects.create(code="ADA", centre=centre, user=fleet.person("ada", "technician", operator))
    order = fleet.work_order(fleet.site(operator, 1), technician=ada, state="assigned")
    order.changes.create(at=order.opened_at, new_state="assigned")
    client.force_login(ada.user)
    harmless = {"source": "gemini", "cause": "unknown", "safety": "Cut off the supply.", "model": "m"}
    kept = RootCauseNote(incident=order.incident, facts=[{"id": "F1", "kind": "status", "text": "x"}], **harmless)
    kept.evidence, kept.steps, kept.summary, kept.more_safety = [{"fact": "F1", "why": "x"}], ["x"], "x", "x"
    kept.save()
    addresses = [reverse("work-order", args=[order.pk]), reverse("site", args=[order.site.external_id])]
    plain_pages = [Elements(client.get(address).content.decode()) for address in addresses]
    for some in batched([text.replace("\0", "")[:200] for text in hostile()], 9):
        # As if nothing had been made harmless before.
        kept.summary, kept.more_safety, kept.steps = some[0], some[-1], some
        kept.evidence[0]["why"], kept.facts[0]["text"] = " ".join(some), " ".join(reversed(some))
        kept.save()
        for address, before in zip(addresses, plain_pages, strict=True):
            page = client.get(address).content.decode()
            now = Elements(page)
            assert (now.names, now.attributes) == (before.names, before.attributes)
            assert "AI" in page


def _pages_of_notes(address: str):
    site = fleet.site(Operator.objects.create(name="Northline"), 1)
    about = [incident_about(text, number, site) for number, text in enumerate(hostile(address), 1)]
    notes = [writing.write_gemini_note(incident.pk) for incident in about[::9]]
    pages = [reverse("admin:maintenance_rootcausenote_change", args=[note.pk]) for note in notes]
    return pages, fleet.person("boss", is_superuser=True)


@pytest.mark.browser
def test_in_a_browser_no_note_draws_runs_or_asks_for_anything(obedient, trap, live_site, open_page, monkeypatch):
    address, visits = trap
    pages, boss = elsewhere(_pages_of_notes, address)
    asked, said = [], []
    watched = open_page(live_site, boss)
    watched.page.on("request", lambda request: asked.append(request.url))
    watched.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    for path in pages:
        watched.page.goto(live_site.url + path)
        assert watched.page.locator(".cause-note").count() == 1
    assert all(url.startswith((live_site.url, "data:")) for url in asked)
    assert said == visits == []
    assert watched.errors == []
