"""What the pages of jobs show: the list by its filters, and one job; for the views and for the live frames alike."""

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone

from stations.job_report import in_pairs, may_read_rows, progress_of, summary_of
from stations.models import Job

from ..job_links import links_of

PAGE_ROWS = 40


@dataclass(frozen=True)
class Asked:
    """The filters of the list, as the address has them."""

    state: str = ""
    kind: str = ""
    mine: bool = False
    before: int | None = None

    @classmethod
    def of(cls, values) -> "Asked":
        """What makes no sense is left out."""
        before, kind = values.get("before", ""), values.get("kind", "")[:50].replace("\0", "")
        state = values.get("state", "")
        return cls(
            state if state in Job.State.values else "",
            kind,
            values.get("whose") == "mine",
            int(before) if before.isdecimal() and len(before) < 18 else None,
        )

    def rows(self, user):
        """The jobs that are asked for and may be seen, newest first."""
        found = Job.objects.visible_to(user).select_related("created_by", "cancelled_by")
        chosen = {"state": self.state, "kind": self.kind, "created_by": user.pk if self.mine else None}
        found = found.filter(**{name: value for name, value in chosen.items() if value})
        return found.filter(pk__lt=self.before) if self.before else found

    def query(self, **more) -> str:
        """The address of the same filters."""
        values = {"state": self.state, "kind": self.kind, "whose": "mine" if self.mine else "", **more}
        return urlencode({name: value for name, value in values.items() if value})


class JobsView(NamedTuple):
    """Whose list it is and what is asked for; or one job."""

    user: int
    asked: Asked
    job: int | None


def listed(user, asked: Asked) -> dict:
    """What the list shows."""
    rows, now = list(asked.rows(user)[: PAGE_ROWS + 1]), timezone.now()
    more = asked.query(before=rows[PAGE_ROWS - 1].pk) if len(rows) > PAGE_ROWS else ""
    return {
        "jobs": [_row(job, user, now) for job in rows[:PAGE_ROWS]],
        "older": more,
        "query": asked.query(),
        "is_filtered": bool(asked.query()),
        "is_first": asked.before is None,
    }


def _row(job: Job, user, now) -> dict:
    progress = progress_of(job, now)
    return {
        "job": job,
        "progress": progress,
        "time": _time(progress),
        "may_cancel": job.may_be_cancelled_by(user),
        "is_silent": job.is_silent(now),
    }


def _time(progress: dict) -> str:
    """How long it takes still, or has taken."""
    if progress["seconds_left"] is not None:
        return f"{duration(progress['seconds_left'])} left"
    if progress["ended"]:
        return duration(progress["seconds"])
    return f"{duration(progress['seconds'])} so far" if progress["seconds"] else ""


def duration(seconds: int) -> str:
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shown(job: Job, user) -> dict:
    """What a job's page says of it, but for the rows of its file."""
    return {
        **_row(job, user, timezone.now()),
        "summary": summary_of(job),
        "parameters": in_pairs(job.parameters),
        "links": links_of(job),
        "has_file": bool(job.result_file) and may_read_rows(user, job),
    }


def visible(user, pk: int) -> Job:
    """The job, if `user` may see it; else the page does not exist."""
    refuse_strangers(user)
    job = Job.objects.visible_to(user).select_related("created_by", "cancelled_by").filter(pk=pk).first()
    if job is None:
        raise Http404("There is no such job, or it is not yours to see.")
    return job


def refuse_strangers(user) -> None:
    """Jobs are for those whose role sees them."""
    if not user.has_perm("stations.view_job"):
        raise PermissionDenied("Your role does not see jobs; ask for the viewer, dispatcher or ops role.")
