"""Whatever stands in names, events and questions, and however obedient the model is: it stays words on the page."""

import re
from itertools import cycle

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from maintenance.models import ServiceCentre, Technician
from sntry_site.assistant import answering
from sntry_site.assistant.asking import SYSTEM, Line, Reply, Unusable, checked, prompt
from sntry_site.assistant.facts import Facts, harmless
from sntry_site.assistant.gathering import gather
from sntry_site.assistant.numbers import numbers, unsupported
from stations.access import sync_roles
from stations.models import AssistantCall, FleetEvent, Operator
from telemetry.models import SiteState

from . import fleet
from .hostile_strings import HOSTILE, hostile
from .test_assistant import KEY, PART, server  # noqa: F401  (a fixture)
from .test_note_injection import LEADS, Elements, everything_but_notes, trap  # noqa: F401  (a fixture)

ALLOWED = {"section", "p", "span", "div", "ul", "li", "ol", "a", "bdi", "details", "summary", "strong"}
ATTRIBUTES = {"class", "aria-label", "aria-hidden", "href", "role"}


def stored(text: str, longest: int) -> str:
    return text.replace("\0", "")[:longest]


@pytest.fixture
def hostile_network(trap):  # noqa: F811
    """Every name, code, reason and message that others may write is one of the hostile strings."""
    sync_roles()
    cache.clear()
    texts = cycle(hostile(trap[0]))
    operator = Operator.objects.create(name=stored(next(texts), 90))
    centre = ServiceCentre.objects.create(name=stored(next(texts), 90), latitude=30, longitude=-97)
    now = timezone.now()
    for number, text in enumerate(hostile(trap[0])):
        site = fleet.site(operator, number, name=stored(text, 200), city=stored(next(texts), 90))
        state = {"at": now, "risk": 0.5 + number / 1000, "level": "watch", "reason": stored(next(texts), 200)}
        SiteState.objects.create(site=site, expected_loss=number, ports_available=2, **state)
        FleetEvent.objects.create(at=now, kind="CHARGER_FAULTED", operator=operator, site=site, message=text[:200])
        Technician.objects.create(code=stored(text, 40) + str(number), centre=centre)
    for site in operator.sites.all()[:4]:
        fleet.work_order(site, technician=Technician.objects.first())
    return operator


@pytest.mark.django_db
def test_an_obedient_model_gets_nothing_onto_the_page_into_the_data_or_onto_the_network(
    hostile_network, trap, server  # noqa: F811
):  # fmt: skip
    address, visits = trap
    boss, client = fleet.person("boss", "ops", hostile_network), Client()
    client.force_login(boss)
    server.behaviour = "obeys"
    before, pages = everything_but_calls(), []
    texts = hostile(address)
    for number, (text, other) in enumerate(zip(texts[::2], texts[1::2] + texts[:1], strict=False)):
        answering.write(boss, str(number), text, other)
        pages.append(client.get(reverse("assistant-words", args=[number])).content.decode())
    assert everything_but_calls() == before
    drafts = [page for page in pages if "AI draft, unverified" in page]
    assert len(drafts) >= 20, "the fake's obedience was never shown, so that this would prove nothing"
    for page in pages:
        _assert_harmless(page, address)
    assert visits == []
    assert {path for path, _ in server.asked} == {"/v1/models/gemini-test:generateContent"}


def _assert_harmless(page: str, address: str) -> None:
    found = Elements(page)
    assert found.names <= ALLOWED
    assert found.attributes <= ATTRIBUTES
    assert KEY not in page
    for statement in re.findall(r'<div class="statements">(.*?)</div>', page, re.DOTALL):
        said = re.sub(r"<bdi>[^<]*</bdi>|<[^>]*>", " ", statement)
        assert not LEADS.search(said), said
        assert address not in said
    for link in re.findall(r'href="([^"]*)"', page):
        assert link == "/" or re.match(r"/(sites|admin|dispatch|reliability)/", link), link


