"""From the moment a charger stops to the moment it can be used again: who clears it, and how long that takes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from . import causes
from .parameters import Scenario

DRAWS = 9  # uniform numbers per repair
_REMOTE_SHARE = causes.column("remote_share")
_ONSITE_MINUTES = causes.column("onsite_minutes")


@dataclass(frozen=True)
class Repairs:
    """Repairs as parallel arrays: hours from the failure to each turn; those of visits are 0 where nobody came."""

    hours: np.ndarray  # until it can be used again
    is_visit: np.ndarray
    detected_hours: np.ndarray
    dispatched_hours: np.ndarray
    arrived_hours: np.ndarray
    onsite_minutes: np.ndarray
    waited_for_parts: np.ndarray


def repairs(cause, is_trip, u, scenario: Scenario) -> Repairs:
    """The repairs of n failures from uniform numbers `u` (DRAWS, n), from when anybody could notice. A connection
    that is lost comes back by itself after a lognormal time (SFU); where it takes longer than nearly all do, a
    technician goes there, and that was the visit. A tripped cabinet cools, and mostly restarts from afar.
    """
    r, scale = scenario.repair, scenario.repair_times
    z = ndtri(u.clip(1e-6, 1 - 1e-6))
    is_comms = cause == causes.COMMS
    remote_share = np.where(is_trip, r.trip_remote_share, _REMOTE_SHARE[cause])
    is_visit = u[0] >= remote_share
    detected = r.alarm_minutes / 60
    triaged = detected + r.triage_minutes / 60 * np.exp(r.triage_spread * z[2])
    remote = triaged + r.remote_minutes / 60 * np.exp(r.remote_spread * z[3])
    cooled = r.trip_hours * np.exp(0.4 * z[3])
    travel = scale * r.dispatch_hours * np.exp(r.dispatch_spread * z[4])
    waited = is_visit & ~is_comms & (u[5] < r.parts_share)
    parts = np.where(waited, scale * 24 * r.parts_days * np.exp(r.parts_spread * z[6]), 0)
    spread = np.sqrt(np.log1p(r.onsite_spread**2))
    onsite = _ONSITE_MINUTES[cause] * np.exp(spread * z[7])
    arrived = triaged + travel + parts
    hours = np.where(is_visit, arrived + onsite / 60, np.where(is_trip, cooled, remote))
    lost = scale * np.exp(r.comms_log_hours + r.comms_log_spread * z[0])  # u[0] is its quantile: the longest are visits
    hours = np.where(is_comms, np.maximum(lost, 0.02), hours).clip(max=24 * r.longest_days)
    arrived = np.where(is_comms, hours - onsite / 60, arrived)
    return Repairs(
        hours=hours,
        is_visit=is_visit,
        detected_hours=np.minimum(detected, hours),
        dispatched_hours=np.where(is_visit, np.minimum(triaged, hours), 0),
        arrived_hours=np.where(is_visit, np.clip(arrived, 0, hours), 0),
        onsite_minutes=np.where(is_visit, np.minimum(onsite, 60 * hours), 0),
        waited_for_parts=waited,
    )
