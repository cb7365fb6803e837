"""One site: live values, risk and its reason, the last day, chargers, incidents, orders and prices."""

from datetime import timedelta

from django.db.models import Avg, DateTimeField, F, Func, Prefetch, Value
from django.db.models.functions import Length
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from maintenance.models import RootCauseNote, WorkOrder
from pricing.tariff import tariffs
from stations.models import Site
from telemetry.models import ChargerStatus, LiveReading, RiskLevel

from .access import staff_required
from .board_panels import dollars, price
from .price_history import price_history
from .report import report_code

HALF_HOUR = timedelta(minutes=30)
STALE = timedelta(minutes=2)


@require_safe
@staff_required
def page(request, external_id: str):
    """A site of one of the person's operators; everyone else's does not exist."""
    sites = Site.objects.visible_to(request.user).select_related("operator", "state")
    site = get_object_or_404(sites, external_id=external_id)
    now = timezone.now()
    tariff = tariffs([site.pk], now).get(site.pk)
    values = {
        **now_values(site, tariff),
        **charger_values(site),
        **work_values(site),
        **price_values(site, now, tariff),
        "charts": _charts(site, now),
        "report": report_code(request, site),
    }
    return render(request, "sites/page.html", values)


def now_values(site: Site, tariff=None) -> dict:
    """What the live part of the page says; reads the site's state."""
    state, now = getattr(site, "state", None), timezone.now()
    tariff = tariff or tariffs([site.pk], now).get(site.pk)
    return {
        "site": site,
        "state": state,
        "facts": _facts(state, tariff) if state and state.at else [],
        "is_stale": bool(state and state.at and now - state.at > STALE),
        "level": RiskLevel(state.level) if state else None,
        "risk": f"{100 * state.risk:.0f} %" if state else "",
    }


def charger_values(site: Site) -> dict:
    """What the list of chargers says."""
    chargers = site.chargers.select_related("state").order_by(Length("external_id"), "external_id")[:100]
    return {"site": site, "chargers": [_charger(charger) for charger in chargers]}


def work_values(site: Site) -> dict:
    """What the list of incidents and work orders says: what is open first."""
    incidents = site.incidents.open().exclude(work_orders__in=WorkOrder.objects.open())
    orders = site.work_orders.select_related("technician", "incident")
    orders = orders.prefetch_related(Prefetch("incident__notes", RootCauseNote.objects.current()))
    latest = orders.order_by(F("closed_at").desc(nulls_first=True), "-pk")[:30]
    return {
        "site": site,
        "incidents": incidents.prefetch_related(Prefetch("notes", RootCauseNote.objects.current()))[:50],
        "orders": [{"order": order, "state": WorkOrder.State(order.state)} for order in latest],
    }


def price_values(site: Site, now, tariff) -> dict:
    """What the table of prices says, and its picture."""
    return {
        "site": site,
        "tariff": tariff,
        "prices": price_history(site, now, tariff) if tariff else None,
        "changes": [_change(change) for change in site.price_changes.all()[:10]],
    }


def _facts(state, tariff) -> list[tuple[str, str, str]]:
    total = state.ports_available + state.ports_occupied + state.ports_out_of_service
    return [
        ("Price", price(tariff.price), _price_note(state, tariff)),
        ("Utilization", f"{100 * state.utilization:.0f} %", f"usually {100 * state.usual_utilization:.0f} %"),
        ("Ports free", f"{state.ports_available} of {total}", f"{state.ports_out_of_service} out of service"),
        ("Wait", f"{state.wait_minutes:.0f} min", "estimate"),
        ("Temperature", f"{state.temperature_f:.0f} °F", f"{(state.temperature_f - 32) / 1.8:.0f} °C"),
        ("Expected loss", f"{dollars(state.expected_loss)}/h", "estimate"),
    ]


def _price_note(state, told) -> str:
    """What it is for, and what it will be next and from when, as drivers are told it."""
    note = f"usually {price(state.site.base_price)} {told.unit}"
    if told.changes_at is None:
        return note
    return f"{note}; {price(told.next_price)} from {told.changes_at.astimezone(told.zone):%H:%M %Z} on"


def _charger(charger) -> dict:
    state = getattr(charger, "state", None)
    status = ChargerStatus(state.status) if state else ChargerStatus.UNKNOWN
    return {"charger": charger, "status": status, "state": state}


def _change(change) -> dict:
    return {"change": change, "old_price": price(change.old_price), "new_price": price(change.new_price)}


def _charts(site: Site, now) -> list[dict]:
    """Half-hour means of the last day: imported half-hours, and the live readings where there are any."""
    since = now - timedelta(days=1)
    halves = {
        at: (utilization, temperature)
        for at, utilization, temperature in site.readings.filter(at__gte=since, at__lte=now).values_list(
            "at", "utilization", "temperature_f"
        )
    }
    bucket = Func(Value(HALF_HOUR), F("at"), Value(since.replace(hour=0, minute=0, second=0, microsecond=0)),
                  function="date_bin", output_field=DateTimeField())  # fmt: skip
    live = LiveReading.objects.filter(site=site, at__gte=since).annotate(half=bucket).values("half").order_by("half")
    for row in live.annotate(utilization_mean=Avg("utilization"), temperature_mean=Avg("temperature_f")):
        halves[row["half"]] = (row["utilization_mean"], row["temperature_mean"])
    moments = sorted(halves)
    series = [
        ("Utilization", "%", [100 * halves[at][0] for at in moments], (0, 100)),
        ("Temperature", "°F", [halves[at][1] for at in moments], None),
    ]
    return [_sparkline(*line, moments, since) for line in series if len(moments) > 1]


def _sparkline(name: str, unit: str, values: list[float], limits, moments: list, since) -> dict:
    """A line in a box of 480 by 96; the page draws it as SVG and says its figures beside it."""
    low, high = limits or (min(values), max(values))
    spread = (high - low) or 1
    points = [
        (480 * (at - since) / timedelta(days=1), 92 - 88 * (min(max(value, low), high) - low) / spread)
        for at, value in zip(moments, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return {
        "name": name,
        "unit": unit,
        "points": line,
        "area": f"{points[0][0]:.1f},96 {line} {points[-1][0]:.1f},96",
        "now": f"{values[-1]:.0f}",
        "low": f"{min(values):.0f}",
        "high": f"{max(values):.0f}",
    }
