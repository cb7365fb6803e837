"""Whether failures can be forecast from a history at all, before anyone trusts a score."""

import numpy as np

from .forecast import fit
from .measures import interval, site_weights
from .rows import Rows, split

LEAST_POSITIVES = 30
MODEL = "logistic"


def audit(rows: Rows, horizon_hours: float, seed: int = 0) -> dict:
    """A plain logistic curve fitted on the first part of the time and measured on the last: its AUC with an interval.

    has_signal is true where the 95 % interval, by bootstrap over sites, lies above .5: a ranking that luck would hardly
    give. {"auc": {"value", "interval"} or None, "has_signal", "positives": [learnt from, tested on], "sentence"}.
    """
    cut = split(rows.second, horizon_hours)
    positives = [int(rows.y[part].sum()) for part in (cut.train, cut.test)]
    if min(positives) < LEAST_POSITIVES or rows.y[cut.test].all():
        said = (
            f"There are too few outages to tell: {positives[0]:,} to learn from and {positives[1]:,} to test on,"
            f" {LEAST_POSITIVES} of each are needed."
        )
        return {"has_signal": False, "auc": None, "positives": positives, "sentence": said}
    test = rows.where(cut.test)
    score = fit(MODEL, rows, cut, horizon_hours, seed, calibrated=False).raw(test.features)
    area = _AreaUnderCurve(score, test.y)
    auc = {
        "value": area(np.ones(len(test))),
        "interval": interval(np.array([area(weight) for weight in site_weights(test.site, seed=seed)])),
    }
    has_signal = auc["interval"][0] > 0.5
    figures = (
        f"AUC {auc['value']:.3f}, 95 % interval {auc['interval'][0]:.3f} to {auc['interval'][1]:.3f}; .5 is a coin"
    )
    said = f"There is no signal: failures in this history cannot be told apart from luck ({figures})."
    if has_signal:
        said = f"Failures in this history can be forecast to some degree: {figures}."
    return {"has_signal": has_signal, "auc": auc, "positives": positives, "sentence": said}


class _AreaUnderCurve:
    """Chance that a row that failed scores above one that did not, for any weights; ties count half."""

    def __init__(self, score: np.ndarray, failed: np.ndarray) -> None:
        _, self.group = np.unique(score, return_inverse=True)
        self.failed = failed.astype("f8")

    def __call__(self, weights: np.ndarray) -> float:
        bad = np.bincount(self.group, weights * self.failed)
        good = np.bincount(self.group, weights * (1 - self.failed))
        below = np.cumsum(good) - good
        total = bad.sum() * good.sum()
        return float((bad * (below + good / 2)).sum() / total) if total > 0 else float("nan")
