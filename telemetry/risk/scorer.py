"""A forecast with what it takes to say why: the values that are typical of its features."""

from dataclasses import dataclass

import numpy as np

from .charger_features import WORDS as CHARGER_WORDS
from .charger_features import told
from .forecast import Forecast
from .site_features import SITE_WORDS

WORDS = CHARGER_WORDS | SITE_WORDS
MOST_REASONS = 3
LEAST_SHARE = 0.05  # of a risk that a feature must move to be named


@dataclass(frozen=True)
class Scorer:
    """A forecast and the medians (k,) of its training rows."""

    forecast: Forecast
    typical: np.ndarray

    @classmethod
    def of(cls, forecast: Forecast, features: np.ndarray) -> "Scorer":
        """From the training rows (n, k) of a forecast."""
        return cls(forecast, np.nanmedian(features, axis=0).astype("f4"))

    def risk(self, features: np.ndarray) -> np.ndarray:
        """Probability (n,) that an outage starts within the horizon."""
        return self.forecast.risk(features) if len(features) else np.zeros(0)

    def reasons(self, features: np.ndarray) -> list[str]:
        """A line for each of n rows: what its risk is associated with, strongest first, with values and units.

        A feature's weight is how far the risk falls when it alone is set to its typical value. That is no cause.
        """
        if not len(features):
            return []
        risk = self.risk(features)
        named = [place for place, name in enumerate(self.forecast.features) if name in WORDS]
        changed = np.repeat(features[:, None, :], len(named), axis=1)
        for row, place in enumerate(named):
            changed[:, row, place] = self.typical[place]
        falls = risk[:, None] - self.risk(changed.reshape(-1, features.shape[1])).reshape(len(features), -1)
        return [self._words(*row, named) for row in zip(features, risk, falls, strict=True)]

    def _words(self, row: np.ndarray, risk: float, falls: np.ndarray, named: list[int]) -> str:
        strongest = [place for place in np.argsort(-falls)[:MOST_REASONS] if falls[place] > LEAST_SHARE * risk]
        names = [(self.forecast.features[named[place]], named[place]) for place in strongest]
        said = [told(WORDS[name], float(row[place])) for name, place in names]
        return f"associated with: {', '.join(said)}" if said else "associated with no single feature"
