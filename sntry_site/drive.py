"""What drivers are told: sites with their price and room, the nearest, and the best by the formula.

Sites are told in cells of half a degree, so that a browser asks for the few around its place without saying where in
them it is. No place of a driver is kept here: it comes in as an argument and goes nowhere else.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db.models import Avg, Count, F
from django.db.models.functions import Floor

from maintenance.routing.estimate import DETOUR, drive_minutes, haversine_km
from pricing.tariff import Tariff, tariffs
from stations.models import PricingType, Site
from telemetry.models import RiskLevel, SiteState

from .pages.money import price

STALE = timedelta(minutes=5)
NEAREST = 3
CELL = 0.5  # degrees: 56 km from south to north
REACH_KM = 100  # beyond that no site is a choice
Cell = tuple[int, int]  # the south-west corner, in cells from the equator and from Greenwich
BUSY, FULL = 0.5, 0.9  # of the ports in use
COORDINATES = re.compile(r"^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$")
# How a site is doing -> (word, name of its colour, shape).
STRESS = {
    "calm": ("Calm", "available", "●"),
    "busy": ("Busy", "in-use", "■"),
    "full": ("Full", "watch", "◆"),
    "unsure": ("May fail today", "watch", "◆"),
    "out": ("Out of service", "critical", "▲"),
    "unknown": ("Not heard of lately", "offline", "○"),
}
LEVEL_2_KW = 7.2  # for a price per minute of a site whose power is not known


def map_of_sites() -> dict[str, list]:
    """Where there are sites: "cells" as [row, column, sites], "cities" as [city, state, latitude, longitude, sites]."""
    sites = Site.objects.filter(latitude__isnull=False, state__isnull=False)
    corner = sites.annotate(row=Floor(F("latitude") / CELL), column=Floor(F("longitude") / CELL))
    cells = corner.order_by("row", "column").values_list("row", "column").annotate(Count("pk"))
    by_name = sites.exclude(city="").order_by("city", "region").values_list("city", "region")
    cities = by_name.annotate(Avg("latitude"), Avg("longitude"), Count("pk"))
    return {
        "cells": [[int(row), int(column), count] for row, column, count in cells],
        "cities": [[*names, round(north, 4), round(east, 4), count] for *names, north, east, count in cities],
    }


def public_sites(cell: Cell, at: datetime) -> list[dict]:
    """The sites of a cell as drivers may know them, in three queries however many there are."""
    south, west = (CELL * corner for corner in cell)
    inside = {"site__latitude__gte": south, "site__latitude__lt": south + CELL,
              "site__longitude__gte": west, "site__longitude__lt": west + CELL}  # fmt: skip
    states = list(SiteState.objects.filter(**inside).select_related("site__operator").order_by("pk"))
    told = tariffs([state.site_id for state in states], at)
    return [_public(state, told[state.site_id], at) for state in states if state.site_id in told]


def _public(state: SiteState, tariff: Tariff, at: datetime) -> dict:
    site, stress = state.site, _stress(state, at)
    return {
        "id": site.external_id,
        "name": site.name,
        "city": site.city,
        "region": site.region,
        "operator": site.operator.name,
        "latitude": round(site.latitude, 5),
        "longitude": round(site.longitude, 5),
        "kind": f"{site.get_charger_type_display()}, {site.power_kw:.0f} kW",
        "stress": stress,
        "free": state.ports_available if stress != "unknown" else None,
        "ports": site.ports_total,
        "price": _said(tariff.price, tariff),
        "reason": tariff.reason,
        "next_price": _said(tariff.next_price, tariff) if tariff.changes_at else "",
        "changes_at": f"{tariff.changes_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if tariff.changes_at else "",
        "changes_there": f"{tariff.changes_at.astimezone(site.zone):%a %H:%M %Z}" if tariff.changes_at else "",
        "comparable": _per_kwh(tariff, site.power_kw),
        "choice": stress in ("calm", "busy") and state.utilization < FULL,
        "at": f"{state.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if state.at else "",
    }


def _stress(state: SiteState, at: datetime) -> str:
    if state.at is None or at - state.at > STALE:
        return "unknown"
    if state.ports_available + state.ports_occupied == 0:
        return "out"
    if state.level == RiskLevel.CRITICAL:
        return "unsure"
    if state.utilization >= FULL or state.ports_available == 0:
        return "full"
    return "busy" if state.utilization >= BUSY else "calm"


def _said(amount, tariff: Tariff) -> str:
    return "free" if tariff.unit == PricingType.FREE.label else f"{price(amount)} {tariff.unit}"


def _per_kwh(tariff: Tariff, power_kw: float) -> float:
    """The price as one per kWh, so that sites can be compared: minutes at the full power of a port."""
    if tariff.unit == PricingType.PER_MINUTE.label:
        return round(float(tariff.price) * 60 / (power_kw or LEVEL_2_KW), 4)
    return float(tariff.price)


def place_of(typed: str, cities: list) -> tuple[float, float] | None:
    """Latitude and longitude of what somebody typed: "30.27, -97.74", or a city that has sites (the middle of them)."""
    if found := COORDINATES.match(typed):
        latitude, longitude = map(float, found.groups())
        return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
    name, _, region = (part.strip().casefold() for part in typed.partition(","))
    there = [city for city in cities if city[0].casefold() == name]
    there = [city for city in there if city[1].casefold() == region] or there
    return tuple(max(there, key=lambda city: city[4])[2:4]) if there else None


def advice(place: tuple[float, float], cells: list, sites_of: Callable[[Cell], list[dict]]) -> dict:
    """The three nearest sites, and the best: the lowest km / 10 + price per kWh of those healthy and under 90 % used.

    Cells are asked for from the nearest on until no other can hold a nearer or a better one, because no price is
    below zero. static/js/drive.js does the same in browsers, so that a place need not leave them; a test holds the
    two together.
    """
    nearest, best = [], None
    for km, cell in _by_distance(place, cells):
        is_near_enough = len(nearest) == NEAREST and nearest[-1]["km"] <= km
        if is_near_enough and (km > REACH_KM or (best and best["cost"] <= km / 10)):
            break
        found = _at_distances(sites_of(cell), place)
        nearest = sorted([*nearest, *found], key=lambda site: site["km"])[:NEAREST]
        choices = [site for site in found if site["choice"] and site["km"] <= REACH_KM]
        best = min([*([best] if best else []), *choices], key=lambda site: site["cost"], default=None)
    return {"nearest": nearest, "best": best}


def _by_distance(place: tuple[float, float], cells: list) -> list[tuple[float, Cell]]:
    """(km to its nearest point, cell), the nearest first."""
    if not cells:
        return []
    souths, wests = (CELL * np.array([cell[axis] for cell in cells]) for axis in (0, 1))
    # The place's meridian as it is counted near each cell, because -179.9 degrees and 180 are neighbours.
    meridian = place[1] + 360 * np.round((wests + CELL / 2 - place[1]) / 360)
    far = haversine_km(*place, np.clip(place[0], souths, souths + CELL), np.clip(meridian, wests, wests + CELL))
    return [(float(far[row]), (cells[row][0], cells[row][1])) for row in np.argsort(far, kind="stable")]


def _at_distances(sites: list[dict], place: tuple[float, float]) -> list[dict]:
    latitudes, longitudes = (np.array([site[axis] for site in sites]) for axis in ("latitude", "longitude"))
    far = haversine_km(*place, latitudes, longitudes).tolist()
    return [
        {**site, "km": km, "cost": km / 10 + site["comparable"], "look": STRESS[site["stress"]],
         "minutes": float(drive_minutes(DETOUR * km))}
        for site, km in zip(sites, far, strict=True)
    ]  # fmt: skip
