"""Whether what a model is fed, or how often it is right, has moved away from what it was trained on."""

from collections.abc import Sequence

import numpy as np

WATCH, ACT = 0.1, 0.25  # population stability index; a convention, not a test
BINS = 10
LEAST_SITES, RESAMPLES = 5, 500  # of an interval
_LEAST = 1e-4  # share given to a bin that nobody is in, so that its logarithm exists


def reference(features: np.ndarray, names: Sequence[str]) -> list[dict]:
    """What `features` (n, k) of the training look like, one dict per column, to be kept with the model as JSON.

    Each has the name, the `edges` between at most ten bins of equal count (fewer where values repeat), the `shares`
    of the rows with a value in each bin, and the share `missing` (NaN).
    """
    return [_column(features[:, place].astype("f8"), name) for place, name in enumerate(names)]


def drift(kept: Sequence[dict], features: np.ndarray) -> list[dict]:
    """Each column of `features` (n, k) against what `reference` kept: psi, missing now and then, and a verdict.

    psi = sum((a - e) ln(a / e)) over the bins, a and e the shares now and in training; None where nothing has a value.
    """
    return [_compared(one, features[:, place].astype("f8")) for place, one in enumerate(kept)]


def stability_index(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two arrays of shares.

    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.5, 0.5])), 3)
    0.0
    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.75, 0.25])), 3)
    0.275
    """
    expected, actual = np.maximum(expected, _LEAST), np.maximum(actual, _LEAST)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def verdict(index: float | None) -> str:
    """ "steady", "watch" (above .1) or "act" (above .25); "unknown" without an index."""
    if index is None:
        return "unknown"
    return "act" if index > ACT else "watch" if index > WATCH else "steady"


def calibration(site: np.ndarray, expected: np.ndarray, observed: np.ndarray, counts: np.ndarray) -> dict | None:
    """Calibration in the large: the mean of forecast risks against the share that came true.

    Of n groups of forecasts, each of one site: `site` (n,), `expected` the sum of their risks, `observed` how many came
    true, `counts` how many they are. {forecasts, sites, predicted, observed {value, interval}, gap {value, interval}},
    where gap is predicted - observed; the 95 % intervals come from drawing whole sites, because forecasts of one site
    for hours that overlap have their outcome in common. With fewer than 5 sites they are None; None without a forecast.
    """
    total = float(counts.sum())
    if total == 0:
        return None
    names, place = np.unique(site, return_inverse=True)
    sums = np.stack([np.bincount(place, values, len(names)) for values in (expected, observed, counts)])
    drawn = np.zeros((3, 0))
    if len(names) >= LEAST_SITES:
        draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
        drawn = sums @ draws.T
    predicted, came_true = float(expected.sum()) / total, float(observed.sum()) / total
    return {
        "forecasts": int(total),
        "sites": len(names),
        "predicted": predicted,
        "observed": {"value": came_true, "interval": _interval(drawn[1] / drawn[2])},
        "gap": {"value": predicted - came_true, "interval": _interval((drawn[0] - drawn[1]) / drawn[2])},
    }


def _interval(values: np.ndarray) -> list[float | None]:
    return [float(value) for value in np.quantile(values, [0.025, 0.975])] if len(values) else [None, None]


def _column(values: np.ndarray, name: str) -> dict:
    known = values[np.isfinite(values)]
    quantiles = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]) if len(known) else np.zeros(0)
    edges = np.unique(quantiles)
    return {
        "name": name,
        "edges": edges.tolist(),
        "shares": _shares(known, edges).tolist(),
        "missing": float(1 - len(known) / max(len(values), 1)),
    }


def _shares(known: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return counts / max(len(known), 1)


def _compared(kept: dict, values: np.ndarray) -> dict:
    known = values[np.isfinite(values)]
    index = None
    if len(known):
        index = stability_index(np.array(kept["shares"]), _shares(known, np.array(kept["edges"])))
    return {
        "name": kept["name"],
        "psi": index,
        "verdict": verdict(index),
        "missing": float(1 - len(known) / max(len(values), 1)),
        "missing_then": kept["missing"],
    }
