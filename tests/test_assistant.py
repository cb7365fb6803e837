"""The assistant says what is known, to whom it may be said; Gemini's words are checked, and rules answer without it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from celery import current_app
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from maintenance import gemini, outside
from maintenance.models import ServiceCentre, Technician
from sntry_site.assistant import answering, rules
from sntry_site.assistant.facts import LONGEST, Facts
from sntry_site.assistant.gathering import gather
from sntry_site.assistant.numbers import unsupported
from sntry_site.assistant.tasks import ask_gemini_task
from stations.access import sync_roles
from stations.models import AssistantCall, FleetEvent, Operator
from telemetry.models import SiteState

from . import fleet
from .assistant_server import ODD, AssistantServer, read

pytestmark = pytest.mark.django_db
KEY = "a-key-that-nobody-may-see"
PART = {"HTTP_SNTRY_PART": "1"}
EVERY_TOPIC = [
    "What is most at risk?", "Why?", "Where do we lose money?", "What happened last night?", "Who is free?",
    "Which orders are late?", "Where are free ports?", "How reliable are we?", "How high is the load?", "Blah?",
]  # fmt: skip


@pytest.fixture
def network():
    """Two operators; the first has a site in danger with a late order, one that loses money, and people."""
    sync_roles()
    cache.clear()
    ours, theirs = (Operator.objects.create(name=name) for name in ("Northline", "Volterra"))
    now = timezone.now()
    for number, (risk, loss) in enumerate([(0.82, "120"), (0.44, "310.50"), (0.05, "0")], 1):
        site = fleet.site(ours, number, name=f"Harbour {number}")
        about = {"at": now, "risk": risk, "level": ("critical", "watch", "low")[number - 1], "reason": "full load, hot"}
        SiteState.objects.create(site=site, expected_loss=loss, ports_available=number, utilization=0.9, **about)
    far = fleet.site(theirs, 1, name="Secret Garden")
    SiteState.objects.create(site=far, at=now, risk=0.99, level="critical", expected_loss=999, ports_available=4)
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.2, longitude=-97.7)
    busy, _ = (Technician.objects.create(code=code, centre=centre) for code in ("ADA", "BO"))
    harbour = ours.sites.get(name="Harbour 1")
    fleet.work_order(harbour, technician=busy, state="assigned", due_at=now - timedelta(hours=2), priority="urgent")
    night = answering_night(now)
    for kind, here in [("CHARGER_FAULTED", harbour), ("CHARGER_FAULTED", harbour), ("HEALED", harbour)]:
        FleetEvent.objects.create(at=night, kind=kind, operator=ours, site=here, message="m")
    FleetEvent.objects.create(at=night, kind="STRESSED", operator=theirs, site=far, message="m")
    return ours, theirs


def answering_night(now):
    from sntry_site.assistant.gathering import last_night

    return last_night(now)[0] + timedelta(minutes=5)


@pytest.fixture
def boss(network):
    return fleet.person("boss", "ops", network[0])


@pytest.fixture
def server(settings, monkeypatch):
    running = AssistantServer()
    settings.GEMINI_API_KEY, settings.GEMINI_MODEL = KEY, "gemini-test"
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", running.url)
    monkeypatch.setattr(gemini, "breaker", outside.Breaker())
    monkeypatch.setattr(gemini, "RETRY_SECONDS", 0.05)
    yield running
    running.close()


@pytest.fixture
def asked(client, boss, monkeypatch):
    """Ask on the page; the worker's task is kept, to be done when a test says so."""
    waiting = []
    monkeypatch.setattr(answering, "tell", lambda task, calls, expires: waiting.append((task, calls[0])) or True)
    client.force_login(boss)

    def ask(question, **more):
        answer = client.post(reverse("assistant-ask"), {"question": question, **more}, **PART)
        return answer.content.decode()

    ask.waiting = waiting
    return ask


def ai_words(client, asked, question="What is most at risk?") -> str:
    """What Gemini's part of the page says in the end."""
    asked(question)
    [(task, arguments)] = asked.waiting
    assert task == "sntry_site.ask_gemini"
    ask_gemini_task(*arguments)
    return client.get(reverse("assistant-words", args=[arguments[1]])).content.decode()


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What is most at risk?", "risk"), ("which site will FAIL next", "risk"), ("anything critical", "risk"),
        ("why", "why"), ("What's the reason?", "why"), ("Where do we lose money?", "money"),
        ("biggest revenue losses", "money"), ("what happened last night", "night"), ("news since yesterday?", "night"),
        ("Who is free?", "free"), ("who can I send", "free"), ("technicians available", "free"),
        ("late work orders", "orders"), ("tickets that are overdue", "orders"), ("where is a free port", "ports"),
        ("what is our uptime", "reliability"), ("how busy is the network", "load"),
    ],
)  # fmt: skip
def test_questions_are_matched_liberally(question, topic):
    assert rules.topics_of(question)[0] == topic


