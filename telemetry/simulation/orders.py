"""The work orders that technicians closed: what they found, which one time in twenty is wrong."""

import numpy as np

from .causes import CAUSES, FIRMWARE, GRID
from .chargers import Chargers
from .reports import is_vague
from .streams import Streams

WRONG_SHARE = 0.05  # of causes that are written down wrongly


def closed_orders(outages: dict[str, np.ndarray], chargers: Chargers, until: float, seed: int) -> dict[str, np.ndarray]:
    """Orders of the outages (columns of journal.OUTAGE) to which somebody drove and which had ended by minute `until`.

    One per visit: a lost supply is one order of its site, at its first charger. `suspected` is what the codes spoke
    for when it was opened, `cause` what the technician wrote, `true_cause` what it was. In order of their closing.
    """
    visited = outages["is_visit"].astype(bool) & (outages["end"] <= until)
    site = chargers.site[outages["charger"]]
    key = np.where(outages["cause"] == GRID, -site - 1, outages["charger"])
    _, first = np.unique(np.column_stack([outages["start"], key]), axis=0, return_index=True)
    rows = np.sort(first[visited[first]])
    rows = rows[np.argsort(outages["end"][rows], kind="stable")]
    true = outages["cause"][rows].astype(int)
    u = _one_per_order(outages["charger"][rows], outages["start"][rows], seed)
    vague = is_vague(outages["charger"][rows], outages["told"][rows], seed)
    shift = 1 + (u[:, 1] * (len(CAUSES) - 1)).astype(int)
    return {
        "charger": outages["charger"][rows],
        "opened": outages["detected"][rows],
        "dispatched": outages["dispatched"][rows],
        "arrived": outages["arrived"][rows],
        "closed": outages["end"][rows],
        "onsite_minutes": outages["onsite_minutes"][rows],
        "waited_for_parts": outages["waited_for_parts"][rows].astype(bool),
        "cause": np.where(u[:, 0] < WRONG_SHARE, (true + shift) % len(CAUSES), true),
        "suspected": np.where(vague, FIRMWARE, true),  # InternalError without a vendor code speaks for it
        "true_cause": true,
    }


def _one_per_order(charger: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Two uniform numbers (n, 2) per order, of its charger and day alone."""
    streams, numbers = Streams(seed), np.empty((len(charger), 2))
    day = (start // 1440).astype(int)
    for one in np.unique(day):
        rows = np.flatnonzero(day == one)
        numbers[rows] = streams.generator("repairs", "orders", int(one)).random((charger[rows].max() + 1, 2))[
            charger[rows]
        ]
    return numbers
