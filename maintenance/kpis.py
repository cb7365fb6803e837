"""How well failures are met and repaired: key figures of orders, each with its definition, interval and count.

Pure: frames in, numbers out; no Django, no clock, no database. Times are hours since any one moment (nan: has not
happened), `now` is up to when everything is known. Orders of one site are alike, so intervals (95 %) are by sites.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

from telemetry.reliability import proportions
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.survival import kaplan_meier, restricted_mean

NAN = float("nan")
WATCHED_HOURS = 30 * 24  # how long after a repair or visit the next one counts as its repetition
ONE_TRIP_HOURS = 2
MONTH_HOURS = 365.25 / 12 * 24


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval in its own unit, of `n` orders; nan where there is none, and `note` says why.

    `limit`: of a mean of times, the hours up to which it counts.
    """

    value: float
    low: float = NAN
    high: float = NAN
    n: int = 0
    note: str = ""
    limit: float = NAN


@dataclass(frozen=True)
class Frames:
    """What is known of a network.

    orders: one row each, duplicates left out, with order, site, place (charger, or minus the site), cause (a number),
    begun (its incident), opened, acknowledged, accepted, arrived, resolved, ended, respond_by, due, held (since when
    it waits) as hours; is_prediction, is_follow_up, is_continued (by a follow-up), is_called_off as booleans; is_asked:
    whether it counts (others are only looked at for what came before and after); parts_used and parts_unforeseen as
    counts of kinds; cost (nan: unknown).
    failures: one row for each incident that is no prediction, and charger under it: site, place, incident, begun,
    is_tried, is_healed (from afar, without a visit), is_decided, is_asked.
    ports: one row for each site: site, ports. now: hours.
    """

    orders: pd.DataFrame
    failures: pd.DataFrame
    ports: pd.DataFrame
    now: float

    @cached_property
    def asked(self) -> pd.DataFrame:
        """The orders that count."""
        return self.orders[self.orders["is_asked"]]

    @cached_property
    def visits(self) -> pd.DataFrame:
        """site, arrived, is_first (at that place for that cause in 30 days) and is_fixed of each visit that counts."""
        visits = self.orders[["site", "place", "cause", "arrived", "resolved", "is_asked"]].dropna(subset="arrived")
        visits = visits.sort_values(["place", "cause", "arrived"])
        group = visits.groupby(["place", "cause"], sort=False)["arrived"]
        comes_again = group.shift(-1) - visits["arrived"] <= WATCHED_HOURS
        visits["is_first"] = ~(visits["arrived"] - group.shift(1) <= WATCHED_HOURS)
        visits["is_fixed"] = ~comes_again & (visits["resolved"] - visits["arrived"] <= WATCHED_HOURS)
        return visits[visits["is_asked"]]

    @cached_property
    def trips(self) -> pd.DataFrame:
        """site and arrived of each trip that counts: what was arrived at at one site at nearly one time is one."""
        visits = self.asked[["site", "arrived"]].dropna().sort_values(["site", "arrived"])
        before = visits.groupby("site", sort=False)["arrived"].shift(1)
        return visits[~(visits["arrived"] - before <= ONE_TRIP_HOURS)]

    @cached_property
    def repairs(self) -> pd.DataFrame:
        """site, resolved and is_again (failed within 30 days) of each repaired charger that counts."""
        orders = self.asked[~self.asked["is_prediction"] & (self.asked["place"] > 0)]
        repaired = orders[["site", "place", "resolved"]].dropna().sort_values("resolved")
        begun = self.failures.sort_values("begun")[["place", "begun"]]
        following = pd.merge_asof(
            repaired, begun, left_on="resolved", right_on="begun", by="place", direction="forward",
            allow_exact_matches=False,
        )  # fmt: skip
        following["is_again"] = following["begun"] - following["resolved"] <= WATCHED_HOURS
        return following


def within(times: pd.Series, start: float, end: float) -> np.ndarray:
    """Which of the times (n,) lie in [start, end); never those that have not happened."""
    values = times.to_numpy("f8")
    return (values >= start) & (values < end)


