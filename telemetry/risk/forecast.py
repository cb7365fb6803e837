"""The forecast: the probability that a working charger starts an outage within the horizon; or a site, by its readings.

scikit-learn takes seconds to import: only who fits or loads a forecast waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rows import Rows, Split, joined

ISOTONIC_FROM = 1_000  # positives in the calibration block; with fewer, isotonic steps made ranking and Brier worse
TREE_SHARE = 0.1  # of the rows that each tree is fitted on
MOST_TREE_ROWS = 100_000  # that a tree is fitted on: beyond, it takes longer and ranks no better
MOST = 0.995  # no forecast is certain, though every row of a step may have come true
_LOWEST = 1e-4


@dataclass(frozen=True)
class Forecast:
    """A fitted and calibrated model, small enough to be kept with joblib."""

    name: str
    horizon_hours: float
    features: tuple[str, ...]
    model: object
    calibration: object = None

    def raw(self, features: np.ndarray) -> np.ndarray:
        """What the model says of (n, k) rows before calibration: (n,) float64, to rank by."""
        return _chance(self.model, features)

    def risk(self, features: np.ndarray) -> np.ndarray:
        """Calibrated probability (n,) float64 that an outage starts within the horizon."""
        raw = self.raw(features)
        return np.clip(raw if self.calibration is None else self.calibration(raw), 0, MOST)


class Sigmoid:
    """Logistic calibration: 1 / (1 + exp(-(a + b logit p)))."""

    def __init__(self, raw: np.ndarray, y: np.ndarray):
        self.intercept, self.slope = logistic_line(logit(raw), y)

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip(self.intercept + self.slope * logit(raw), -30, 30)))


class Isotonic:
    """The best rising step function, joined by straight lines."""

    def __init__(self, raw: np.ndarray, y: np.ndarray):
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(out_of_bounds="clip").fit(raw, y)
        self.x, self.y = steps.X_thresholds_, steps.y_thresholds_

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        return np.interp(raw, self.x, self.y)


class Climatology:
    """The mean of the kind of charger and the hour of the day, and nothing else."""

    def __init__(self, features: np.ndarray, y: np.ndarray, names: tuple[str, ...]):
        self.places = [names.index(name) for name in ("kind", "hour")]
        key = self._key(features)
        count, hits = np.bincount(key, minlength=24 * 8), np.bincount(key, y, minlength=24 * 8)
        self.mean = (hits + 50 * y.mean()) / (count + 50)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return self.mean[self._key(features)]

    def _key(self, features: np.ndarray) -> np.ndarray:
        kind, hour = (features[:, place].astype(int) for place in self.places)
        return kind.clip(0, 7) * 24 + hour


class Column:
    """One feature as it is: what persistence and the shrunken rate of a charger come to."""

    def __init__(self, place: int, scale: float = 1.0):
        self.place, self.scale = place, scale

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return 1 - np.exp(-self.scale * features[:, self.place].astype("f8"))


def fit(name: str, rows: Rows, cut: Split, horizon_hours: float, seed: int = 0, calibrated: bool = True,
        besides: Rows | None = None) -> Forecast:  # fmt: skip
    """Fit one of MODELS on the training rows and on those of `besides` from their time; calibrate on the next block.

    Rows keep the frequencies they have: weighing classes as if equally frequent makes probabilities useless. Raises
    ValueError when the training rows hold no outage, or nothing else.
    """
    train = rows.where(cut.train)
    if besides is not None and len(besides):
        known = besides.where(besides.second <= train.second.max())
        train = joined(train, *[known] * round(1 / TREE_SHARE))  # so that each tree sees nearly all of what is rare
    if not 0 < train.y.sum() < len(train):
        raise ValueError("the training rows hold no outage, or nothing but outages")
    model = MODELS[name](train, horizon_hours, seed)
    forecast = Forecast(name, horizon_hours, rows.names, model)
    block = rows.where(cut.calibration)
    if not calibrated or name == "climatology" or not 0 < block.y.sum() < len(block):
        return forecast
    kind = Isotonic if block.y.sum() >= ISOTONIC_FROM else Sigmoid
    return Forecast(name, horizon_hours, rows.names, model, kind(forecast.raw(block.features), block.y))


def _random_forest(rows: Rows, horizon_hours: float, seed: int):
    """Each tree sees a tenth of the rows, and no more than it needs: as good, ten times faster."""
    from joblib import parallel_config
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=100, max_depth=14, min_samples_leaf=10, max_features=0.3,
        max_samples=max(1, min(round(TREE_SHARE * len(rows)), MOST_TREE_ROWS)), random_state=seed, n_jobs=-1,
    )  # fmt: skip
    with parallel_config(backend="threading"):  # because a worker's process may not have processes of its own
        return forest.fit(rows.features, rows.y)


def _boosting(rows: Rows, horizon_hours: float, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosting = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=15, l2_regularization=1.0, random_state=seed
    )
    return boosting.fit(rows.features, rows.y)


def _logistic(rows: Rows, horizon_hours: float, seed: int):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    squash = FunctionTransformer(signed_log)
    return make_pipeline(squash, StandardScaler(), LogisticRegression(max_iter=300)).fit(rows.features, rows.y)


def signed_log(values: np.ndarray) -> np.ndarray:
    """log(1 + |x|) with the sign of x, because counts have long tails."""
    return np.sign(values) * np.log1p(np.abs(values))


MODELS = {
    "random_forest": _random_forest,
    "boosting": _boosting,
    "logistic": _logistic,
    "shrunken_rate": lambda rows, horizon, seed: Column(rows.names.index("outage_rate"), horizon),
    "persistence": lambda rows, horizon, seed: Column(rows.names.index("outages_24h")),
    "climatology": lambda rows, horizon, seed: Climatology(rows.features, rows.y, rows.names),
}
MAIN, BASELINE = "random_forest", "persistence"


def _chance(model, features: np.ndarray) -> np.ndarray:
    """P(outage) of a model. The forest's trees are asked directly: `predict_proba` mostly hands them to a scheduler."""
    features = np.ascontiguousarray(features, "f4")
    if not hasattr(model, "predict_proba"):
        return np.asarray(model(features), "f8")
    if not hasattr(model, "estimators_") or len(features) > 100_000:
        from joblib import parallel_config

        with parallel_config(backend="threading"):
            return model.predict_proba(features)[:, 1]
    return sum(tree.tree_.predict(features)[:, 1] for tree in model.estimators_) / len(model.estimators_)


def logit(p: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), with p kept away from 0 and 1."""
    p = np.clip(p, _LOWEST, 1 - _LOWEST)
    return np.log(p / (1 - p))


def logistic_line(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of y on one x (n,), by Newton's method, slightly damped."""
    weight = np.ones(len(x)) if weight is None else weight
    a, b = 0.0, 1.0
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(a + b * x, -30, 30)))
        error, spread = weight * (y - p), weight * p * (1 - p) + 1e-12
        gradient = np.array([error.sum(), (error * x).sum()])
        hessian = np.array([[spread.sum(), (spread * x).sum()], [(spread * x).sum(), (spread * x * x).sum()]])
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        step /= max(1.0, np.abs(step).max())  # because full steps run away where nearly all x are the same
        a, b = a + step[0], b + step[1]
        if np.abs(step).max() < 1e-8:
            break
    return float(a), float(b)
