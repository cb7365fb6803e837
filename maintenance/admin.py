"""Pages of what must be done."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from unfold.decorators import action

from stations.admin_display import badge_column, moment, moment_column, quantity, quantity_column
from stations.admin_filters import open_filter, operator_filter
from stations.admin_site import BaseAdmin, HistoryAdmin, ReadOnlyInline
from telemetry.cause_pages import repair_in_words

from .models import Incident, ServiceCentre, Technician, WorkOrder, WorkOrderChange
from .note_pages import in_words
from .notes.writing import write_notes
from .states import State


class IncidentForm(forms.ModelForm):
    """What a person reports: a charger of that site, and nothing that is open already."""

    def clean(self):
        values = super().clean()
        site, charger = values.get("site"), values.get("charger")
        if site and charger and charger.site_id != site.pk:
            self.add_error("charger", f"{charger} is not at {site}; choose one of its chargers, or none.")
        same = Incident.objects.open().filter(site=site, charger=charger, cause=values.get("cause"))
        if site and self.instance.closed_at is None and same.exclude(pk=self.instance.pk).exists():
            self.add_error("cause", "An incident with this cause is open there already.")
        return values


@admin.register(Incident)
class IncidentAdmin(BaseAdmin):
    list_display = ["summary", "site", "charger", "cause", "source", "risk_percent", "opened", "closed"]
    list_select_related = ["site", "charger"]
    list_filter = [
        open_filter("closed_at", "open", "closed"),
        ("cause", admin.ChoicesFieldListFilter),
        ("source", admin.ChoicesFieldListFilter),
        operator_filter("site__operator"),
    ]
    search_fields = ["site__name", "site__external_id", "summary"]
    autocomplete_fields = ["site", "charger"]
    form = IncidentForm
    fields = [
        "summary",
        ("site", "charger"),
        ("cause", "source"),
        ("risk", "diagnosis"),
        ("opened_at", "closed_at"),
        "note",
    ]
    readonly_fields = ["source", "risk", "diagnosis", "closed_at", "note"]
    actions = ["write_anew"]
    actions_submit_line = ["write_this_anew"]
    risk_percent = staticmethod(quantity_column("risk", "risk when opened", "%", scale=100))
    opened = staticmethod(moment_column("opened_at", "opened"))

    def get_changeform_initial_data(self, request):
        return {"opened_at": timezone.now()}

    def save_model(self, request, obj, form, change):
        if not change:
            obj.source = Incident.Source.PERSON
        super().save_model(request, obj, form, change)
        if not change:
            transaction.on_commit(lambda: write_notes([obj.pk], by=request.user), robust=True)

    @admin.action(description="Write the root-cause note anew", permissions=["change"])
    def write_anew(self, request, queryset):
        written = write_notes(list(queryset.values_list("pk", flat=True)), by=request.user)
        self.message_user(request, f"{written} notes were written by rule{self._later()}.")

    @action(description="Write note anew", permissions=["change"])
    def write_this_anew(self, request, obj):
        write_notes([obj.pk], by=request.user)
        self.message_user(request, f"The note was written by rule{self._later()}.")

    def _later(self) -> str:
        return "; Gemini's follows in a minute, if it answers" if settings.GEMINI_API_KEY else ""

    @admin.display(description="root-cause note")
    def note(self, incident):
        return in_words(incident.note) if incident.pk else None

    @admin.display(description="closed", ordering="closed_at")
    def closed(self, incident):
        return moment(incident.closed_at) if incident.closed_at else "open"


class ChangeInline(ReadOnlyInline):
    model = WorkOrderChange
    operator_path = "order__site__operator"
    fields = ["at", "old_state", "new_state", "note", "by"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by")


@admin.register(WorkOrder)
class WorkOrderAdmin(BaseAdmin):
    """Orders are opened by the loop; their state moves through the order's own steps, never in this form."""

    list_display = ["number", "state_badge", "priority_badge", "title", "site", "charger", "cause", "who", "age"]
    list_select_related = ["site", "charger", "technician"]
    list_filter = [
        open_filter("closed_at", "open", "ended"),
        ("state", admin.ChoicesFieldListFilter),
        ("priority", admin.ChoicesFieldListFilter),
        ("cause", admin.ChoicesFieldListFilter),
        operator_filter("site__operator"),
    ]
    search_fields = ["title", "site__name", "site__external_id", "technician__code"]
    search_help_text = "Title, site or technician"
    autocomplete_fields = ["technician"]
    inlines = [ChangeInline]
    actions = ["accept", "close", "cancel"]
    readonly_fields = [
        "number",
        "incident",
        "site",
        "charger",
        "cause",
        "takes",
        "evidence",
        "state_badge",
        "opened_at",
        "changed_at",
        "closed_at",
    ]
    fieldsets = [
        (None, {"fields": [("number", "state_badge"), "title", ("site", "charger"), "incident"]}),
        ("Plan", {"fields": [("priority", "technician"), ("cause", "found_cause"), "takes", "evidence"]}),
        ("Times", {"fields": [("opened_at", "closed_at"), "changed_at"]}),
    ]
    state_badge = staticmethod(badge_column("state", "state", WorkOrder.State))
    priority_badge = staticmethod(badge_column("priority", "priority", WorkOrder.Priority))
    age = staticmethod(moment_column("opened_at", "opened"))

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        """Keep the plan; another priority or technician is a step of its own, with its row."""
        now, by, changed = timezone.now(), request.user, set(form.changed_data)
        plain = changed - {"priority", "technician"}
        if plain:
            obj.save(update_fields=sorted(plain))
        if "priority" in changed:
            WorkOrder.objects.change([obj.pk], "priority", obj.priority, now, f"priority {obj.priority}", by)
        if "technician" in changed and obj.technician:
            self._send(obj, now, by)

    def _send(self, order, now, by) -> None:
        note = f"sent {order.technician}"
        if order.state == State.NEW:
            WorkOrder.objects.move([order.pk], State.TRIAGED, now, "in the admin", by)
        if order.state in (State.NEW, State.TRIAGED):
            WorkOrder.objects.move([order.pk], State.ASSIGNED, now, note, by, technician_id=order.technician_id)
        else:
            WorkOrder.objects.change([order.pk], "technician_id", order.technician_id, now, note, by)

    def _move(self, request, queryset, *states) -> None:
        wanted = list(queryset.values_list("pk", flat=True))
        note = "by hand in the admin"
        for state in states:
            moved = WorkOrder.objects.move(wanted, state, timezone.now(), note, request.user)
        left = len(wanted) - len(moved)
        rest = f"; {left} were in a state that does not allow it, and were left alone" if left else ""
        self.message_user(request, f"{len(moved)} of {len(wanted)} orders are now {states[-1].label.lower()}{rest}.")

    @admin.action(description="Accept for the technician", permissions=["change"])
    def accept(self, request, queryset):
        self._move(request, queryset, State.ACCEPTED)

    @admin.action(description="Close what is resolved, without waiting for a session", permissions=["change"])
    def close(self, request, queryset):
        self._move(request, queryset, State.VERIFIED, State.CLOSED)

    @admin.action(description="Cancel, with its incident", permissions=["change"])
    def cancel(self, request, queryset):
        self._move(request, queryset, State.CANCELLED)

    @admin.display(description="what it takes")
    def takes(self, order):
        return repair_in_words(order.repair)

    @admin.display(description="why this cause")
    def evidence(self, order):
        diagnosis = order.incident.diagnosis
        return f"{diagnosis}: {diagnosis.evidence}" if diagnosis else None

    @admin.display(description="technician", ordering="technician")
    def who(self, order):
        return order.technician or "nobody yet"


@admin.register(WorkOrderChange)
class WorkOrderChangeAdmin(HistoryAdmin):
    operator_path = "order__site__operator"
    list_display = ["when", "order", "step", "note", "by"]
    list_select_related = ["order", "by"]
    list_filter = [("new_state", admin.ChoicesFieldListFilter)]
    when = staticmethod(moment_column("at", "when"))

    @admin.display(description="step")
    def step(self, change):
        return str(change)


@admin.register(ServiceCentre)
class ServiceCentreAdmin(BaseAdmin):
    fleet_wide = True
    list_display = ["name", "latitude", "longitude", "people"]
    search_fields = ["name"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(people_count=Count("technicians"))

    @admin.display(description="technicians", ordering="people_count")
    def people(self, centre):
        return quantity(centre.people_count)


@admin.register(Technician)
class TechnicianAdmin(BaseAdmin):
    fleet_wide = True
    list_display = ["code", "centre", "user"]
    list_select_related = ["centre", "user"]
    list_filter = ["centre"]
    search_fields = ["code"]
    autocomplete_fields = ["centre", "user"]
