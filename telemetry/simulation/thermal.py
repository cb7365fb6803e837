"""How hot cabinets and connectors get. °C, K, hours, kW; arrays of any one shape in, the same shape out."""

import numpy as np

from .parameters import Heat

_DERATING_LIMITS_C = np.array([35.0, 40.0, 45.0, 50.0, 55.0])
_DERATING = np.array([1.0, 0.90, 0.85, 0.75, 0.65, 0.0])
_MODULE_C, _MODULE_SHARE = (55.0, 75.0), (1.0, 0.5)
_CONNECTOR_C = (80.0, 90.0)
BOLTZMANN_EV_PER_K = 8.617333e-5


def ambient_derating(ambient_c: np.ndarray) -> np.ndarray:
    """Share of rated power allowed at an ambient temperature: ABB Terra 94-184, normal duty (manual, 10.14.2).

    Full up to 35 °C, 90 % to 40, 85 % to 45, 75 % to 50, 65 % to 55, none above.
    """
    return _DERATING[np.searchsorted(_DERATING_LIMITS_C, ambient_c)]


def module_derating(inlet_c: np.ndarray) -> np.ndarray:
    """Share of a 20 kW module's power: full to 55 °C, falling to half at 75 °C, none above."""
    return np.where(inlet_c > _MODULE_C[1], 0.0, np.interp(inlet_c, _MODULE_C, _MODULE_SHARE))


def connector_derating(connector_c: np.ndarray) -> np.ndarray:
    """Share of the current allowed: full to 80 °C, falling to a stop at 90 °C (assumption)."""
    return np.interp(connector_c, _CONNECTOR_C, (1.0, 0.0))


def settled_c(ambient_c, load, fouling, rise_k) -> np.ndarray:
    """Where a constant load (0-1) leads a cabinet, °C: ambient + rise x (1 + fouling) x load x derating."""
    return ambient_c + rise_k * (1 + fouling) * load * ambient_derating(ambient_c)


def approach(now, target, hours, time_constant_hours) -> np.ndarray:
    """First-order step response after `hours`: target + (now - target) e^(-hours / time constant)."""
    return target + (now - target) * np.exp(-hours / time_constant_hours)


def fouling_growth(load, cabinet_c, hours: float, heat: Heat) -> np.ndarray:
    """What `hours` at a load (0-1) and cabinet temperature (°C) add to the fouling of filters (share of heat)."""
    return heat.fouling_per_hour * load * np.exp(np.minimum(heat.fouling_per_k * (cabinet_c - 40), 2)) * hours


def contact_milliohm(cycles: np.ndarray, heat: Heat) -> np.ndarray:
    """Resistance (mOhm) of one contact after so many matings: three times the new one at `contact_cycles`."""
    return heat.contact_milliohm * (1 + 2 * (cycles / heat.contact_cycles))


def contact_watts(current_a: np.ndarray, milliohm: np.ndarray) -> np.ndarray:
    """Heat (W) of one contact, I²R: 4 W at 200 A and .1 mOhm, 25 W at 500 A."""
    return np.square(current_a) * milliohm / 1000


def connector_c(ambient_c, current_a, milliohm, minutes, heat: Heat) -> np.ndarray:
    """Connector temperature (°C) after `minutes` of a current from ambient."""
    rise = contact_watts(current_a, milliohm) * heat.contact_k_per_w
    return ambient_c + rise * -np.expm1(-minutes / heat.contact_minutes)


def arrhenius(temperature_c: np.ndarray, reference_c: float, energy_ev: float) -> np.ndarray:
    """Acceleration exp(Ea / k (1/T0 - 1/T)): about x1.4 per 10 K at .3 eV, x2.2-2.4 at .7 eV."""
    inverse = 1 / (reference_c + 273.15) - 1 / (np.asarray(temperature_c) + 273.15)
    return np.exp(energy_ev / BOLTZMANN_EV_PER_K * inverse)


def cycle_factor(swing_k: np.ndarray, reference_k: float, exponent: float) -> np.ndarray:
    """Coffin-Manson acceleration (swing / reference)^n: x4.1 from 40 to 60 K at n = 3.5."""
    return (np.asarray(swing_k) / reference_k) ** exponent
