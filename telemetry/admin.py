"""Pages of what was measured."""

from django.contrib import admin
from django.db.models import F
from unfold.contrib.filters.admin import RangeDateTimeFilter

from stations.admin_display import badge_column, moment, moment_column, quantity, quantity_column
from stations.admin_filters import PlaceFilter, QuestionFilter, SilentFilter, open_filter, operator_filter
from stations.admin_site import BaseAdmin, BigTableAdmin, HistoryAdmin

from . import cause_pages, model_pages  # noqa: F401  (they register their pages)
from .models import (
    ChargerRisk,
    ChargerState,
    ChargerStatus,
    ChargingSession,
    Outage,
    Reading,
    Risk,
    RiskLevel,
    SiteOverride,
    SiteState,
    SiteStatus,
    SoftEvents,
    StatusReport,
    Tick,
    WorldState,
)


@admin.register(StatusReport)
class StatusReportAdmin(BigTableAdmin):
    list_display = ["reported_at", "charger", "state", "error_code", "vendor_code", "temperature", "received"]
    list_select_related = ["charger"]
    place_filter = ("charger", PlaceFilter)
    more_filters = (("status", admin.ChoicesFieldListFilter),)
    state = staticmethod(badge_column("status", "status", ChargerStatus))
    temperature = staticmethod(quantity_column("temperature_c", "temperature", "°C", 1))
    received = staticmethod(moment_column("received_at", "received"))


@admin.register(Reading)
class ReadingAdmin(BigTableAdmin):
    time = "at"
    list_display = ["at", "site", "state", "used", "ports", "wait", "temperature", "paid", "weather", "local_event"]
    list_select_related = ["site__operator"]
    place_filter = ("site", PlaceFilter)
    more_filters = (("status", admin.ChoicesFieldListFilter),)
    state = staticmethod(badge_column("status", "status", SiteStatus))
    used = staticmethod(quantity_column("utilization", "utilization", "%", scale=100))
    wait = staticmethod(quantity_column("wait_minutes", "wait", "min"))
    temperature = staticmethod(quantity_column("temperature_f", "temperature", "°F"))

    @admin.display(description="free ports")
    def ports(self, reading):
        return quantity(reading.ports_available, f"of {reading.ports_total}")

    @admin.display(description="price")
    def paid(self, reading):
        return quantity(reading.price, reading.site.operator.currency, 2)


@admin.register(ChargingSession)
class ChargingSessionAdmin(BigTableAdmin):
    time = "started_at"
    list_display = ["started_at", "charger", "lasted", "energy", "success", "paid"]
    list_select_related = ["charger__site__operator"]
    place_filter = ("charger", PlaceFilter)
    lasted = staticmethod(quantity_column("minutes", "lasted", "min"))
    energy = staticmethod(quantity_column("energy_kwh", "energy", "kWh", 1))

    @admin.display(description="price")
    def paid(self, session):
        return quantity(session.price, session.charger.site.operator.currency, 2)


@admin.register(SoftEvents)
class SoftEventsAdmin(BigTableAdmin):
    time = "at"
    list_display = ["at", "charger", "missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries"]
    list_select_related = ["charger"]
    place_filter = ("charger", PlaceFilter)


@admin.register(Outage)
class OutageAdmin(HistoryAdmin):
    """Derived from status reports; only the reason for which one does not count is a person's to write."""

    list_display = [
        "charger", "site", "state", "started", "ended", "lasted", "error_code", "vendor_code", "excluded_reason",
    ]  # fmt: skip
    list_select_related = ["charger__site"]
    list_filter = [
        open_filter("ended_at", "still going on", "over"),
        ("charger", PlaceFilter),
        ("started_at", RangeDateTimeFilter),
        operator_filter("charger__site__operator"),
    ]
    list_filter_submit = True
    list_per_page = 100
    search_fields = ["charger__external_id__iexact"]
    search_help_text = "ID of a charger"
    ordering = ("-started_at",)
    readonly_fields = ["charger", "started_at", "ended_at", "left_censored", "status", "error_code", "vendor_code"]
    state = staticmethod(badge_column("status", "state", ChargerStatus))
    started = staticmethod(moment_column("started_at", "started"))

    def has_change_permission(self, request, obj=None):
        return BaseAdmin.has_change_permission(self, request, obj)

    @admin.display(description="site")
    def site(self, outage):
        return outage.charger.site

    @admin.display(description="ended")
    def ended(self, outage):
        return moment(outage.ended_at) if outage.ended_at else "still going on"

    @admin.display(description="lasted")
    def lasted(self, outage):
        hours = (outage.ended_at - outage.started_at).total_seconds() / 3600 if outage.ended_at else None
        return quantity(hours, "h", 1)


