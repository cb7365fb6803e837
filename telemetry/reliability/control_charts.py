"""Whether a process changed over time: Shewhart's p and c charts, and the cumulative sum.

Sources: NIST/SEMATECH handbook 6.3; Montgomery, Introduction to Statistical Quality Control. Signals are numbered
from 1, as the samples of those books are.
"""

from dataclasses import dataclass

import numpy as np

from .answers import CannotAnswer


@dataclass(frozen=True)
class Chart:
    """Centre line and three-sigma limits (numbers, or one per sample), and the samples outside of them from 1."""

    center: float
    ucl: float | np.ndarray
    lcl: float | np.ndarray
    signals: list[int]


@dataclass(frozen=True)
class Cusum:
    """Upper and lower sums after each sample; the first sample (from 1) with one above h, or None."""

    upper: np.ndarray
    lower: np.ndarray
    first_signal: int | None


def p_chart(counts, n) -> Chart:
    """Shares counts / n of samples (k,): p +- 3 sqrt(p (1 - p) / n), limits cut to 0 and 1.

    n: the size of every sample, or one per sample (k,); the limits are then one per sample. Assumes independent
    attempts: for polls of one charger the limits are far too narrow. Raises CannotAnswer without samples, for a size
    that is not above 0, or a count outside of 0 to n.
    """
    counts = _samples(counts)
    sizes = np.asarray(n, "f8")
    if sizes.ndim and sizes.shape != counts.shape:
        raise CannotAnswer(f"there are {len(counts)} samples but {sizes.size} sizes of them")
    sizes = np.broadcast_to(sizes, counts.shape)
    if not (sizes > 0).all() or (counts > sizes).any():
        raise CannotAnswer("every sample needs a size above 0 and a count of at most its size")
    center = float(counts.sum() / sizes.sum())
    half = 3 * np.sqrt(center * (1 - center) / sizes)
    low, high = np.maximum(center - half, 0), np.minimum(center + half, 1)
    signals = _outside(counts / sizes, low, high)
    if np.ndim(n) == 0:
        return Chart(center, float(high[0]), float(low[0]), signals)
    return Chart(center, high, low, signals)


def c_chart(counts) -> Chart:
    """Counts (k,) of samples of equal exposure: c +- 3 sqrt(c), the lower limit cut to 0.

    Assumes Poisson counts. Raises CannotAnswer without samples or for a negative count.
    """
    counts = _samples(counts)
    center = float(counts.mean())
    low, high = max(center - 3 * np.sqrt(center), 0.0), center + 3 * np.sqrt(center)
    return Chart(center, float(high), float(low), _outside(counts, low, high))


def cusum(values, target: float, k: float, h: float) -> Cusum:
    """Sums that grow while values (n,) lie more than k above, or below, the target; a signal where one exceeds h.

    upper = max(0, upper + x - target - k), lower = max(0, lower + target - k - x), from 0 (Page 1954). k and h are in
    the unit of the values: half of the shift to be found, and 4 to 5 standard deviations. Raises CannotAnswer without
    values, for a negative k or an h that is not above 0.
    """
    values = np.asarray(values, "f8").reshape(-1)
    if not len(values) or not np.isfinite(values).all():
        raise CannotAnswer("a cumulative sum needs values, each a number")
    if k < 0 or h <= 0:
        raise CannotAnswer("k must be at least 0 and h above 0")
    upper, lower = _sum(values - target - k), _sum(target - k - values)
    over = np.flatnonzero((upper > h) | (lower > h))
    return Cusum(upper, lower, int(over[0]) + 1 if len(over) else None)


def _sum(steps: np.ndarray) -> np.ndarray:
    """Running sum that starts again from 0 whenever it falls below: total less its lowest point so far."""
    total = np.cumsum(steps)
    return total - np.minimum(np.minimum.accumulate(total), 0)


def _samples(counts) -> np.ndarray:
    counts = np.asarray(counts, "f8").reshape(-1)
    if not len(counts) or not (np.isfinite(counts) & (counts >= 0)).all():
        raise CannotAnswer("a chart needs samples, each a count from 0 on")
    return counts


def _outside(values: np.ndarray, low, high) -> list[int]:
    margin = 1e-12 * np.maximum(np.abs(high), 1)  # because a share on its limit is inside, whatever it was rounded to
    return [int(place) + 1 for place in np.flatnonzero((values > high + margin) | (values < low - margin))]
