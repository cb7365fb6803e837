"""Pages of technicians and where they start."""

from django.contrib import admin
from django.db.models import Count

from stations.admin_display import quantity
from stations.admin_site import BaseAdmin, PlaceAdmin

from ..models import ServiceCentre, Technician


@admin.register(ServiceCentre)
class ServiceCentreAdmin(PlaceAdmin):
    fleet_wide = True
    import_fields = ("name", "city", "latitude", "longitude", "time_zone", "hourly_cost")
    import_key = ("name",)
    list_display = ["name", "city", "time_zone", "hourly_cost", "people"]
    list_filter = ["city"]
    search_fields = ["name", "city"]
    fields = [("name", "city"), ("latitude", "longitude"), ("time_zone", "hourly_cost")]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(people_count=Count("technicians"))

    @admin.display(description="technicians", ordering="people_count")
    def people(self, centre):
        return quantity(centre.people_count)


@admin.register(Technician)
class TechnicianAdmin(BaseAdmin):
    fleet_wide = True
    import_fields = ("code", "centre", "region", "skills", "shift_start", "shift_end", "works_weekends")
    import_key = ("code",)
    list_display = ["code", "centre", "region", "can_do", "shift", "user"]
    list_select_related = ["centre", "user"]
    list_filter = ["centre"]
    search_fields = ["code", "region"]
    autocomplete_fields = ["centre", "user"]
    fields = [("code", "user"), ("centre", "region"), "skills", ("shift_start", "shift_end", "works_weekends")]

    @admin.display(description="skills")
    def can_do(self, technician):
        return ", ".join(technician.skills) or "anything"

    @admin.display(description="shift, local")
    def shift(self, technician):
        if technician.shift_start is None or technician.shift_end is None:
            return "always"
        days = "all week" if technician.works_weekends else "Mon to Fri"
        return f"{technician.shift_start:%H:%M} to {technician.shift_end:%H:%M}, {days}"
