"""What a charger that does not work answers to what is tried from afar, rung after rung.

The truth (whether something done from afar brings it back, and when) is decided where the charger stops, by its cause's
share (`repairs`); this lays the tries over that time. Pure: arrays in, arrays out.
"""

import numpy as np

POLL, SOFT, HARD = range(3)
RUNGS = ("poll", "soft_reset", "hard_reset")
SOFT_SHARE = 0.7  # of what a reset clears, that needs no more than a soft one; assumption
_AT = np.array([0.25, 0.5, 0.75])  # of the time until it comes back, or until nothing more can be done


def helping_rung(charger: np.ndarray, since: np.ndarray) -> np.ndarray:
    """Which reset (SOFT or HARD) clears the failure of chargers (ids) that began at `since` (seconds)."""
    drawn = (charger.astype("u8") * np.uint64(2654435761) + since.astype("u8") * np.uint64(40503)) % np.uint64(1000)
    return np.where(drawn < 1000 * SOFT_SHARE, SOFT, HARD)


def tried(since: np.ndarray, ends: np.ndarray, helps: np.ndarray, at: int) -> np.ndarray:
    """Which rungs have been tried in vain by the second `at`, as booleans (3, n).

    `ends` is the second at which the charger comes back or nothing more can be done; `helps` the rung that brings it
    back, -1 where none does. What is tried before that rung is in vain.
    """
    lasts = np.maximum(ends - since, 0)
    due = since + np.outer(_AT, lasts) <= at
    in_vain = (helps < 0) | (np.arange(3)[:, None] < helps)
    return due & in_vain
