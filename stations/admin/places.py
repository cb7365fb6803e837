"""Operators, sites and chargers; what is live about them is read by name, because it belongs to telemetry."""

from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.utils import timezone
from django.utils.html import format_html

from ..admin_display import EMPTY, badge_column, clipped_column, lookup, moment_column, quantity, quantity_column
from ..admin_filters import QuestionFilter, SilentFilter, choice_filter, operator_filter
from ..admin_site import BaseAdmin, PlaceAdmin, ReadOnlyInline
from ..models import Charger, Membership, Operator, Site
from ..sparkline import sparkline

MOST_CITIES = 100  # beyond that, the search box finds a city faster than a list does


class CityFilter(admin.SimpleListFilter):
    """The cities of the sites that its reader may see."""

    title = parameter_name = "city"

    def lookups(self, request, model_admin):
        cities = Site.objects.visible_to(request.user).exclude(city="").order_by("city").values_list("city", flat=True)
        return [(city, city) for city in cities.distinct()[:MOST_CITIES]]

    def queryset(self, request, queryset):
        return queryset.filter(city=self.value()) if self.value() else queryset


class RiskQuestion(QuestionFilter):
    """Sites that a technician should see and none is asked to."""

    title = "attention"
    parameter_name = "attention"
    questions = {"unordered": "risk above dispatch threshold, no open order", "stressed": "held under stress"}

    def rows_unordered(self, queryset):
        orders = Site._meta.get_field("work_orders").related_model.objects
        is_open = Exists(orders.filter(site=OuterRef("pk"), closed_at__isnull=True))
        return queryset.filter(~is_open, state__risk__gt=settings.RISK_DISPATCH)

    def rows_stressed(self, queryset):
        return queryset.filter(state__is_stressed=True)


@admin.register(Operator)
class OperatorAdmin(BaseAdmin):
    import_fields = ("name", "is_simulated", "currency", "heartbeat_seconds")
    import_key = ("name",)
    why_needed = frozenset({"is_simulated", "currency"})
    list_display = ["name", "is_simulated", "sites", "chargers", "currency"]
    list_filter = ["is_simulated"]
    search_fields = ["name"]

    def save_model(self, request, obj, form, change):
        """Who adds an operator becomes its member, and so goes on to see it and may still import."""
        super().save_model(request, obj, form, change)
        if not change:
            Membership.objects.create(user=request.user, operator=obj)

    def import_row(self, row, by, reason):
        super().import_row(row, by, reason)
        if row.is_new:
            Membership.objects.create(user=by, operator=row.instance)

    def get_queryset(self, request):
        def count_of(model, path):
            rows = model.objects.filter(**{path: OuterRef("pk")}).order_by().values(path)
            return Subquery(rows.annotate(number=Count("pk")).values("number"))

        queryset = super().get_queryset(request)
        return queryset.annotate(
            site_count=count_of(Site, "operator"), charger_count=count_of(Charger, "site__operator")
        )

    @admin.display(ordering="site_count")
    def sites(self, operator):
        return quantity(operator.site_count or 0)

    @admin.display(ordering="charger_count")
    def chargers(self, operator):
        return quantity(operator.charger_count or 0)


class ChargerInline(ReadOnlyInline):
    model = Charger
    fields = ["external_id", "status", "risk", "why", "cabinet_id", "cabinet_port", "connector_type", "power_kw"]
    readonly_fields = ["status", "risk", "why"]
    status = staticmethod(badge_column("state.charger_status", "status"))
    risk = staticmethod(quantity_column("forecast.probability", "risk, 24 h", "%", scale=100))
    why = staticmethod(clipped_column("forecast.reason", "why"))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("state", "forecast")


