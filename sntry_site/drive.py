"""What drivers are told: sites with their price and room, the nearest, and the best by the formula.

No place of a driver is kept here: it comes in as an argument and goes nowhere else.
"""

import re
from datetime import datetime, timedelta

import numpy as np

from maintenance.routing.estimate import haversine_km
from pricing.tariff import Tariff, tariffs
from stations.models import PricingType
from telemetry.models import RiskLevel, SiteState

from .pages.money import price

STALE = timedelta(minutes=5)
NEAREST = 3
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


def public_sites(at: datetime) -> list[dict]:
    """Every site on the map as drivers may know it, in three queries however many there are."""
    states = list(SiteState.objects.located().select_related("site__operator").order_by("pk"))
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
        "changes_at": f"{tariff.changes_at:%Y-%m-%dT%H:%M:%SZ}" if tariff.changes_at else "",
        "comparable": _per_kwh(tariff, site.power_kw),
        "choice": stress in ("calm", "busy") and state.utilization < FULL,
        "at": f"{state.at:%Y-%m-%dT%H:%M:%SZ}" if state.at else "",
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


def place_of(typed: str, sites: list[dict]) -> tuple[float, float] | None:
    """Latitude and longitude of what somebody typed: "30.27, -97.74", or a city that has sites (the middle of them)."""
    if found := COORDINATES.match(typed):
        latitude, longitude = map(float, found.groups())
        return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
    wanted = typed.partition(",")[0].strip().casefold()
    there = [site for site in sites if wanted and site["city"].casefold() == wanted]
    if not there:
        return None
    return tuple(sum(site[axis] for site in there) / len(there) for axis in ("latitude", "longitude"))


def advice(sites: list[dict], place: tuple[float, float]) -> dict:
    """The three nearest sites, and the best: the lowest km / 10 + price per kWh of those healthy and under 90 % used.

    static/js/drive.js does the same in browsers, so that a place need not leave them; a test holds the two together.
    """
    if not sites:
        return {"nearest": [], "best": None, "choices": 0}
    latitudes, longitudes = (np.array([site[axis] for site in sites]) for axis in ("latitude", "longitude"))
    far = haversine_km(*place, latitudes, longitudes)
    near = [_at_distance(sites[row], far[row]) for row in np.argsort(far, kind="stable")[:NEAREST]]
    cost = far / 10 + np.array([site["comparable"] for site in sites])
    cost[[not site["choice"] for site in sites]] = np.inf
    row = int(np.argmin(cost))
    best = {**_at_distance(sites[row], far[row]), "cost": float(cost[row])} if np.isfinite(cost[row]) else None
    return {"nearest": near, "best": best, "choices": int(np.isfinite(cost).sum())}


def _at_distance(site: dict, km: float) -> dict:
    return {**site, "km": float(km), "minutes": float(km) * 1.3 / 45 * 60, "look": STRESS[site["stress"]]}
