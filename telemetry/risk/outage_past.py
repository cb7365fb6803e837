"""What outages a charger, or a site, has had by a moment: the part of the features that both have in common."""

import numpy as np

from .observed import FAULT, Observed

HOURS = (6, 24, 168)
_PRIOR_HOURS = 500.0  # that the rate of one that nobody has watched counts for
REMEMBERED_HOURS = 1440.0  # what is longer ago is forgotten in training too, because a tick reads no further back


class OutagePast:
    """Prepares the outages of all chargers once, so that each moment costs a few searches for the whole network.

    What `observed` calls a charger may be a site (`site_features.observed_sites`).
    """

    prior_rate = 0.002  # outages per hour of one that nobody has watched (assumption)

    def __init__(self, observed: Observed):
        self.observed = observed
        self.chargers = np.arange(len(observed.site))
        self.outages = observed.outages()
        self._down_so_far = self._cumulative_down()
        self._first_report = observed.reports.first_of(self.chargers)

    def states(self, second: int) -> np.ndarray:
        """What each charger said last (UP, FAULT, PLANNED); -1 for one that has said nothing yet."""
        return self._states(self.chargers, second)

    def _states(self, chargers, second) -> np.ndarray:
        """The same of `chargers` (n,), all at a second or each at its own (n,); so below."""
        reports = self.observed.reports
        last = reports.count_until(chargers, second) - 1
        return np.where(last >= self._first_report[chargers], reports.at("state", last, -1), -1)

    def _cumulative_down(self) -> np.ndarray:
        """Seconds out of order from a charger's first report up to each report."""
        reports = self.observed.reports
        gap = np.diff(reports.second, prepend=0)
        was_down = np.roll(reports["state"] == FAULT, 1) & (np.diff(reports.owner, prepend=-1) == 0)
        return np.cumsum(np.where(was_down, gap, 0))

    def _down_until(self, chargers, second) -> np.ndarray:
        reports = self.observed.reports
        last = reports.count_until(chargers, second) - 1
        known = last >= self._first_report[chargers]
        if not known.any():
            return np.zeros(len(last))
        last, first = np.where(known, last, 0), np.where(known, self._first_report[chargers], 0)
        since = (second - reports.second[last]) * (reports["state"][last] == FAULT)
        return np.where(known, self._down_so_far[last] - self._down_so_far[first] + since, 0)

    def _outage_features(self, chargers, second) -> dict[str, np.ndarray]:
        outages, values = self.outages, {}
        until = outages.count_until(chargers, second)
        down = self._down_until(chargers, second)
        for hours in HOURS:
            begin = second - 3600 * hours
            values[f"outages_{hours}h"] = until - outages.count_until(chargers, begin)
            values[f"hours_down_{hours}h"] = (down - self._down_until(chargers, begin)) / 3600
        heard = self.observed.reports.at("second", self._first_report[chargers], 0)
        watched = np.where(self._states(chargers, second) < 0, 0, np.minimum((second - heard) / 3600, REMEMBERED_HOURS))
        count = until - outages.count_until(chargers, second - int(3600 * REMEMBERED_HOURS))
        values["outage_rate"] = (count + _PRIOR_HOURS * self.prior_rate) / (watched + _PRIOR_HOURS)
        start, end = outages.at("second", until - 1, 0), outages.at("end", until - 1, -1)
        values["hours_since_outage"] = np.where(count > 0, (second - start) / 3600, REMEMBERED_HOURS)
        over = (count > 0) & (end >= 0) & (end <= second)
        values["hours_since_repair"] = np.where(over, (second - end) / 3600, REMEMBERED_HOURS)
        return values


def running_sums(values: np.ndarray) -> np.ndarray:
    """Sums with a zero in front: sums[b] - sums[a] is the sum of values[a:b]."""
    return np.concatenate([[0], np.cumsum(values, dtype="f8")])