@admin.register(Site)
class SiteAdmin(PlaceAdmin):
    import_fields = (
        "external_id", "operator", "name", "city", "region", "latitude", "longitude", "location_type", "charger_type",
        "power_kw", "ports_total", "amenities", "pricing_type", "base_price", "price_is_regulated", "session_minutes",
        "access_notes", "safety_notes", "contact_phone", "time_zone",
    )  # fmt: skip
    import_key = ("external_id",)
    why_needed = frozenset({"operator", "pricing_type", "base_price", "price_is_regulated"})
    list_display = ["place", "level", "risk", "why", "loss", "day", "ports", "price", "heard"]
    list_select_related = ["operator", "state"]
    list_filter = [
        choice_filter("state__level", "level"),
        RiskQuestion,
        SilentFilter,
        operator_filter("operator"),
        CityFilter,
        ("charger_type", admin.ChoicesFieldListFilter),
        ("location_type", admin.ChoicesFieldListFilter),
    ]
    search_fields = ["name", "external_id", "city"]
    search_help_text = "Name, ID or city"
    autocomplete_fields = ["operator"]
    inlines = [ChargerInline]
    readonly_fields = ["now"]
    fieldsets = [
        (None, {"fields": ["now", ("name", "external_id"), ("operator", "location_type")]}),
        ("Place", {"fields": [("city", "region"), ("latitude", "longitude"), "amenities"]}),
        ("Equipment", {"fields": [("charger_type", "power_kw"), ("ports_total", "session_minutes")]}),
        ("Price", {"fields": [("pricing_type", "base_price"), "price_is_regulated"]}),
        ("For technicians", {"fields": ["safety_notes", "access_notes", "contact_phone"]}),
    ]

    level = staticmethod(badge_column("state.risk_level", "level", ordering="state__level"))
    risk = staticmethod(quantity_column("state.risk", "risk, 24 h", "%", scale=100))
    utilization = staticmethod(quantity_column("state.utilization", "utilization", "%", scale=100))
    heard = staticmethod(moment_column("state.at", "last reading"))
    why = staticmethod(clipped_column("state.reason", "why"))

    def get_changelist_instance(self, request):
        changelist = super().get_changelist_instance(request)
        add_last_day(changelist.result_list, timezone.now())
        return changelist

    @admin.display(description="utilization, 24 h", ordering="state__utilization")
    def day(self, site):
        line = sparkline(getattr(site, "last_day", []), "utilization in the last 24 h")
        return format_html("{} {}", self.utilization(site), line)

    @admin.display(description="free ports", ordering="state__ports_available")
    def ports(self, site):
        available = lookup(site, "state.ports_available")
        return quantity(available, f"of {site.ports_total}")

    @admin.display(description="price", ordering="state__price")
    def price(self, site):
        live = lookup(site, "state.price")
        unit = site.operator.currency + {"per_kwh": "/kWh", "per_minute": "/min"}.get(site.pricing_type, "")
        return quantity(site.base_price if live is None else live, unit, 2)

    @admin.display(description="site", ordering="name")
    def place(self, site):
        where = " · ".join(filter(None, [site.external_id, site.city, site.operator.name]))
        return format_html('{}<br><span class="quiet">{}</span>', site.name, where)

    @admin.display(description="expected loss", ordering="state__expected_loss")
    def loss(self, site):
        return quantity(lookup(site, "state.expected_loss"), f"{site.operator.currency}/h", 2)

    def get_ordering(self, request):
        return [F("state__expected_loss").desc(nulls_last=True), "pk"]

    @admin.display(description="now")
    def now(self, site):
        if lookup(site, "state.at") is None:
            return "No reading yet."
        return format_html(
            "{} {} · {} · {} in use · heard {}",
            self.level(site),
            self.risk(site),
            lookup(site, "state.reason") or "no reason on record",
            self.utilization(site),
            self.heard(site),
        )


def add_last_day(sites, now) -> None:
    """Give each site its utilization at the last 48 half-hours (None where nothing was measured), in two queries."""
    last = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    times = [last - timedelta(minutes=30) * step for step in reversed(range(48))]
    measured = {}
    for name in ("Reading", "LiveReading"):
        rows = apps.get_model("telemetry", name).objects.filter(site_id__in=[site.pk for site in sites], at__in=times)
        measured.update({(site, at): value for site, at, value in rows.values_list("site_id", "at", "utilization")})
    for site in sites:
        site.last_day = [measured.get((site.pk, at)) for at in times]


@admin.register(Charger)
class ChargerAdmin(BaseAdmin):
    import_fields = ("external_id", "site", "cabinet_id", "cabinet_port", "model", "connector_type", "power_kw")
    import_key = ("external_id",)
    list_display = [
        "external_id",
        "status",
        "since",
        "error",
        "heat",
        "risk",
        "why",
        "site",
        "connector_type",
        "power",
        "heard",
    ]
    list_filter = [
        choice_filter("state__status", "status"),
        type("ChargerSilence", (SilentFilter,), {"heard_at": "state__last_report_at"}),
        operator_filter("site__operator"),
    ]
    search_fields = ["external_id", "cabinet_id", "site__name", "site__external_id"]
    search_help_text = "Charger, cabinet or site"
    autocomplete_fields = ["site"]
    readonly_fields = ["now"]
    fieldsets = [
        (None, {"fields": ["now", ("external_id", "site"), ("cabinet_id", "cabinet_port")]}),
        ("Equipment", {"fields": [("model", "connector_type", "power_kw")]}),
    ]

    status = staticmethod(badge_column("state.charger_status", "status", ordering="state__status"))
    since = staticmethod(moment_column("state.since", "since"))
    heat = staticmethod(quantity_column("state.temperature_c", "temperature", "°C"))
    risk = staticmethod(quantity_column("forecast.probability", "risk, 24 h", "%", scale=100))
    why = staticmethod(clipped_column("forecast.reason", "why"))
    power = staticmethod(quantity_column("power_kw", "power", "kW"))
    heard = staticmethod(moment_column("state.last_report_at", "last report"))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("site__operator", "state", "forecast")

    @admin.display(description="error", ordering="state__error_code")
    def error(self, charger):
        return lookup(charger, "state.error_code") or EMPTY

    @admin.display(description="now")
    def now(self, charger):
        if lookup(charger, "forecast.at") is None:
            told = "not forecast"
        elif charger.forecast.probability is None:
            told = "no risk of failing, because it does not work now"
        else:
            told = f"{charger.forecast.probability:.0%} risk of an outage within 24 h"
            told += f", {charger.forecast.reason}" if charger.forecast.reason else ""
        return format_html("{} {}", self.status(charger), told)