def share(hits: np.ndarray, sites: np.ndarray) -> Estimate:
    """Percent of orders (n,) that are hits, clustered by site (`proportions.clustered_share`); nan without orders.

    Of one site alone there is no interval, because its orders are not independent of each other.
    """
    if not len(hits):
        return Estimate(NAN, note="nothing to count in this period")
    codes = pd.factorize(sites)[0]
    value = 100 * float(np.mean(hits))
    try:
        found = proportions.clustered_share(np.bincount(codes, hits), np.bincount(codes))
    except CannotAnswer:
        return Estimate(value, n=len(hits), note="of one site: no interval")
    return Estimate(value, 100 * found.ci_low, 100 * found.ci_high, len(hits))


def ratio(parts: np.ndarray, wholes: np.ndarray, n: int, *, of_counts: bool = False) -> Estimate:
    """Sum of parts / sum of wholes of sites (k,), with the linearised ratio's interval on the log scale, t on k - 1.

    As Cochran 1977, 6.8. Without any parts the interval ends where a Poisson count of 0 is still as likely as 2.5 %
    (3.69 / sum of wholes), if parts are counts (`of_counts`); else there is none.
    """
    parts, wholes = parts[wholes > 0], wholes[wholes > 0]
    count, total = len(wholes), wholes.sum()
    if not count:
        return Estimate(NAN, n=n, note="nothing to count in this period")
    value = float(parts.sum() / total)
    if value == 0:
        return Estimate(0.0, 0.0, float(-np.log(0.025) / total), n) if of_counts else Estimate(0.0, n=n)
    if count < 2:
        return Estimate(value, n=n, note="of one site: no interval")
    error = np.sqrt(count / (count - 1) * ((parts - value * wholes) ** 2).sum()) / total
    factor = float(np.exp(special.stdtrit(count - 1, 0.975) * error / value))
    return Estimate(value, value / factor, value * factor, n)


def mean_time(durations: np.ndarray, seen: np.ndarray, sites: np.ndarray, limit: float) -> Estimate:
    """Mean hours until something happened, no more than `limit` each: area under the Kaplan-Meier curve up to there.

    durations (n,) in hours; seen (n,): False where it had not happened by then, which counts as "at least so long".
    Where nobody has been watched as long as `limit`, the mean is up to the longest time, and its `limit` says so.
    Interval by the influence of each order, summed within sites.
    """
    if not len(durations):
        return Estimate(NAN, note="nothing to count in this period")
    if not np.any(seen):
        return Estimate(NAN, n=len(durations), note="none of them yet")
    durations = np.maximum(np.asarray(durations, "f8"), 0.0)
    curve = kaplan_meier(durations, seen)
    is_over = len(curve.survival) > 0 and curve.survival[-1] == 0
    reach = limit if is_over or curve.longest >= limit else curve.longest
    value, influence = restricted_mean(curve, durations, seen, reach)
    open_yet = int((~np.asarray(seen, bool)).sum())
    note = f"half within {curve.median:.1f} h" if np.isfinite(curve.median) else "more than half not yet"
    note += f"; {open_yet} not yet" if open_yet else ""
    note += f"; only the first {reach:.1f} h are known" if reach < limit else ""
    sums = np.bincount(pd.factorize(sites)[0], influence)
    if len(sums) < 2:
        return Estimate(value, n=len(durations), note=f"{note}; of one site: no interval", limit=reach)
    half = special.stdtrit(len(sums) - 1, 0.975) * np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))
    return Estimate(value, max(value - half, 0.0), min(value + half, reach), len(durations), note, reach)


def difference(now: Estimate, before: Estimate) -> Estimate:
    """now - before, with the interval made of both intervals (Zou and Donner 2008, square-and-add).

    Periods of the same sites are taken as independent, which makes it too wide rather than too narrow where good sites
    stay good. nan where either is, or where means of times count up to different limits.
    """
    limits = {one.limit for one in (now, before) if np.isfinite(one.limit)}
    if len(limits) > 1:
        return Estimate(NAN, note="not comparable: one period was watched for a shorter time")
    value = now.value - before.value
    low = value - np.hypot(now.value - now.low, before.high - before.value)
    high = value + np.hypot(now.high - now.value, before.value - before.low)
    return Estimate(value, float(low), float(high), min(now.n, before.n))


def _until(frames: Frames, orders: pd.DataFrame, happened: pd.Series, limit: float) -> Estimate:
    seen = happened.notna().to_numpy()
    until = happened.where(seen, orders["ended"].fillna(frames.now).clip(upper=frames.now))
    return mean_time((until - orders["begun"]).to_numpy("f8"), seen, orders["site"].to_numpy(), limit)


