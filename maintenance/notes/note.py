"""What a note is made from and what it says. Nobody acts on a note but people."""

from dataclasses import dataclass

from telemetry.risk.taxonomy import CAUSES, REPAIRS, UNKNOWN

NOTE_CAUSES = (*CAUSES, UNKNOWN)
PARTS = tuple(sorted({repair.part for repair in REPAIRS}))

# Longest texts, in characters: together a note has 2,000 at most.
SUMMARY, EVIDENCE, STEP, SAFETY = 400, 125, 110, 250
DANGER = "driver, danger"  # the kind of a fact that goes before all others
MOST_EVIDENCE, MOST_STEPS, MOST_PARTS = 5, 6, 3


@dataclass(frozen=True)
class Fact:
    """Something that is known, with the id by which a note cites it."""

    id: str  # F1, F2, ...
    kind: str
    text: str


@dataclass(frozen=True)
class Case:
    """All that is known about an incident when its note is written."""

    incident_id: int
    where: str
    cause: str
    confidence: float | None  # of that cause; None where nobody has worked it out
    others: tuple[tuple[str, float], ...]  # the likeliest causes, each with its chance
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Note:
    """The fields that every note has, whoever writes it."""

    summary: str
    cause: str
    confidence: float | None
    evidence: tuple[tuple[str, str], ...]  # the id of a fact, and what it speaks for
    parts: tuple[str, ...]
    steps: tuple[str, ...]
    safety: str


def numbered(facts: list[tuple[str, str]]) -> tuple[Fact, ...]:
    """Facts (kind, text) with their ids, in order."""
    return tuple(Fact(f"F{place}", kind, text) for place, (kind, text) in enumerate(facts, 1))
