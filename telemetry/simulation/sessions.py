"""Cars come, wait, plug in and leave: the half-hours of a charger's use."""

import numpy as np
from scipy.special import ndtri, pdtrik

from . import causes
from .chargers import LEVEL_2, Chargers
from .journal import AVAILABLE, CHARGING, PREPARING, Journal
from .parameters import Scenario
from .state import State
from .thermal import ambient_derating, connector_derating

STEP_MINUTES = 30.0
ROUNDS = 2  # sessions a port may begin in a half-hour
REASONS = ("", "connectivity", "internal", "connector", "other")  # why a session failed
_REASON_OF = np.full(len(causes.CAUSES), REASONS.index("internal"))  # the reason that a cause of an outage is
_REASON_OF[causes.COMMS] = REASONS.index("connectivity")
_REASON_OF[[causes.CABLE, causes.LOCK]] = REASONS.index("connector")
_REASON_OF[[causes.GRID, causes.VANDAL]] = REASONS.index("other")
_FAILED_START_MINUTES = 1.5
_CHANGE_MINUTES = 2.0  # at most, until the next car is plugged in
_SHORTEST_MINUTES = 8.0
_LENGTH_SPREAD = 0.35  # sd of log
_LONGEST_WAIT = 120.0
_LEVEL_2_CARS_KW = np.array([7.2, 11.5])


def arrivals(u: np.ndarray, wanted: np.ndarray, before: np.ndarray, ports, session_minutes) -> np.ndarray:
    """Cars that come to each site in a half-hour: Poisson, by inversion of the uniform numbers `u`.

    The mean is what keeps `wanted` cars per port there (Little's law: cars / length of stay), plus what it takes to
    follow a change of it. More demand never means fewer cars, whatever else differs between two runs.
    """
    mean = ports * np.maximum(wanted * STEP_MINUTES / session_minutes + wanted - before, 0)
    return np.ceil(pdtrik(u.clip(1e-6, 1 - 1e-6).astype("f8"), np.maximum(mean, 1e-9)) - 1e-9).clip(0)


def begin_sessions(state: State, journal: Journal, chargers: Chargers, can_start, new_cars, end, draws, price, chance,
                   power_share):  # fmt: skip
    """Give waiting and new cars the ports that come free before minute `end`; returns minutes charged per charger.

    `can_start` marks chargers that may take one; `new_cars` is per site; `draws` has uniform numbers (n,) by name;
    `price` is per site (USD), and so is `power_share`, of the rated power that is allowed; `chance` (4, n) is that of
    a start to fail, by reason. Others stay in `state.queue`.
    """
    site, first = chargers.site, chargers.first
    begin = end - STEP_MINUTES
    can_start = can_start & ~state.is_charging & (state.free_from < end - _CHANGE_MINUTES)
    key = np.where(can_start, state.free_from.clip(min=begin) - begin + draws["turn"], 1e3) + site * 1e4
    order = np.argsort(key, kind="stable")
    place = np.empty(len(site))
    place[order] = np.arange(len(site)) - first[site[order]]  # 0 for the port of its site that was free first
    waiting = state.queue + new_cars
    chosen = np.flatnonzero(can_start & (place < waiting[site]))
    at = site[chosen]
    late = (place[chosen] - state.queue[at] + draws["moment"][chosen]) / np.maximum(new_cars[at], 1)
    come = begin + (STEP_MINUTES - _CHANGE_MINUTES) * late.clip(0, 0.999)
    start = np.maximum(state.free_from[chosen], come) + _CHANGE_MINUTES * (0.2 + 0.7 * draws["turn"][chosen])
    state.queue = waiting - np.bincount(at, minlength=len(first))
    _plug_in(state, journal, chosen, start, chargers, draws, price[at], chance[:, chosen])
    hold_back(state, chosen, start, end, power_share[at])
    charged = np.zeros(len(site))
    charged[chosen] = np.where(state.is_failing[chosen], 0, np.minimum(state.free_from[chosen], end) - start)
    return charged


def _plug_in(state, journal, chosen, start, chargers, draws, price, chance) -> None:
    cumulative = chance.cumsum(axis=0)
    fails = draws["failure"][chosen] < cumulative[-1]
    state.reason[chosen] = 1 + (draws["failure"][chosen] >= cumulative[:-1]).sum(0)
    state.is_charging[chosen] = True
    state.is_failing[chosen] = fails
    state.session_from[chosen] = start
    state.free_from[chosen] = start + lasts(draws["length"][chosen], chargers.session_minutes[chosen], fails)
    state.price[chosen] = price
    state.kilowatts[chosen] = np.where(fails, 0, mean_kilowatts(state, chosen, chargers, draws))
    state.cycles[chosen] += 1
    temperature = state.cabinet_c[chosen]
    journal.report(chosen[fails], start[fails], PREPARING, temperature[fails])
    journal.report(chosen[~fails], start[~fails], CHARGING, temperature[~fails])