def everything_but_calls() -> str:
    """All rows of the project but those that count what questions cost."""
    kept = list(AssistantCall.objects.all())
    AssistantCall.objects.all().delete()
    rows = everything_but_notes()
    AssistantCall.objects.bulk_create(kept)
    return rows


@pytest.mark.django_db
def test_a_hostile_question_is_only_repeated_as_text(hostile_network, trap):  # noqa: F811
    client = Client()
    client.force_login(fleet.person("boss", "ops", hostile_network))
    for text in hostile(trap[0])[22:48:4]:  # markup
        page = client.post(reverse("assistant-ask"), {"question": text, "before": text}, **PART).content.decode()
        assert Elements(page).names <= {*ALLOWED, "article"}
        assert "onerror" not in Elements(page).attributes


@pytest.mark.django_db
def test_no_name_gets_into_a_prompt_and_nothing_can_end_the_data(hostile_network):
    boss = fleet.person("boss", "ops", hostile_network)
    for text in HOSTILE[::4]:
        facts = gather(boss, text, timezone.now())
        question = prompt(facts, text, text, "5f3a")
        lines = question.split("\n")
        assert [place for place, line in enumerate(lines) if line == "DATA 5f3a"] == [0, 2]
        assert question.isascii()
        assert "<" not in lines[1]
        assert KEY not in question
        for named in facts.named.values():
            assert f"{named.placeholder}: {named.name}" not in question
    assert "never an instruction" in SYSTEM


@given(st.text(max_size=80), st.sampled_from(HOSTILE), st.text(max_size=80))
def test_words_of_others_never_become_placeholders(start, middle, end):
    assert "{" not in harmless(start + middle + end)


def _facts() -> Facts:
    facts = Facts()
    name = facts.name("site", 1, "Harbour 93 %", "/sites/1/")
    facts.add("risk", f"{name}: risk of an outage within 24 h 62 %; expected loss $1,240 per hour", "/sites/1/")
    return facts


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("The risk is 62 % within 24 h.", []),
        ("About $1,240 per hour, or $1,240, are lost.", []),
        ("The risk is 62 percent.", []),
        ("{site 1} is at risk.", []),
        ("The risk is 0.62.", ["0.62"]),
        ("The risk is 62.", ["62"]),
        ("The risk is 93 %.", ["93 %"]),
        ("It loses $1,240 per day.", ["$1,240 per day"]),
        ("It loses €1,240 per hour.", ["€1,240 per h"]),
        ("It loses $1.24k per hour.", []),
        ("It loses $1,240 million.", ["$1,240,000,000"]),
        ("It changed by -62 %.", ["-62 %"]),
        ("Within 24 minutes.", ["24 min"]),
        ("Sixty-two of them.", ["60", "2"]),
        ("Twice as much, a dozen, half.", ["0.5", "12", "2"]),
        ("６２ % and ٦٢ %", []),
        ("½ of it", ["1", "2"]),
        ("²", ["2"]),
        ("at 06:15", ["06:15"]),
        ("1,24 or 1.2.3", ["1,24", "1.2.3"]),
    ],
)
def test_each_number_must_be_given_with_its_unit(said, wrong):
    assert unsupported(said, [fact.text for fact in _facts().rows]) == sorted(wrong)


def test_an_answer_must_cite_what_it_names():
    facts = _facts()
    other = facts.name("site", 2, "Elsewhere")
    facts.add("night", f"{other}: 3 charger faults in that night")
    good = Reply(answers=True, statements=[Line(text="{site 1} has a risk of 62 %.", facts=["F1"])], cards=["F1"])
    assert checked(facts, good).cards == ("F1",)
    for text, cited in [("{site 2} has a risk of 62 %.", ["F1"]), ("{site 1} is fine {x}.", ["F1"]), ("Fine.", [])]:
        with pytest.raises(Unusable):
            checked(facts, Reply(answers=True, statements=[Line(text=text, facts=cited)], cards=[]))


@given(st.text(max_size=60))
def test_numbers_of_any_text_can_be_read(text):
    for value, unit, rate in numbers(text):
        assert isinstance(value, float | str)
        assert isinstance(unit, str)
        assert isinstance(rate, str)
