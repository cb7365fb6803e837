"""The admin's first page: how the fleet is now, in a constant number of queries."""

from django.contrib import admin
from django.db.models import Avg, Count, Q, Sum
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from stations.admin_display import badge, moment
from stations.models import FleetEvent, Job
from stations.sparkline import sparkline, trend
from telemetry.models import ChargerState, ChargerStatus, RiskLevel, SiteState

from . import dashboard_attention as attention
from . import dashboard_health as health
from . import dashboard_trends as trends
from .dashboard_trends import Tile, percent
from .import_page import may_import


def fill(request, context: dict) -> dict:
    """Add the dashboard's figures, of what the reader may see, to the context of the admin's first page."""
    user, now = request.user, timezone.now()
    context.update(tiles=[], levels=[], worst=[], chargers=[], events=[], jobs=[], may_import=may_import(user))
    if user.has_perm("telemetry.view_sitestate"):
        _add_sites(user, now, context)
    if user.has_perm("telemetry.view_chargerstate"):
        context["chargers"] = _chargers(user)
    if user.has_perm("maintenance.view_incident"):
        context["tiles"].append(attention.incidents_tile(user, now))
        context["incidents"] = attention.worst_incidents(user, now)
    if user.has_perm("maintenance.view_workorder"):
        context["tiles"].append(attention.orders_tile(user, now))
        context["breaching"] = attention.breaching_orders(user, now)
    if user.has_perm("telemetry.view_tick"):
        context["tiles"].append(health.tick_tile(now))
    if user.has_perm("telemetry.view_modelversion"):
        context["health"] = health.lines(now)
    context["events"] = newest_events(user, now)
    if user.has_perm("stations.view_job"):
        jobs = admin.site.get_model_admin(Job).get_queryset(request).select_related("created_by")[:5]
        context["jobs"] = [(job, badge(Job.State(job.state)), moment(job.created_at, now)) for job in jobs]
    return context


def _add_sites(user, now, context: dict) -> None:
    states = SiteState.objects.visible_to(user)
    counts = {level.value: Count("pk", filter=Q(level=level)) for level in RiskLevel}
    sums = {name: Sum(f"ports_{name}", default=0) for name in ("available", "occupied", "out_of_service")}
    means = {"used": Avg("utilization", default=0), "usual": Avg("usual_utilization", default=0)}
    all_of = states.aggregate(sites=Count("pk"), **counts, **sums, **means)
    sites = reverse("admin:stations_site_changelist")
    ports = all_of["available"] + all_of["occupied"] + all_of["out_of_service"]
    out, used, sampled = trends.ports_out(user, now), *trends.utilization(states, now)
    working = percent(1 - all_of["out_of_service"] / ports, 1) if ports else "–"
    context["tiles"] += [
        Tile(
            "Ports that work",
            working,
            f"{all_of['out_of_service']:,} of {ports:,} out of service",
            sites,
            trend=trend(out, f"Outages at a time in the last 24 h: {out[0]} then, {out[-1]} now"),
        ),
        Tile(
            "Mean utilization",
            percent(all_of["used"]) if all_of["sites"] else "–",
            f"usually {percent(all_of['usual'])}{_yesterday(used)}" if all_of["sites"] else "no site yet",
            sites,
            trend=sparkline(used, f"Mean of {sampled:,} sites in the last 24 h"),
        ),
        Tile("Sites at risk", f"{all_of['critical']:,}", f"critical, of {all_of['sites']:,} sites", sites),
    ]
    context["levels"] = [
        (badge(level), all_of[level.value], f"{sites}?state_level={level.value}") for level in reversed(RiskLevel)
    ]
    worst = states.exclude(level=RiskLevel.LOW).select_related("site__operator")[:6]
    context["worst"] = [(state, badge(state.risk_level), percent(state.risk)) for state in worst]


def _yesterday(values: list[float | None]) -> str:
    return f"; {percent(values[0])} 24 h ago" if values and values[0] is not None else ""


def _chargers(user) -> list[tuple]:
    counts = ChargerState.objects.visible_to(user).order_by().values_list("status").annotate(number=Count("pk"))
    number_of = dict(counts)
    chargers = reverse("admin:stations_charger_changelist")
    return [
        (badge(status), number_of[status.value], f"{chargers}?state_status={status.value}")
        for status in ChargerStatus
        if number_of.get(status.value)
    ]


def newest_events(user, now) -> list[tuple]:
    """What happened last, as far as `user` may see it."""
    if not user.has_perm("stations.view_fleetevent"):
        return []
    return [(event, moment(event.at, now)) for event in FleetEvent.objects.visible_to(user).newest(12)]


def feed(request):
    """The newest events alone, for the page that asks for them at each tick."""
    response = render(request, "admin/feed.html", {"events": newest_events(request.user, timezone.now())})
    response["Cache-Control"] = "no-store"
    return response
