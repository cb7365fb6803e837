"""One question from its asking to its answer: by rule at once, by Gemini in a worker, and kept for minutes only.

What is asked and said is stored nowhere for good: the page holds it, and the cache does while a worker writes.
"""

import logging
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from maintenance import gemini
from maintenance.gemini_budget import day_is_spent
from maintenance.models import RootCauseNote
from stations.broker import tell
from stations.models import AssistantCall

from . import asking, rules
from .facts import Facts
from .gathering import gather
from .shown import Shown, shown

TASK = "sntry_site.ask_gemini"
KEPT_SECONDS = 600
PATIENCE_SECONDS = 30  # then the page stops waiting
TAKEN_WITHIN_SECONDS = 15  # by a worker; what waits for longer in their queue is dropped
QUESTIONS_A_MINUTE = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A question that is answered by rule; `token`: Gemini is being asked; `why_not`: why it is not."""

    question: str
    by_rule: Shown
    token: str = ""
    why_not: str = ""


def may_ask(user) -> bool:
    """Whether a person has asked few enough questions in this minute; without a cache nobody counts."""
    key = f"assistant-rate:{user.pk}"
    try:
        cache.add(key, 0, 60)  # the minute begins with its first question
        return cache.incr(key) <= QUESTIONS_A_MINUTE
    except Exception as error:  # the cache is away, or has just forgotten the key
        logger.warning("the assistant's questions are not counted: %s", type(error).__name__)
        return True


def begin(user, question: str, before: str = "") -> Begun:
    """Answer by rule and, where a key is set, let a worker ask Gemini too."""
    facts = gather(user, question, timezone.now())
    by_rule = shown(facts, rules.answer(facts, question, before))
    if not settings.GEMINI_API_KEY:
        return Begun(question, by_rule)
    token = secrets.token_urlsafe(18)
    try:
        cache.set(_key(user.pk, token), {"asked_at": timezone.now().isoformat()}, KEPT_SECONDS)
    except Exception as error:
        logger.warning("Gemini is not asked: %s", type(error).__name__)
        return Begun(question, by_rule, why_not="the place where its answer would be kept is away")
    if not tell(TASK, [[user.pk, token, question, before]], expires=TAKEN_WITHIN_SECONDS):
        return Begun(question, by_rule, why_not="the workers cannot be reached")
    return Begun(question, by_rule, token)


def look(user, token: str) -> dict | None:
    """What has become of Gemini's answer: `state` "waiting", "shown" or "failed"; None for a question of nobody's."""
    try:
        kept = cache.get(_key(user.pk, token))
    except Exception as error:
        logger.warning("Gemini's answer cannot be read: %s", type(error).__name__)
        return {"state": "failed", "why": "the place where its answer is kept is away"}
    if kept is None or "state" in kept:
        return kept
    seconds = (timezone.now() - datetime.fromisoformat(kept["asked_at"])).total_seconds()
    if seconds > PATIENCE_SECONDS:
        return {"state": "failed", "why": "Gemini's answer did not come in time, or all workers are busy"}
    return {"state": "waiting", "seconds": int(seconds)}


def write(user, token: str, question: str, before: str = "") -> None:
    """Ask Gemini and keep its answer, or why there is none, for the page that waits. For a worker."""
    facts = gather(user, question, timezone.now())
    asked_at = timezone.now()
    if day_is_spent(asked_at):
        outcome = {"state": "failed", "why": "the day's tokens (GEMINI_TOKENS_PER_DAY) are used up"}
    else:
        outcome = _asked(user, facts, question, before, asked_at)
    cache.set(_key(user.pk, token), outcome, KEPT_SECONDS)


def _asked(user, facts: Facts, question: str, before: str, asked_at: datetime) -> dict:
    try:
        answer, took = asking.ask(facts, question, before)
    except gemini.AskLater as reason:
        return _failed(user, reason.asked, "Gemini has too much to do", asked_at)
    except gemini.NoAnswer as reason:
        return _failed(user, reason.asked, str(reason), asked_at)
    call = _record(user, took, asked_at, was_shown=True)
    return {"state": "shown", "answer": asdict(shown(facts, answer)), "call": _cost(call)}


def _failed(user, took: gemini.Asked, why: str, asked_at: datetime) -> dict:
    _record(user, took, asked_at, failure=why[:200])
    return {"state": "failed", "why": why}


def _record(user, took: gemini.Asked, asked_at: datetime, **ended) -> AssistantCall:
    cost = None if took.tokens_in is None else RootCauseNote.cost_of(took.tokens_in, took.tokens_out or 0)
    return AssistantCall.objects.create(
        asked_by=user, asked_at=asked_at, model=took.model[:80], prompt_hash=took.prompt_hash,
        latency_ms=took.latency_ms, tokens_in=took.tokens_in, tokens_out=took.tokens_out, cost=cost, **ended,
    )  # fmt: skip


def _cost(call: AssistantCall) -> dict:
    return {
        "model": call.model,
        "seconds": f"{(call.latency_ms or 0) / 1000:.1f}",
        "tokens": (call.tokens_in or 0) + (call.tokens_out or 0),
        "cost": None if call.cost is None else f"{call.cost:.6f}".rstrip("0").rstrip("."),
    }


def _key(user_id: int, token: str) -> str:
    return f"assistant:{user_id}:{token}"
