"""Root causes in the admin: what outages were diagnosed as, and groups of failures that wait for a name."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html_join

from stations.admin_display import moment_column, quantity_column
from stations.admin_filters import operator_filter
from stations.admin_site import HistoryAdmin

from .models import CauseGroup, Diagnosis


@admin.register(Diagnosis)
class DiagnosisAdmin(HistoryAdmin):
    """What each outage, and each failure that is expected, is put down to."""

    list_display = ["began", "charger", "kind", "cause", "sure", "evidence"]
    list_select_related = ["charger"]
    list_filter = [
        ("kind", admin.ChoicesFieldListFilter),
        ("cause", admin.ChoicesFieldListFilter),
        operator_filter("charger__site__operator"),
    ]
    list_per_page = 100
    search_fields = ["charger__external_id__iexact"]
    search_help_text = "ID of a charger"
    fieldsets = [
        (None, {"fields": [("charger", "kind", "at"), ("cause", "sure"), "evidence", "also", "takes", "model"]}),
    ]
    readonly_fields = ["sure", "also", "takes"]
    began = staticmethod(moment_column("at", "outage, or expected at"))
    sure = staticmethod(quantity_column("confidence", "confidence", "%", scale=100))

    @admin.display(description="likeliest causes")
    def also(self, diagnosis):
        return format_html_join(", ", "{} {}", ((name, f"{chance:.0%}") for name, chance in diagnosis.likeliest))

    @admin.display(description="what a visit takes")
    def takes(self, diagnosis):
        return repair_in_words(diagnosis.repair)


@admin.register(CauseGroup)
class CauseGroupAdmin(HistoryAdmin):
    """Groups found without labels; a person with the right to change them says what they are."""

    fleet_wide = True
    list_display = ["name", "size", "likely_cause", "share", "labelled", "confirmed_cause", "confirmed", "model"]
    list_select_related = ["model"]
    list_filter = [("confirmed_cause", admin.ChoicesFieldListFilter)]
    readonly_fields = ["model", "number", "name", "size", "likely_cause", "share", "labelled", "found_more_often"]
    fields = [*readonly_fields, "confirmed_cause"]
    share = staticmethod(quantity_column("likely_share", "share of what was found", "%", scale=100))
    confirmed = staticmethod(moment_column("confirmed_at", "confirmed"))

    def has_change_permission(self, request, obj=None):
        return request.user.has_perm("telemetry.change_causegroup")

    def save_model(self, request, obj, form, change):
        obj.confirmed_by, obj.confirmed_at = request.user, timezone.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="more frequent in it")
    def found_more_often(self, group):
        return format_html_join(", ", "{} ({} times)", ((name, f"{lift:g}") for name, lift in group.lifts.items()))


def repair_in_words(repair) -> str:
    """Part, skill and minutes of a telemetry.risk.taxonomy.Repair."""
    return f"{repair.part}, {repair.skill}, {repair.onsite_minutes:.0f} min on site" if repair else "–"
