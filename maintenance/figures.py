"""The figures by which maintenance is judged, each with its 95 % interval. Pure: frames in, rows out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from telemetry.reliability.proportions import clustered_share, proportion_interval

CONFIDENCE = 0.95
REPEAT_DAYS = 30


@dataclass(frozen=True)
class Figure:
    """One figure: `value` and its interval in `unit`, nan where nothing is known; `count` is of what it is made."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    count: int
    means: str


def figures(orders: pd.DataFrame, incidents: pd.DataFrame) -> list[Figure]:
    """The figures of closed orders (a row each, columns as `FIGURE_COLUMNS`) and of closed incidents (site, is_remote).

    Times are hours from the opening of an order; an order without a time does not count for it. Shares take sites as
    what is independent, medians take orders so: orders of one site may be alike, and then their interval is too narrow.
    """
    return [
        _median("Time to acknowledge", orders, "hours_to_accept", "h", "until somebody accepted the order"),
        _median("Time to arrive", orders, "hours_to_arrive", "h", "until somebody was at the site"),
        _median("Time to repair", orders, "hours_to_resolve", "h", "until it was resolved"),
        _share("On time", orders, "is_on_time", "resolved before it was due, of those with a deadline"),
        _share("First-time fix", orders, "is_fixed_first", "neither reopened, nor waited for parts, nor followed up"),
        _share(
            "Repeat failures",
            orders,
            "is_repeated",
            f"the same charger had another order within {REPEAT_DAYS} days; closed for that long",
        ),
        _share("Parts hit", orders, "is_part_right", "the part that was used is one the cause proposed"),
        _share("Healed remotely", incidents, "is_remote", "incidents of a status that closed without an order"),
        _total("Truck rolls", orders, "is_visit", "", "orders for which somebody drove to a site"),
        _median("Cost of an order", orders, "cost", "$", "parts used, and hours of work and travel"),
        _total("Cost of all", orders, "cost", "$", "of the orders whose time or parts are known"),
    ]


FIGURE_COLUMNS = (
    "site",
    "hours_to_accept",
    "hours_to_arrive",
    "hours_to_resolve",
    "is_on_time",
    "is_fixed_first",
    "is_repeated",
    "is_part_right",
    "is_visit",
    "cost",
)


def _median(name: str, rows: pd.DataFrame, column: str, unit: str, means: str) -> Figure:
    """The median with its distribution-free interval from order statistics (Conover 1999, 3.2)."""
    values = np.sort(rows[column].dropna().to_numpy("f8"))
    count = len(values)
    if not count:
        return Figure(name, np.nan, np.nan, np.nan, unit, 0, f"median {means}")
    low = int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5))
    ends = (values[low - 1], values[count - low]) if low >= 1 else (np.nan, np.nan)
    return Figure(name, float(np.median(values)), *map(float, ends), unit, count, f"median {means}")


def _share(name: str, rows: pd.DataFrame, column: str, means: str) -> Figure:
    known = rows[["site", column]].dropna()
    if known.empty:
        return Figure(name, np.nan, np.nan, np.nan, "%", 0, means)
    by_site = known.assign(part=known[column].astype("f8")).groupby("site")["part"].agg(["sum", "count"])
    if len(by_site) < 2:
        low, high = proportion_interval(int(by_site["sum"].iloc[0]), int(by_site["count"].iloc[0]))
    else:
        share = clustered_share(by_site["sum"], by_site["count"], CONFIDENCE)
        low, high = share.ci_low, share.ci_high
    value = by_site["sum"].sum() / by_site["count"].sum()
    return Figure(name, 100 * value, 100 * low, 100 * high, "%", len(known), means)


def _total(name: str, rows: pd.DataFrame, column: str, unit: str, means: str) -> Figure:
    known = rows[column].dropna().astype("f8")
    return Figure(name, float(known.sum()), np.nan, np.nan, unit, len(known), means)
