"""Attempts to charge, visits of drivers, and how many of them succeed (ChargeX; Germany's Charging Success Rate).

Source: INL, Customer-Focused Key Performance Indicators for EV Charging, 2024, in the form that kwwhat computes from
messages of chargers. Every threshold is a field of `Thresholds`.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .answers import CannotAnswer, Interval, with_columns
from .proportions import proportion_interval

GOOD_STOPS = frozenset({"Local", "Remote", "EVDisconnected"})
OCCUPIED = ("PREPARING", "CHARGING", "FINISHING")


@dataclass(frozen=True)
class Thresholds:
    """What decides that an attempt succeeded, and what belongs to one visit."""

    least_energy_kwh: float = 0.1  # a session must deliver more
    join_seconds: float = 300.0  # between plugging in and the transaction of one attempt
    visit_gap_minutes: float = 30.0  # the same driver at the same site
    anonymous_gap_minutes: float = 2.0  # an unknown driver at the same port; and before an authorised attempt
    good_stops: frozenset[str] = GOOD_STOPS
    any_attempt: bool = False  # INL's variant: one attempt of a visit is enough


STANDARD = Thresholds()


@dataclass(frozen=True)
class SessionSuccess:
    """Shares with Wilson's 95 % interval; attempts at one charger are alike, so that true intervals are wider."""

    attempts: int
    started_share: float
    success_share: float
    success_ci: Interval
    visits: int
    visit_success_share: float
    visit_success_ci: Interval
    first_attempt_share: float
    troubled_share: float
    failed_share: float
    attempts_per_visit: float
    by_charger: pd.DataFrame = field(repr=False, default=None)
    unknown_attempts: int = 0
    unknown_visits: int = 0


def charge_attempts(status: pd.DataFrame, sessions: pd.DataFrame, thresholds: Thresholds = STANDARD) -> pd.DataFrame:
    """Attempts: one for each time a charger became occupied, and one for each session without such a report.

    status: charger_id, time, status. sessions: charger_id, start, end (NaT: goes on), energy_kwh, and where they are
    known stop_reason, success, driver, site_id. A session joins the attempt at its charger whose start lies within 300
    s of its own, or that is under way when it begins.
    An attempt starts in the first PREPARING (or CHARGING) after another state and ends with the first report of a state
    that is not of charging. Success: there is a session, the next status is not FAULTED, it stopped for a good
    reason (where the reason is not known, `success` must be true), and it delivered more than 0.1 kWh. Where all else
    is well but neither the reason nor `success` is known, the attempt is no success, and `is_unknown`.

    Returns charger_id, start, end, has_session, energy_kwh, next_status, driver, site_id, success, is_unknown; attempts
    that still go on are left out. Raises CannotAnswer for a missing column.
    """
    with_columns(sessions, "charger_id", "start", "end", "energy_kwh", what="table of sessions")
    plugged = _occupied(status)
    sessions = sessions.assign(
        start=_moments(sessions["start"]), end=_moments(sessions["end"]), energy_kwh=sessions["energy_kwh"].astype("f8")
    )
    if sessions.empty or plugged.empty:  # a frame without rows need not know of what type its ids are
        whose = (plugged if sessions.empty else sessions)["charger_id"].dtype
        sessions, plugged = sessions.astype({"charger_id": whose}), plugged.astype({"charger_id": whose})
    joined = _join(plugged, sessions, thresholds)
    for name in ("driver", "site_id", "stop_reason", "success"):
        if name not in joined:
            joined[name] = None
    told = joined["success"].astype("boolean")
    good = joined["stop_reason"].isin(thresholds.good_stops)
    good |= joined["stop_reason"].isna() & told.fillna(False).astype(bool)
    delivered = (
        joined["has_session"] & (joined["next_status"] != "FAULTED")
        & (joined["energy_kwh"].fillna(0.0) > thresholds.least_energy_kwh)
    )  # fmt: skip
    joined["is_unknown"] = delivered & joined["stop_reason"].isna() & told.isna()
    joined["success"] = delivered & good
    ended = joined[joined["end"].notna()]
    names = ["charger_id", "start", "end", "has_session", "energy_kwh", "next_status", "driver", "site_id", "success",
             "is_unknown"]  # fmt: skip
    return ended.sort_values(["charger_id", "start"])[names].reset_index(drop=True)


