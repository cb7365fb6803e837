"""My day: the orders of a technician in the order of the route."""

from dataclasses import dataclass

from django.db.models import F
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from ..models import WorkOrder
from ..routing.route import Leg, Route, route_for
from ..states import ENDED_STATES, State
from .access import orders_of, technician_required

NOW_FIRST = (State.IN_PROGRESS, State.EN_ROUTE, State.ON_HOLD)  # what is under way stands before the rest of the route


@dataclass(frozen=True)
class Stop:
    """One order of the day, and the drive to it from the stop before."""

    order: WorkOrder
    leg: Leg | None


@require_safe
@technician_required
def page(request):
    """What there is to do today, where, and how far it is; what waits to be verified stands at the end."""
    orders = list(orders_of(request).exclude(state__in=ENDED_STATES).order_by(F("stop").asc(nulls_last=True), "due_at"))
    waiting = [order for order in orders if order.state in (State.RESOLVED, State.VERIFIED)]
    due = sorted((order for order in orders if order not in waiting), key=lambda order: order.state not in NOW_FIRST)
    stops, route = _stops(due, request.technician.centre)
    values = {"stops": stops, "waiting": waiting, "route": route, "now": timezone.now()}
    return render(request, "work/day.html", {**values, "technician": request.technician})


def _stops(orders: list[WorkOrder], centre) -> tuple[list[Stop], Route | None]:
    """The orders with the drives between them, from the service centre on, and the route if there is one."""
    placed = [order for order in orders if order.site.latitude is not None]
    if not placed:
        return [Stop(order, None) for order in orders], None
    is_planned = any(order.stop is not None for order in placed)
    places = [(order.site.latitude, order.site.longitude) for order in placed]
    route = route_for(places, (centre.latitude, centre.longitude), keep_order=is_planned or _is_under_way(placed))
    stops = [Stop(placed[place], leg) for place, leg in zip(route.order, route.legs, strict=True)]
    return stops + [Stop(order, None) for order in orders if order not in placed], route


def _is_under_way(orders: list[WorkOrder]) -> bool:
    return any(order.state in NOW_FIRST for order in orders)
