"""Pages of work orders."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html_join

from stations.admin_display import badge_column, moment_column
from stations.admin_filters import open_filter, operator_filter
from stations.admin_site import BaseAdmin, BaseInline, HistoryAdmin, ReadOnlyInline
from telemetry.cause_pages import repair_in_words

from ..models import ChecklistItem, OrderPart, WorkOrder, WorkOrderChange
from ..states import State

TIMES = ("opened_at", "changed_at", "respond_by", "accepted_at", "due_at", "resolved_at", "arrived_at", "closed_at")


class ChangeInline(ReadOnlyInline):
    model = WorkOrderChange
    operator_path = "order__site__operator"
    fields = ["at", "old_state", "new_state", "note", "by"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by")


def _is_open(order) -> bool:
    return order is None or order.closed_at is None


class ChecklistInline(BaseInline):
    model = ChecklistItem
    operator_path = "order__site__operator"
    fields = ["text", "kind", "required", "answer", "done_at"]
    show_change_link = False

    def has_add_permission(self, request, obj=None):
        return super().has_add_permission(request, obj) and _is_open(obj)

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and _is_open(obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and _is_open(obj)


class PartInline(ReadOnlyInline):
    """Parts change by what is put aside and used, which the technician says."""

    model = OrderPart
    operator_path = "order__site__operator"
    fields = ["part", "proposed", "reserved", "used", "by_cause"]
    readonly_fields = fields
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("part")


@admin.register(WorkOrder)
class WorkOrderAdmin(BaseAdmin):
    """Orders are opened by the loop; their state moves through the order's own steps, never in this form."""

    list_display = ["number", "state_badge", "priority_badge", "title", "site", "charger", "cause", "who", "due"]
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
    inlines = [ChangeInline, ChecklistInline, PartInline]
    actions = ["accept", "close", "cancel", "call_duplicates"]
    readonly_fields = [
        "number",
        "incident",
        "site",
        "charger",
        "cause",
        "takes",
        "evidence",
        "state_badge",
        "lacks",
        *TIMES,
        "hold_reason",
        "duplicate_of",
        "follows",
    ]
    fieldsets = [
        (None, {"fields": [("number", "state_badge"), "title", ("site", "charger"), "incident"]}),
        ("Plan", {"fields": [("priority", "technician"), ("cause", "found_cause"), "takes", "evidence"]}),
        ("Report", {"fields": ["lacks", ("action", "hold_reason"), "resolution", ("minutes_travel", "minutes_work")]}),
        ("Times", {"fields": [TIMES[place : place + 2] for place in range(0, len(TIMES), 2)]}),
        ("Other orders", {"fields": [("duplicate_of", "follows")]}),
    ]
    state_badge = staticmethod(badge_column("state", "state", WorkOrder.State))
    priority_badge = staticmethod(badge_column("priority", "priority", WorkOrder.Priority))
    due = staticmethod(moment_column("due_at", "due"))

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        """What has ended stays as it is."""
        return super().has_change_permission(request, obj) and _is_open(obj)

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

    @admin.action(description="Call them duplicates of the oldest of them", permissions=["change"])
    def call_duplicates(self, request, queryset):
        oldest, *others = queryset.order_by("pk")
        here = [order.pk for order in others if order.site_id == oldest.site_id and oldest.closed_at is None]
        details = {"duplicate_of": oldest.pk}
        note = f"duplicate of {oldest}"
        done = WorkOrder.objects.move(here, State.DUPLICATE, timezone.now(), note, request.user, **details)
        left = len(others) - len(done)
        rest = f"; {left} were at another site, or too far on, and were left alone" if left else ""
        self.message_user(request, f"{len(done)} orders are duplicates of {oldest} now{rest}.")

    @admin.display(description="what it takes")
    def takes(self, order):
        return repair_in_words(order.repair)

    @admin.display(description="why this cause")
    def evidence(self, order):
        diagnosis = order.incident.diagnosis
        return f"{diagnosis}: {diagnosis.evidence}" if diagnosis else None

    @admin.display(description="still missing")
    def lacks(self, order):
        return format_html_join("", "{}<br>", ((sentence,) for sentence in order.missing())) or "nothing"

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