def _occupied(status: pd.DataFrame) -> pd.DataFrame:
    """From plugging in to the first report that has nothing to do with charging, by charger."""
    with_columns(status, "charger_id", "time", "status", what="table of status reports")
    rows = status.assign(time=_moments(status["time"])).sort_values(["charger_id", "time"], kind="stable")
    charger, state = rows["charger_id"].to_numpy(), rows["status"].to_numpy()
    busy = np.isin(state.astype(str), OCCUPIED)
    is_first = np.append(True, charger[1:] != charger[:-1])[: len(rows)]
    was_busy = np.append(False, busy[:-1])[: len(rows)] & ~is_first
    turns = rows[busy != was_busy].assign(busy=busy[busy != was_busy])
    follows = turns["charger_id"].eq(turns["charger_id"].shift(-1))
    turns["end"] = turns["time"].shift(-1).where(follows)
    turns["next_status"] = turns["status"].shift(-1).where(follows)
    starts = turns[turns["busy"]].rename(columns={"time": "start"})
    return starts[["charger_id", "start", "end", "next_status"]].reset_index(drop=True)


def _moments(times: pd.Series) -> pd.Series:
    """Times in UTC; naive ones are taken to be so."""
    return pd.to_datetime(times, utc=True).astype("datetime64[us, UTC]")


