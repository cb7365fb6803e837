"""Writing notes into the database: by rule at once, by Gemini in a worker. Neither changes anything else."""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from maintenance import gemini
from maintenance.gemini_budget import day_is_spent
from maintenance.models import Incident, RootCauseNote
from stations.broker import tell

from . import gemini_note
from .cases import cases_of
from .note import Case, Note
from .rule_note import rule_note

GEMINI_TASK = "maintenance.write_gemini_note"
NO_KEY = "no GEMINI_API_KEY is set"
SETTLED = timedelta(minutes=10)  # after which a note that is not there will not come by itself
MOST_AT_ONCE = 200


def write_notes(incident_ids: list[int], by=None, anew: bool = False) -> int:
    """A note by rule now for each incident without one (`anew`: for each), and one by Gemini later where a key is set.

    For after the commit: a fixed number of queries, and one message to the workers. Returns how many were written.
    """
    if not incident_ids:
        return 0
    with transaction.atomic():
        if not anew:
            incident_ids = _without_notes(incident_ids)
        failure = "" if settings.GEMINI_API_KEY else NO_KEY
        rows = [_by_rule(case, failure, by) for case in cases_of(list(incident_ids))] if incident_ids else []
        RootCauseNote.objects.bulk_create(rows)
    if settings.GEMINI_API_KEY and rows:
        tell(GEMINI_TASK, [[row.incident_id, by and by.pk] for row in rows])
    return len(rows)


def _without_notes(incident_ids: list[int]) -> list[int]:
    """Those without a note; whoever asks the same meanwhile waits for the caller's transaction, and finds its notes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sntry first notes'))")
    known = RootCauseNote.objects.filter(incident__in=incident_ids).values_list("incident", flat=True)
    return sorted({*incident_ids} - {*known})


def write_missing_notes(now: datetime) -> int:
    """What a crash after the commit, or a lost message, has left out; returns how many notes were written.

    Incidents that were closed before get theirs as well. Gemini is asked about open ones only, because it costs money.
    """
    since, settled = now - timedelta(days=1), now - SETTLED
    fresh = Incident.objects.filter(opened_at__gte=since, opened_at__lt=settled)
    written = write_notes(list(fresh.filter(notes=None).order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE]))
    if settings.GEMINI_API_KEY:
        unasked = RootCauseNote.objects.current().filter(incident__in=fresh.open(), source="rules", failure="")
        waiting = unasked.filter(made_at__lt=settled).values_list("incident", flat=True)[:MOST_AT_ONCE]
        tell(GEMINI_TASK, [[incident, None] for incident in waiting], expires=SETTLED.total_seconds())
    return written


def write_gemini_note(incident_id: int, asked_by_id: int | None = None) -> RootCauseNote | None:
    """Gemini's note of an incident or, where none comes of it, one by rule that says why.

    None if the incident has gone, or if its newest note is Gemini's and nobody asked for another. AskLater passes
    through.
    """
    newest = RootCauseNote.objects.filter(incident=incident_id).first()
    if asked_by_id is None and newest and newest.is_unverified:
        return None  # because a message may come twice
    for case in cases_of([incident_id]):
        return _asked_for(case, asked_by_id)
    return None


def note_failure(incident_id: int, why: str, asked: gemini.Asked | None = None, asked_by_id: int | None = None):
    """A note by rule that says why there is none by Gemini."""
    for case in cases_of([incident_id]):
        return _save(case, rule_note(case), "rules", asked, failure=why, asked_by_id=asked_by_id)
    return None


def _asked_for(case: Case, asked_by_id: int | None) -> RootCauseNote:
    if day_is_spent(timezone.now()):
        return note_failure(case.incident_id, "the day's tokens (GEMINI_TOKENS_PER_DAY) are used up", None, asked_by_id)
    try:
        note, asked = gemini_note.write(case)
    except gemini.AskLater:
        raise
    except gemini.NoAnswer as reason:
        return note_failure(case.incident_id, str(reason), reason.asked, asked_by_id)
    return _save(case, note, "gemini", asked, asked_by_id=asked_by_id)


def _save(case: Case, note: Note, source: str, asked: gemini.Asked | None, **more) -> RootCauseNote:
    row = _row(case, note, source, **more)
    if asked:
        row.model, row.prompt_hash, row.latency_ms = asked.model[:80], asked.prompt_hash, asked.latency_ms
        row.tokens_in, row.tokens_out = asked.tokens_in, asked.tokens_out
        if asked.tokens_in is not None:
            row.cost = RootCauseNote.cost_of(asked.tokens_in, asked.tokens_out or 0)
    row.save()
    return row


def _by_rule(case: Case, failure: str, by) -> RootCauseNote:
    return _row(case, rule_note(case), "rules", failure=failure, asked_by=by)


def _row(case: Case, note: Note, source: str, failure: str = "", **more) -> RootCauseNote:
    is_rule = source == "rules"
    return RootCauseNote(
        incident_id=case.incident_id,
        source=source,
        summary=note.summary,
        cause=note.cause,
        confidence=note.confidence,
        evidence=[{"fact": fact_id, "why": why} for fact_id, why in note.evidence],
        facts=[asdict(fact) for fact in case.facts],
        parts=list(note.parts),
        steps=list(note.steps),
        safety=note.safety if is_rule else rule_note(case).safety,
        more_safety="" if is_rule else note.safety,
        failure=failure[:200],
        **more,
    )
