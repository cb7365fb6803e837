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

    def hashed(self, stream: str, *keys: np.ndarray) -> np.ndarray:
        """A uniform number below 1 for each row of the keys (whole numbers, arrays of one length).

        It depends on its own row alone, so that it is the same whatever is asked for together with it.
        """
        start = self.generator(stream, "hash").integers(2**63, dtype="u8")
        mixed = np.full(len(keys[0]), start)
        for key in keys:
            mixed = _splitmix(mixed ^ np.asarray(key).astype("i8").view("u8"))
        return (mixed >> np.uint64(11)) * 2.0**-53

    def normal(self, stream: str, purpose: str, day: int, rows: int, *shape: int) -> np.ndarray:
        """Standard normal numbers of shape (rows, *shape), float32, by inversion: one uniform number each."""
        from scipy.special import ndtri

        return ndtri(self.uniform(stream, purpose, day, rows, *shape) * np.float32(0.999998) + np.float32(1e-6))


def _splitmix(x: np.ndarray) -> np.ndarray:
    """A step of the generator SplitMix64 (Steele, Lea, Flood 2014) from each of the numbers (uint64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