def _join(plugged: pd.DataFrame, sessions: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Each session with the latest plugging-in up to 300 s after its start, if that is not over; all others alone."""
    plugged = plugged.sort_values("start").assign(attempt=np.arange(len(plugged)))
    sessions = sessions.rename(columns={"start": "session_start", "end": "session_end"})
    reach = pd.Timedelta(seconds=thresholds.join_seconds)
    sessions = sessions.assign(until=sessions["session_start"] + reach).sort_values("until", kind="stable")
    pairs = pd.merge_asof(sessions, plugged, left_on="until", right_on="start", by="charger_id")
    by_begin = sessions  # in the order of session_start too, which is until less 300 s
    going = pd.merge_asof(by_begin, plugged, left_on="session_start", right_on="start", by="charger_id")
    under_way = going["start"].notna() & (going["end"].isna() | (going["end"] >= going["session_start"]))
    pairs.loc[under_way, plugged.columns] = going.loc[under_way, plugged.columns]
    near = pairs["start"].notna() & (pairs["end"].isna() | (pairs["end"] + reach >= pairs["session_start"]))
    taken = pairs[near].sort_values("energy_kwh", na_position="first").drop_duplicates("attempt", keep="last")
    extra = sessions.columns.difference(["charger_id", "until"]).tolist()
    joined = plugged.merge(taken[["attempt", *extra]], "left", "attempt")
    alone = pairs[~near].assign(start=lambda f: f["session_start"], end=lambda f: f["session_end"], next_status=None)
    both = pd.concat([joined, alone[["charger_id", "start", "end", "next_status", *extra]]], ignore_index=True)
    return both.assign(has_session=both["session_start"].notna())


_VISIT = ["visitor", "charger_id", "start", "end", "attempts", "first_success", "success", "is_unknown"]


def visits(attempts: pd.DataFrame, thresholds: Thresholds = STANDARD) -> pd.DataFrame:
    """Attempts of `charge_attempts` gathered into visits: visitor, charger_id of the first, start, end, attempts,
    first_success, success, is_unknown (of its first attempt, or of what decides, it is not known).

    A known driver's attempts at one site less than 30 minutes apart are one visit; those of an unknown driver at one
    port less than 2 minutes apart; an unknown one up to 2 minutes before a known driver's at the same port is theirs. A
    visit succeeded when its last attempt did (INL's variant: any).
    """
    if attempts.empty:
        return pd.DataFrame(columns=_VISIT)
    rows = _with_driver(attempts, thresholds)
    known = rows["driver"].notna()
    place = rows["site_id"].where(rows["site_id"].notna(), rows["charger_id"])
    visitor = np.where(known, "driver " + rows["driver"].astype(str) + " at " + place.astype(str),
                       "port " + rows["charger_id"].astype(str))  # fmt: skip
    rows = rows.assign(visitor=visitor, gap=np.where(known, thresholds.visit_gap_minutes,
                                                     thresholds.anonymous_gap_minutes))  # fmt: skip
    rows = rows.sort_values(["visitor", "start"], kind="stable")
    latest = rows.groupby("visitor")["end"].cummax()
    pause = (rows["start"] - latest.groupby(rows["visitor"]).shift()) / pd.Timedelta(minutes=1)
    rows["visit"] = (~(pause < rows["gap"])).cumsum()
    if "is_unknown" not in rows:
        rows["is_unknown"] = False
    groups = rows.groupby("visit")
    unknown = groups["is_unknown"]
    if thresholds.any_attempt:
        decided, is_open = groups["success"].any(), unknown.any() & ~groups["success"].any()
    else:
        decided, is_open = groups["success"].last(), unknown.last()
    values = (
        groups["visitor"].first(), groups["charger_id"].first(), groups["start"].first(), groups["end"].max(),
        groups.size(), groups["success"].first(), decided, is_open | unknown.first(),
    )  # fmt: skip
    return pd.DataFrame(dict(zip(_VISIT, values, strict=True))).reset_index(drop=True)


def _with_driver(attempts: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """An unknown driver's attempt shortly before a known one's at the same port becomes theirs."""
    rows = attempts.sort_values(["charger_id", "start"], kind="stable").copy()
    following = rows.groupby("charger_id")[["driver", "start"]].shift(-1)
    pause = (following["start"] - rows["end"]) / pd.Timedelta(minutes=1)
    theirs = rows["driver"].isna() & following["driver"].notna() & (pause <= thresholds.anonymous_gap_minutes)
    rows["driver"] = rows["driver"].astype(object).where(~theirs, following["driver"])
    return rows


def session_success(attempts: pd.DataFrame, thresholds: Thresholds = STANDARD) -> SessionSuccess:
    """Key figures of attempts and visits. Raises CannotAnswer without attempts whose outcome is known.

    started_share: attempts with a session, of all; success_share: Germany's Charging Success Rate (started and
    completed); first_attempt_share: visits whose first attempt succeeded; troubled_share: that succeeded after two or
    more; failed_share: that did not. Attempts and visits of unknown outcome are in none of these shares but the first:
    `unknown_attempts` and `unknown_visits` count them. by_charger: the counts that the shares are made of.
    """
    if attempts.empty:
        raise CannotAnswer("nobody tried to charge in this period")
    rows = attempts if "is_unknown" in attempts else attempts.assign(is_unknown=False)
    gathered, known = visits(rows, thresholds), rows[~rows["is_unknown"].astype(bool)]
    decided = gathered[~gathered["is_unknown"].astype(bool)]
    if known.empty or decided.empty:
        raise CannotAnswer(f"of {len(rows):,} attempts to charge it is not known whether they succeeded")
    success, good = known["success"].astype(bool), decided["success"].astype(bool)
    first = decided["first_success"].astype(bool) & good
    return SessionSuccess(
        len(rows), float(rows["has_session"].mean()), float(success.mean()),
        proportion_interval(int(success.sum()), len(known)), len(gathered), float(good.mean()),
        proportion_interval(int(good.sum()), len(decided)), float(first.mean()), float((good & ~first).mean()),
        float((~good).mean()), float(gathered["attempts"].mean()), _by_charger(rows, known, gathered, decided, first),
        len(rows) - len(known), len(gathered) - len(decided),
    )  # fmt: skip


def _by_charger(rows, known, gathered, decided, first) -> pd.DataFrame:
    """Counts of each charger: attempts and visits of known outcome and their successes, and all of them."""
    good = decided["success"].astype(bool)
    sums = {
        "attempts": known.groupby("charger_id").size(),
        "successes": known["success"].astype(bool).groupby(known["charger_id"]).sum(),
        "all_attempts": rows.groupby("charger_id").size(),
        "started": rows["has_session"].astype(bool).groupby(rows["charger_id"]).sum(),
        "all_visits": gathered.groupby("charger_id").size(),
        "visits": decided.groupby("charger_id").size(),
        "good_visits": good.groupby(decided["charger_id"]).sum(),
        "first_visits": first.groupby(decided["charger_id"]).sum(),
        "troubled_visits": (good & ~first).groupby(decided["charger_id"]).sum(),
    }
    table = pd.DataFrame(sums).fillna(0).astype("i8")
    table["share"] = table["successes"] / table["attempts"].where(table["attempts"] > 0)
    return table.rename_axis("charger_id").reset_index()
