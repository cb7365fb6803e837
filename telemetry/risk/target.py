"""What is to be forecast: the start of an outage of at least half an hour within the next hours."""

import numpy as np

from .observed import UP, Log, Observed

SHORTEST_SECONDS = 1800
HORIZONS = (4, 24, 72)  # hours
_NEVER = np.iinfo("i8").max


class Target:
    """Outages long enough and planned spells of a network, prepared once."""

    def __init__(self, observed: Observed):
        self.end, self.chargers = observed.end, np.arange(len(observed.site))
        outages = observed.outages()
        length = np.where(outages["end"] < 0, observed.end, outages["end"]) - outages.second
        keep = length >= SHORTEST_SECONDS
        self._outages, self._planned = Log(outages.owner[keep], outages.second[keep], {}), observed.planned()

    def at(self, state: np.ndarray, second: int, horizon_hours: float) -> tuple[np.ndarray, np.ndarray]:
        """(y, known) of all chargers at a moment: whether an outage starts in (t, t + H], and if that can be told.

        `state` is what each charger says at the moment: those that do not work, or have said nothing, are not asked.
        A planned spell that comes first, or the end of what was observed, censors; so does an outage that is too
        young at that end to be half an hour long.
        """
        end = second + int(3600 * horizon_hours)
        start, planned = self._next(self._outages, second), self._next(self._planned, second)
        y = start <= end
        known = (state == UP) & (y | (end + SHORTEST_SECONDS <= self.end)) & ~(planned < np.minimum(start, end))
        return y & known, known

    def first_start(self, second: int) -> np.ndarray:
        """Second of each charger's next long enough outage after a moment; far away where there is none."""
        return self._next(self._outages, second)

    def _next(self, spells: Log, second: int) -> np.ndarray:
        place = spells.count_until(self.chargers, second)
        return np.where(spells.at("owner", place, -1) == self.chargers, spells.at("second", place, _NEVER), _NEVER)
