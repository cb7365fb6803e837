"""Uptime of a charging port: the United States' federal figure (23 CFR 680.116(b)), by month, and by other
programmes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from .answers import CannotAnswer, moment, with_columns, with_times

YEAR_MINUTES = 525_600  # of 365 days, in leap years too: the rule's own number
REQUIRED_PERCENT = 97

# Why minutes of an outage may be taken off, by programme. The six of the federal rule; an operator's own programme may
# differ: California's leaves out failures of the internet connection too.
EXCLUSIONS: Mapping[str, frozenset[str]] = {
    "nevi": frozenset({"utility", "vehicle", "scheduled_maintenance", "vandalism", "natural_disaster", "closed_hours"}),
    "california": frozenset(
        {"utility", "vehicle", "scheduled_maintenance", "vandalism", "natural_disaster", "closed_hours", "internet"}
    ),
    "none": frozenset(),
}
LABELS = {
    "utility": "utility service interruption",
    "vehicle": "fault of the vehicle",
    "scheduled_maintenance": "scheduled maintenance",
    "vandalism": "vandalism",
    "natural_disaster": "natural disaster",
    "closed_hours": "outside of opening hours",
    "internet": "internet or cellular outage",
}


@dataclass(frozen=True)
class Uptime:
    """Uptime in percent, and whether it is above 97."""

    percent: float
    passes: bool
    outage_minutes: float = 0.0
    excluded_minutes: float = 0.0


def nevi_uptime(outage_minutes, excluded_minutes=0) -> Uptime:
    """((525,600 - (outage - excluded)) / 525,600) x 100 of one port over the previous year; passes: above 97, not 97.

    23 CFR 680.116(b)(3). Minutes; the comparison is made in minutes, so that no rounding decides it. Raises
    CannotAnswer unless 0 <= excluded <= outage <= 525,600.
    """
    return _uptime(float(outage_minutes), float(excluded_minutes), YEAR_MINUTES)


def _uptime(outage: float, excluded: float, minutes: float) -> Uptime:
    if not 0 <= excluded <= outage:
        raise CannotAnswer("excluded minutes must be at least 0 and no more than the minutes of outage")
    if outage > minutes:
        raise CannotAnswer(f"a port cannot be out for longer than the {minutes:,.0f} minutes of the period")
    down = outage - excluded
    passes = 100 * down < (100 - REQUIRED_PERCENT) * minutes
    return Uptime(100 * (minutes - down) / minutes, passes, outage, excluded)


def outage_minutes(outages: pd.DataFrame, start, end, programme: str = "nevi") -> pd.DataFrame:
    """Minutes of outage and of excluded outage of each port in [start, end): port_id, outage_minutes, excluded_minutes.

    outages: port_id, start, end (NaT: still going on), reason ("" where it counts) and evidence (a note, photo or
    order: without any a reason is not accepted). Outages are cut to the period and merged where those of a port
    overlap, so that no minute counts twice; a minute is excluded where any outage over it is. Raises CannotAnswer for
    a programme that is not known or a missing column.
    """
    if programme not in EXCLUSIONS:
        raise CannotAnswer(f"the programme must be one of {', '.join(EXCLUSIONS)}, not {programme!r}")
    with_columns(outages, "port_id", "reason", "evidence", what="table of outages")
    outages = with_times(outages, "start", "end", what="table of outages")
    start, end = moment(start), moment(end)
    if not start < end:
        raise CannotAnswer("a period must end after it starts")
    accepted = outages["reason"].isin(EXCLUSIONS[programme]) & outages["evidence"].astype("string").fillna("").ne("")
    cut = outages.assign(
        start=outages["start"].clip(lower=start), end=outages["end"].fillna(end).clip(upper=end), accepted=accepted
    )
    cut = cut[cut["end"] > cut["start"]]
    sums = pd.DataFrame(
        {"outage_minutes": _merged_minutes(cut), "counted": _merged_minutes(cut[~cut["accepted"]])}
    ).fillna(0.0)  # fmt: skip
    # A minute that a counted outage covers too is not excluded, because the port would not have worked anyway.
    sums["excluded_minutes"] = sums["outage_minutes"] - sums.pop("counted")
    return sums.rename_axis("port_id").reset_index()


def _merged_minutes(outages: pd.DataFrame) -> pd.Series:
    """Minutes that at least one outage of a port covers, by port."""
    if outages.empty:
        return pd.Series(dtype="f8")
    rows = outages.sort_values(["port_id", "start"])
    port = rows["port_id"].to_numpy()
    start, end = (rows[name].to_numpy("M8[us]").astype("i8") for name in ("start", "end"))
    is_first = np.append(True, port[1:] != port[:-1])
    latest = pd.Series(end).groupby(np.cumsum(is_first)).cummax().to_numpy()
    before = np.where(is_first, np.iinfo("i8").min, np.roll(latest, 1))
    fresh = np.maximum(end - np.maximum(start, before), 0)
    return pd.Series(fresh / 60e6, index=port).groupby(level=0).sum()


def period_uptime(outages: pd.DataFrame, ports: pd.DataFrame, start, end, programme: str = "nevi") -> pd.DataFrame:
    """Uptime of each of `ports` (port_id, since: when it went into service) in [start, end), by the same formula.

    Returns port_id, minutes, outage_minutes, excluded_minutes, percent, passes, label. Only a period of 365 days (366
    with a 29 February; the rule divides by 365 days all the same) of a port in service since before is the federal
    figure; every other one says "not the federal figure". Ports that were not in service yet are left out.
    """
    start, end = moment(start), moment(end)
    ports = with_times(ports, "since", what="table of ports")
    since = ports["since"].clip(lower=start)
    known = ports.assign(minutes=(end - since) / pd.Timedelta(minutes=1))[since < end]
    found = known[["port_id", "minutes"]].merge(outage_minutes(outages, start, end, programme), "left", "port_id")
    found = found.fillna({"outage_minutes": 0.0, "excluded_minutes": 0.0})
    is_year = _is_year(start, end) & (found["minutes"] >= YEAR_MINUTES)
    found["minutes"] = np.where(is_year, YEAR_MINUTES, found["minutes"])
    found["outage_minutes"] = np.minimum(found["outage_minutes"], found["minutes"])
    found["excluded_minutes"] = np.minimum(found["excluded_minutes"], found["outage_minutes"])
    down = found["outage_minutes"] - found["excluded_minutes"]
    found["percent"] = 100 * (found["minutes"] - down) / found["minutes"]
    found["passes"] = 100 * down < (100 - REQUIRED_PERCENT) * found["minutes"]
    found["label"] = np.where(is_year & (programme == "nevi"), "federal figure", "not the federal figure")
    return found.reset_index(drop=True)


def _is_year(start: pd.Timestamp, end: pd.Timestamp) -> bool:
    return start + pd.DateOffset(years=1) == end or end - start == pd.Timedelta(days=365)


def monthly_uptime(outages: pd.DataFrame, ports: pd.DataFrame, month, programme: str = "nevi") -> pd.DataFrame:
    """`period_uptime` of the twelve months before the 1st of `month`, and of each of these months: a column `period`.

    The period is "year" for the figure of the rule (b)(2), and "2026-03" and so on for its months.
    """
    end = moment(month).normalize().replace(day=1)
    edges = [end - pd.DateOffset(months=back) for back in range(12, -1, -1)]
    pieces = [period_uptime(outages, ports, edges[0], end, programme).assign(period="year")]
    pieces += [
        period_uptime(outages, ports, first, last, programme).assign(period=f"{first:%Y-%m}")
        for first, last in pairwise(edges)
    ]
    return pd.concat(pieces, ignore_index=True)
