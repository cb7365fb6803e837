"""How likely each of the 13 causes is to stop a charger, from the state that the charger is in."""

import numpy as np

from . import causes
from .chargers import Chargers
from .parameters import Scenario
from .thermal import arrhenius, cycle_factor

_USUAL_MOISTURE, _USUAL_NIGHT, _USUAL_URBAN = 0.2, 1 / 3, 0.14
_USUAL_AMBIENT_C, _USUAL_CABINET_C, _USUAL_SWING_K = 20.0, 38.0, 18.0
_USUAL_AGE_YEARS, _USUAL_SERVICE_HOURS = 3.0, 60 * 24.0


def drivers(state, here, chargers: Chargers, scenario: Scenario) -> dict[int, np.ndarray]:
    """Log of what the state makes of a cause's mean rate, by cause, arrays (n,); causes without drivers are left out.

    `state` is the world's, `here` what is around each charger (world.Here). Every term is an effect times a centred
    driver, so that an effect of zero is a factor of one.
    """
    e = scenario.effects
    cycles = np.log(np.maximum(state.cycles, 10) / chargers.usual_cycles)
    night, urban = here.is_night - _USUAL_NIGHT, chargers.is_urban - _USUAL_URBAN
    return {
        causes.COMMS: e.signal * state.signal - e.signal**2 / 2,
        causes.HMI: e.display_heat * (here.ambient_c - _USUAL_AMBIENT_C)
        + e.display_age * np.log(np.maximum(here.age_years, 0.1) / _USUAL_AGE_YEARS),
        causes.GFCI: e.moisture * (here.moisture - _USUAL_MOISTURE),
        causes.CABLE: e.cable_cycles * cycles,
        causes.LOCK: e.lock_cycles * cycles,
        causes.CONTACTOR: e.contactor_cycles * cycles,
        causes.MODULE: _module(state.cabinet_c, here.ambient_c, e),
        causes.COOLING: e.service_age * np.log(np.maximum(state.service_hours, 24) / _USUAL_SERVICE_HOURS),
        causes.VANDAL: e.night * night + e.urban * urban,
    }


def rates(state, here, chargers: Chargers, scenario: Scenario) -> np.ndarray:
    """Hazard per hour of each cause, shape (13, n), for chargers that work: base rate x frailty x drivers.

    `cooling_thermal` adds thermal wear 6e-5 exp(.16 (T - 55)), and what is `sudden` comes on top.
    """
    e = scenario.effects
    hazard = chargers.base_rate.copy()
    for cause, log_factor in drivers(state, here, chargers, scenario).items():
        hazard[cause] *= np.exp(np.clip(log_factor, -6, 4))
    wear = e.wear_per_hour * np.exp(np.minimum(e.wear_per_k * (state.cabinet_c - 55), 5))
    hazard[causes.COOLING] += scenario.rates * wear
    for cause, extra in sudden(state, here, chargers, scenario).items():
        hazard[cause] += extra
    return hazard


def sudden(state, here, chargers: Chargers, scenario: Scenario) -> dict[int, np.ndarray]:
    """The part of the hazards (n,) per hour that comes without a warning, by cause.

    The protective trip above a cabinet's limit, and the shocks that all chargers of a firmware version share.
    """
    shock = scenario.effects.shock * here.is_shocked * chargers.base_rate[causes.FIRMWARE]
    return {
        causes.COOLING: trip_rate(state.cabinet_c, chargers.trip_limit_c, scenario),
        causes.FIRMWARE: shock,
    }


def trip_rate(cabinet_c: np.ndarray, limit_c: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Hazard per hour of a protective shutdown: a steep logistic step at the cabinet's limit."""
    e = scenario.effects
    return e.trip_per_hour / (1 + np.exp(np.clip((limit_c - cabinet_c) / e.trip_width_k, -50, 50)))


def announced_share(scenario: Scenario) -> np.ndarray:
    """Share of each cause's failures (13,) that begin with hours of precursors."""
    return causes.column("warned_share") * scenario.effects.warned


def split(state, here, chargers: Chargers, scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """(stopping, entering): rates (13, n) of failing now, and of falling into trouble that announces a failure.

    A charger in trouble (`state.trouble`: index of the cause, -1 for none) fails of it within `lead_hours` on
    average, besides all else.
    """
    hazard, share = rates(state, here, chargers, scenario), announced_share(scenario)
    entering = share[:, None] * hazard
    for cause, extra in sudden(state, here, chargers, scenario).items():
        entering[cause] -= share[cause] * extra
    stopping = hazard - entering
    entering *= state.trouble < 0
    troubled = np.flatnonzero(state.trouble >= 0)
    stopping[state.trouble[troubled], troubled] += 1 / scenario.effects.lead_hours
    return stopping, np.maximum(entering, 0)


def pick(rates: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The cause (n,) that competing rates (13, n) draw by uniform numbers (n,)."""
    cumulative = np.cumsum(rates, axis=0)
    return (cumulative < u * cumulative[-1]).sum(0).clip(max=len(rates) - 1)


def _module(cabinet_c: np.ndarray, ambient_c: np.ndarray, e) -> np.ndarray:
    swing = np.clip(cabinet_c - ambient_c, 5, 50)
    factor = arrhenius(cabinet_c, _USUAL_CABINET_C, e.module_energy_ev)
    return np.log(factor * cycle_factor(swing, _USUAL_SWING_K, e.module_swing))
