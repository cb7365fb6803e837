"""Pages of what is wrong, or about to be."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from unfold.decorators import action

from stations.admin_display import badge_column, moment, moment_column, site_time_column
from stations.admin_filters import QuestionFilter, open_filter, operator_filter
from stations.admin_site import BaseAdmin, HistoryAdmin, ReadOnlyInline
from stations.bulk_actions import bulk_action
from stations.change_history import Entry

from ..models import DriverReport, Incident, IncidentChange, RemoteAttempt
from ..models.opening import Wanted
from ..note_pages import in_words
from ..notes.writing import write_notes
from ..sending import open_orders
from ..states import Severity

CLOSED = site_time_column("closed_at", "closed")
ACKNOWLEDGED = site_time_column("acknowledged_at", "acknowledged")


class IncidentForm(forms.ModelForm):
    """What a person reports: a charger of that site, and nothing that is open already."""

    def clean(self):
        values = super().clean()
        site, charger = values.get("site"), values.get("charger")
        if self.instance.pk and {"snoozed_until", "snooze_reason"} & set(self.changed_data):
            until, reason = values.get("snoozed_until"), values.get("snooze_reason", "")
            if until:
                Incident.check_snooze(until, reason, timezone.now())
        if site and charger and charger.site_id != site.pk:
            self.add_error("charger", f"{charger} is not at {site}; choose one of its chargers, or none.")
        same = Incident.objects.open().filter(site=site, charger=charger, cause=values.get("cause"))
        if site and self.instance.closed_at is None and same.exclude(pk=self.instance.pk).exists():
            self.add_error("cause", "An incident with this cause is open there already.")
        return values


class AttentionFilter(QuestionFilter):
    """What still needs somebody."""

    title = "attention"
    parameter_name = "attention"
    questions = {"undecided": "said by people, nobody sent", "unseen": "not acknowledged", "asleep": "put off"}

    def rows_undecided(self, queryset):
        return queryset.undecided(timezone.now())

    def rows_unseen(self, queryset):
        return queryset.open().filter(acknowledged_at=None)

    def rows_asleep(self, queryset):
        return queryset.open().filter(snoozed_until__gt=timezone.now())


class IncidentChangeInline(ReadOnlyInline):
    model = IncidentChange
    operator_path = "incident__site__operator"
    fields = readonly_fields = [site_time_column("at", "when", "incident.site"), "kind", "note", "by"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by", "incident__site")


class AttemptInline(ReadOnlyInline):
    model = RemoteAttempt
    fields = readonly_fields = [site_time_column("at", "when", "incident.site"), "charger", "rung", "answer", "helped"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("charger", "incident__site")


class ReportInline(ReadOnlyInline):
    model = DriverReport
    fields = readonly_fields = [site_time_column("at", "when", "incident.site"), "charger", "problem", "text", "status"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("charger", "incident__site")


@admin.register(Incident)
class IncidentAdmin(BaseAdmin):
    list_display = ["summary", "severity_badge", "site", "charger", "cause", "source", "seen", "opened", "closed"]
    list_filter = [
        open_filter("closed_at", "open", "closed"),
        ("severity", admin.ChoicesFieldListFilter),
        AttentionFilter,
        ("cause", admin.ChoicesFieldListFilter),
        ("source", admin.ChoicesFieldListFilter),
        operator_filter("site__operator"),
    ]
    search_fields = ["site__name", "site__external_id", "summary"]
    autocomplete_fields = ["site", "charger"]
    form = IncidentForm
    fieldsets = [
        (None, {"fields": ["summary", ("site", "charger"), ("cause", "source"), "opened_at", CLOSED]}),
        ("How bad", {"fields": [("severity", "severity_reason"), ("risk", "diagnosis"), "note"]}),
        ("What people did", {"fields": [(ACKNOWLEDGED, "acknowledged_by"), "snoozed_until", "snooze_reason"]}),
    ]
    readonly_fields = ["source", "risk", "diagnosis", CLOSED, "note", ACKNOWLEDGED, "acknowledged_by"]
    inlines = [IncidentChangeInline, AttemptInline, ReportInline]
    actions = ["acknowledge", "open_orders", "merge", "write_anew"]
    severity_badge = staticmethod(badge_column("severity", "severity", Severity))
    actions_submit_line = ["write_this_anew"]
    opened = staticmethod(moment_column("opened_at", "opened"))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("site", "charger")

    def steps_of(self, row):
        return [
            Entry(step.at, str(step.by or "the loop"), f"{step.get_kind_display()}.", {}, step.note)
            for step in row.changes.select_related("by")
        ]

    def get_inlines(self, request, obj):
        return self.inlines if obj else []  # because nothing has happened yet to one that is being added

    def get_changeform_initial_data(self, request):
        return {"opened_at": timezone.now()}

    def save_model(self, request, obj, form, change):
        """A new one is a person's; putting one off is a step of its own, with its row."""
        is_put_off = change and "snoozed_until" in form.changed_data
        until, reason = obj.snoozed_until, obj.snooze_reason
        if not change:
            obj.source = Incident.Source.PERSON
            transaction.on_commit(lambda: write_notes([obj.pk], by=request.user), robust=True)
        if change:  # and nothing else, because the loop may have closed it meanwhile
            put_off = {"snoozed_until", "snooze_reason"} if is_put_off else set()
            obj.save(update_fields=sorted(set(form.changed_data) - put_off))
        else:
            super().save_model(request, obj, form, change)
        if is_put_off and until:
            obj.snooze(until, reason, request.user, timezone.now())
        elif is_put_off:
            obj.wake(request.user, timezone.now())

    @bulk_action("Acknowledge", "They count as seen by you; nobody is asked to do anything yet.")
    def acknowledge(self, request, queryset):
        seen = sum(incident.acknowledge(request.user, timezone.now()) for incident in queryset)
        self.message_user(request, f"{seen} incidents are acknowledged now.")

    @bulk_action("Open a work order for each", "Each that is open and has no order gets one, which is dispatched.")
    def open_orders(self, request, queryset):
        wanted = [
            Wanted(
                incident.site_id,
                incident.charger_id,
                incident.cause,
                incident.source,
                incident.risk,
                incident.summary,
                severity=incident.severity,
                reason=incident.severity_reason,
                diagnosis_id=incident.diagnosis_id,
                incident_id=incident.pk,
            )
            for incident in queryset.open()
        ]
        opened = open_orders(wanted, timezone.now(), request.user)
        left = f"; {queryset.count() - len(opened)} have one open, or are closed" * (len(opened) < queryset.count())
        self.message_user(request, f"{len(opened)} work orders were opened{left}.")

    @bulk_action("Merge into the oldest of them", "The others close; what they say goes to the oldest.", whole=True)
    def merge(self, request, queryset):
        oldest, *others = queryset.order_by("opened_at", "pk")
        for incident in others:
            try:
                incident.merge_into(oldest, request.user, timezone.now())
            except ValidationError as refused:
                self.message_user(request, f"{incident}: {' '.join(refused.messages)}", messages.ERROR)
        merged = oldest.merged.filter(pk__in=[incident.pk for incident in others]).count()
        self.message_user(request, f"{merged} incidents were merged into {oldest}.")

    @admin.display(description="acknowledged", ordering="acknowledged_at")
    def seen(self, incident):
        if incident.snoozed_until and incident.snoozed_until > timezone.now():
            return f"put off until {incident.snoozed_until:%m-%d %H:%M}"
        return moment(incident.acknowledged_at) if incident.acknowledged_at else "not yet"

    @bulk_action("Write the root-cause note anew", "Each gets a new note; the old ones stay on record.")
    def write_anew(self, request, queryset):
        written = write_notes(list(queryset.values_list("pk", flat=True)), by=request.user, anew=True)
        self.message_user(request, f"{written} notes were written by rule{self._later()}.")

    @action(description="Write note anew", permissions=["change"])
    def write_this_anew(self, request, obj):
        write_notes([obj.pk], by=request.user, anew=True)
        self.message_user(request, f"The note was written by rule{self._later()}.")

    def _later(self) -> str:
        return "; Gemini's follows in a minute, if it answers" if settings.GEMINI_API_KEY else ""

    @admin.display(description="root-cause note")
    def note(self, incident):
        return in_words(incident.note, incident.site) if incident.pk else None

    @admin.display(description="closed", ordering="closed_at")
    def closed(self, incident):
        return moment(incident.closed_at) if incident.closed_at else "open"


@admin.register(RemoteAttempt)
class RemoteAttemptAdmin(HistoryAdmin):
    list_display = ["when", "charger", "rung", "answer", "helped", "incident"]
    list_select_related = ["charger", "incident"]
    list_filter = ["helped", ("rung", admin.ChoicesFieldListFilter), operator_filter("charger__site__operator")]
    when = staticmethod(moment_column("at", "when"))


@admin.register(DriverReport)
class DriverReportAdmin(HistoryAdmin):
    list_display = ["when", "site", "charger", "problem", "text", "status", "incident"]
    list_select_related = ["site", "charger", "incident"]
    list_filter = [("problem", admin.ChoicesFieldListFilter), operator_filter("site__operator")]
    when = staticmethod(moment_column("at", "when"))
