"""Where cars go that a price sends away: sites close by."""

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from .parameters import Use

_EARTH_KM = 6371.0088


def neighbour_shares(latitude: np.ndarray, longitude: np.ndarray, within_km: float) -> csr_array:
    """Matrix (sites, sites): row i says how the cars that leave i spread over the others within reach, evenly.

    Rows of sites without neighbours are empty. Distances are chords between points on the sphere.
    """
    phi, theta = np.radians(latitude), np.radians(longitude)
    place = _EARTH_KM * np.column_stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)])
    pairs = cKDTree(place).query_pairs(within_km, output_type="ndarray")
    origin, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    degree = np.bincount(origin, minlength=len(latitude))
    return csr_array((1 / degree[origin], (origin, target)), shape=(len(latitude), len(latitude)))


def moved_demand(demand, ports, price_ratio, neighbours: csr_array, use: Use) -> np.ndarray:
    """Cars wanted per port once prices are known: demand x ratio^elasticity, and part of what left arrives next door.

    `price_ratio` is the price divided by the usual one. What a low price draws comes from nowhere in particular: only
    losses move. Without neighbours nothing arrives anywhere.
    """
    kept = demand * np.maximum(price_ratio, 1e-6) ** use.elasticity
    lost = np.maximum(demand - kept, 0) * ports
    if not lost.any():
        return kept
    return kept + use.moved_share * (neighbours.T @ lost) / ports
