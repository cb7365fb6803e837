"""How good a forecast is, each measure with an interval by resampling whole sites.

Sites are resampled, not rows: the rows of a charger, and the chargers of a site, have their luck in common.
"""

from collections.abc import Callable

import numpy as np

from .forecast import logistic_line, logit

RESAMPLES = 200
_BINS = 10


def average_precision(score: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under precision and recall of (n,) scores; rows of one score count together."""
    order = np.argsort(-score, kind="stable")
    return _average_precision(_last_of_ties(score[order]), y[order], None if weight is None else weight[order])


def area_under_roc(score: np.ndarray, y: np.ndarray) -> float:
    """Chance that a row with an outage scores above one without, ties counting half."""
    order = np.argsort(score, kind="stable")
    _, inverse, count = np.unique(score[order], return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]
    hits = y[order].astype(bool)
    positives, negatives = hits.sum(), (~hits).sum()
    if not positives or not negatives:
        return float("nan")
    return float((rank[hits].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def site_weights(site: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each row counts in each of `resamples` draws of as many sites as there are: (resamples, n) int16."""
    names, place = np.unique(site, return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return counts.astype("i2")[:, place]


def interval(values: np.ndarray) -> list[float]:
    """The middle 95 % of what resampling gave."""
    values = values[np.isfinite(values)]
    return [float(v) for v in np.quantile(values, [0.025, 0.975])] if len(values) else [float("nan")] * 2


def measured(measure: Callable[[np.ndarray | None], float], weights: np.ndarray) -> dict:
    """A measure of all rows (weight None) and its interval over the resamples."""
    return {"value": float(measure(None)), "interval": interval(np.array([measure(w) for w in weights]))}


def precision_measure(score: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray | None], float]:
    """Average precision as a measure of weights; sorts once."""
    order = np.argsort(-score, kind="stable")
    last, hits = _last_of_ties(score[order]), y[order]
    return lambda weight: _average_precision(last, hits, None if weight is None else weight[order])


def brier_skill_measure(risk: np.ndarray, reference: np.ndarray, y: np.ndarray):
    """1 - Brier score / that of `reference`, as a measure of weights."""
    own, other = np.square(risk - y), np.square(reference - y)
    return lambda weight: 1 - np.average(own, weights=weight) / np.average(other, weights=weight)


def slope_measure(risk: np.ndarray, y: np.ndarray, part: int = 1):
    """Calibration slope (or, with part 0, the intercept) of the outcome on the logit of the risk."""
    x = logit(risk)
    return lambda weight: logistic_line(x, y, weight)[part]


def reliability(risk: np.ndarray, y: np.ndarray, weights: np.ndarray) -> list[dict]:
    """Tenths of the rows by risk: mean risk, observed frequency with its interval, rows."""
    order = np.argsort(risk, kind="stable")
    return [
        {
            "risk": float(risk[rows].mean()),
            "rows": len(rows),
            **_frequency(y[rows], weights[:, rows]),
        }
        for rows in np.array_split(order, _BINS)
        if len(rows)
    ]


def precision_recall_curve(risk: np.ndarray, y: np.ndarray, points: int = 60) -> list[list[float]]:
    """[recall, precision] along falling risk."""
    hits = np.cumsum(y[np.argsort(-risk, kind="stable")])
    at = np.unique(np.geomspace(1, len(y), points).astype(int)) - 1
    return [[float(hits[i] / hits[-1]), float(hits[i] / (i + 1))] for i in at] if hits[-1] else []


def _frequency(y: np.ndarray, weights: np.ndarray) -> dict:
    total = weights.sum(axis=1)
    shares = np.where(total > 0, (weights * y).sum(axis=1) / np.maximum(total, 1), np.nan)
    return {"observed": float(y.mean()), "interval": interval(shares)}


def _last_of_ties(falling: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.append(np.diff(falling) != 0, True))


def _average_precision(last: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> float:
    weight = np.ones(len(y)) if weight is None else weight
    hits, all_ = np.cumsum(weight * y)[last], np.cumsum(weight, dtype="f8")[last]
    if not hits[-1]:
        return float("nan")
    return float((np.diff(hits, prepend=0) * hits / np.maximum(all_, 1e-9)).sum() / hits[-1])
