"""Whether a note that somebody else has written may be shown, and what is left of it when it is made harmless."""

import math
import re
from collections.abc import Iterable

from maintenance.plain_text import plain

from .note import (
    EVIDENCE,
    MOST_EVIDENCE,
    MOST_PARTS,
    MOST_STEPS,
    NOTE_CAUSES,
    PARTS,
    SAFETY,
    STEP,
    SUMMARY,
    Case,
    Note,
)

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SMALL = 10  # whole numbers up to here count things, and need no fact


class Unusable(Exception):
    """The note is not used; the message says why in one clause."""


def checked(case: Case, note: Note) -> Note:
    """`note` as plain text and within its lengths. Unusable if it cites, names or counts what is not in the case."""
    if note.cause not in NOTE_CAUSES:
        raise Unusable("its cause is not in the taxonomy")
    if note.confidence is None or not (math.isfinite(note.confidence) and 0 <= note.confidence <= 1):
        raise Unusable("its confidence is not between 0 and 1")
    if set(note.parts) - set(PARTS):
        raise Unusable("it names a part that is not known")
    known = {fact.id for fact in case.facts}
    if not note.evidence or {fact_id for fact_id, _ in note.evidence} - known:
        raise Unusable("it cites facts that were not given" if note.evidence else "it cites no fact")
    harmless = Note(
        summary=plain(note.summary, SUMMARY),
        cause=note.cause,
        confidence=note.confidence,
        evidence=tuple((fact_id, plain(why, EVIDENCE)) for fact_id, why in note.evidence[:MOST_EVIDENCE]),
        parts=tuple(dict.fromkeys(note.parts))[:MOST_PARTS],
        steps=tuple(filter(None, (plain(step, STEP) for step in note.steps[:MOST_STEPS]))),
        safety=plain(note.safety, SAFETY),
    )
    if not (harmless.summary and harmless.steps and harmless.safety):
        raise Unusable("its summary, steps or safety warning is empty")
    _refuse_new_numbers(case, harmless)
    return harmless


def _refuse_new_numbers(case: Case, note: Note) -> None:
    """A figure in the summary or the evidence that no fact has is made up, however likely it sounds."""
    given = _numbers([case.where, *(fact.text for fact in case.facts), *(fact.id for fact in case.facts)])
    given |= {round(100 * number, 6) for number in given} | {round(number / 100, 6) for number in given}
    for number in sorted(_numbers([note.summary, *(why for _, why in note.evidence)]) - given):
        if number > SMALL or number != int(number):
            raise Unusable(f"it says {number:g}, which no fact says")


def _numbers(texts: Iterable[str]) -> set[float]:
    return {_value(found) for text in texts for found in _NUMBER.findall(text)}


def _value(written: str) -> float:
    whole = written.replace(",", "")
    return round(float(whole), 6) if whole.count(".") <= 1 else hash(whole) % 10**9 + 0.5
