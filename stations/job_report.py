"""What a job's page says: how far it is, how fast it goes, how it ended, and the first rows that it refused."""

import csv
import gzip
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.urls import reverse
from django.utils import timezone

from .admin_display import badge, moment
from .models import Job

SHOWN_ROWS = 100
LONGEST_CELL = 200
TOLD_ELSEWHERE = ("summary", "rejects_path", "bad_cells", "report")  # bad cells: in a table that not everybody may read


def running(jobs) -> dict:
    """What a page shows of the latest of `jobs` (a queryset) while it is not done; nothing where it is."""
    job = jobs.first()
    if job is None or job.state == Job.State.DONE:
        return {}
    return {
        "job": job,
        "asked": moment(job.created_at),
        "badge": badge(Job.State(job.state)),
        "progress": progress_of(job, timezone.now()),
        "progress_url": reverse("admin:stations_job_progress", args=[job.pk]),
    }


def progress_of(job: Job, now: datetime) -> dict:
    """The state of `job` in plain values: percent (None while unknown), count, rate in words, seconds left."""
    state = Job.State(job.state)
    seconds = ((job.finished_at or now) - job.started_at).total_seconds() if job.started_at else 0
    rate = job.done / seconds if seconds > 0 else 0
    unfinished = state == Job.State.RUNNING and job.total is not None and job.done < job.total
    return {
        "state": state.value,
        "word": state.label,
        "shape": state.shape,
        "colour": state.colour,
        "ended": state in Job.ENDED,
        "is_called_off": job.cancel_asked_at is not None and state not in Job.ENDED,
        "done": job.done,
        "total": job.total,
        "percent": 100 if state == Job.State.DONE else job.percent,
        "message": job.result.get("summary", "") if state == Job.State.DONE else job.message,
        "seconds": round(seconds),
        "rate": _rate(rate),
        "seconds_left": round((job.total - job.done) / rate) if unfinished and rate else None,
    }


def _rate(per_second: float) -> str:
    """How fast it goes, in the unit that suits it; nothing while that is not known."""
    if per_second <= 0:
        return ""
    return f"{per_second:,.0f}/s" if per_second >= 1 else f"{60 * per_second:,.2g}/min"


def summary_of(job: Job) -> list[tuple[str, str]]:
    """The job's result as pairs of words and values; what stands elsewhere on its page is left out."""
    return in_pairs({name: value for name, value in job.result.items() if name not in TOLD_ELSEWHERE})


def in_pairs(values: dict) -> list[tuple[str, str]]:
    """Names and values in words, without those that are empty or lists of rows."""
    kept = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    return [
        (name.replace("_", " ").capitalize(), _in_words(value))
        for name, value in kept.items()
        if not (isinstance(value, list) and isinstance(value[0], dict | list))
    ]


def _in_words(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def may_read_rows(user, job: Job) -> bool:
    """A file is for who asked for it and for colleagues; those of the site's own jobs for superusers.

    What is of one operator is for its members, whoever asked for it: nobody else sees the job.
    """
    return user.is_superuser or job.created_by_id is not None or job.operator_id is not None


def first_rows(job: Job) -> list[list[str]]:
    """Header and first 100 rows of the job's CSV file; empty when it has none or the file was cleared away."""
    if not job.result_file or job.result_file.name.endswith((".xlsx", ".zip")):
        return []
    path = Path(job.result_file.path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace", newline="") as lines:
            rows = islice(csv.reader(lines), SHOWN_ROWS + 1)
            return [[cell[:LONGEST_CELL] for cell in row] for row in rows]
    except (FileNotFoundError, csv.Error):
        return []
