"""Why a site scores as it does, in plain words."""

import numpy as np

HOT_F = 95.0


def reasons(
    utilization: np.ndarray, usual_utilization: np.ndarray, temperature_f: np.ndarray, wait_minutes: np.ndarray
) -> list[str]:
    """One line for each of n sites that names what is out of the ordinary; units are in the words."""
    rows = zip(utilization, usual_utilization, temperature_f, wait_minutes, strict=True)
    return [_reason(*map(float, row)) for row in rows]


def _reason(utilization: float, usual: float, temperature_f: float, wait_minutes: float) -> str:
    parts = []
    if utilization >= usual + 0.15:
        parts.append(f"{utilization:.0%} of working ports in use, usually {usual:.0%}")
    if temperature_f >= HOT_F:
        parts.append(f"{temperature_f:.0f} °F")
    if wait_minutes >= 1:
        parts.append(f"{wait_minutes:.0f} min wait")
    return "; ".join(parts) or "the mix of place, time and weather resembles past outages"
