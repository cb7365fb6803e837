"""Pages of the admin that bring several apps together: what a site and a charger are, do, cost and need."""

from django.contrib import admin
from django.utils import timezone

from maintenance.models import Incident, WorkOrder
from maintenance.states import Severity
from pricing.models import PriceChange
from pricing.tariff import tariffs
from stations.admin.places import ChargerAdmin, SiteAdmin
from stations.admin_display import badge, badge_column, moment, moment_column, quantity, quantity_column
from stations.admin_site import ReadOnlyInline
from stations.models import Charger, Site
from telemetry.models import ChargerStatus, ChargingSession, Outage, RiskLevel

from .pages import status_timeline

admin.site.unregister([Site, Charger])


class OrderInline(ReadOnlyInline):
    model = WorkOrder
    fields = ["title", "state_badge", "priority_badge", "technician", "due", "ended"]
    readonly_fields = fields
    ordering = ("-pk",)
    state_badge = staticmethod(badge_column("state", "state", WorkOrder.State))
    priority_badge = staticmethod(badge_column("priority", "priority", WorkOrder.Priority))
    due = staticmethod(moment_column("due_at", "due"))
    ended = staticmethod(moment_column("closed_at", "ended"))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("technician")


class IncidentInline(ReadOnlyInline):
    model = Incident
    fields = ["summary", "severity_badge", "cause", "opened", "closed"]
    readonly_fields = fields
    ordering = ("-pk",)
    severity_badge = staticmethod(badge_column("severity", "severity", Severity))
    opened = staticmethod(moment_column("opened_at", "opened"))
    closed = staticmethod(moment_column("closed_at", "closed"))


class PriceInline(ReadOnlyInline):
    model = PriceChange
    fields = ["kind_badge", "old_price", "new_price", "starts_at", "ends_at", "reason", "by"]
    readonly_fields = fields
    ordering = ("-pk",)
    show_change_link = False
    kind_badge = staticmethod(badge_column("kind", "kind", PriceChange.Kind))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by")


class OutageInline(ReadOnlyInline):
    model = Outage
    fields = ["state", "started_at", "ended_at", "error_code", "vendor_code", "excluded_reason"]
    readonly_fields = fields
    ordering = ("-started_at",)
    state = staticmethod(badge_column("status", "state", ChargerStatus))


class SessionInline(ReadOnlyInline):
    model = ChargingSession
    fields = ["started_at", "lasted", "energy", "success", "price"]
    readonly_fields = fields
    ordering = ("-started_at",)
    show_change_link = False
    lasted = staticmethod(quantity_column("minutes", "lasted", "min"))
    energy = staticmethod(quantity_column("energy_kwh", "energy", "kWh", 1))


@admin.register(Site)
class SitePage(SiteAdmin):
    """The site's form, with what belongs to it from the other apps in tabs."""

    inlines = [*SiteAdmin.inlines, IncidentInline, OrderInline, PriceInline]


@admin.register(Charger)
class ChargerPage(ChargerAdmin):
    """The charger's form, below what it says and did."""

    inlines = [OutageInline, SessionInline, OrderInline, IncidentInline]
    change_form_outer_before_template = "admin/charger_now.html"
    readonly_fields = []
    fieldsets = [
        (None, {"fields": [("external_id", "site"), ("cabinet_id", "cabinet_port")]}),
        ("Equipment", {"fields": [("model", "connector_type", "power_kw")]}),
    ]

    def get_inlines(self, request, obj):
        return self.inlines if obj else []

    def change_view(self, request, object_id, form_url="", extra_context=None):
        charger = self.get_object(request, object_id)
        allowed = charger is not None and self.has_view_permission(request, charger)
        context = charger_now(charger, timezone.now()) if allowed else {}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def charger_now(charger, now) -> dict:
    """What a charger's page says above its form: how it is, what it risks and why, what it costs, its last days."""
    state, forecast = getattr(charger, "state", None), getattr(charger, "forecast", None)
    site_state = getattr(charger.site, "state", None)
    tariff = tariffs([charger.site_id], now).get(charger.site_id)
    changes_at = tariff and tariff.changes_at
    found = status_timeline.last_days(charger.pk, now)
    level = RiskLevel(site_state.level) if site_state else None
    return {
        "charger": charger,
        "status": badge(state.charger_status if state else ChargerStatus.UNKNOWN),
        "since": moment(state.since if state else None, now),
        "error": " · ".join(filter(None, [state.error_code, state.vendor_code])) if state else "",
        "heat": quantity(state.temperature_c if state else None, "°C"),
        "heard": moment(state.last_report_at if state else None, now),
        "risk": _risk(forecast),
        "why": forecast.reason if forecast else "",
        "scored": moment(forecast.at, now) if forecast else "",
        "site_level": badge(level) if level else "",
        "site_why": site_state.reason if site_state else "",
        "tariff": tariff.says if tariff else "No price is known yet.",
        "tariff_hover": f"It changes at {changes_at:%Y-%m-%d %H:%M:%S} UTC" if changes_at else "",
        "tariff_why": tariff.reason if tariff else "",
        "timeline": status_timeline.drawn(found, charger.site.zone),
        "timeline_legend": status_timeline.legend(found),
        "timeline_days": status_timeline.DAYS,
    }


def _risk(forecast) -> str:
    if forecast is None:
        return "not forecast"
    return "does not work now" if forecast.probability is None else f"{100 * forecast.probability:.0f} %"
