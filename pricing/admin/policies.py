"""The policies and their versions."""

from django import forms
from django.contrib import admin
from django.utils import timezone

from stations.admin_display import moment_column, quantity_column
from stations.admin_filters import open_filter

from ..models import SurgePolicy
from .own_operator import OwnOperatorAdmin


class SurgePolicyForm(forms.ModelForm):
    """Sites must be the operator's own."""

    def clean(self):
        values = super().clean()
        operator = getattr(values.get("operator", self.instance.operator), "pk", 0)
        foreign = [site for site in values.get("sites") or () if site.operator_id != operator]
        if foreign:
            self.add_error("sites", f"{foreign[0]} belongs to another operator; choose sites of the policy's operator.")
        return values


@admin.register(SurgePolicy)
class SurgePolicyAdmin(OwnOperatorAdmin):
    """Editing makes a new version; versions that are not the latest are for the record."""

    form = SurgePolicyForm
    list_display = ["name", "version", "applies_to", "operator", "mode", "trigger", "rise", "less", "since", "until"]
    list_select_related = ["operator"]
    list_filter = [
        open_filter("valid_until", "in force", "for the record"),
        ("applies_to", admin.ChoicesFieldListFilter), ("mode", admin.ChoicesFieldListFilter),
    ]  # fmt: skip
    search_fields = ["name"]
    autocomplete_fields = ["operator", "sites"]
    fieldsets = [
        (None, {"fields": [("name", "version"), ("applies_to", "operator"), "sites", ("valid_from", "valid_until"),
                           "mode"]}),
        ("Stress", {"fields": ["trigger", ("heat_on_c", "heat_off_c"), ("derated_on", "derated_off"),
                               ("risk_on", "risk_off")]}),
        ("Prices", {"fields": [("multiplier", "cap_share", "cap_amount"), ("discount", "floor_share", "marginal_cost"),
                               ("discount_budget", "approval_above")]}),
        ("Neighbours", {"fields": [("radius_km", "same_operator", "needs_alternative"),
                                   ("neighbour_below", "neighbour_risk_below", "neighbour_power"),
                                   ("neighbour_rise", "neighbour_full")]}),
        ("Time", {"fields": [("shortest_seconds", "longest_seconds", "cool_down_seconds"),
                             ("changes_per_day", "surge_seconds_per_day", "notice_seconds")]}),
        ("Power", {"fields": [("power_share", "price_after_seconds")]}),
    ]  # fmt: skip
    rise = staticmethod(quantity_column("multiplier", "surge ×", "", 2))
    less = staticmethod(quantity_column("discount", "discount ×", "", 2))
    since = staticmethod(moment_column("valid_from", "from"))
    until = staticmethod(moment_column("valid_until", "until"))

    def get_readonly_fields(self, request, obj=None):
        """Versions are of one name and operator, so that a new version is sure to replace the one before it."""
        return ["version", "name", "operator"] if obj else ["version"]

    def has_change_permission(self, request, obj=None):
        """Policies for all are for superusers; what has ended is for the record, whoever asks."""
        if obj is not None and obj.valid_until is not None and obj.valid_until <= timezone.now():
            return False
        if obj is not None and obj.operator_id is None and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request, obj, form, change):
        if change or SurgePolicy.objects.filter(name=obj.name, operator=obj.operator).exists():
            obj.save_as_new_version(timezone.now())
        else:
            super().save_model(request, obj, form, change)
