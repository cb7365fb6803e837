"""Asking an OSRM server for ways, orders of stops and tables of drive times.

Its address is the setting OSRM_URL; empty means off. Only coordinates are sent. An answer is checked whole before any
of it is used, and kept for some hours; a server that fails is left alone for a minute.
"""

import hashlib
import logging
from collections.abc import Sequence

import httpx
import numpy as np
from django.conf import settings
from django.core.cache import cache
from pydantic import BaseModel, ValidationError

from maintenance.outside import Breaker, client

from .estimate import haversine_km
from .osrm_answers import Refusal, RouteAnswer, TableAnswer, TripAnswer, Way
from .plausible import SLACK_KM, plausible

CONNECT_SECONDS, READ_SECONDS = 0.3, 0.6  # because a page waits for it
MOST_BYTES = 8_000_000
MOST_PLACES = 100  # the usual limit of servers
KEPT_SECONDS = 6 * 3600
PLACE = "{:.5f},{:.5f}"  # longitude first; 5 decimals are a metre, and what answers are kept by
WAY = {"overview": "full", "geometries": "geojson", "steps": "true"}

logger = logging.getLogger(__name__)
breaker = Breaker()

Places = Sequence[tuple[float, float]]  # latitude, longitude


class NoAnswer(Exception):
    """OSRM is off, away, resting after failures, or answered something that cannot be used."""


class NoWay(NoAnswer):
    """OSRM knows no way between the places; it works otherwise."""


def way(places: Places, *, ask: bool = True) -> Way:
    """The way through the places in this order. `ask` False: only if it is kept."""
    return _credible(_ask("route", places, WAY, RouteAnswer, ask).routes[0], places)


def shortest_way(places: Places, *, ask: bool = True) -> tuple[list[int], Way]:
    """The order in which to visit the places from the first on, ending anywhere, and the way; `order[0]` is 0."""
    parameters = {**WAY, "source": "first", "destination": "any", "roundtrip": "false"}
    answer = _ask("trip", places, parameters, TripAnswer, ask)
    at = [waypoint.waypoint_index for waypoint in answer.waypoints]
    if sorted(at) != list(range(len(places))) or at[0] != 0:
        raise _unusable("the order of its stops is not an order of the stops that were asked for")
    order = [int(place) for place in np.argsort(at)]
    return order, _credible(answer.trips[0], [places[place] for place in order])


def table(places: Places) -> tuple[np.ndarray, np.ndarray]:
    """(km, minutes) between all n places, shape (n, n); nan where there is no way."""
    answer = _ask("table", places, {"annotations": "duration,distance"}, TableAnswer)
    count = len(places)
    for rows in (answer.distances, answer.durations):
        if len(rows) != count or any(len(row) != count for row in rows):
            raise _unusable(f"its table is not {count} by {count}")
    km, minutes = np.array(answer.distances, "f8") / 1000, np.array(answer.durations, "f8") / 60
    latitude, longitude = np.array(places, "f8").T
    crow_km = haversine_km(latitude[:, None], longitude[:, None], latitude[None], longitude[None])
    if not plausible(km, minutes, crow_km).all():
        raise _unusable("its table has drives that cannot be")
    return km, minutes


def _credible(found: Way, places: Places) -> Way:
    """The way, if it leads from place to place and its figures can be."""
    if len(found.legs) != len(places) - 1:
        raise _unusable(f"its way has {len(found.legs)} legs between {len(places)} places")
    latitude, longitude = np.array(places, "f8").T
    crow_km = haversine_km(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
    km, minutes = [leg.distance / 1000 for leg in found.legs], [leg.duration / 60 for leg in found.legs]
    ends = np.array(found.geometry.coordinates, "f8")[[0, -1]]
    off_km = haversine_km(ends[:, 1], ends[:, 0], latitude[[0, -1]], longitude[[0, -1]])
    if not plausible(km, minutes, crow_km).all() or (off_km > SLACK_KM).any():
        raise _unusable("its way cannot be: too short, too long, too fast, or elsewhere")
    return found


def _unusable(why: str) -> NoAnswer:
    breaker.note(worked=False)
    logger.warning("OSRM's answer is not used: %s", why)
    return NoAnswer(why)


def _ask(service: str, places: Places, parameters: dict[str, str], form: type[BaseModel], ask: bool = True):
    """The checked answer, from what is kept or from the server."""
    if not settings.OSRM_URL:
        raise NoAnswer("OSRM_URL is not set")
    if not 2 <= len(places) <= MOST_PLACES:
        raise NoAnswer(f"{len(places)} places: OSRM is asked for 2 to {MOST_PLACES}")
    path = ";".join(PLACE.format(longitude, latitude) for latitude, longitude in places)
    address = f"{settings.OSRM_URL.rstrip('/')}/{service}/v1/driving/{path}"
    key = "osrm-" + hashlib.sha256(f"{address}?{sorted(parameters.items())}".encode()).hexdigest()
    kept = _kept(key)
    if kept is not None:
        return form.model_validate_json(kept)
    if not ask:
        raise NoAnswer("OSRM has not been asked yet")
    if not breaker.lets_through():
        raise NoAnswer("OSRM is left alone for a minute after failing three times")
    body = _fetch(address, parameters)
    answer = _checked(body, form)
    breaker.note(worked=True)
    _keep(key, body)
    return answer


def _fetch(address: str, parameters: dict[str, str]) -> bytes:
    try:
        with client(MOST_BYTES, CONNECT_SECONDS, READ_SECONDS, CONNECT_SECONDS + READ_SECONDS) as outside:
            response = outside.get(address, params=parameters)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unusable(f"{type(error).__name__}: {error}") from None
    if response.status_code == 400:
        raise _refused(response.content)
    if response.status_code != 200:
        raise _unusable(f"status {response.status_code}")
    return response.content


def _refused(body: bytes) -> NoAnswer:
    """A refusal in OSRM's own words is an answer; another one is a failure."""
    try:
        code = Refusal.model_validate_json(body).code
    except ValidationError:
        return _unusable("status 400 without a code")
    breaker.note(worked=True)
    return NoWay(f"OSRM says {code[:40]}")


def _checked(body: bytes, form: type[BaseModel]):
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _unusable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _kept(key: str) -> bytes | None:
    try:
        return cache.get(key)
    except Exception as error:  # because a way can be had without the cache
        logger.warning("kept ways cannot be read: %s", error)
        return None


def _keep(key: str, body: bytes) -> None:
    try:
        cache.set(key, body, KEPT_SECONDS)
    except Exception as error:
        logger.warning("a way was not kept: %s", error)
