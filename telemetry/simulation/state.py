"""What a world is at a moment: one number per charger, or per site where it says so. Changed in place, step by step."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from .causes import CAUSES
from .chargers import Chargers

UP, UPKEEP = -1, len(CAUSES)  # values of `down` besides the indices of causes


@dataclass
class State:
    """Minutes are those since 1970, in floating point; temperatures are in °C."""

    cabinet_c: np.ndarray
    inlet_c: np.ndarray  # the air around it
    connector_c: np.ndarray
    load: np.ndarray  # share of the last half-hour in which it charged
    cycles: np.ndarray
    fouling: np.ndarray
    service_hours: np.ndarray  # since it was last cleaned
    signal: np.ndarray  # how bad the connection is, in standard deviations
    trouble: np.ndarray  # index of the cause that announces itself, -1 for none
    down: np.ndarray  # UP, index of the cause of its outage, or UPKEEP
    is_silent: np.ndarray  # broken, but nobody has noticed: it still says AVAILABLE, and every start fails
    failed_starts: np.ndarray  # since it broke silently
    is_visit: np.ndarray  # somebody comes for this outage
    down_from: np.ndarray  # minute
    up_at: np.ndarray  # minute it will be usable again
    is_charging: np.ndarray
    is_failing: np.ndarray  # the session is one that fails to start
    reason: np.ndarray  # why it does, index in sessions.REASONS
    session_from: np.ndarray  # minute
    free_from: np.ndarray  # minute the session ends, or the last one ended
    kilowatts: np.ndarray  # mean of the session
    held_back_kwh: np.ndarray  # of the session so far, by a limit on its power
    price: np.ndarray  # of the session, USD
    moisture: np.ndarray  # of the site, 0-1
    queue: np.ndarray  # of the site, cars
    utilization: np.ndarray  # of the site, share of working ports' time
    demand: np.ndarray  # of the site, cars per port, of the last half-hour

    def copy(self) -> "State":
        return deepcopy(self)

    @property
    def is_up(self) -> np.ndarray:
        return self.down == UP

    @property
    def seems_up(self) -> np.ndarray:
        """As far as anybody knows it can be used."""
        return (self.down == UP) | self.is_silent


def fresh_state(chargers: Chargers, day: int, minute: float) -> State:
    """A sound network without cars at the first minute of a day (days since 1970); age and wear follow from the day."""
    count, sites = len(chargers), len(chargers.first)
    zero, site_zero = np.zeros(count), np.zeros(sites)
    age_days = np.maximum(day - chargers.built_day, 1)
    return State(
        cabinet_c=zero + 20,
        inlet_c=zero + 20,
        connector_c=zero + 20,
        load=zero.copy(),
        cycles=age_days * chargers.cycles_per_day,
        fouling=zero.copy(),
        service_hours=24.0 * (age_days % 120),
        signal=zero.copy(),
        trouble=np.full(count, -1, "i1"),
        down=np.full(count, UP, "i1"),
        is_silent=np.zeros(count, bool),
        failed_starts=zero.copy(),
        is_visit=np.zeros(count, bool),
        down_from=zero.copy(),
        up_at=zero.copy(),
        is_charging=np.zeros(count, bool),
        is_failing=np.zeros(count, bool),
        reason=np.zeros(count, "i1"),
        session_from=zero.copy(),
        free_from=zero + minute,
        kilowatts=zero.copy(),
        held_back_kwh=zero.copy(),
        price=zero.copy(),
        moisture=site_zero.copy(),
        queue=site_zero.copy(),
        utilization=site_zero.copy(),
        demand=site_zero.copy(),
    )
