"""A risk for the time before a model is trained: heat, load and queue, in one formula that fits on a line."""

import numpy as np


def rule_score(utilization: np.ndarray, temperature_f: np.ndarray, wait_minutes: np.ndarray) -> np.ndarray:
    """Risk between 0 and 1 of n sites from utilization (0-1), ambient temperature (°F) and wait (minutes).

    A logistic curve set by hand, not fitted: a quiet site in mild weather scores under 5 %, a full one at 105 °F
    with a long queue over 90 %.
    """
    heat = np.maximum(temperature_f - 85, 0) / 20
    load = np.maximum(utilization - 0.6, 0) / 0.4
    queue = np.minimum(wait_minutes, 60) / 60
    return 1 / (1 + np.exp(-(-3.5 + 2.5 * heat + 2.5 * load + 2 * queue)))
