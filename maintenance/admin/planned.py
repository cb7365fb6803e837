"""Pages of planned maintenance."""

from django import forms
from django.contrib import admin
from django.utils import timezone

from stations.admin_display import badge_column, quantity, site_time_column
from stations.admin_filters import operator_filter
from stations.admin_site import BaseAdmin
from stations.bulk_actions import bulk_action

from ..models import PlannedSpell, PlannedWork


class PlannedWorkForm(forms.ModelForm):
    """Work at chargers of that site."""

    def clean(self):
        values = super().clean()
        site = values.get("site")
        first = values.get("first_at")
        if first and not 1990 <= first.year <= 2200:
            self.add_error("first_at", "Choose a year between 1990 and 2200.")
        others = [charger for charger in values.get("chargers") or [] if site and charger.site_id != site.pk]
        if others:
            self.add_error("chargers", f"{others[0]} is not at {site}; choose chargers of that site, or none for all.")
        return values


@admin.register(PlannedWork)
class PlannedWorkAdmin(BaseAdmin):
    form = PlannedWorkForm
    list_display = ["title", "site", "first_at", "repeats", "lasts", "technician", "ends_on"]
    list_select_related = ["site", "technician"]
    list_filter = [("repeats", admin.ChoicesFieldListFilter), operator_filter("site__operator")]
    search_fields = ["title", "site__name", "site__external_id"]
    autocomplete_fields = ["site", "chargers", "technician"]
    fields = ["title", ("site", "technician"), "chargers", "first_at", ("minutes", "repeats"), "ends_on"]

    def save_model(self, request, obj, form, change):
        if not change:
            obj.by = request.user
        super().save_model(request, obj, form, change)
        obj.lay_out(timezone.now())

    @admin.display(description="lasts", ordering="minutes")
    def lasts(self, work):
        return quantity(work.minutes, "min")


@admin.register(PlannedSpell)
class PlannedSpellAdmin(BaseAdmin):
    operator_path = "work__site__operator"
    list_display = ["starts", "ends", "what", "site", "state_badge"]
    list_select_related = ["work__site"]
    list_filter = [("state", admin.ChoicesFieldListFilter), operator_filter("work__site__operator")]
    search_fields = ["work__title", "work__site__name"]
    date_hierarchy = "starts_at"
    actions = ["call_off"]
    starts = staticmethod(site_time_column("starts_at", "starts", "work.site"))
    ends = staticmethod(site_time_column("ends_at", "ends", "work.site"))
    readonly_fields = ["work", "starts", "ends", "state"]
    fields = readonly_fields
    state_badge = staticmethod(badge_column("state", "state", PlannedSpell.State))

    def has_add_permission(self, request):
        return False

    @admin.display(description="what", ordering="work__title")
    def what(self, spell):
        return spell.work.title

    @admin.display(description="site", ordering="work__site")
    def site(self, spell):
        return spell.work.site

    @bulk_action("Call off", "What has not begun does not take place; what has begun goes on.")
    def call_off(self, request, queryset):
        coming = queryset.filter(state=PlannedSpell.State.PLANNED)
        done = PlannedSpell.objects.filter(pk__in=coming.values("pk")).update(state=PlannedSpell.State.CALLED_OFF)
        self.message_user(request, f"{done} of {queryset.count()} were called off; what has begun goes on.")
