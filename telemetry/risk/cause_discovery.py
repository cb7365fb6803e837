"""Groups of failures that resemble each other, found without labels: for causes that nobody has a name for yet.

Events, not half-hours: log counts, scaled by median and spread, the kind of hardware taken out by regression. K-Means
finds the groups, a Gaussian mixture is fitted for comparison; how many there are is told by the silhouette among those
numbers that two resamples agree on.
"""

from dataclasses import dataclass

import numpy as np

from .cause_evidence import Failures
from .charger_features import SOFT

NUMBERS = range(4, 17)  # of groups that are tried
STABLE_FROM = 0.8  # adjusted Rand index between two resamples
MOST_EVENTS = 4_000  # that are looked at; more say the same and take longer
_RESAMPLES = 4
_LIFT_FROM = 2.0
_COUNTS = tuple(f"{name}_24h" for name in SOFT)
_OTHERS = ("failed_starts_24h", "cabinet_over_model_k", "is_offline", "siblings_at_once", "is_wet")
_HARDWARE = ("kind", "power_kw")
_CODE_WEIGHT, _SILHOUETTE_ROWS = 1.5, 1_500


@dataclass(frozen=True)
class Groups:
    """Groups of n failures: `of` each its number, and per group its size, name by lift and typical evidence."""

    of: np.ndarray
    count: int
    silhouette: float
    stability: float  # mean adjusted Rand index between resamples
    tried: list[dict]  # of each number of groups: count, silhouette, stability
    lines: list[dict]  # of each group: number, size, name, lifts
    mixture: np.ndarray  # groups (n,) of the Gaussian mixture of as many


def event_space(failures: Failures) -> np.ndarray:
    """Points (n, d) in which resembling failures lie near each other."""
    counts = np.log1p(np.column_stack([failures.column(name) for name in _COUNTS]))
    others = np.column_stack([failures.column(name) for name in _OTHERS])
    numbers = _scaled(np.nan_to_num(np.hstack([counts, others])))
    return _without_hardware(np.hstack([numbers, _code_columns(failures)]), failures)


def discover(failures: Failures, seed: int = 0) -> Groups:
    """Group n failures. Raises ValueError where there are too few."""
    from sklearn.mixture import GaussianMixture

    if len(failures) < 10 * max(NUMBERS):
        raise ValueError(f"at least {10 * max(NUMBERS)} failures are needed to look for groups")
    points = event_space(failures)
    numbers = [count for count in NUMBERS if count <= len(np.unique(points, axis=0))]
    if not numbers:
        raise ValueError("the failures are too much alike to look for groups")
    rng = np.random.default_rng(seed)
    tried = [_tried(points, count, rng, seed) for count in numbers]
    stable = [line for line in tried if line["stability"] >= STABLE_FROM] or tried
    best = max(stable, key=lambda line: line["silhouette"])
    of = _k_means(points, best["count"], seed).labels_
    mixture = GaussianMixture(best["count"], covariance_type="diag", reg_covar=1e-3, random_state=seed)
    lines = [_line(number, of == number, failures) for number in range(best["count"])]
    return Groups(
        of, best["count"], best["silhouette"], best["stability"], tried, lines, mixture.fit_predict(points)
    )  # fmt: skip


def four_raw_groups(failures: Failures, seed: int = 0) -> np.ndarray:
    """The baseline: K-Means with 4 groups on raw numbers of mixed units and the label code of the hardware."""
    names = ("site_load", "ambient_c", "power_kw", "kind", "hour", "cabinet_c")
    raw = np.nan_to_num(np.column_stack([failures.column(name) for name in names]))
    return _k_means(raw, 4, seed).labels_


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Adjusted Rand index of two groupings: 0 as by chance, 1 the same."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))


