"""What has been measured of a network, as sorted arrays: the only thing that a forecast is made of.

Times are whole seconds since 1970, UTC; chargers and sites are indices from 0.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

UP, FAULT, PLANNED = 0, 1, 2  # what a status comes to for a forecast
_BITS = 34  # seconds until the year 2514


@dataclass(frozen=True)
class Log:
    """Rows of one kind, in order of their owner (charger or site) and time; `values` are columns of equal length."""

    owner: np.ndarray
    second: np.ndarray
    values: dict[str, np.ndarray]

    @classmethod
    def sorted(cls, owner, second, **values) -> "Log":
        """From rows in any order."""
        owner, second = np.asarray(owner, "i8"), np.asarray(second, "i8")
        order = np.lexsort((second, owner))
        return cls(owner[order], second[order], {name: np.asarray(v)[order] for name, v in values.items()})

    def __len__(self) -> int:
        return len(self.owner)

    def until(self, second: int) -> "Log":
        """Without what came after `second`."""
        known = self.second <= second
        return Log(self.owner[known], self.second[known], {name: v[known] for name, v in self.values.items()})

    def count_until(self, owners: np.ndarray, second) -> np.ndarray:
        """For each of `owners` the place behind its last row at or before `second`, counted in the whole log."""
        return np.searchsorted(self._key, (np.asarray(owners, "i8") << _BITS) + np.asarray(second, "i8"), side="right")

    @cached_property
    def _key(self) -> np.ndarray:
        return (self.owner << _BITS) + self.second

    def at(self, name: str, places: np.ndarray, otherwise) -> np.ndarray:
        """A column (or `second`, `owner`) at places, `otherwise` where a place is not one of the log's."""
        column = getattr(self, name) if name in ("second", "owner") else self.values[name]
        inside = (places >= 0) & (places < len(self))
        if not len(self):
            return np.full(len(places), otherwise)
        return np.where(inside, column[np.where(inside, places, 0)], otherwise)

    def first_of(self, owners: np.ndarray) -> np.ndarray:
        """The place of each owner's first row."""
        return np.searchsorted(self.owner, owners)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]


@dataclass(frozen=True)
class Observed:
    """A network and what it has said.

    `site` of each charger, ascending; `kind` 0 DC, 1 hyper-fast, 2 Level 2; `power_kw`. `reports`: state (UP, FAULT or
    PLANNED) and temperature_c (NaN: not told). `soft`: the five counts of a half-hour, at its end. `sessions`: success
    (True, False) at their end. `readings` of sites: load (0-1), ambient_c, is_wet.
    """

    site: np.ndarray
    kind: np.ndarray
    power_kw: np.ndarray
    reports: Log
    soft: Log
    sessions: Log
    readings: Log

    def until(self, second: int) -> "Observed":
        """What was known at `second`: every feature made at that time is the same from this as from all."""
        logs = {name: getattr(self, name).until(second) for name in ("reports", "soft", "sessions", "readings")}
        return replace(self, **logs)

    @property
    def end(self) -> int:
        """The last second that anything was heard of; 0 without anything."""
        return max((int(log.second.max()) for log in (self.reports, self.readings, self.soft) if len(log)), default=0)

    def outages(self) -> Log:
        """Outages by charger at their starts; `end` is that of the spell, or -1 while it goes on."""
        is_out = self.reports["state"] == FAULT
        same = np.diff(self.reports.owner, prepend=-1) == 0
        turns = is_out & ~(np.roll(is_out, 1) & same)
        return self._spells(turns, is_out)

    def planned(self) -> Log:
        """Planned spells by charger at their starts, as `outages`."""
        is_out = self.reports["state"] == PLANNED
        same = np.diff(self.reports.owner, prepend=-1) == 0
        return self._spells(is_out & ~(np.roll(is_out, 1) & same), is_out)

    def _spells(self, begins: np.ndarray, inside: np.ndarray) -> Log:
        owner, second = self.reports.owner, self.reports.second
        places, after = np.flatnonzero(begins), np.flatnonzero(~inside)
        following = np.searchsorted(after, places)
        ends = np.append(after, len(owner))[following]
        ended = ends < len(owner)
        ended[ended] = owner[ends[ended]] == owner[places[ended]]
        end = np.where(ended, np.append(second, 0)[ends], -1)
        return Log(owner[places], second[places], {"end": end})