@admin.register(SiteState)
class SiteStateAdmin(HistoryAdmin):
    list_display = ["site", "level_badge", "risk_percent", "reason", "used", "ports", "loss", "heard"]
    list_select_related = ["site__operator"]
    list_filter = [
        ("level", admin.ChoicesFieldListFilter),
        type("StateSilence", (SilentFilter,), {"heard_at": "at"}),
        operator_filter("site__operator"),
    ]
    search_fields = ["site__name", "site__external_id"]
    ordering = ("-expected_loss",)
    sortable_by = None
    level_badge = staticmethod(badge_column("level", "level", RiskLevel))
    risk_percent = staticmethod(quantity_column("risk", "risk, 24 h", "%", scale=100))
    used = staticmethod(quantity_column("utilization", "utilization", "%", scale=100))
    heard = staticmethod(moment_column("at", "last reading"))

    @admin.display(description="free / in use / out")
    def ports(self, state):
        return quantity(state.ports_available, f"/ {state.ports_occupied} / {state.ports_out_of_service}")

    @admin.display(description="expected loss", ordering="expected_loss")
    def loss(self, state):
        return quantity(state.expected_loss, f"{state.site.operator.currency}/h", 2)


@admin.register(ChargerState)
class ChargerStateAdmin(HistoryAdmin):
    list_display = ["charger", "state", "since_when", "error_code", "vendor_code", "temperature", "heard"]
    list_select_related = ["charger"]
    list_filter = [
        ("status", admin.ChoicesFieldListFilter),
        type("ChargerStateSilence", (SilentFilter,), {"heard_at": "last_report_at"}),
        operator_filter("charger__site__operator"),
    ]
    search_fields = ["charger__external_id"]
    state = staticmethod(badge_column("status", "state", ChargerStatus))
    since_when = staticmethod(moment_column("since", "since"))
    temperature = staticmethod(quantity_column("temperature_c", "temperature", "°C"))
    heard = staticmethod(moment_column("last_report_at", "last report"))


@admin.register(ChargerRisk)
class ChargerRiskAdmin(HistoryAdmin):
    list_display = ["charger", "percent", "reason", "model", "when"]
    list_select_related = ["charger", "model"]
    list_filter = [operator_filter("charger__site__operator")]
    search_fields = ["charger__external_id__iexact"]
    search_help_text = "ID of a charger"
    ordering = (F("probability").desc(nulls_last=True),)
    percent = staticmethod(quantity_column("probability", "risk, 24 h", "%", scale=100))
    when = staticmethod(moment_column("at", "since"))


@admin.register(Risk)
class RiskAdmin(BigTableAdmin):
    time = "pk"
    list_display = ["when", "site", "level_badge", "percent", "reason", "scorer"]
    list_select_related = ["site", "model"]
    wide_filters = (("level", admin.ChoicesFieldListFilter), operator_filter("site__operator"))
    search_fields = ["site__external_id__iexact"]
    search_help_text = "ID of a site"
    when = staticmethod(moment_column("at", "when"))
    level_badge = staticmethod(badge_column("level", "level", RiskLevel))
    percent = staticmethod(quantity_column("probability", "risk, 24 h", "%", scale=100))

    @admin.display(description="scored by")
    def scorer(self, risk):
        return risk.model or "rule"


class LateFilter(QuestionFilter):
    """Ticks that did not end."""

    title = "end"
    parameter_name = "ended"
    questions = {"no": "did not end"}

    def rows_no(self, queryset):
        return queryset.filter(finished_at__isnull=True)


@admin.register(Tick)
class TickAdmin(HistoryAdmin):
    fleet_wide = True
    list_display = ["slot", "started", "lasted", "site_count", "version", "scorer"]
    list_filter = [LateFilter]
    ordering = ("-slot",)
    started = staticmethod(moment_column("started_at", "started"))
    site_count = staticmethod(quantity_column("sites", "sites"))

    @admin.display(description="lasted")
    def lasted(self, tick):
        ended = tick.finished_at
        return quantity(1000 * (ended - tick.started_at).total_seconds() if ended else None, "ms")


@admin.register(SiteOverride)
class SiteOverrideAdmin(HistoryAdmin):
    operator_path = "site__operator"
    list_display = ["site", "starts", "ends", "by"]
    list_select_related = ["site", "by"]
    starts = staticmethod(moment_column("starts_at", "from"))
    ends = staticmethod(moment_column("ends_at", "until"))


@admin.register(WorldState)
class WorldStateAdmin(HistoryAdmin):
    """The simulated world's own memory: superusers see that it exists, nobody sees what is in it."""

    list_display = ["shard", "slot"]
    fields = ["shard", "slot"]
