"""Long tasks: how far they are, how they ended, and the rows that they refused."""

from django.contrib import admin
from django.http import Http404, JsonResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone

from ..admin_display import badge_column, moment_column, quantity
from ..admin_site import HistoryAdmin
from ..job_report import progress_of
from ..models import Job


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    """A list; each job has a page of its own. A person sees what he or she, a colleague or the site itself started."""

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
        ]
        return own + super().get_urls()

    def visible(self, request, pk: int) -> Job:
        """The job, if its reader may see it; else the page does not exist."""
        job = self.get_queryset(request).filter(pk=pk).first() if self.has_view_permission(request) else None
        if job is None:
            raise Http404("There is no such job, or it is not yours to see.")
        return job

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """A job has one page, that of all jobs' pages."""
        return redirect(self.visible(request, int(object_id) if object_id.isdecimal() else 0))

    def progress(self, request, pk: int):
        """How far the job is, for the page that asks each second."""
        response = JsonResponse(progress_of(self.visible(request, pk), timezone.now()))
        response["Cache-Control"] = "no-store"
        return response
