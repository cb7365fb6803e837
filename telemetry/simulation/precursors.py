"""What a charger lets slip in a half-hour before it fails: counts of soft events, on a sound charger rarely above 0."""

import numpy as np

from . import causes

SIGNALS = ("missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries")
HEARTBEATS = 6  # a half-hour, one each 5 minutes
_BACKGROUND = np.array([0.0, 0.002, 0.01, 0.002, 0.03])  # events per half-hour of a sound charger (assumption)
# Events per half-hour in trouble, by cause and signal (assumption): what its precursors are in the table of causes.
_TROUBLE = np.zeros((len(causes.CAUSES), len(SIGNALS)))
_TROUBLE[causes.FIRMWARE, 3] = 0.4
_TROUBLE[causes.PAYMENT, 4] = 0.8
_TROUBLE[causes.HMI, 4] = 0.5
_TROUBLE[causes.GFCI, 1] = 0.4
_TROUBLE[causes.CABLE, 2] = 0.6
_TROUBLE[causes.LOCK, 4] = 0.7
_TROUBLE[causes.CONTACTOR, 2:5] = (0.2, 0.0, 0.4)
_TROUBLE[causes.MODULE, 2] = 0.8
_TROUBLE[causes.COOLING, 1:3] = (0.2, 0.6)
_TROUBLE[causes.METER, 2] = 0.3


def expected(trouble: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Expected events per half-hour, shape (5, n), of chargers in trouble (index of its cause, -1 for none)."""
    events = np.where(trouble >= 0, _TROUBLE[trouble].T, 0) + _BACKGROUND[:, None]
    events[0] = HEARTBEATS * missed_share(signal)
    return events


def missed_share(signal: np.ndarray) -> np.ndarray:
    """Share of heartbeats lost at a signal that is so many standard deviations worse than usual (assumption)."""
    return 1 / (1 + np.exp(-(1.6 * signal - 4.5)))


def counts(u: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Events of a half-hour, shape (5, n), from uniform numbers of the same shape: 0, 1, 2 or 3 as Poisson has them."""
    none = np.exp(-events)
    one = none * (1 + events)
    two = one + none * events**2 / 2
    return (u >= none).astype("i1") + (u >= one) + (u >= two)
