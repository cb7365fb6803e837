"""The state classifier: which of the four station states a reading looks like.

It describes the present rather than the future: a wait is only possible when no port is free, and ports are taken
away by the very outage that is to be told. It is kept because the original network was scored this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .features import FEATURES
from .measures import measured, precision_measure, site_weights

if TYPE_CHECKING:  # scikit-learn takes seconds to import: only who trains or loads a model waits for it
    from sklearn.ensemble import RandomForestClassifier

OUTAGE_CLASSES = (1, 3)  # partial outage, offline
TRAIN_SHARE = 0.8
WAIT = "estimated_wait_time_mins"


@dataclass(frozen=True)
class Trained:
    """A fitted forest and how it did on the last fifth of the history."""

    model: RandomForestClassifier
    metrics: dict


def train(
    features: np.ndarray, status: np.ndarray, seed: int = 0, jobs: int = -1, site: np.ndarray | None = None
) -> Trained:
    """Fit 100 trees of depth 15 to readings in order of time: the first 80 % train, the last 20 % test.

    `features` is (n, 21) float32, `status` (n,) the state 0-3, `site` (n,) whose readings they are: intervals come from
    drawing whole sites, and without it from drawing rows. Classes are weighed as if equally frequent, which is how the
    original did it and why its numbers are no probabilities. Each tree sees a tenth of the rows: as good, ten times
    faster. The same forest without the wait is fitted beside it and measured, because the wait tells the state.
    Raises ValueError when the first 80 % hold no outage, or nothing but outages.
    """
    cut = int(len(status) * TRAIN_SHARE)
    if len(np.unique(np.isin(status[:cut], OUTAGE_CLASSES))) < 2:
        raise ValueError("the first four fifths of the history hold no outage, or nothing else")
    without = np.delete(features, FEATURES.index(WAIT), axis=1)
    forest, blind = (_forest(columns[:cut], status[:cut], seed, jobs) for columns in (features, without))
    metrics = {
        "train_rows": cut,
        "test_rows": len(status) - cut,
        "importances": _importances(forest, FEATURES),
        "importances_without_wait": _importances(blind, [name for name in FEATURES if name != WAIT]),
    }
    outage = np.isin(status[cut:], OUTAGE_CLASSES)
    metrics["prevalence"] = float(outage.mean()) if len(outage) else None
    if outage.any():
        scores = score(forest, features[cut:], jobs=-1), score(blind, without[cut:], jobs=-1)
        metrics |= _compared(*scores, outage, site_weights(np.arange(len(outage)) if site is None else site[cut:]))
    return Trained(forest, metrics)


def score(model: RandomForestClassifier, features: np.ndarray, jobs: int = 1) -> np.ndarray:
    """P(partial outage) + P(offline) of each of n readings: (n,) float64 between 0 and 1.

    With one job the trees are asked directly: for a few hundred readings `predict_proba` spends most of its time on
    handing each of the hundred trees over to a scheduler. Both take the mean of the trees.
    """
    columns = [place for place, name in enumerate(model.classes_) if name in OUTAGE_CLASSES]
    if jobs == 1:
        features = np.ascontiguousarray(features, "f4")
        chances = sum(tree.tree_.predict(features) for tree in model.estimators_) / len(model.estimators_)
    else:
        from joblib import parallel_config

        model.n_jobs = jobs
        with parallel_config(backend="threading"):
            chances = model.predict_proba(features)
    return np.clip(chances[:, columns].sum(axis=1), 0, 1)


def average_precision(model: RandomForestClassifier, features: np.ndarray, status: np.ndarray) -> float:
    """Area under precision and recall of `score` for the readings (n,) whose state is an outage; some must be."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(np.isin(status, OUTAGE_CLASSES), score(model, features, jobs=-1)))


def _forest(features: np.ndarray, status: np.ndarray, seed: int, jobs: int) -> RandomForestClassifier:
    from joblib import parallel_config
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=100, max_depth=15, class_weight="balanced", max_samples=max(1, round(0.1 * len(features))),
        random_state=seed, n_jobs=jobs,
    )  # fmt: skip
    with parallel_config(backend="threading"):  # because a worker's process may not have processes of its own
        return forest.fit(features, status)


def _importances(forest: RandomForestClassifier, names) -> dict[str, float]:
    return dict(zip(names, np.round(forest.feature_importances_, 4).tolist(), strict=True))


def _compared(whole: np.ndarray, blind: np.ndarray, outage: np.ndarray, weights: np.ndarray) -> dict:
    """Average precision with and without the wait, and their paired difference, with intervals."""
    own, other = precision_measure(whole, outage), precision_measure(blind, outage)
    found = measured(own, weights)
    return {
        "average_precision": found["value"],
        "interval": found["interval"],
        "without_wait": measured(other, weights),
        "given_by_wait": measured(lambda weight: own(weight) - other(weight), weights),
    }