def hold_back(state: State, rows: np.ndarray, start, end: float, power_share: np.ndarray) -> np.ndarray:
    """Note, and return in kWh, what a limit keeps from the sessions at chargers `rows` from minute `start` to `end`."""
    minutes = np.maximum(np.minimum(state.free_from[rows], end) - start, 0)
    kwh = state.kilowatts[rows] * (1 - power_share) * minutes / 60
    state.held_back_kwh[rows] += kwh
    return kwh


def lasts(u: np.ndarray, usual_minutes: np.ndarray, fails: np.ndarray) -> np.ndarray:
    """Minutes that sessions last, from uniform numbers `u`: lognormal about what is usual; a failed start is short."""
    length = usual_minutes * np.exp(_LENGTH_SPREAD * ndtri(u) - _LENGTH_SPREAD**2 / 2)
    return np.where(fails, _FAILED_START_MINUTES, np.maximum(length, _SHORTEST_MINUTES))


def mean_kilowatts(state: State, chosen: np.ndarray, chargers: Chargers, draws) -> np.ndarray:
    """Mean power (kW) of the sessions that begin at chargers `chosen`: what charger, car and taper allow (assumption).

    A Level 2 car takes 7.2 or 11.5 kW; a DC car 70 to 250 kW at first and, from a state of charge of 10-60 % to
    60-95 %, on average 45 to 90 % of that. Derating by heat comes on top.
    """
    car, charge = draws["car"][chosen], draws["charge"][chosen]
    level_2 = _LEVEL_2_CARS_KW[(car * 2).astype(int)]
    most = np.where(chargers.kind[chosen] == LEVEL_2, level_2, 70 + 180 * car)
    taper = np.where(chargers.kind[chosen] == LEVEL_2, 0.95, 0.90 - 0.45 * charge)
    power = np.minimum(most, chargers.power_kw[chosen])
    allowed = ambient_derating(state.inlet_c[chosen]) * connector_derating(state.connector_c[chosen])
    return power * taper * allowed


def end_sessions(state: State, journal: Journal, until: float, site: np.ndarray) -> None:
    """Close the sessions that end by minute `until`; a failed start's car waits for another port."""
    done = np.flatnonzero(state.is_charging & (state.free_from <= until))
    if not len(done):
        return
    failed = state.is_failing[done]
    state.failed_starts[done] += failed & (state.session_from[done] >= state.down_from[done])
    _close(state, journal, done, state.free_from[done], ~failed)
    journal.report(done, state.free_from[done], AVAILABLE, state.cabinet_c[done])
    state.queue += np.bincount(site[done[failed]], minlength=len(state.queue))


def cut_sessions(state: State, journal: Journal, failing: np.ndarray, minute: np.ndarray) -> None:
    """Chargers `failing` stop at their minutes, and what charges there has failed."""
    running = state.is_charging[failing]
    cut, minute = failing[running], minute[running]
    ended = ~state.is_failing[cut] & (state.free_from[cut] <= minute)  # just before
    state.reason[cut] = np.where(state.is_failing[cut], state.reason[cut], _REASON_OF[state.down[cut]])
    _close(state, journal, cut, np.minimum(state.free_from[cut], minute), ended)


def _close(state, journal, done, end, success) -> None:
    start = state.session_from[done]
    kwh = np.maximum(state.kilowatts[done] * (end - start) / 60 - state.held_back_kwh[done], 0)
    state.held_back_kwh[done] = 0
    state.is_charging[done] = False
    reason = np.where(success, 0, state.reason[done])
    journal.session(done, start, end, kwh, success, reason, state.price[done])


def start_failure_chance(state: State, scenario: Scenario) -> np.ndarray:
    """Chance (4, n) that a session fails to start for each of REASONS[1:]: a little anywhere, more in a bad state."""
    use = scenario.use
    chance = use.failed_starts * np.array(use.failed_shares)[:, None] + np.zeros(len(state.signal))
    chance[0] += use.failed_per_signal * np.maximum(state.signal, 0) * (scenario.effects.signal > 0)
    troubled = np.flatnonzero(state.trouble >= 0)
    chance[_REASON_OF[state.trouble[troubled]] - 1, troubled] += use.failed_in_trouble
    silent = np.flatnonzero(state.is_silent)
    chance[:, silent] = 0
    chance[_REASON_OF[state.down[silent]] - 1, silent] = 1
    return chance


def wait_minutes(queue, free_ports, working_ports, session_minutes) -> np.ndarray:
    """Minutes a car that comes now would wait at each site: none while a port is free, else until its turn comes.

    With all working ports busy one comes free every session / ports; those in the queue go first. Nobody waits for
    more than two hours; at a site without a working port that is the answer.
    """
    turn = (queue + 1) * session_minutes / np.maximum(working_ports, 1)
    wait = np.where(working_ports > 0, np.minimum(turn, _LONGEST_WAIT), _LONGEST_WAIT)
    return np.where(free_ports > 0, 0.0, wait)