def _first_orders(frames: Frames, start: float, end: float) -> pd.DataFrame:
    orders = frames.asked
    return orders[within(orders["opened"], start, end) & ~orders["is_follow_up"]]


def time_to_acknowledge(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; hours."""
    orders = _first_orders(frames, start, end)
    return _until(frames, orders, orders[["acknowledged", "accepted", "arrived"]].min(axis=1), 24)


def time_to_arrive(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; hours."""
    orders = _first_orders(frames, start, end)
    return _until(frames, orders, orders["arrived"], 72)


def time_to_repair(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; hours."""
    orders = frames.asked
    orders = orders[within(orders["opened"], start, end) & ~orders["is_prediction"] & ~orders["is_continued"]]
    return _until(frames, orders, orders["resolved"], 168)


def _kept(frames: Frames, start: float, end: float, deadline: str, answer: pd.Series) -> Estimate:
    orders = frames.asked
    by = orders[deadline]
    ended_before = orders["is_called_off"] & (orders["ended"] < by)
    chosen = within(by, start, min(end, frames.now)) & ~ended_before & ~(orders["held"] < by)
    return share((answer <= by).to_numpy()[chosen], orders["site"].to_numpy()[chosen])


def answered_in_time(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    return _kept(frames, start, end, "respond_by", frames.asked[["accepted", "arrived"]].min(axis=1))


def resolved_in_time(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    return _kept(frames, start, end, "due", frames.asked["resolved"])


def first_time_fix(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    visits = frames.visits
    chosen = visits["is_first"] & within(visits["arrived"], start, min(end, frames.now - WATCHED_HOURS))
    return _watched(share(visits["is_fixed"][chosen].to_numpy(), visits["site"][chosen].to_numpy()))


def repeat_failures(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    repairs = frames.repairs
    chosen = within(repairs["resolved"], start, min(end, frames.now - WATCHED_HOURS))
    return _watched(share(repairs["is_again"].to_numpy()[chosen], repairs["site"].to_numpy()[chosen]))


def _watched(found: Estimate) -> Estimate:
    if found.n:
        return found
    return Estimate(NAN, note="30 days have not passed since anything in this period")


def remote_share(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    failures = frames.failures
    chosen = failures[
        within(failures["begun"], start, end) & failures["is_decided"] & failures["is_asked"]
    ].drop_duplicates("incident")
    found = share(chosen["is_healed"].to_numpy(bool), chosen["site"].to_numpy())
    tried = int(chosen["is_tried"].sum())
    if tried == len(chosen):
        return found
    note = f"{found.note + '; ' if found.note else ''}something was tried at {tried} of {len(chosen)}"
    return Estimate(found.value, found.low, found.high, found.n, note)


def truck_rolls(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; per 100 ports and month."""
    sites = frames.trips["site"].to_numpy()[within(frames.trips["arrived"], start, end)]
    trips = pd.Series(sites).value_counts()
    at_site = frames.ports["site"].map(trips).fillna(0).to_numpy("f8")
    months = (min(end, frames.now) - start) / MONTH_HOURS
    return ratio(at_site, frames.ports["ports"].to_numpy("f8") * months / 100, len(sites), of_counts=True)


def parts_hit(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; percent."""
    orders = frames.asked
    done = orders[within(orders["resolved"], start, end) & (orders["parts_used"] > 0)]
    return share((done["parts_unforeseen"] == 0).to_numpy(), done["site"].to_numpy())


def cost(frames: Frames, start: float, end: float) -> Estimate:
    """See kpi_definitions; money per order."""
    orders = frames.asked
    done = orders[within(orders["resolved"], start, end)]
    known = done[done["cost"].notna()]
    by_site = known.groupby("site")["cost"].agg(["sum", "size"])
    found = ratio(by_site["sum"].to_numpy("f8"), by_site["size"].to_numpy("f8"), len(known))
    if not len(known):
        return found
    notes = [found.note] if found.note else []
    notes += [f"{known['cost'].sum():,.0f} in all"]
    notes += [f"unknown of {len(done) - len(known)}"] if len(done) > len(known) else []
    return Estimate(found.value, found.low, found.high, found.n, "; ".join(notes))
