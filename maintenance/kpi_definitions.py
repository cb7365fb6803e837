"""What each key figure is called and counted in, exactly what it says, and how periods are laid side by side. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from . import kpis
from .kpis import Estimate, Frames


@dataclass(frozen=True)
class Kpi:
    """A key figure; `measure` takes frames and a period in hours."""

    slug: str
    name: str
    unit: str
    definition: str
    measure: Callable[[Frames, float, float], Estimate]
    is_better_high: bool = False


@dataclass(frozen=True)
class Result:
    """A key figure of a period, of the period before, their difference, and of the parts of both periods in turn."""

    kpi: Kpi
    now: Estimate
    before: Estimate
    change: Estimate
    course: list[tuple[float, Estimate]]  # the middle of each part in hours, and what it measures there

    @property
    def verdict(self) -> str:
        """Better or worse, where the interval of the change leaves out 0; empty where it does not, or there is none."""
        if not (self.change.low > 0 or self.change.high < 0):
            return ""
        return "better" if (self.change.value > 0) == self.kpi.is_better_high else "worse"


KPIS = (
    Kpi("acknowledge", "Time to acknowledge", "h",
        "Mean time from the opening of an incident until a person acknowledged it or somebody accepted its order,"
        " whichever came first, up to 24 h each. Orders opened in the period; orders that nobody has answered "
        "count as at least so long, and so do those that were called off.", kpis.time_to_acknowledge),
    Kpi("arrive", "Time to arrive", "h",
        "Mean time from the opening of an incident until somebody was at the site, up to 72 h each. Orders opened"
        " in the period; where nobody has come yet it counts as at least so long.", kpis.time_to_arrive),
    Kpi("repair", "Time to repair", "h",
        "Mean time from the opening of an incident until its order was resolved, holds included, up to 168 h "
        "each. Orders opened in the period, without those opened by a prediction, because nothing had failed. "
        "What still goes on or was called off counts as at least so long; where a follow-up goes on, it counts "
        "until that is resolved.",
        kpis.time_to_repair),
    Kpi("answered", "Answered in time", "%",
        "Share of orders accepted by the time they had to be. Orders whose time fell into the period, without "
        "those that had been called off or were on hold by then.", kpis.answered_in_time, is_better_high=True),
    Kpi("resolved", "Resolved in time", "%",
        "Share of orders resolved when they were due; a hold moves what is due. Orders due in the period, without"
        " those that had been called off or were on hold by then. One that could not be completed is not "
        "resolved.",
        kpis.resolved_in_time, is_better_high=True),
    Kpi("first-time-fix", "First-time fix", "%",
        "Share of first visits after which the order was resolved and nobody had to come again to the same "
        "charger for the same cause within 30 days. First: nobody had been there for it in the 30 days before. "
        "Visits of the period after which 30 days have passed.", kpis.first_time_fix, is_better_high=True),
    Kpi("repeat", "Repeat failures", "%",
        "Share of repaired chargers that failed again within 30 days, of whatever cause. Repairs of the period "
        "after which 30 days have passed; orders of a whole site are left out, because they do not say which "
        "charger it was.",
        kpis.repeat_failures),
    Kpi("remote", "Healed from afar", "%",
        "Share of failures that an attempt from afar ended without a visit, of all that began in the period and "
        "are over or have an order. Predictions are no failures. Nobody knows who would have gone there: this is "
        "not told by team.", kpis.remote_share, is_better_high=True),
    Kpi("truck-rolls", "Truck rolls", "per 100 ports and month",
        "Trips to sites in the period, by the ports of all sites that are asked about. What was arrived at at one"
        " site within two hours is one trip. A month is 30.4 days.", kpis.truck_rolls),
    Kpi("parts-hit", "Parts hit", "%",
        "Share of resolved orders that used parts and used none but those that the root cause had proposed. What "
        "was proposed and not used is no miss here.", kpis.parts_hit, is_better_high=True),
    Kpi("cost", "Cost of an order", "",
        "Travel and work at the hourly cost of the technician's centre (of the mean centre where nobody is "
        "entered), and the parts used at today's cost. Orders resolved in the period; travel that nobody entered "
        "counts as none, and orders without minutes of work are left out.", kpis.cost),
)  # fmt: skip


def results(frames: Frames, start: float, end: float, parts: int = 12) -> list[Result]:
    """All key figures of [start, end) in hours, of the same time before it, and of `parts` parts of both in turn."""
    length = end - start
    edges = np.linspace(start - length, end, parts + 1)
    found = []
    for kpi in KPIS:
        now, before = kpi.measure(frames, start, end), kpi.measure(frames, start - length, start)
        course = [((a + b) / 2, kpi.measure(frames, a, b)) for a, b in pairwise(edges.tolist())]
        found.append(Result(kpi, now, before, kpis.difference(now, before), course))
    return found
