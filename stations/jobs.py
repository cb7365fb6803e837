"""Long tasks. The Job row is the queue: a lost message loses nothing, and claims make a second message harmless."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules

from .broker import tell
from .clock import now as database_now
from .models import AuditEntry, Job
from .progress import ConsoleProgress, JobCancelled, JobLost, JobProgress, Progress, tell_pages

__all__ = [
    "ConsoleProgress",
    "JobCancelled",
    "JobLost",
    "JobProgress",
    "JobRefused",
    "Progress",
    "enqueue",
    "enqueue_once",
    "job_kind",
    "redrive",
    "run",
]

RUN_JOB = "stations.run_job"
ATTEMPTS = Job.ATTEMPTS
UNTAKEN_AFTER = timedelta(seconds=20)
SILENT_AFTER = Job.SILENT_AFTER

logger = logging.getLogger(__name__)
_kinds: dict[str, Callable[[Job, Progress], dict | None]] = {}


class JobRefused(Exception):
    """What was asked for cannot be done; the message is the one clear sentence that the user sees.

    `result` becomes the job's result: what the user needs to know besides.
    """

    def __init__(self, message: str, result: dict | None = None) -> None:
        super().__init__(message)
        self.result = result or {}


def job_kind(name: str):
    """Register `def work(job, progress) -> dict` as the work of jobs of this kind, in an app's `jobs.py`.

    The dict becomes the job's result. The work may be done again from its start after a crash, so that it must be
    all or nothing, or harmless to repeat. It must not save the job's own row inside a transaction: the heartbeat would
    wait for the commit.
    """

    def register(work):
        _kinds[name] = work
        return work

    return register


def enqueue(kind: str, parameters: dict | None = None, *, created_by=None, upload=None, operator=None) -> Job:
    """Write the row of a new job and, once it is committed, tell the workers."""
    _work_of(kind)
    about = {"created_by": created_by, "upload": upload or "", "operator": operator}
    job = Job.objects.create(kind=kind, parameters=parameters or {}, heartbeat_at=Now(), **about)
    transaction.on_commit(lambda: tell(RUN_JOB, [[job.pk]]))  # if it gets lost, the sweeper finds the row
    transaction.on_commit(tell_pages)
    return job


@transaction.atomic
def enqueue_once(kind: str, parameters: dict | None = None, *, created_by=None) -> tuple[Job, bool]:
    """The job of this kind that waits or runs, else a new one; and whether it is new, also for two who ask at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"sntry job {kind}"])
    going_on = Job.objects.exclude(state__in=Job.ENDED).filter(kind=kind).order_by("pk").first()
    return (going_on, False) if going_on else (enqueue(kind, parameters, created_by=created_by), True)


def cancel(job: Job, by) -> str:
    """Call a job off for somebody who may; the state it has then. A running one stops at its next step."""
    with transaction.atomic():
        state = Job.objects.cancel(job.pk, by, timezone.now())
        AuditEntry.objects.note("job cancelled", by=by, about=job, state=state)
    _delete_uploads([job.pk])
    transaction.on_commit(tell_pages)
    return state


def run(job_id: int) -> bool:
    """Do a queued job, unless another runner has taken it; say whether it was done here."""
    job = Job.objects.claim(job_id)
    if job is None:
        return False
    with JobProgress(job) as progress:
        values = _outcome(job, progress)
    close_old_connections()
    if Job.objects.held_by(job).update(**values):
        _delete_uploads([job.pk])
        tell_pages()
    else:
        logger.warning("job %s was taken over by another runner; its outcome here is dropped", job.pk)
    return True


def redrive() -> int:
    """Send out again the jobs that nobody took or whose runner fell silent; say how many."""
    now = database_now()
    silent = Job.objects.filter(state=Job.State.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    called_off = list(silent.exclude(cancel_asked_at=None).values_list("pk", flat=True))
    silent.filter(pk__in=called_off).update(
        state=Job.State.CANCELLED, finished_at=now, message="Cancelled; the worker had stopped in the middle of it."
    )
    given_up = list(silent.filter(attempts__gte=ATTEMPTS).values_list("pk", flat=True))
    silent.filter(pk__in=given_up).update(
        state=Job.State.FAILED,
        finished_at=now,
        message=f"Given up: the worker stopped in the middle of it {ATTEMPTS} times. Its log says more.",
    )
    _delete_uploads([*given_up, *called_off])
    # Its heartbeat stays as old as it was, so that the next query takes it up at once.
    sent_again = silent.update(state=Job.State.QUEUED)
    untaken = Job.objects.filter(state=Job.State.QUEUED, heartbeat_at__lt=now - UNTAKEN_AFTER)
    ids = list(untaken.values_list("pk", flat=True))
    # Not sent again for another while: the queue of a busy worker must not fill up with copies.
    Job.objects.filter(pk__in=ids, state=Job.State.QUEUED).update(heartbeat_at=now)
    if ids:
        tell(RUN_JOB, [[job_id] for job_id in ids], expires=SILENT_AFTER.total_seconds())
    if called_off or given_up or sent_again:
        tell_pages()
    return len(ids)


def _work_of(kind: str) -> Callable[[Job, Progress], dict | None]:
    if kind not in _kinds:
        autodiscover_modules("jobs")
    if kind not in _kinds:
        raise LookupError(f'there is no kind of job named "{kind}"')
    return _kinds[kind]


def _delete_uploads(ids: list[int]) -> None:
    """Delete the uploads of those that have ended for good; one that is sent again needs its file."""
    try:
        Job.objects.filter(pk__in=ids).delete_uploads()
    except OSError as error:
        logger.warning("an upload was not deleted, the nightly clearing tries again: %s", error)


def _outcome(job: Job, progress: JobProgress) -> dict:
    """Do the work; the values of the row it ends with."""
    state, result = Job.State.FAILED, {}
    try:
        result = _work_of(job.kind)(job, progress) or {}
        json.dumps(result, allow_nan=False)
        state, job.done = Job.State.DONE, job.total or job.done
    except JobRefused as error:
        result, job.message = error.result, str(error)
    except JobCancelled as error:
        state, result, job.message = Job.State.CANCELLED, {}, str(error)
    except Exception as error:
        logger.exception("job %s (%s) failed", job.pk, job.kind)
        result, job.message = {}, f"{type(error).__name__}: {error}".replace("\0", "")
        may_try_again = job.attempts < ATTEMPTS and not progress.is_called_off
        if isinstance(error, (InterfaceError, OperationalError)) and may_try_again:
            state = Job.State.QUEUED  # the sweeper sends it again, because the database may be back by then
    now = Now()
    values = {"done": job.done, "total": job.total, "message": job.message[:300], "result": result}
    return {**values, "state": state, "heartbeat_at": now, "finished_at": None if state == Job.State.QUEUED else now}
