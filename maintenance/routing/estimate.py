"""Drives without a map of roads: as the crow flies, times a detour, at one speed. Always an estimate.

The factor 1.3 and 45 km/h stand for roads and traffic between the places of a city and around it; where a river or a
mountain lies between two places they are wrong, and nothing here can know it.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

EARTH_KM = 6371.0088  # mean radius, IUGG
DETOUR = 1.3
SPEED_KMH = 45.0


def haversine_km(latitude_1, longitude_1, latitude_2, longitude_2) -> np.ndarray:
    """Great-circle distance in km between places in degrees; arrays of shapes that broadcast. nan gives nan.

    Source: Sinnott, Virtues of the Haversine, Sky and Telescope 68 (1984). Within .6 % of the ellipsoid.
    """
    phi_1, phi_2 = np.radians(latitude_1), np.radians(latitude_2)
    half_north = np.sin((phi_2 - phi_1) / 2)
    half_east = np.sin(np.radians(np.subtract(longitude_2, longitude_1)) / 2)
    chord = half_north**2 + np.cos(phi_1) * np.cos(phi_2) * half_east**2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))


def road_km(latitude_1, longitude_1, latitude_2, longitude_2) -> np.ndarray:
    """Estimated length by road in km, of places in degrees; arrays of shapes that broadcast."""
    return DETOUR * haversine_km(latitude_1, longitude_1, latitude_2, longitude_2)


def drive_minutes(km) -> np.ndarray:
    """Minutes that so many km of road take at 45 km/h."""
    return np.asarray(km, "f8") / SPEED_KMH * 60


def matrix(latitudes, longitudes) -> tuple[np.ndarray, np.ndarray]:
    """Estimated (km, minutes) from each of n places (degrees) to each: two arrays of shape (n, n)."""
    latitudes, longitudes = np.asarray(latitudes, "f8"), np.asarray(longitudes, "f8")
    km = road_km(latitudes[:, None], longitudes[:, None], latitudes[None, :], longitudes[None, :])
    return km, drive_minutes(km)


def regions(minutes: np.ndarray, reach: float) -> list[np.ndarray]:
    """The places (n, n) minutes apart, in groups: who is within `reach` minutes of one of a group belongs to it.

    Arrays of places, each place in one of them.
    """
    count, region = connected_components(csr_array(minutes <= reach), directed=False)
    return [np.flatnonzero(region == number) for number in range(count)]


def best_order(minutes: np.ndarray, start: int = 0) -> np.ndarray:
    """A short way through all n places of a matrix (n, n) of minutes, from `start`, ending anywhere; shape (n,).

    Nearest neighbour, then 2-opt until no reversal of a stretch helps (Croes 1958). There and back may differ, as
    one-way streets make them. Not always the shortest way.
    """
    minutes = np.where(np.isfinite(minutes), minutes, 1e6)  # no road: last, and never preferred
    return _two_opt(minutes, _nearest_neighbour(minutes, start))


def _nearest_neighbour(minutes: np.ndarray, start: int) -> np.ndarray:
    left = np.ones(len(minutes), bool)
    order, here = [start], start
    left[start] = False
    while left.any():
        here = int(np.argmin(np.where(left, minutes[here], np.inf)))
        left[here] = False
        order.append(here)
    return np.array(order)


def _two_opt(minutes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Reverse stretches [i, j] (i >= 1, so that the start stays) while the best reversal saves something."""
    if len(order) < 3:
        return order
    while True:
        saved = _savings(minutes[np.ix_(order, order)])
        i, j = np.unravel_index(np.argmax(saved), saved.shape)
        if saved[i, j] <= 1e-9:
            return order
        order = np.concatenate([order[:i], order[i : j + 1][::-1], order[j + 1 :]])


def _savings(ahead: np.ndarray) -> np.ndarray:
    """What each reversal of places i to j saves, of a matrix in the order of travel; shape (n, n)."""
    count = len(ahead)
    place = np.arange(count)
    forth = np.concatenate([[0], np.cumsum(ahead[place[:-1], place[1:]])])
    back = np.concatenate([[0], np.cumsum(ahead[place[1:], place[:-1]])])
    i, j = np.meshgrid(place, place, indexing="ij")
    before, after = np.maximum(i - 1, 0), np.minimum(j + 1, count - 1)
    has_after = j + 1 < count
    now = ahead[before, i] + (forth[j] - forth[i]) + np.where(has_after, ahead[j, after], 0)
    then = ahead[before, j] + (back[j] - back[i]) + np.where(has_after, ahead[i, after], 0)
    return np.where((i >= 1) & (j > i), now - then, -np.inf)
