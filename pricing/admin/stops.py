"""The switches that stop prices."""

from django.contrib import admin
from django.utils import timezone

from stations.admin_display import badge_column, moment_column
from stations.admin_filters import open_filter
from stations.bulk_actions import bulk_action

from ..decisions import end_stop, stop_prices
from ..models import PricingStop
from .own_operator import OwnOperatorAdmin


@admin.register(PricingStop)
class PricingStopAdmin(OwnOperatorAdmin):
    """The kill switch: a new row puts all prices of an operator, or of all, back to base at once."""

    list_display = ["what", "why_badge", "note", "since", "until", "by"]
    list_select_related = ["operator", "by"]
    list_filter = [open_filter("ends_at", "in force", "ended"), ("why", admin.ChoicesFieldListFilter)]
    fields = ["operator", "why", "note"]
    autocomplete_fields = ["operator"]
    actions = ["release"]
    why_badge = staticmethod(badge_column("why", "why", PricingStop.Why))
    since = staticmethod(moment_column("starts_at", "since"))
    until = staticmethod(moment_column("ends_at", "until"))

    def has_change_permission(self, request, obj=None):
        """Nobody edits a stop; whoever may change stops may end one of an operator, and superusers any."""
        return obj is None and super().has_change_permission(request)

    def save_model(self, request, obj, form, change):
        obj.by = request.user
        closed = stop_prices(obj, timezone.now())
        self.message_user(request, f"{len(closed)} price changes were put back to base.")

    @bulk_action("End the stop", "Policies may act again there from the next tick on.")
    def release(self, request, queryset):
        mine = [stop for stop in queryset if stop.operator_id or request.user.is_superuser]
        for stop in mine:
            end_stop(stop, request.user, timezone.now())
        left = len(queryset) - len(mine)
        rest = f"; {left} of the whole network can be ended by a superuser only" if left else ""
        self.message_user(request, f"{len(mine)} stops ended{rest}.")

    @admin.display(description="where", ordering="operator")
    def what(self, stop):
        return stop.operator or "the whole network"
