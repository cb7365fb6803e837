"""What a site at risk may cost, in two numbers: one with a unit and one without."""

import numpy as np

DC_ABOVE_KW = 22.0
DC_DELIVERED_SHARE = 0.5  # a DC session tapers: on average half of the rated power (assumption)


def revenue_at_risk_index(price: np.ndarray, utilization: np.ndarray, session_minutes: np.ndarray) -> np.ndarray:
    """Price per kWh x utilization x average session minutes: an order to sort by, without a unit."""
    return price * utilization * session_minutes


def expected_loss_per_hour(
    price: np.ndarray,
    per_minute: np.ndarray,
    power_kw: np.ndarray,
    utilization: np.ndarray,
    ports_working: np.ndarray,
    ports_out: np.ndarray,
    risk: np.ndarray,
) -> np.ndarray:
    """Expected loss of n sites in money per hour, an estimate: ports that are down, plus those that may go down.

    (ports out + risk x working ports) x utilization x mean kW delivered x price per kWh; a price per minute counts
    60 minutes an hour instead of power. `utilization` (0-1) stands for the chance that a port would have been used.

    >>> expected_loss_per_hour(*map(np.array, [[0.45], [False], [150.0], [0.8], [0], [8], [0.0]])).round(2).tolist()
    [216.0]
    """
    delivered_kw = power_kw * np.where(power_kw > DC_ABOVE_KW, DC_DELIVERED_SHARE, 1.0)
    earned = price * np.where(per_minute, 60.0, delivered_kw)
    return (ports_out + risk * ports_working) * utilization * earned
