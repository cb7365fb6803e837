"""Asking Gemini for a note. Only this module knows its library, which is loaded when it is first needed."""

import hashlib
import json
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Literal

import httpx
from django.conf import settings
from pydantic import BaseModel, Field

from maintenance.outside import Breaker, client, trust

from .checked import Unusable, checked
from .note import NOTE_CAUSES, PARTS, Case, Note
from .prompt import SYSTEM, prompt

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 2, 20, 45
RETRY_SECONDS = 0.5  # before the second try, and as much again at random; twice as long before the third
MOST_BYTES = 256_000
MOST_TOKENS = 1_500
LONGEST_WAIT = 30.0  # seconds that an answer of "too many requests" may ask for

logger = logging.getLogger(__name__)
breaker = Breaker()


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


@dataclass
class Asked:
    """What asking took, whether or not a note came of it."""

    model: str
    prompt_hash: str = ""
    latency_ms: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class NoNote(Exception):
    """Gemini wrote no note that may be shown; the message says why in one clause, `asked` what it took."""

    def __init__(self, why: str, asked: Asked) -> None:
        super().__init__(why)
        self.asked = asked


class AskLater(NoNote):
    """Gemini has too much to do and says when to come back."""

    def __init__(self, seconds: float, asked: Asked) -> None:
        super().__init__(f"Gemini asked to wait {seconds:.0f} s", asked)
        self.seconds = seconds


def write(case: Case) -> tuple[Note, Asked]:
    """The note of a case by Gemini, checked and harmless. NoNote whatever goes wrong."""
    asked = Asked(settings.GEMINI_MODEL)
    if not settings.GEMINI_API_KEY:
        raise NoNote("GEMINI_API_KEY is not set", asked)
    if not breaker.lets_through():
        raise NoNote("Gemini is left alone for a minute after failing three times", asked)
    question = prompt(case, secrets.token_hex(8))
    asked.prompt_hash = hashlib.sha256(f"{SYSTEM}\n{prompt(case, '')}".encode()).hexdigest()
    begun = time.monotonic()
    try:
        response = _generate(question)
    except NoNote:
        raise
    except Exception as error:
        breaker.note(worked=False)
        raise _failure(error, asked) from None
    finally:
        asked.latency_ms = round(1000 * (time.monotonic() - begun))
    breaker.note(worked=True)
    return _read(case, response, asked), asked


def _generate(question: str):
    from google import genai
    from google.genai import types

    retries = types.HttpRetryOptions(
        attempts=3,
        initial_delay=RETRY_SECONDS,
        jitter=RETRY_SECONDS,
        max_delay=4,
        http_status_codes=[500, 502, 503, 504],  # not 429: that one says when to come back
    )
    with client(MOST_BYTES, CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS) as outside:
        options = types.HttpOptions(
            timeout=int(1000 * READ_SECONDS),
            retry_options=retries,
            httpx_client=outside,
            async_client_args={"verify": trust()},  # never used, but made each time
        )
        asking = genai.Client(api_key=settings.GEMINI_API_KEY, vertexai=False, http_options=options)
        return asking.models.generate_content(
            model=settings.GEMINI_MODEL,
            contents=question,
            config=types.GenerateContentConfig(
                system_instruction=SYSTEM,
                temperature=0,
                max_output_tokens=MOST_TOKENS,
                response_mime_type="application/json",
                response_schema=Reply,
                automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            ),
        )


def _read(case: Case, response, asked: Asked) -> Note:
    """The note in a response that came. Nothing in it is believed."""
    usage = response.usage_metadata
    if usage:
        asked.tokens_in, asked.tokens_out = usage.prompt_token_count, usage.candidates_token_count
    if not isinstance(response.parsed, Reply):
        raise NoNote(f"Gemini's answer is no note ({_ending(response)})", asked)
    try:
        return checked(case, response.parsed.note())
    except Unusable as reason:
        raise NoNote(f"Gemini's note is not shown: {reason}", asked) from None


def _ending(response) -> str:
    """Why it stopped: blocked, cut off, or just wrong."""
    feedback = response.prompt_feedback
    if feedback and feedback.block_reason:
        return f"blocked: {feedback.block_reason.name}"
    reasons = [one.finish_reason.name for one in response.candidates or [] if one.finish_reason]
    return reasons[0] if reasons else "empty"


def _failure(error: Exception, asked: Asked) -> NoNote:
    """What went wrong, in words that hold neither the key nor what a server wrote."""
    logger.warning("Gemini wrote no note: %s", type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return NoNote("Gemini did not answer in time", asked)
    code = getattr(error, "code", None)
    if code == 429:
        seconds = _asked_to_wait(error)
        return AskLater(seconds, asked) if seconds else NoNote("Gemini has too much to do", asked)
    if isinstance(code, int):
        return NoNote(f"Gemini answered with status {code}", asked)
    return NoNote(f"Gemini cannot be reached ({type(error).__name__})", asked)


def _asked_to_wait(error: Exception) -> float | None:
    """Seconds of the RetryInfo of a refusal, if they are not too many."""
    try:
        details = error.details["error"]["details"]
        delays = [line["retryDelay"] for line in details if line["@type"].endswith("google.rpc.RetryInfo")]
        seconds = float(delays[0].removesuffix("s"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, json.JSONDecodeError):
        return None
    return seconds if 0 < seconds <= LONGEST_WAIT else None
