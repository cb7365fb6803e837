"""What an answer is made of: facts with ids, in which everything that has a name stands as a placeholder.

Names of sites, operators and technicians are strings of others. A language model never gets them: it reads and writes
`{site 3}`, and the page puts the name and its link in that place.
"""

import re
from dataclasses import dataclass, field

from maintenance.plain_text import readable

PLACEHOLDER = re.compile(r"\{(?:site|operator|technician|order) \d{1,3}\}")
HALF_PLACEHOLDER = re.compile(r"\{[^}]*$")
LONGEST = 500  # characters of a fact
LONGEST_NAME = 80


@dataclass(frozen=True)
class Named:
    """Something with a name and, mostly, a page of its own."""

    placeholder: str
    name: str
    link: str = ""


@dataclass(frozen=True)
class Fact:
    """Something that is known, with the id by which an answer cites it; `topic` says what it speaks of."""

    id: str  # F1, F2, ...
    topic: str
    text: str
    link: str = ""
    look: tuple[str, str, str] = ("", "", "")  # colour, shape and word of its state, where it has one

    @property
    def placeholders(self) -> set[str]:
        """Of all that the fact speaks of."""
        return set(PLACEHOLDER.findall(self.text))


@dataclass
class Facts:
    """All facts of one question, and who is who in them."""

    rows: list[Fact] = field(default_factory=list)
    named: dict[str, Named] = field(default_factory=dict)
    about: list[str] = field(default_factory=list)  # placeholders of what the question itself names
    _keys: dict[tuple[str, object], str] = field(default_factory=dict)

    def name(self, kind: str, key: object, name: str, link: str = "") -> str:
        """The placeholder of something, the same however often it is asked for."""
        if (kind, key) not in self._keys:
            place = sum(known == kind for known, _ in self._keys) + 1
            placeholder = f"{{{kind} {place}}}"
            self._keys[kind, key] = placeholder
            self.named[placeholder] = Named(placeholder, readable(name, LONGEST_NAME) or "(no name)", link)
        return self._keys[kind, key]

    def add(self, topic: str, text: str, link: str = "", look: tuple[str, str, str] = ("", "", "")) -> Fact:
        """Note a fact. Words of others must have gone through `harmless` before they are put into its text."""
        cut = HALF_PLACEHOLDER.sub("…", readable(text, LONGEST))  # else its braces would be shown
        fact = Fact(f"F{len(self.rows) + 1}", topic, cut, link, look)
        self.rows.append(fact)
        return fact

    def of(self, topic: str) -> list[Fact]:
        """The facts of a topic, in the order in which they were noted."""
        return [fact for fact in self.rows if fact.topic == topic]

    def by_id(self) -> dict[str, Fact]:
        """The facts by their ids."""
        return {fact.id: fact for fact in self.rows}


def harmless(text: str, longest: int = 120) -> str:
    """Words of others on one line, in which no placeholder can be written."""
    return readable(text.replace("{", "(").replace("}", ")"), longest)


@dataclass(frozen=True)
class Statement:
    """One sentence of an answer, and the ids of the facts that it rests on."""

    text: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What is said, and the facts that are shown as cards beside it, by their ids."""

    statements: tuple[Statement, ...]
    cards: tuple[str, ...] = ()
