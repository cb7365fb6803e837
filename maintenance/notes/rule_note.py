"""The note that is always there: from the diagnosis and a table, without any service of others."""

from telemetry.risk.taxonomy import REPAIR_OF, UNKNOWN

from .advice import ADVICE
from .note import DANGER, EVIDENCE, MOST_EVIDENCE, SUMMARY, Case, Note

# What speaks for a cause, strongest first, and in which words.
SPEAKS = {
    DANGER: "a driver says that it is dangerous",
    "diagnosis": "what the cause was told from",
    "status": "what the charger itself says",
    "tried from afar": "what was tried from afar",
    "driver": "what a driver saw",
    "siblings": "what the other ports at the site do",
    "soft events": "what it let slip before",
    "past repair": "what was found at this charger before",
    "risk": "why a failure is expected",
    "incident": "what it was opened for",
}


MOST_OF_A_KIND = 2
DANGER_WARNING = "A driver saw smoke, heat or bare wires: look from afar first."


def rule_note(case: Case) -> Note:
    """The note of a case by rules; every field is filled, and every fact that it cites is one of the case's."""
    likeliest = case.cause if case.cause != UNKNOWN else next((cause for cause, _ in case.others), UNKNOWN)
    repair, advice = REPAIR_OF.get(likeliest), ADVICE.get(likeliest, ADVICE[UNKNOWN])
    return Note(
        summary=_summary(case, likeliest)[:SUMMARY],
        cause=case.cause,
        confidence=case.confidence,
        evidence=_evidence(case),
        parts=(repair.part,) if repair else (),
        steps=advice.steps,
        safety=_safety(case, advice.safety),
    )


def _safety(case: Case, usual: str) -> str:
    """The warning of the table, after the one of a driver if there is one."""
    is_danger = any(fact.kind == DANGER for fact in case.facts)
    return f"{DANGER_WARNING} {usual}" if is_danger else usual


def _summary(case: Case, likeliest: str) -> str:
    what = ADVICE[likeliest].what
    if likeliest == UNKNOWN:
        return f"{case.where}: {what}."
    repair = REPAIR_OF[likeliest]
    visit = f"A visit takes the skill {repair.skill} and about {repair.onsite_minutes:.0f} minutes on site."
    if case.cause == UNKNOWN:
        chance = dict(case.others)[likeliest]
        return f"{case.where}: not certain; {chance:.0%} that {what}. {visit}"
    sure = "" if case.confidence is None else f" ({case.confidence:.0%} sure)"
    return f"{case.where}: probably {what}{sure}. {visit}"


def _evidence(case: Case) -> tuple[tuple[str, str], ...]:
    speaking = [fact for kind in SPEAKS for fact in [one for one in case.facts if one.kind == kind][:MOST_OF_A_KIND]]
    return tuple((fact.id, SPEAKS[fact.kind][:EVIDENCE]) for fact in speaking[:MOST_EVIDENCE])
