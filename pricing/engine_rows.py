"""What the engine is given and what it gives: the sites as arrays, the changes that are open, those to be opened."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

import numpy as np

from .policy import Policy


@dataclass(frozen=True)
class Sites:
    """What policies look at, one element a site. Unknown numbers are NaN."""

    site: np.ndarray  # ids
    policy: np.ndarray  # index into the policies; -1: none is in force
    operator: np.ndarray  # ids
    latitude: np.ndarray  # degrees
    longitude: np.ndarray
    kind: np.ndarray  # connector class; only like takes over from like
    power_kw: np.ndarray  # per port
    ports: np.ndarray  # that work
    utilization: np.ndarray  # 0-1
    risk: np.ndarray  # 0-1
    cabinet_c: np.ndarray  # °C in the hottest cabinet
    derated: np.ndarray  # share of rated power lost to heat
    base: np.ndarray  # base price, ten-thousandths
    fixed: np.ndarray  # bool: free or regulated, never touched
    stopped: np.ndarray  # bool: a switch or an emergency keeps its price at base
    changed: np.ndarray  # bool: a change is in force or announced
    waiting: np.ndarray  # bool: somebody is being asked about a change of its price
    not_enough: np.ndarray  # bool: its power was limited until now, and that was not enough
    rested_seconds: np.ndarray  # since the end of its last surge or limit; inf: none
    changes_today: np.ndarray
    surged_today: np.ndarray  # seconds

    def at(self, places: np.ndarray) -> "Sites":
        """The sites at these places, in this order."""
        return Sites(**{each.name: getattr(self, each.name)[places] for each in fields(self)})

    def places_of(self, wanted: Sequence[int]) -> list[int]:
        """The place of each of these ids in the arrays, -1 where it is not there."""
        if not len(self.site):
            return [-1] * len(wanted)
        order, ids = np.argsort(self.site, kind="stable"), np.array(wanted, int)
        found = order[np.searchsorted(self.site, ids, sorter=order).clip(max=len(order) - 1)]
        return np.where(self.site[found] == ids, found, -1).tolist()


@dataclass(slots=True)  # not frozen, because thousands are made at once and frozen ones take three times as long
class Opening:
    """A change to be opened; `surge_site` is the site whose load a discount takes, None for a surge or a limit."""

    site: int
    kind: str
    surge_site: int | None
    policy: Policy
    old_price: Decimal
    new_price: Decimal
    power_share: Decimal
    starts_at: datetime
    ends_at: datetime
    needs_approval: bool
    cost: Decimal  # estimate of what a discount costs over its period


@dataclass(frozen=True)
class Applied:
    """A change that is announced or in force; `surge` is the id of the surge that a discount belongs to."""

    id: int
    site: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    surge: int | None
    policy: Policy
    applied: bool = True  # False: announced, its price does not hold yet
    base: int | None = None  # base price (ten-thousandths) that it was decided from
