"""Prices, decided for the whole network at once: arrays and Decimals in, the same out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

EARTH_KM = 6371.0
NEIGHBOURS_ASKED = 16  # if the nearest sixteen are all taken, the load stays where it is
PRICE_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class Policy:
    """The numbers of a surge policy; these are the original ones, bounded in time and never compounding."""

    name: str = "original"
    multiplier: Decimal = Decimal("1.75")
    discount: Decimal = Decimal("0.70")
    surge_above: float = 0.60  # risk at which a site enters critical stress
    calm_below: float = 0.40  # risk at which a surge ends
    neighbour_below: float = 0.60  # utilization that leaves room for more cars
    radius_km: float = 25.0
    shortest_seconds: int = 60
    longest_seconds: int = 1800


@dataclass(frozen=True)
class Sites:
    """What the policy looks at, one element a site. `entering` marks sites that have just become critical."""

    site: np.ndarray  # ids
    latitude: np.ndarray  # degrees, nan where unknown
    longitude: np.ndarray
    kind: np.ndarray  # connector class; only like takes over from like
    utilization: np.ndarray  # 0-1
    risk: np.ndarray  # 0-1
    entering: np.ndarray  # bool
    priced: np.ndarray  # bool: not free, has a base price above zero
    changed: np.ndarray  # bool: a price change is in force


@dataclass(frozen=True)
class Opening:
    """A price change to be opened; `surge_site` is the site whose load a reroute takes, None for a surge."""

    site: int
    kind: str
    surge_site: int | None


@dataclass(frozen=True)
class Applied:
    """A price change that holds its site's price now; `surge` is the id of the surge that a reroute belongs to."""

    id: int
    site: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    surge: int | None


def due_to_end(changes: list[Applied], risk_of: dict[int, float], at: datetime, policy: Policy) -> dict[int, str]:
    """Ids of the changes to end at `at`, each with why.

    A change ends with its period, a surge when its site has calmed down, a reroute with its surge or when its own site
    becomes critical. A surge lasts the shortest time at least, so that prices do not flicker; a site whose risk is not
    known ends with its period only.
    """
    old_enough = at - timedelta(seconds=policy.shortest_seconds)
    surges = [change for change in changes if change.kind == "surge" and change.starts_at <= old_enough]
    ended = {change.id: "calmed down" for change in surges if risk_of.get(change.site, 1.0) < policy.calm_below}
    ended |= {
        change.id: "critical itself"
        for change in changes
        if change.kind == "reroute" and risk_of.get(change.site, 0.0) > policy.surge_above
    }
    ended |= {change.id: "its period ended" for change in changes if change.ends_at <= at}
    return {change.id: "its surge ended" for change in changes if change.surge in ended} | ended


def surges_and_reroutes(sites: Sites, policy: Policy) -> list[Opening]:
    """Which sites to surge, and which neighbour to make cheaper for each; a surge before its reroute.

    A site is surged as it enters critical stress, unless it is free or its price already differs. Its neighbour is
    the nearest site, by Euclidean distance in metres, that has room, a like connector, a price, and no trouble of its
    own; each takes over from one site only.
    """
    surged = np.flatnonzero(sites.entering & sites.priced & ~sites.changed)
    free = (
        sites.priced & ~sites.changed & (sites.utilization < policy.neighbour_below) & (sites.risk < policy.calm_below)
    )
    free[surged] = False
    openings = []
    for place, neighbour in zip(surged, _neighbours(sites, surged, free, policy.radius_km), strict=True):
        openings.append(Opening(int(sites.site[place]), "surge", None))
        if neighbour >= 0:
            openings.append(Opening(int(sites.site[neighbour]), "reroute", int(sites.site[place])))
    return openings


def price_for(kind: str, base_price: Decimal, policy: Policy) -> Decimal:
    """The price of a surge or reroute: always from the base price, so that changes never compound.

    >>> price_for("surge", Decimal("0.40"), Policy())
    Decimal('0.7000')
    """
    factor = policy.multiplier if kind == "surge" else policy.discount
    return (base_price * factor).quantize(PRICE_STEP, ROUND_HALF_EVEN)


def metres(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points (n,) in degrees as (n, 3) metres from the centre of a spherical Earth of 6,371 km.

    Euclidean distance between two of these is the chord, which within 25 km differs from the distance over ground by
    less than a millimetre; at 47.6° N a degree of longitude comes out as 75.0 km, one of latitude as 111.2 km.
    """
    lat, lon = np.radians(latitude), np.radians(longitude)
    unit = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return EARTH_KM * 1000 * unit


def _neighbours(sites: Sites, surged: np.ndarray, free: np.ndarray, radius_km: float) -> np.ndarray:
    """For each surged place, the place of the neighbour that takes its load, or -1; the most at risk choose first."""
    from scipy.spatial import cKDTree  # here, because it takes longer to import than all else that a command needs

    chosen = np.full(len(surged), -1)
    located = np.isfinite(sites.latitude) & np.isfinite(sites.longitude)
    for kind in np.unique(sites.kind[surged]):
        candidates = np.flatnonzero(free & located & (sites.kind == kind))
        asking = np.flatnonzero((sites.kind[surged] == kind) & located[surged])
        if not len(candidates) or not len(asking):
            continue
        asking = asking[np.argsort(-sites.risk[surged[asking]], kind="stable")]
        tree = cKDTree(metres(sites.latitude[candidates], sites.longitude[candidates]))
        here = surged[asking]
        count = min(len(candidates), NEIGHBOURS_ASKED)
        near, order = tree.query(
            metres(sites.latitude[here], sites.longitude[here]),
            k=range(1, count + 1),
            distance_upper_bound=radius_km * 1000,
        )
        taken: set[int] = set()
        for row, distances, places in zip(asking, near, order, strict=True):
            nearest = next(
                (int(p) for d, p in zip(distances, places, strict=True) if d < np.inf and p not in taken), None
            )
            if nearest is not None:
                taken.add(nearest)
                chosen[row] = candidates[nearest]
    return chosen
