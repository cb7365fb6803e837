"""Whether a drive that somebody else has worked out can be one: no shorter than the crow flies, no faster than cars."""

import numpy as np

FASTEST_KMH = 200.0
SLACK_KM = 5.0  # because a server begins and ends on the nearest road that it knows
LONGEST_DETOUR, LONGEST_EXTRA_KM = 10.0, 300.0


def plausible(km, minutes, crow_km) -> np.ndarray:
    """For each drive (arrays of one shape; km, minutes, and km as the crow flies) whether it can be one.

    The limits are wide (our choice): they are to catch answers that are wrong, not ones that are a little off. Where
    km or minutes are nan there is no drive, which is plausible.
    """
    km, minutes, crow_km = (np.asarray(values, "f8") for values in (km, minutes, crow_km))
    short = km < crow_km - SLACK_KM
    long = km > LONGEST_DETOUR * crow_km + LONGEST_EXTRA_KM
    fast = minutes < (km - SLACK_KM) / FASTEST_KMH * 60
    return np.isnan(km) | np.isnan(minutes) | ~(short | long | fast)
