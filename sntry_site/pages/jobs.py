"""Every long task on one page: how far it is, live, how it ended, what came of it, and a way to call it off."""

from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from stations import jobs
from stations.consumers import LiveConsumer
from stations.job_report import first_rows, may_read_rows, progress_of
from stations.models import AuditEntry, Job
from stations.spreadsheets import CONTENT_TYPES

from ..exports.streaming import file_download
from .access import staff_required
from .jobs_feed import JobsFeed
from .jobs_view import Asked, JobsView, listed, refuse_strangers, shown, visible

TOLD_ENDS = 5  # of jobs that ended since a page asked last


@require_safe
@staff_required
def index(request):
    """All jobs that its reader may see, newest first."""
    refuse_strangers(request.user)
    asked = Asked.of(request.GET)
    kinds = Job.objects.visible_to(request.user).order_by("kind").values_list("kind", flat=True).distinct()
    choices = {"kinds": [(kind, _words(kind)) for kind in kinds], "states": Job.State.choices, "asked": asked}
    return render(request, "jobs/index.html", {**choices, **listed(request.user, asked)})


@require_safe
@staff_required
def page(request, pk: int):
    """One job: progress, result with links, and the first of the rows that it refused."""
    job = visible(request.user, pk)
    may_read = may_read_rows(request.user, job)
    rows = first_rows(job) if may_read else []
    return render(request, "jobs/page.html", {**shown(job, request.user), "rows": rows, "may_read_rows": may_read})


@require_POST
@staff_required
def cancel(request, pk: int):
    """Call a job off. One that runs stops at its next step."""
    job = visible(request.user, pk)
    if job.state not in Job.ENDED and job.cancel_asked_at is None:
        if not job.may_be_cancelled_by(request.user):
            raise PermissionDenied("Only who started a job, a colleague who may start jobs, or a superuser cancels it.")
        jobs.cancel(job, request.user)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)  # the page is told by its socket
    return redirect(job)


@require_safe
@staff_required
def file(request, pk: int):
    """The job's file: rows that it refused or wrote."""
    job = visible(request.user, pk)
    if not may_read_rows(request.user, job):
        raise Http404("These rows may be of operators that are not yours.")
    try:
        content = job.result_file.open("rb")
    except (ValueError, FileNotFoundError) as error:
        raise Http404("This job has no file, or it was cleared away.") from error
    AuditEntry.objects.note("file fetched", by=request.user, about=job)
    kind = Path(job.result_file.name).suffix
    return file_download(f"job-{job.pk}{kind}", content, CONTENT_TYPES.get(kind[1:], CONTENT_TYPES["csv"]))


@require_safe
@staff_required
def ended(request):
    """How many jobs of the asker still run, and which have ended since `since`: what a page's toasts say."""
    now, since = timezone.now(), _moment(request.GET.get("since", ""))
    mine = Job.objects.filter(created_by=request.user)
    rows = mine.filter(finished_at__gt=since).order_by("-finished_at")[:TOLD_ENDS] if since else []
    told = [{"id": job.pk, "name": str(job), "url": job.get_absolute_url(), **progress_of(job, now)} for job in rows]
    running = mine.exclude(state__in=Job.ENDED).count()
    response = JsonResponse({"now": now.isoformat(), "running": running, "ended": told[::-1]})
    response["Cache-Control"] = "no-store"
    return response


def _moment(text: str):
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


class JobsConsumer(LiveConsumer):
    """The socket of the pages of jobs: who may see jobs sees his or her list, or one job of it."""

    feed = JobsFeed()

    def view_of(self, user, asked: dict) -> JobsView | None:
        if not (user.is_staff and user.has_perm("stations.view_job")):
            return None
        job = asked.get("job", "")
        return JobsView(user.pk, Asked.of(asked), int(job) if job.isdecimal() and len(job) < 18 else None)
