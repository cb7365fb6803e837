"""A route through some stops: OSRM's where it answers, an estimate, labelled as such, where it does not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from . import estimate, osrm
from .directions import Maneuver, sentence
from .osrm_answers import Leg as OsrmLeg
from .osrm_answers import Way

Place = tuple[float, float]  # latitude, longitude in degrees


@dataclass(frozen=True)
class Step:
    """One sentence of a route: what to do, where, and how far it is to the next."""

    text: str
    km: float
    minutes: float
    place: Place


@dataclass(frozen=True)
class Leg:
    """The drive to one stop."""

    km: float
    minutes: float
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Route:
    """The way from a start through all stops."""

    source: str  # "osrm" or "estimate"
    order: tuple[int, ...]  # places of the given stops, in the order in which they are visited
    legs: tuple[Leg, ...]  # one to each stop, in that order
    geometry: tuple[Place, ...]
    why: str = ""  # why it is an estimate

    @property
    def is_estimate(self) -> bool:
        return self.source == "estimate"

    @property
    def km(self) -> float:
        return sum(leg.km for leg in self.legs)

    @property
    def minutes(self) -> float:
        return sum(leg.minutes for leg in self.legs)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The turn list of the whole way; empty for an estimate, which knows no roads."""
        return tuple(step for leg in self.legs for step in leg.steps)


def route_for(stops: Sequence[Place], start: Place, *, keep_order: bool = False, ask: bool = True) -> Route:
    """The route from `start` through all `stops`, in the shortest order that is found or, if so wished, in theirs.

    Never fails for want of a server. `ask` False: only what is kept of its answers is used, without a wait.
    ValueError if a place has no latitude and longitude.
    """
    places = [tuple(map(float, place)) for place in (start, *stops)]
    if not all(len(place) == 2 and all(map(math.isfinite, place)) for place in places):
        raise ValueError("every stop of a route needs a latitude and a longitude; leave out those without")
    if not stops:
        return Route("estimate", (), (), tuple(places), "there are no stops")
    try:
        if keep_order or len(stops) == 1:
            return _of_osrm(range(len(places)), osrm.way(places, ask=ask))
        return _of_osrm(*osrm.shortest_way(places, ask=ask))
    except osrm.NoAnswer as reason:
        return _estimated(places, keep_order, str(reason))


def drive_times(places: Sequence[Place], reach: float = math.inf) -> tuple[np.ndarray, np.ndarray, str]:
    """(km, minutes) between all n places, each of shape (n, n), and their source: "osrm" or "estimate".

    OSRM is asked for one region after the other, of places that a chain of drives of `reach` minutes connects; drives
    between regions stay estimates. It is "estimate" as soon as one region is, and after a failure nobody is asked any
    more, so that all of it takes four seconds more at most. Pairs between which OSRM knows no way are nan.
    """
    latitudes, longitudes = np.array(places, "f8").reshape(-1, 2).T
    km, minutes = estimate.matrix(latitudes, longitudes)
    source = "osrm"
    for region in estimate.regions(minutes, reach):
        if len(region) < 2:
            continue
        if len(region) > osrm.MOST_PLACES:
            source = "estimate"
            continue
        try:
            inside = np.ix_(region, region)
            km[inside], minutes[inside] = osrm.table([places[place] for place in region])
        except osrm.NoAnswer:
            return km, minutes, "estimate"
    return km, minutes, source


def _of_osrm(order, way: Way) -> Route:
    line = tuple((latitude, longitude) for longitude, latitude in way.geometry.coordinates)
    legs = tuple(_leg(leg) for leg in way.legs)
    return Route("osrm", tuple(place - 1 for place in order if place), legs, line)


def _leg(leg: OsrmLeg) -> Leg:
    return Leg(leg.distance / 1000, leg.duration / 60, tuple(_step(step) for step in leg.steps))


def _step(step) -> Step:
    turn = step.maneuver
    words = {name: getattr(step, name) for name in ("name", "ref", "destinations", "rotary_name")}
    said = Maneuver(turn.type, turn.modifier, exit=turn.exit, bearing_after=turn.bearing_after, **words)
    return Step(sentence(said), step.distance / 1000, step.duration / 60, turn.location[::-1])


def _estimated(places: list[Place], keep_order: bool, why: str) -> Route:
    km, minutes = estimate.matrix(*np.array(places).T)
    order = np.arange(len(places)) if keep_order else estimate.best_order(minutes)
    drives = pairwise(order.tolist())
    legs = tuple(Leg(float(km[here, there]), float(minutes[here, there])) for here, there in drives)
    line = tuple(places[place] for place in order)
    return Route("estimate", tuple(int(place) - 1 for place in order[1:]), legs, line, why)
