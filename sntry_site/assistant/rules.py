"""The answer that is always there: which topics a question is about, and what the facts say of them."""

import re

from .facts import PLACEHOLDER, Answer, Fact, Facts, Statement

# Topic -> beginnings of words that speak of it; the first topic wins where two are spoken of as much.
TOPICS = {
    "risk": "risk worst danger fail critical broke break watch threat vulnerab trouble problem attention predict worr",
    "why": "why reason cause because explain",
    "money": "money los revenue cost cash dollar expens profit margin earn bleed $ financ",
    "night": "night overnight happen yesterday event news new miss asleep evening morning shift handover since log",
    "free": "who free technician crew people staff idle person engineer team availab dispatch send",
    "orders": "order late overdue breach sla due deadline urgent ticket job backlog repair",
    "ports": "port charge charger plug driver car where queue wait empty spare vacant occup",
    "reliability": "uptime reliab mtbf mttr outage availab success down perform statist historic month nevi",
    "load": "load utili usage demand busy full crowd",
}
# Whole phrases that say more than their words.
PHRASES = {
    "free": ("who is free", "who's free", "who can go", "who could go", "who is available", "whom can", "who to send"),
    "ports": ("free port", "free charger", "where can", "where is free", "free plug", "available port", "free site"),
    "money": ("losing money", "lose money", "lost money", "costing us", "where do we lose"),
    "night": ("last night", "over night", "what's new", "what is new", "while i was"),
    "risk": ("at risk", "going to fail", "about to fail", "what is wrong", "what's wrong"),
    "reliability": ("how reliable", "mean time",),
}  # fmt: skip
PHRASE_COUNTS = 3
MOST_TOPICS = 2
SHOWN = 3
_WORDS = re.compile(r"[a-z$']+")
SUGGESTED = (
    "What is most at risk?",
    "Why?",
    "Where do we lose money?",
    "What happened last night?",
    "Who is free?",
)
OPENING = {
    "risk": "Most at risk now",
    "why": "Why the riskiest sites are at risk",
    "money": "Where most is expected to be lost now",
    "night": "Last night",
    "free": "Who is on shift, the least busy first",
    "orders": "Work orders",
    "ports": "Where most ports are free",
    "reliability": "From the reliability pages",
    "load": "Load",
}
NOTHING = {
    "risk": "No site has been measured yet, so nothing can be said about risk.",
    "money": "No site is expected to lose money now.",
    "night": "Nothing is known about last night.",
    "free": "No technicians are known, or your role does not see them.",
    "orders": "No work orders are known, or your role does not see them.",
    "ports": "No site with a free port has been measured.",
    "reliability": "The reliability pages have not answered their usual questions yet; open one to have it answered.",
    "load": "No site has been measured yet.",
}


def topics_of(question: str) -> list[str]:
    """What a question is about, the most spoken of first; nothing where no word of it is known."""
    said = " ".join(question.lower().replace("’", "'").split())
    words = _WORDS.findall(said)
    counts = {}
    for place, (topic, beginnings) in enumerate(TOPICS.items()):
        known = tuple(beginnings.split())
        count = sum(word.startswith(known) for word in words)
        count += PHRASE_COUNTS * sum(phrase in said for phrase in PHRASES.get(topic, ()))
        if count:
            counts[topic] = (-count, place)
    found = sorted(counts, key=counts.get)
    best = [topic for topic in found if 2 * counts[topic][0] <= counts[found[0]][0]]  # at least half as much
    return best[:MOST_TOPICS]


def answer(facts: Facts, question: str, before: str = "") -> Answer:
    """The facts of the topics of a question; of the sites that it names, if it names some.

    `before` is the question asked before: "why?" alone is about what that one was about.
    """
    topics = topics_of(question)
    named = facts.of("about")
    if named:
        return _cited([Statement(fact.text, (fact.id,)) for fact in named], named)
    if topics == ["why"] and topics_of(before):
        topics = ["why", *(topic for topic in topics_of(before) if topic not in ("why", "risk"))][:MOST_TOPICS]
    if not topics:
        return _unknown(facts)
    statements, cards = [], []
    for topic in topics:
        said, shown = _of_topic(facts, topic)
        statements += said
        cards += [fact for fact in shown if fact not in cards]
    return _cited(statements, cards)


def _of_topic(facts: Facts, topic: str) -> tuple[list[Statement], list[Fact]]:
    known = facts.of("risk" if topic == "why" else topic)
    sums, rows = [fact for fact in known if not fact.placeholders], [fact for fact in known if fact.placeholders]
    if not known:
        return [Statement(NOTHING["risk" if topic == "why" else topic], ())], []
    if topic == "why":
        sums = []
    if topic in ("risk", "why", "money", "ports", "free", "orders"):
        listed = [Statement(_sentence(fact.text), (fact.id,)) for fact in sums]
        return [*listed, *_headed(topic, rows[:SHOWN])], rows[:SHOWN]
    return [Statement(_sentence(fact.text), (fact.id,)) for fact in sums], rows[:SHOWN]


def _headed(topic: str, rows: list[Fact]) -> list[Statement]:
    """One line over the cards: whom they are about, in their order."""
    if not rows:
        return []
    if topic == "why":
        return [Statement(f"{_first(fact)}: {_reason(fact)}.", (fact.id,)) for fact in rows]
    names = ", ".join(_first(fact) for fact in rows)
    return [Statement(f"{OPENING[topic]}: {names}.", tuple(fact.id for fact in rows))]


def _first(fact: Fact) -> str:
    return PLACEHOLDER.search(fact.text).group()


def _reason(fact: Fact) -> str:
    """What a site's fact says of its risk: the part that speaks of it."""
    parts = fact.text.partition(": ")[2].split("; ")
    return next((part for part in parts if part.startswith("risk")), parts[0])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _unknown(facts: Facts) -> Answer:
    said = [Statement("By rule this question cannot be told apart. In short, this is how the network does:", ())]
    short = [fact for topic in ("risk", "money", "ports", "orders") for fact in facts.of(topic)[:1]]
    short = [fact for fact in short if not fact.placeholders]
    return _cited([*said, *(Statement(_sentence(fact.text), (fact.id,)) for fact in short)], [])


def _cited(statements: list[Statement], cards: list[Fact]) -> Answer:
    return Answer(tuple(statements), tuple(fact.id for fact in cards))
