"""A technician's day as a route: the orders in the order in which they are visited, and the drives between them."""

from dataclasses import dataclass

from django.urls import reverse

from .models import ServiceCentre, WorkOrder
from .routing.route import Leg, Route, route_for
from .states import State

NOW_FIRST = (State.IN_PROGRESS, State.EN_ROUTE, State.ON_HOLD)  # what is under way stands before the rest of the route


@dataclass(frozen=True)
class Stop:
    """One order of the day, and the drive to it from the stop before; no drive where its place is not known."""

    order: WorkOrder
    leg: Leg | None


@dataclass(frozen=True)
class DayRoute:
    """The stops of a day, those without a place last, and the route through the others if there are any."""

    centre: ServiceCentre
    stops: list[Stop]
    route: Route | None

    @property
    def as_json(self) -> dict:
        """What the map draws: places in degrees, times in minutes, lengths in km."""
        route = self.route
        placed = [stop for stop in self.stops if stop.leg]
        return {
            "source": route.source if route else "estimate",
            "is_estimate": route.is_estimate if route else True,
            "why": route.why if route else "",
            "km": route.km if route else 0,
            "minutes": route.minutes if route else 0,
            "start": {"name": self.centre.name, "latitude": self.centre.latitude, "longitude": self.centre.longitude},
            "stops": [_stop(number, stop) for number, stop in enumerate(placed, 1)],
            "unplaced": [_named(stop.order) for stop in self.stops if not stop.leg],
            "geometry": route.geometry if route else [],
        }


def day_route(orders: list[WorkOrder], centre: ServiceCentre, *, ask: bool = True) -> DayRoute:
    """The route from the centre through the sites of `orders`.

    What is under way comes first. Orders that have their stops, or are under way, keep their order; others get the
    shortest. `ask`: whether to wait for OSRM, for four seconds at most; if not, only what is kept of it is used.
    """
    orders = sorted(orders, key=lambda order: order.state not in NOW_FIRST)
    placed = [order for order in orders if order.site.latitude is not None]
    lost = [Stop(order, None) for order in orders if order.site.latitude is None]
    if not placed:
        return DayRoute(centre, lost, None)
    keeps = any(order.stop is not None or order.state in NOW_FIRST for order in placed)
    places = [(order.site.latitude, order.site.longitude) for order in placed]
    route = route_for(places, (centre.latitude, centre.longitude), keep_order=keeps, ask=ask)
    stops = [Stop(placed[place], leg) for place, leg in zip(route.order, route.legs, strict=True)]
    return DayRoute(centre, stops + lost, route)


def _named(order: WorkOrder) -> dict:
    url = reverse("work-order", args=[order.pk])
    return {"order": order.number, "title": order.title, "site": order.site.name, "url": url}


def _stop(number: int, stop: Stop) -> dict:
    site, leg = stop.order.site, stop.leg
    steps = [
        {
            "text": step.text,
            "km": step.km,
            "minutes": step.minutes,
            "latitude": step.place[0],
            "longitude": step.place[1],
        }
        for step in leg.steps
    ]
    where = {"latitude": site.latitude, "longitude": site.longitude, "km": leg.km, "minutes": leg.minutes}
    return {"number": number, **_named(stop.order), **where, "steps": steps}