def test_every_number_of_an_answer_by_rule_stands_in_the_facts_that_it_cites(network, boss):
    facts = gather(boss, "", timezone.now())
    known = facts.by_id()
    for question in EVERY_TOPIC:
        answer = rules.answer(facts, question)
        assert answer.statements
        for statement in answer.statements:
            cited = [known[one].text for one in statement.facts]
            assert not unsupported(statement.text, cited), statement


def test_rules_answer_each_suggested_question_with_links(network, asked):
    page = asked("What is most at risk?")
    assert "Harbour 1" in page
    assert "82 %" in page
    assert reverse("site", args=[network[0].sites.get(name="Harbour 1").external_id]) in page
    assert "because of full load, hot" in asked("Why?", before="What is most at risk?")
    lost = asked("Where do we lose money?")
    assert lost.index("Harbour 2") < lost.index("Harbour 1")
    assert "$310 per hour" in lost
    night = asked("What happened last night?")
    assert "3 events were noted" in night
    assert "2 charger faults" in night
    free = asked("Who is free?")
    assert "1 of 2 technicians on shift" in free
    assert free.index("BO") < free.index("ADA")
    assert "1 of them urgent and 1 late" in asked("Which orders are late?")


def test_a_site_that_the_question_names_is_what_the_answer_is_about(network, asked):
    page = asked("why is harbour 2 so expensive?")
    assert "Harbour 2" in page
    assert "$310 per hour" in page
    assert "Harbour 1" not in page


def test_nobody_hears_of_sites_events_or_losses_of_other_operators(network, asked):
    for question in EVERY_TOPIC:
        page = asked(f"{question} Secret Garden").partition('class="assistant-said"')[2]
        assert "By rule" in page
        for theirs in ("Secret", "99 %", "999", "Stress"):
            assert theirs not in page


def test_what_a_role_may_not_see_is_not_among_the_facts(network):
    partner = fleet.person("partner", "partner", network[0])
    facts = gather(partner, "who is free, which orders are late", timezone.now())
    assert not facts.of("orders")
    assert not facts.of("free")
    assert not any("order" in fact.text for fact in facts.rows)


def test_without_a_key_nobody_is_asked_and_nothing_is_recorded(network, asked):
    page = asked("What is most at risk?")
    assert "data-assistant-words" not in page
    assert not asked.waiting
    assert not AssistantCall.objects.exists()


def test_a_good_draft_is_shown_as_unverified_with_its_cost_and_recorded(network, client, asked, server, settings):
    settings.GEMINI_PRICES = ["0.50", "4"]
    page = ai_words(client, asked)
    assert "AI draft, unverified" in page
    assert "Harbour 1" in page
    assert "risk of an outage within 24 h 82 %" in page
    call = AssistantCall.objects.get()
    assert (call.was_shown, call.model, call.tokens_in, call.tokens_out) == (True, "gemini-test", 900, 150)
    assert call.cost == Decimal("0.00105")
    assert call.latency_ms >= 1
    assert KEY not in page


def test_no_name_of_others_ever_reaches_the_model(network, client, asked, server):
    ai_words(client, asked, "why is Harbour 2 worse than Secret Garden?")
    data = read(server.asked[0][1])
    assert "Harbour" not in str(data)
    assert data["question_is_about"] == ["{site 1}"]
    for name in ("Northline", "Volterra", "ADA", "Depot", "WO-"):
        assert name not in str(data)


def test_a_draft_that_says_more_than_its_facts_is_not_shown_and_that_is_said(network, client, asked, server):
    for behaviour in [*ODD, "strange_card", "does_not_know"]:
        server.behaviour = behaviour
        asked.waiting.clear()
        cache.clear()
        page = ai_words(client, asked)
        assert "No AI draft: Gemini&#x27;s answer is not shown: " in page, behaviour
        assert "The answer above is by rule." in page
        assert "AI draft, unverified" not in page
    failures = list(AssistantCall.objects.order_by("pk").values_list("failure", flat=True))
    assert failures[0] == "Gemini's answer is not shown: it says 97.3 %, which none of the facts that it cites says"
    assert len(failures) == len(server.asked) == len(ODD) + 2


WRONG = {
    "unavailable": "answered with status 503", "too_many": "too much to do", "blocked": "blocked: SAFETY",
    "cut_off": "MAX_TOKENS", "prose": "does not fill in the form", "a_page": "No AI draft", "huge": "wrote too much",
    "forbidden": "status 403",
}  # fmt: skip


