"""What workers do for maintenance, on the queue `jobs`."""

from celery import shared_task
from django.utils import timezone

from . import gemini
from .notes import writing

TRIES = 3  # of a note that Gemini asks to come back for


@shared_task(name="maintenance.write_missing_notes")
def write_missing_notes_task() -> None:
    """Notes that should be there and are not."""
    writing.write_missing_notes(timezone.now())


@shared_task(name=writing.GEMINI_TASK, bind=True, max_retries=TRIES - 1, soft_time_limit=100, time_limit=120)
def write_gemini_note_task(self, incident_id: int, asked_by_id: int | None = None) -> None:
    """Gemini's note of one incident; later again if Gemini asks for that, and by rule in the end."""
    try:
        writing.write_gemini_note(incident_id, asked_by_id)
    except gemini.AskLater as reason:
        if self.request.retries >= self.max_retries:
            writing.note_failure(incident_id, "Gemini has too much to do", reason.asked, asked_by_id)
            return
        raise self.retry(countdown=reason.seconds + 1, exc=reason) from None
