"""Asking Gemini to fill in a form. Only this module knows its library, which is loaded when it is first needed."""

import hashlib
import json
import logging
import time
from dataclasses import dataclass

import httpx
from django.conf import settings
from pydantic import BaseModel

from .outside import Breaker, TooMuch, client, trust

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 2, 20, 45
RETRY_SECONDS = 0.5  # before the second try, and as much again at random; twice as long before the third
MOST_BYTES = 256_000
LONGEST_WAIT = 30.0  # seconds that an answer of "too many requests" may ask for

logger = logging.getLogger(__name__)
breaker = Breaker()


@dataclass
class Asked:
    """What asking took, whether or not an answer came of it."""

    model: str
    prompt_hash: str = ""
    latency_ms: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class NoAnswer(Exception):
    """Gemini wrote nothing that may be shown; the message says why in one clause, `asked` what it took."""

    def __init__(self, why: str, asked: Asked) -> None:
        super().__init__(why)
        self.asked = asked


class AskLater(NoAnswer):
    """Gemini has too much to do and says when to come back."""

    def __init__(self, seconds: float, asked: Asked) -> None:
        super().__init__(f"Gemini asked to wait {seconds:.0f} s", asked)
        self.seconds = seconds


@dataclass(frozen=True)
class Question:
    """The rules, what is asked (`hashed`: the same without its random numbers), and the form to fill in."""

    system: str
    text: str
    hashed: str
    form: type[BaseModel]
    most_tokens: int
    total_seconds: float | None = None  # None: TOTAL_SECONDS


def ask(question: Question) -> tuple[BaseModel, Asked]:
    """The form as Gemini has filled it in, to be believed in nothing, and what it took. NoAnswer if anything fails."""
    asked = Asked(settings.GEMINI_MODEL)
    if not settings.GEMINI_API_KEY:
        raise NoAnswer("GEMINI_API_KEY is not set", asked)
    if not breaker.lets_through():
        raise NoAnswer("Gemini is left alone for a minute after failing three times", asked)
    asked.prompt_hash = hashlib.sha256(f"{question.system}\n{question.hashed}".encode()).hexdigest()
    begun = time.monotonic()
    try:
        response = _generate(question)
    except Exception as error:
        breaker.note(worked=False)
        raise _failure(error, asked) from None
    finally:
        asked.latency_ms = round(1000 * (time.monotonic() - begun))
    breaker.note(worked=True)
    if response.usage_metadata:
        usage = response.usage_metadata
        asked.tokens_in, asked.tokens_out = usage.prompt_token_count, usage.candidates_token_count
    if not isinstance(response.parsed, question.form):
        raise NoAnswer(f"Gemini's answer does not fill in the form ({_ending(response)})", asked)
    return response.parsed, asked


def _generate(question: Question):
    from google import genai
    from google.genai import types

    retries = types.HttpRetryOptions(
        attempts=3,
        initial_delay=RETRY_SECONDS,
        jitter=RETRY_SECONDS,
        max_delay=4,
        http_status_codes=[500, 502, 503, 504],  # not 429: that one says when to come back
    )
    total_seconds = TOTAL_SECONDS if question.total_seconds is None else question.total_seconds
    read_seconds = min(READ_SECONDS, total_seconds)
    with client(MOST_BYTES, CONNECT_SECONDS, read_seconds, total_seconds) as outside:
        options = types.HttpOptions(
            timeout=int(1000 * read_seconds),
            retry_options=retries,
            httpx_client=outside,
            async_client_args={"verify": trust()},  # never used, but made each time
        )
        asking = genai.Client(api_key=settings.GEMINI_API_KEY, vertexai=False, http_options=options)
        return asking.models.generate_content(
            model=settings.GEMINI_MODEL,
            contents=question.text,
            config=types.GenerateContentConfig(
                system_instruction=question.system,
                temperature=0,
                max_output_tokens=question.most_tokens,
                response_mime_type="application/json",
                response_schema=question.form,
                automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            ),
        )


def _ending(response) -> str:
    """Why it stopped: blocked, cut off, or just wrong."""
    feedback = response.prompt_feedback
    if feedback and feedback.block_reason:
        return f"blocked: {feedback.block_reason.name}"
    reasons = [one.finish_reason.name for one in response.candidates or [] if one.finish_reason]
    return reasons[0] if reasons else "empty"


def _failure(error: Exception, asked: Asked) -> NoAnswer:
    """What went wrong, in words that hold neither the key nor what a server wrote."""
    logger.warning("Gemini wrote nothing: %s", type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        return NoAnswer("Gemini did not answer in time", asked)
    if isinstance(error, TooMuch):
        return NoAnswer("Gemini took too long or wrote too much", asked)
    code = getattr(error, "code", None)
    if code == 429:
        seconds = _asked_to_wait(error)
        return AskLater(seconds, asked) if seconds else NoAnswer("Gemini has too much to do", asked)
    if isinstance(code, int):
        return NoAnswer(f"Gemini answered with status {code}", asked)
    return NoAnswer(f"Gemini cannot be reached ({type(error).__name__})", asked)


def _asked_to_wait(error: Exception) -> float | None:
    """Seconds of the RetryInfo of a refusal, if they are not too many."""
    try:
        details = error.details["error"]["details"]
        delays = [line["retryDelay"] for line in details if line["@type"].endswith("google.rpc.RetryInfo")]
        seconds = float(delays[0].removesuffix("s"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, json.JSONDecodeError):
        return None
    return seconds if 0 < seconds <= LONGEST_WAIT else None
