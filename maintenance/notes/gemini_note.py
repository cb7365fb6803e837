"""A note by Gemini: the form that it has to fill in, and what of it may be shown."""

import secrets
from typing import Literal

from pydantic import BaseModel, Field

from maintenance import gemini

from .checked import Unusable, checked
from .note import NOTE_CAUSES, PARTS, Case, Note
from .prompt import SYSTEM, prompt

MOST_TOKENS = 1_500


class Evidence(BaseModel):
    fact_id: str
    why: str


class Reply(BaseModel):
    """The form that Gemini has to fill in. Lengths are not in it: too long is cut, not thrown away."""

    summary: str
    cause: Literal[NOTE_CAUSES]
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)
    evidence: list[Evidence]
    parts: list[Literal[PARTS]]
    steps: list[str]
    safety: str

    def note(self) -> Note:
        """The same as plain values."""
        cited = tuple((line.fact_id, line.why) for line in self.evidence)
        return Note(self.summary, self.cause, self.confidence, cited, tuple(self.parts), tuple(self.steps), self.safety)


def write(case: Case) -> tuple[Note, gemini.Asked]:
    """The note of a case by Gemini, checked and harmless. NoAnswer whatever goes wrong."""
    text, hashed = prompt(case, secrets.token_hex(8)), prompt(case, "")
    reply, asked = gemini.ask(gemini.Question(SYSTEM, text, hashed, Reply, MOST_TOKENS))
    try:
        return checked(case, reply.note()), asked
    except Unusable as reason:
        raise gemini.NoAnswer(f"Gemini's note is not shown: {reason}", asked) from None
