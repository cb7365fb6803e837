"""My day: the orders of a technician in the order of the route."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from ..day_route import day_route
from ..models import WorkOrder
from ..states import ENDED_STATES, State
from .access import orders_of, technician_required


@require_safe
@technician_required
def page(request):
    """What there is to do today, where, and how far it is; what waits to be verified stands at the end.

    The page does not wait for a routing server: it asks for itself again, with `?route`, where there is one to ask.
    """
    due, waiting = due_today(request)
    is_asking = "route" in request.GET
    day = day_route(due, request.technician.centre, ask=is_asking)
    asks = bool(settings.OSRM_URL) and not is_asking and day.route is not None and day.route.is_estimate
    today = timezone.now().astimezone(ZoneInfo(request.technician.centre.time_zone))
    values = {"stops": day.stops, "route": day.route, "waiting": waiting, "asks": asks, "today": today}
    return render(request, "work/day.html", {**values, "technician": request.technician})


def due_today(request) -> tuple[list[WorkOrder], list[WorkOrder]]:
    """The technician's orders that are to be done, as they stand in the plan, and those that wait to be verified."""
    orders = list(orders_of(request).exclude(state__in=ENDED_STATES).order_by(F("stop").asc(nulls_last=True), "due_at"))
    waiting = [order for order in orders if order.state in (State.RESOLVED, State.VERIFIED)]
    return [order for order in orders if order not in waiting], waiting
