"""Random numbers by name: each stream, day and row has its own, so that nothing else that is drawn changes them."""

import numpy as np

STEPS_PER_DAY = 48
NAMES = ("demand", "weather", "failures", "repairs", "prices")
_DAYS_BEFORE_1970 = 1_000_000  # because keys may not be negative


class Streams:
    """Generators keyed by seed, stream, purpose and day.

    Rows come first in every shape, so that the first rows of a larger network are those of a smaller one; and a day
    is drawn as a whole, so that a run that begins later draws what an earlier one drew.
    """

    def __init__(self, seed: int | tuple[int, ...]) -> None:
        self.seed = seed

    def generator(self, stream: str, purpose: str, day: int = -_DAYS_BEFORE_1970) -> np.random.Generator:
        """The generator of a purpose of a stream on a day (days since 1970); without one, of what has no date.

        Raises ValueError for a stream that is not in NAMES.
        """
        if stream not in NAMES:
            raise ValueError(f"there is no stream {stream!r}, only {', '.join(NAMES)}")
        key = (NAMES.index(stream), day + _DAYS_BEFORE_1970, *purpose.encode())
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def uniform(self, stream: str, purpose: str, day: int, rows: int, *shape: int) -> np.ndarray:
        """Uniform numbers of shape (rows, *shape), float32, below 1."""
        return self.generator(stream, purpose, day).random((rows, *shape), dtype="f4")

    def normal(self, stream: str, purpose: str, day: int, rows: int, *shape: int) -> np.ndarray:
        """Standard normal numbers of shape (rows, *shape), float32, by inversion: one uniform number each."""
        from scipy.special import ndtri

        return ndtri(self.uniform(stream, purpose, day, rows, *shape) * np.float32(0.999998) + np.float32(1e-6))
