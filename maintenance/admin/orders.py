"""Pages of work orders."""

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.widgets import UnfoldAdminSelectWidget

from stations.admin_display import badge_column, moment_column, site_time_column
from stations.admin_filters import QuestionFilter, open_filter, operator_filter
from stations.admin_site import BaseAdmin, BaseInline, HistoryAdmin, ReadOnlyInline
from stations.bulk_actions import Reason, bulk_action
from stations.change_history import Entry
from telemetry.cause_pages import repair_in_words

from ..models import ChecklistItem, OrderComment, OrderPart, Technician, WorkOrder, WorkOrderChange
from ..states import State

BY_HAND = "by hand in the admin"
TIMES = {
    "opened_at": "opened", "changed_at": "changed", "respond_by": "respond by", "accepted_at": "accepted",
    "due_at": "due", "resolved_at": "resolved", "arrived_at": "arrived", "closed_at": "closed",
}  # fmt: skip
TIMES_THERE = [site_time_column(name, title) for name, title in TIMES.items()]


class ChangeInline(ReadOnlyInline):
    model = WorkOrderChange
    operator_path = "order__site__operator"
    fields = readonly_fields = [site_time_column("at", "when", "order.site"), "old_state", "new_state", "note", "by"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by", "order__site")


class CommentInline(ReadOnlyInline):
    """What partners say and ask."""

    model = OrderComment
    fields = readonly_fields = [site_time_column("at", "when", "order.site"), "kind", "text", "partner"]
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("partner__operator", "order__site")


class Sending(Reason):
    """Who goes there."""

    technician = forms.ModelChoiceField(Technician.objects.all(), widget=UnfoldAdminSelectWidget)
    field_order = ["technician", "reason"]


class Ending(Reason):
    """Why orders end without what would end them by itself."""

    def __init__(self, *arguments, **values):
        super().__init__(*arguments, **values)
        self.fields["reason"].required = True


class Urgency(Reason):
    """How urgent it is."""

    priority = forms.ChoiceField(choices=WorkOrder.Priority.choices, widget=UnfoldAdminSelectWidget)
    field_order = ["priority", "reason"]


class QueueFilter(QuestionFilter):
    """What the dispatcher asks in the morning."""

    title = "attention"
    parameter_name = "attention"
    questions = {
        "nobody": "no technician",
        "parts": "parts missing",
        "late": "past due",
        "today": "due within 24 h",
        "respond": "nobody accepted in time",
        "held": "on hold",
    }

    def rows_nobody(self, queryset):
        return queryset.open().filter(technician=None)

    def rows_parts(self, queryset):
        """A proposed part that is neither put aside nor used, of an order that is not over."""
        short = OrderPart.objects.filter(order=OuterRef("pk"), proposed__gt=F("reserved") + F("used"))
        return queryset.open().filter(Exists(short))

    def rows_late(self, queryset):
        return queryset.late(timezone.now())

    def rows_today(self, queryset):
        now = timezone.now()
        return queryset.open().filter(resolved_at=None, due_at__range=(now, now + timedelta(hours=24)))

    def rows_respond(self, queryset):
        return queryset.open().filter(accepted_at=None, respond_by__lt=timezone.now())

    def rows_held(self, queryset):
        return queryset.open().filter(state=State.ON_HOLD)


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


class WorkOrderForm(forms.ModelForm):
    """What a desk plans: nobody is sent who may not see the order."""

    def clean_technician(self):
        technician, operator = self.cleaned_data["technician"], self.instance.site.operator
        if technician and "technician" in self.changed_data and not technician.may_go_to(operator.pk):
            raise forms.ValidationError(
                f"{technician}'s account is no member of {operator}, or is closed: choose somebody else, or make it a "
                "member first (Stations, Memberships)."
            )
        return technician


@admin.register(WorkOrder)
class WorkOrderAdmin(BaseAdmin):
    """Orders are opened by the loop; their state moves through the order's own steps, never in this form."""

    list_display = ["number", "state_badge", "priority_badge", "title", "site", "charger", "cause", "who", "due"]
    list_select_related = ["site", "charger", "technician"]
    list_filter = [
        open_filter("closed_at", "open", "ended"),
        QueueFilter,
        ("state", admin.ChoicesFieldListFilter),
        ("priority", admin.ChoicesFieldListFilter),
        ("cause", admin.ChoicesFieldListFilter),
        operator_filter("site__operator"),
    ]
    search_fields = ["title", "site__name", "site__external_id", "technician__code"]
    search_help_text = "Title, site or technician"
    autocomplete_fields = ["technician"]
    form = WorkOrderForm
    inlines = [ChangeInline, CommentInline, ChecklistInline, PartInline]
    actions = ["send", "set_priority", "accept", "close", "cancel", "call_duplicates"]
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
        *TIMES_THERE,
        "hold_reason",
        "duplicate_of",
        "follows",
    ]
    fieldsets = [
        (None, {"fields": [("number", "state_badge"), "title", ("site", "charger"), "incident"]}),
        ("Plan", {"fields": [("priority", "technician"), ("cause", "found_cause"), "takes", "evidence"]}),
        ("Report", {"fields": ["lacks", ("action", "hold_reason"), "resolution", ("minutes_travel", "minutes_work")]}),
        ("Times", {"fields": [tuple(TIMES_THERE[place : place + 2]) for place in range(0, len(TIMES), 2)]}),
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

    def steps_of(self, row):
        return [
            Entry(step.at, str(step.by or "the loop"), str(step), {}, step.note)
            for step in row.changes.select_related("by")
        ]

    def _move(self, request, queryset, states, reason: str) -> None:
        wanted = list(queryset.values_list("pk", flat=True))
        for state in states:
            moved = WorkOrder.objects.move(wanted, state, timezone.now(), reason or BY_HAND, request.user)
        left = len(wanted) - len(moved)
        rest = f"; {left} were in a state that does not allow it, and were left alone" if left else ""
        self.message_user(request, f"{len(moved)} of {len(wanted)} orders are now {states[-1].label.lower()}{rest}.")

    @bulk_action("Send a technician", "They go to this person, as far as their state allows it.", form=Sending)
    def send(self, request, queryset, technician, reason):
        now, note = timezone.now(), f"sent {technician}" + (f": {reason}" if reason else "")
        ids = list(queryset.values_list("pk", flat=True))
        operators = queryset.order_by().values_list("site__operator", flat=True).distinct()
        may = [operator for operator in operators if technician.may_go_to(operator)]
        theirs = list(queryset.filter(site__operator__in=may).values_list("pk", flat=True))
        WorkOrder.objects.move(theirs, State.TRIAGED, now, reason or BY_HAND, request.user)
        sent = WorkOrder.objects.move(theirs, State.ASSIGNED, now, note, request.user, technician_id=technician.pk)
        left = len(ids) - len(sent)
        rest = f"; {left} were too far on, or not of {technician}'s operators, and were left alone" if left else ""
        self.message_user(request, f"{len(sent)} of {len(ids)} orders are with {technician} now{rest}.")

    @bulk_action("Set the priority", "Their time to respond and to repair follows from it.", form=Urgency)
    def set_priority(self, request, queryset, priority, reason):
        note = f"priority {priority}" + (f": {reason}" if reason else "")
        ids = list(queryset.filter(closed_at=None).values_list("pk", flat=True))
        WorkOrder.objects.change(ids, "priority", priority, timezone.now(), note, request.user)
        label = WorkOrder.Priority(priority).label.lower()
        self.message_user(request, f"{len(ids)} of {queryset.count()} orders have priority {label} now.")

    @bulk_action("Accept for the technician", "They count as accepted, as if the technician had said so.", form=Reason)
    def accept(self, request, queryset, reason):
        self._move(request, queryset, [State.ACCEPTED], reason)

    @bulk_action(
        "Close what is resolved, without waiting for a session",
        "They and their incidents close, although no session has shown that the charger works.",
        form=Ending,
    )
    def close(self, request, queryset, reason):
        self._move(request, queryset, [State.VERIFIED, State.CLOSED], reason)

    @bulk_action(
        "Cancel, with its incident", "They end and nobody goes there; a cancelled order stays so.", form=Ending
    )
    def cancel(self, request, queryset, reason):
        self._move(request, queryset, [State.CANCELLED], reason)

    @bulk_action(
        "Call them duplicates of the oldest of them",
        "The others of the same site end and point at the oldest.",
        whole=True,
    )
    def call_duplicates(self, request, queryset):
        ids = list(queryset.values_list("pk", flat=True))
        oldest, done = WorkOrder.objects.call_duplicates(ids, timezone.now(), request.user)
        if oldest is None:
            return self.message_user(request, "None of them is open.", messages.ERROR)
        left = len(ids) - 1 - len(done)
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