def test_whatever_goes_wrong_the_answer_by_rule_stands_and_says_so(network, client, asked, server, monkeypatch):
    for behaviour, why in WRONG.items():
        server.behaviour = behaviour
        asked.waiting.clear()
        monkeypatch.setattr(gemini, "breaker", outside.Breaker())
        cache.clear()
        page = ai_words(client, asked)
        assert "The answer above is by rule." in page
        assert why in page, behaviour
        assert KEY not in page


def test_a_silent_gemini_costs_a_bounded_time(network, client, asked, server, monkeypatch):
    monkeypatch.setattr("sntry_site.assistant.asking.SECONDS", 0.4)
    server.behaviour = "silence"
    began = timezone.now()
    assert "took too long" in ai_words(client, asked)
    assert timezone.now() - began < timedelta(seconds=30)  # it is silent for twice that


def test_a_spent_budget_asks_nobody(network, client, asked, server, settings):
    settings.GEMINI_TOKENS_PER_DAY = 1000
    AssistantCall.objects.create(asked_at=timezone.now(), model="m", was_shown=True, tokens_in=900, tokens_out=150)
    assert "used up" in ai_words(client, asked)
    assert not server.asked


def test_workers_that_are_away_or_busy_are_said_to_be(network, client, boss, server, monkeypatch, settings):
    client.force_login(boss)
    monkeypatch.setattr(answering, "tell", lambda *_, **__: False)
    ask = lambda: client.post(reverse("assistant-ask"), {"question": "who is free"}, **PART).content.decode()  # noqa: E731
    assert "No AI draft: the workers cannot be reached" in ask()
    monkeypatch.setattr(answering, "tell", lambda *_, **__: True)
    token = ask().partition("/assistant/words/")[2].partition("/")[0]
    words = reverse("assistant-words", args=[token])
    assert "Gemini is writing" in client.get(words).content.decode()
    monkeypatch.setattr(answering, "PATIENCE_SECONDS", -1)
    assert "all workers are busy" in client.get(words).content.decode()
    client.force_login(fleet.person("other", "ops", Operator.objects.first()))
    assert client.get(words).status_code == 404


def test_the_message_to_the_worker_is_one_that_a_worker_takes(network, boss, client, server):
    client.force_login(boss)
    queue = current_app.conf.task_default_queue
    with current_app.connection_for_read() as broker, broker.SimpleQueue(queue) as waiting:
        waiting.clear()
        client.post(reverse("assistant-ask"), {"question": "who is free"}, **PART)
        message = waiting.get(timeout=60)
    message.ack()
    assert message.headers["task"] == ask_gemini_task.name
    assert message.payload[0][0] == boss.pk


def test_more_questions_a_minute_than_are_allowed_are_refused_in_words(network, asked, client, monkeypatch):
    assert answering.QUESTIONS_A_MINUTE == 10
    monkeypatch.setattr(answering, "QUESTIONS_A_MINUTE", 1)
    answers = [client.post(reverse("assistant-ask"), {"question": "why"}, **PART) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 429]
    assert "questions in a minute" in answers[1].content.decode()


def test_the_cache_may_be_away(network, asked, client, server, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    page = asked("What is most at risk?")
    assert "Harbour 1" in page
    assert "No AI draft" in page


def test_only_staff_may_ask_and_only_by_posting(network, client):
    assert client.get(reverse("assistant")).status_code == 302
    assert client.post(reverse("assistant-ask"), {"question": "why"}).status_code == 302
    driver = fleet.person("driver")
    driver.is_staff = False
    driver.save()
    client.force_login(driver)
    assert client.get(reverse("assistant")).status_code == 403
    assert client.post(reverse("assistant-ask"), {"question": "why"}).status_code == 403
    client.force_login(fleet.person("boss"))
    assert client.get(reverse("assistant-ask")).status_code == 405
    assert "Type a question" in client.post(reverse("assistant-ask"), {"question": " "}).content.decode()


def test_an_empty_network_is_said_to_be_one(client):
    client.force_login(fleet.person("boss"))
    for question in EVERY_TOPIC:
        page = client.post(reverse("assistant-ask"), {"question": question})
        assert page.status_code == 200
        assert "None" not in page.content.decode()


@pytest.mark.parametrize("over", range(1, 12))
def test_a_fact_that_is_too_long_is_never_cut_within_a_name(over):
    facts = Facts()
    order = facts.name("order", 1, "WO-1")
    fact = facts.add("risk", "x" * (LONGEST - over) + order + " is open")
    assert "{" not in fact.text.replace(order, "")
    assert len(fact.text) <= LONGEST


def test_facts_cost_a_fixed_number_of_queries(network, boss, django_assert_max_num_queries):
    for number in range(10, 16):
        site = fleet.site(network[0], number)
        SiteState.objects.create(site=site, at=timezone.now(), risk=0.5, expected_loss=5)
        fleet.work_order(site)
    with django_assert_max_num_queries(22):
        gather(boss, "why is Site 11 at risk", timezone.now())
