"""An answer as a page shows it: names and links in the places of their placeholders, cards, and what it rests on."""

from dataclasses import dataclass

from .facts import PLACEHOLDER, Answer, Fact, Facts


@dataclass(frozen=True)
class Part:
    """A piece of a sentence; of a name, mostly with a link."""

    text: str
    link: str = ""
    is_name: bool = False


@dataclass(frozen=True)
class Card:
    """A fact beside the answer: whom it is about, what is known, and the page where something can be done."""

    title: str
    link: str
    lines: list[list[Part]]
    look: list[str]


@dataclass(frozen=True)
class Shown:
    """Sentences in parts, cards, and the facts that were cited."""

    statements: list[list[Part]]
    cards: list[Card]
    sources: list[dict]


def shown(facts: Facts, answer: Answer) -> Shown:
    """An answer whose placeholders are all known, in plain values."""
    known = facts.by_id()
    cited = [*dict.fromkeys(one for said in answer.statements for one in said.facts), *answer.cards]
    return Shown(
        [parts(facts, said.text) for said in answer.statements],
        [_card(facts, known[one]) for one in answer.cards],
        [{"id": one, "parts": parts(facts, known[one].text), "link": known[one].link} for one in dict.fromkeys(cited)],
    )


def parts(facts: Facts, text: str) -> list[Part]:
    """A text cut at its placeholders, with names in their places."""
    found, begun = [], 0
    for match in PLACEHOLDER.finditer(text):
        named = facts.named[match.group()]
        found += [Part(text[begun : match.start()]), Part(named.name, named.link, True)]
        begun = match.end()
    return [part for part in [*found, Part(text[begun:])] if part.text]


def _card(facts: Facts, fact: Fact) -> Card:
    about = PLACEHOLDER.match(fact.text)
    title = facts.named[about.group()] if about else None
    said = fact.text[about.end() :].lstrip(" :") if about else fact.text
    lines = [parts(facts, line) for line in said.split("; ")]
    return Card(title.name if title else "", fact.link, lines, list(fact.look) if fact.look[2] else [])
