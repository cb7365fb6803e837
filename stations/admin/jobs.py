"""Long tasks: how far they are and how they ended."""

from django.contrib import admin

from ..admin_display import badge_column, moment_column, quantity
from ..admin_site import HistoryAdmin
from ..models import Job


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    list_display = ["__str__", "state_badge", "percent", "message", "created_by", "asked", "ended"]
    list_select_related = ["created_by"]
    list_filter = [("state", admin.ChoicesFieldListFilter)]
    state_badge = staticmethod(badge_column("state", "state", Job.State))
    asked = staticmethod(moment_column("created_at", "asked for"))
    ended = staticmethod(moment_column("finished_at", "ended"))

    @admin.display(description="done")
    def percent(self, job):
        return quantity(job.percent, "%")
