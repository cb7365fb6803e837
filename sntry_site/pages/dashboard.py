"""The admin's first page: how the fleet is now, in a constant number of queries."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import admin
from django.db.models import Avg, Count, Q, Sum
from django.urls import reverse
from django.utils import timezone

from maintenance.models import WorkOrder
from stations.admin_display import badge, moment, relative
from stations.models import FleetEvent, Job
from telemetry.models import ChargerState, ChargerStatus, ModelVersion, RiskLevel, SiteState, Tick

from .import_page import may_import

LATE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Tile:
    """One figure that matters, with what it is to be compared with."""

    title: str
    figure: str
    below: str
    link: str
    alarm: bool = False


def percent(share: float, decimals: int = 0) -> str:
    """`share` (0-1) in percent, with the space that belongs before the sign."""
    return f"{100 * share:.{decimals}f} %"


def fill(request, context: dict) -> dict:
    """Add the dashboard's figures, of what the reader may see, to the context of the admin's first page."""
    user, now = request.user, timezone.now()
    context.update(tiles=[], levels=[], worst=[], chargers=[], events=[], jobs=[], may_import=may_import(user))
    if user.has_perm("telemetry.view_sitestate"):
        _add_sites(user, context)
    if user.has_perm("telemetry.view_chargerstate"):
        context["chargers"] = _chargers(user)
    if user.has_perm("maintenance.view_workorder"):
        context["tiles"].append(_orders(user))
    if user.has_perm("telemetry.view_tick"):
        context["tiles"].append(_tick(now))
    if user.has_perm("stations.view_fleetevent"):
        context["events"] = [(event, moment(event.at, now)) for event in FleetEvent.objects.visible_to(user).newest(8)]
    if user.has_perm("stations.view_job"):
        jobs = admin.site.get_model_admin(Job).get_queryset(request).select_related("created_by")[:5]
        context["jobs"] = [(job, badge(Job.State(job.state)), moment(job.created_at, now)) for job in jobs]
    return context


def _add_sites(user, context: dict) -> None:
    states = SiteState.objects.visible_to(user)
    counts = {level.value: Count("pk", filter=Q(level=level)) for level in RiskLevel}
    sums = {name: Sum(f"ports_{name}", default=0) for name in ("available", "occupied", "out_of_service")}
    means = {"used": Avg("utilization", default=0), "usual": Avg("usual_utilization", default=0)}
    all_of = states.aggregate(sites=Count("pk"), **counts, **sums, **means)
    sites = reverse("admin:stations_site_changelist")
    ports = all_of["available"] + all_of["occupied"] + all_of["out_of_service"]
    working = percent(1 - all_of["out_of_service"] / ports, 1) if ports else "–"
    context["tiles"] += [
        Tile("Ports that work", working, f"{all_of['out_of_service']:,} of {ports:,} out of service", sites),
        Tile("Mean utilization", percent(all_of["used"]), f"usually {percent(all_of['usual'])}", sites),
        Tile("Sites at risk", f"{all_of['critical']:,}", f"critical, of {all_of['sites']:,} sites", sites),
    ]
    context["levels"] = [
        (badge(level), all_of[level.value], f"{sites}?state_level={level.value}") for level in reversed(RiskLevel)
    ]
    worst = states.exclude(level=RiskLevel.LOW).select_related("site__operator")[:6]
    context["worst"] = [(state, badge(state.risk_level), percent(state.risk)) for state in worst]


def _chargers(user) -> list[tuple]:
    counts = ChargerState.objects.visible_to(user).order_by().values_list("status").annotate(number=Count("pk"))
    number_of = dict(counts)
    chargers = reverse("admin:stations_charger_changelist")
    return [
        (badge(status), number_of[status.value], f"{chargers}?state_status={status.value}")
        for status in ChargerStatus
        if number_of.get(status.value)
    ]


def _orders(user) -> Tile:
    counts = {"urgent": Q(priority=WorkOrder.Priority.URGENT), "unassigned": Q(technician__isnull=True)}
    of = (
        WorkOrder.objects.visible_to(user)
        .open()
        .aggregate(all=Count("pk"), **{name: Count("pk", filter=condition) for name, condition in counts.items()})
    )
    below = f"{of['urgent']:,} urgent · {of['unassigned']:,} without a technician"
    return Tile(
        "Open work orders", f"{of['all']:,}", below, reverse("admin:maintenance_workorder_changelist") + "?open=yes"
    )


def _tick(now) -> Tile:
    link = reverse("admin:telemetry_tick_changelist")
    tick = Tick.objects.filter(finished_at__isnull=False).order_by("-slot").first()
    if tick is None:
        return Tile("Last tick", "none yet", "nothing has been scored", link, alarm=True)
    number = tick.scorer.removeprefix("model ")
    model = ModelVersion.objects.filter(pk=number).defer("metrics").first() if number.isdecimal() else None
    scorer = "scored by the rule; no model is active"
    if model:
        scorer = f"scored by model {model.pk} ({model.get_kind_display()}), trained {relative(model.trained_at, now)}"
    late = now - tick.finished_at > LATE_AFTER
    below = tick.warning or scorer
    return Tile("Last tick", relative(tick.finished_at, now), below, link, alarm=late or bool(tick.warning))
