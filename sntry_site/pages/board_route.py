"""The revenue-priority route: from a service centre to the worst sites within its reach, to be driven."""

import numpy as np
from django.shortcuts import render
from django.views.decorators.http import require_safe

from maintenance.models import ServiceCentre
from maintenance.routing.estimate import road_km
from maintenance.routing.route import Route, route_for
from telemetry.models import RiskLevel, SiteState

from .access import staff_required
from .board_view import ORDERS, BoardView, level_of, order_of, view_of
from .money import dollars

MOST_STOPS = 8
REACH_KM = 250  # by road, estimated: farther sites belong to another centre's crews
CANDIDATES = 400


@require_safe
@staff_required
def page(request):
    """The route as a list, and as data for the map."""
    asked, order = request.GET, order_of(request.GET)
    states = worst(view_of(request.user, asked), order, level_of(asked))
    centres = list(ServiceCentre.objects.all())
    centre = _centre(centres, states, asked.get("centre", ""))
    stops = _within_reach(states, centre) if centre else []
    by = "shortest" if asked.get("by") == "shortest" else "priority"
    values = {"centres": centres, "centre": centre, "asked": asked, "by": by, "order_word": ORDERS[order][0]}
    if stops:
        values |= _told(stops, centre, by)
    return render(request, "board/route.html", values)


def worst(view: BoardView, order: str, level: str) -> list[SiteState]:
    """Sites with something to lose, worst first."""
    states = view.of(SiteState.objects).located().filter(at__isnull=False, expected_loss__gt=0)
    if level:
        states = states.exclude(level=RiskLevel.LOW) if level == "risk" else states.filter(level=level)
    return list(states.select_related("site").order_by(f"-{ORDERS[order][1]}", "-risk", "pk")[:CANDIDATES])


def _centre(centres: list[ServiceCentre], states: list[SiteState], asked: str) -> ServiceCentre | None:
    """The centre that is asked for, else the one nearest to the worst site."""
    chosen = [centre for centre in centres if str(centre.pk) == asked]
    if chosen or not centres or not states:
        return chosen[0] if chosen else None
    km = _km(centres, states[0].site)
    return centres[int(np.argmin(km))]


def _km(places, site) -> np.ndarray:
    latitudes, longitudes = np.array([(place.latitude, place.longitude) for place in places]).T
    return road_km(latitudes, longitudes, site.latitude, site.longitude)


def _within_reach(states: list[SiteState], centre: ServiceCentre) -> list[SiteState]:
    if not states:
        return []
    near = _km([state.site for state in states], centre) <= REACH_KM
    return [state for state, is_near in zip(states, near, strict=True) if is_near][:MOST_STOPS]


def _told(stops: list[SiteState], centre: ServiceCentre, by: str) -> dict:
    """The route as rows for people, and as data for the map."""
    places = [(state.site.latitude, state.site.longitude) for state in stops]
    route = route_for(places, (centre.latitude, centre.longitude), keep_order=by == "priority")
    ordered = [stops[place] for place in route.order]
    rows = [
        {
            "id": state.pk,
            "name": state.site.name,
            "level": RiskLevel(state.level),
            "risk": f"{100 * state.risk:.0f} %",
            "loss": f"{dollars(state.expected_loss)}/h",
            "leg": f"{_km_words(leg.km)}, {_time_words(leg.minutes)}",
        }
        for state, leg in zip(ordered, route.legs, strict=True)
    ]
    data = {"is_estimate": route.is_estimate, "geometry": route.geometry, "stops": [state.pk for state in ordered]}
    return {"rows": rows, "data": data, "route": route, **_whole(route, ordered)}


def _whole(route: Route, ordered: list[SiteState]) -> dict:
    loss = sum(state.expected_loss for state in ordered)
    return {"km": _km_words(route.km), "time": _time_words(route.minutes), "loss": f"{dollars(loss)}/h"}


def _km_words(km: float) -> str:
    return f"{km:.1f} km" if km < 10 else f"{km:.0f} km"


def _time_words(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 60 else f"{minutes // 60:.0f} h {minutes % 60:.0f} min"
