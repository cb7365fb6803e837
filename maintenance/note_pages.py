"""Root-cause notes in the admin: every note that was written, and the newest one on its incident's page."""

from django.contrib import admin
from django.template.loader import render_to_string

from stations.admin_display import moment_column, quantity_column
from stations.admin_filters import operator_filter
from stations.admin_site import HistoryAdmin
from stations.models import Site

from .models import RootCauseNote


@admin.register(RootCauseNote)
class RootCauseNoteAdmin(HistoryAdmin):
    """What rules and models wrote, what it took, and why a rule wrote it where a model did not."""

    operator_path = "incident__site__operator"
    list_display = ["made", "incident", "source", "cause", "sure", "summary", "failure"]
    list_select_related = ["incident"]
    list_filter = [
        ("source", admin.ChoicesFieldListFilter),
        ("cause", admin.ChoicesFieldListFilter),
        operator_filter("incident__site__operator"),
    ]
    readonly_fields = ["whole", "dollars"]
    fieldsets = [
        (None, {"fields": ["incident", "whole"]}),
        ("What it took", {"fields": [("model", "latency_ms"), ("tokens_in", "tokens_out", "dollars"), "failure",
                                     ("asked_by", "made_at"), "prompt_hash"]}),
    ]  # fmt: skip
    made = staticmethod(moment_column("made_at", "made"))
    sure = staticmethod(quantity_column("confidence", "confidence", "%", scale=100))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("incident__site")

    @admin.display(description="note")
    def whole(self, note):
        return in_words(note, note.incident.site)

    @admin.display(description="cost")
    def dollars(self, note):
        return None if note.cost is None else f"${note.cost}"


def in_words(note: RootCauseNote | None, site: Site) -> str | None:
    """A note about something at `site` as pages show it; everything in it is escaped."""
    return render_to_string("maintenance/note.html", {"note": note, "site": site}) if note else None
