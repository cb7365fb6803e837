"""Long tasks: how far they are, how they ended, and the rows that they refused."""

from pathlib import Path

from django.contrib import admin
from django.http import FileResponse, Http404, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from ..admin_display import badge_column, moment_column, quantity
from ..admin_site import HistoryAdmin
from ..job_report import first_rows, in_pairs, progress_of, summary_of
from ..models import Job
from ..spreadsheets import CONTENT_TYPES


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    """The page of a job is its progress; a person sees what he or she, a colleague or the site itself started."""

    list_display = ["name", "state_badge", "percent", "message", "created_by", "asked", "ended"]
    list_select_related = ["created_by"]
    list_filter = [("state", admin.ChoicesFieldListFilter)]
    search_fields = ["kind"]
    state_badge = staticmethod(badge_column("state", "state", Job.State))
    asked = staticmethod(moment_column("created_at", "asked for"))
    ended = staticmethod(moment_column("finished_at", "ended"))

    @admin.display(description="job", ordering="pk")
    def name(self, job):
        return str(job)

    @admin.display(description="done")
    def percent(self, job):
        return quantity(100 if job.state == Job.State.DONE else job.percent, "%")

    def get_urls(self):
        own = [
            path("<int:pk>/progress/", self.admin_site.admin_view(self.progress), name="stations_job_progress"),
            path("<int:pk>/file/", self.admin_site.admin_view(self.file), name="stations_job_file"),
        ]
        return own + super().get_urls()

    def visible(self, request, pk: int) -> Job:
        """The job, if its reader may see it; else the page does not exist."""
        job = self.get_queryset(request).filter(pk=pk).first() if self.has_view_permission(request) else None
        if job is None:
            raise Http404("There is no such job, or it is not yours to see.")
        return job

    def change_view(self, request, object_id, form_url="", extra_context=None):
        job = self.visible(request, int(object_id) if object_id.isdecimal() else 0)
        context = {
            **self.admin_site.each_context(request),
            "title": str(job),
            "opts": self.opts,
            "job": job,
            "badge": self.state_badge(job),
            "progress": progress_of(job, timezone.now()),
            "progress_url": reverse("admin:stations_job_progress", args=[job.pk]),
            "asked": self.asked(job),
            "summary": summary_of(job),
            "parameters": in_pairs(job.parameters),
            "may_read_rows": may_read_rows(request.user, job),
            "rows": first_rows(job) if may_read_rows(request.user, job) else [],
            "media": self.media,
        }
        return TemplateResponse(request, "admin/stations/job/page.html", context)

    def progress(self, request, pk: int):
        """How far the job is, for the page that asks each second."""
        response = JsonResponse(progress_of(self.visible(request, pk), timezone.now()))
        response["Cache-Control"] = "no-store"
        return response

    def file(self, request, pk: int):
        """What the job made, or the rows that it refused, as a download that no browser opens by itself."""
        job = self.visible(request, pk)
        if not may_read_rows(request.user, job):
            raise Http404("These rows may be of operators that are not yours.")
        try:
            content = job.result_file.open("rb")
        except (ValueError, FileNotFoundError) as error:
            raise Http404("This job has no file, or it was cleared away.") from error
        kind = "".join(Path(job.result_file.name).suffixes[-2:])
        content_type = CONTENT_TYPES.get(kind.rpartition(".")[2], CONTENT_TYPES["csv"])
        response = FileResponse(content, as_attachment=True, filename=f"job-{job.pk}{kind}", content_type=content_type)
        response["X-Content-Type-Options"] = "nosniff"
        return response


def may_read_rows(user, job: Job) -> bool:
    """A file is for who asked for it and for colleagues; those of the site's own jobs for superusers.

    What is of one operator is for its members, whoever asked for it: nobody else sees the job.
    """
    return user.is_superuser or job.created_by_id is not None or job.operator_id is not None