def named(groups: Groups, cause: np.ndarray) -> list[dict]:
    """The groups' lines with the cause that is most frequent among their labelled failures; `cause` is "" without."""
    lines = []
    for line in groups.lines:
        labelled = cause[(groups.of == line["number"]) & (cause != "")]
        names, count = np.unique(labelled, return_counts=True)
        most = int(count.argmax()) if len(count) else -1
        likely = {"cause": str(names[most]), "share": float(count[most] / count.sum())} if len(count) else {}
        lines.append({**line, "labelled": len(labelled), **likely})
    return lines


def _tried(points: np.ndarray, count: int, rng, seed: int) -> dict:
    from sklearn.metrics import silhouette_score

    labels = _k_means(points, count, seed).labels_
    rows = rng.choice(len(points), min(len(points), _SILHOUETTE_ROWS), replace=False)
    many = len(np.unique(labels[rows])) > 1
    drawn = [points[rng.integers(0, len(points), len(points))] for _ in range(_RESAMPLES)]
    fits = [_k_means(one, count, seed + number) for number, one in enumerate(drawn)]
    groups = [fit.predict(points) for fit in fits]
    agreed = [agreement(groups[a], groups[b]) for a in range(_RESAMPLES) for b in range(a)]
    width = float(silhouette_score(points[rows], labels[rows])) if many else -1.0
    return {"count": count, "silhouette": width, "stability": float(np.mean(agreed))}


def _k_means(points: np.ndarray, count: int, seed: int):
    from sklearn.cluster import KMeans

    distinct = len(np.unique(points, axis=0))  # a sample of few failures may hold fewer points than groups
    return KMeans(min(count, distinct), n_init=4, random_state=seed).fit(points)


def _scaled(values: np.ndarray) -> np.ndarray:
    """Centred at the median, in units of the middle 90 % and within three of them: counts have long tails."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    spread = np.where(high > low, high - low, np.maximum(values.std(axis=0), 1e-9))
    return np.clip((values - middle) / spread, -3, 3)


def _code_columns(failures: Failures) -> np.ndarray:
    """A column for each code: the vendor's where there is one, else that of OCPP."""
    said = np.where(failures.vendor_code != "", failures.vendor_code, failures.error_code)
    return _CODE_WEIGHT * (said[:, None] == np.unique(said)[None, :])


def _without_hardware(points: np.ndarray, failures: Failures) -> np.ndarray:
    """What is left of the points when the kind of charger has explained what it can (means by kind and power)."""
    hardware = np.column_stack([failures.column(name) for name in _HARDWARE])
    _, kind = np.unique(hardware, axis=0, return_inverse=True)
    kind = kind.ravel()
    count = np.bincount(kind)
    means = np.column_stack([np.bincount(kind, column) / count for column in points.T])
    return points - means[kind] + points.mean(axis=0)


def _line(number: int, inside: np.ndarray, failures: Failures) -> dict:
    """A group's size, and its name: the codes and signals that are more frequent in it than elsewhere."""
    said = np.where(failures.vendor_code != "", failures.vendor_code, failures.error_code)
    marks = {f"code {code or 'none'}": said == code for code in np.unique(said).tolist()}
    marks |= {name.removesuffix("_24h").replace("_", " "): failures.column(name) > 0 for name in _COUNTS}
    marks |= {"whole site": failures.column("siblings_at_once") > 0.5, "silent": failures.column("is_offline") > 0}
    lifts = {name: _lift(mark, inside) for name, mark in marks.items() if mark[inside].mean() >= 0.2}
    strongest = sorted((name for name in lifts if lifts[name] >= _LIFT_FROM), key=lambda name: -lifts[name])[:3]
    return {
        "number": number,
        "size": int(inside.sum()),
        "name": ", ".join(strongest) or "nothing that stands out",
        "lifts": {name: round(lifts[name], 1) for name in strongest},
    }


def _lift(mark: np.ndarray, inside: np.ndarray) -> float:
    """How many times as frequent inside as outside; at most 100, where it is never seen outside."""
    outside = mark[~inside].mean() if (~inside).any() else 0.0
    return float(min(mark[inside].mean() / max(outside, 1e-9), 100.0))
