"""What happened, and what is still to be sent."""

from django.contrib import admin

from ..admin_display import moment_column, quantity
from ..admin_filters import PlaceFilter, QuestionFilter, operator_filter
from ..admin_site import BigTableAdmin, HistoryAdmin
from ..models import AssistantCall, FleetEvent, Outbox


@admin.register(FleetEvent)
class FleetEventAdmin(BigTableAdmin):
    list_display = ["when", "kind", "site", "message", "prices", "actor"]
    list_select_related = ["site", "actor"]
    place_filter = ("site", PlaceFilter)
    wide_filters = (("kind", admin.ChoicesFieldListFilter), operator_filter("operator"))
    time = "pk"
    search_fields = ["site__external_id__iexact"]
    search_help_text = "ID of a site"
    when = staticmethod(moment_column("at", "when"))

    @admin.display(description="price")
    def prices(self, event):
        if event.new_price is None:
            return quantity(None)
        return quantity(event.new_price, f"(was {event.old_price:.2f})" if event.old_price is not None else "", 2)


class OutboxQuestion(QuestionFilter):
    """Whether a side effect is done."""

    title = "state"
    parameter_name = "state"
    questions = {"waiting": "waiting", "done": "done", "dead": "given up"}

    def rows_waiting(self, queryset):
        return queryset.filter(done_at__isnull=True, dead_at__isnull=True)

    def rows_done(self, queryset):
        return queryset.filter(done_at__isnull=False)

    def rows_dead(self, queryset):
        return queryset.filter(dead_at__isnull=False)


@admin.register(Outbox)
class OutboxAdmin(HistoryAdmin):
    list_display = ["kind", "idempotency_key", "made", "due", "attempts", "finished", "given_up", "last_error"]
    list_filter = [OutboxQuestion]
    search_fields = ["idempotency_key__startswith"]
    made = staticmethod(moment_column("created_at", "asked for"))
    due = staticmethod(moment_column("due_at", "due"))
    finished = staticmethod(moment_column("done_at", "done"))
    given_up = staticmethod(moment_column("dead_at", "given up"))


@admin.register(AssistantCall)
class AssistantCallAdmin(HistoryAdmin):
    """What questions to the assistant's language model have cost, and whether its answers could be shown."""

    list_display = [
        "when",
        "asked_by",
        "was_shown",
        "failure",
        "model",
        "latency_ms",
        "tokens_in",
        "tokens_out",
        "cost",
    ]
    list_select_related = ["asked_by"]
    list_filter = ["was_shown"]
    when = staticmethod(moment_column("asked_at", "when"))
