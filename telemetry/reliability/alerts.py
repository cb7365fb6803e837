"""What an alert rule is worth: counted in outages and alerts, not in rows, and on a period it was not chosen on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .answers import CannotAnswer, in_utc, moment, with_columns, with_times

HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class AlertValue:
    """Alerts at one threshold. Lead times in hours; NaN where nothing was alerted, or nothing happened."""

    threshold: float
    precision: float
    recall: float
    median_lead_hours: float
    alerts_per_day_per_100: float
    alerts: int
    right_alerts: int
    outages: int
    found_outages: int
    cost: float = float("nan")


@dataclass(frozen=True)
class AlertChoice:
    """The threshold that was cheapest in the first period, what it came to in the second, and the curve of both."""

    threshold: float
    chosen_on: AlertValue
    reported_on: AlertValue
    curve: pd.DataFrame


def alert_value(
    scores: pd.DataFrame,
    onsets: pd.DataFrame,
    threshold: float,
    horizon_hours: float = 24.0,
    gap_hours: float = 0.0,
    cooldown_hours: float = 24.0,
) -> AlertValue:
    """Precision by alert, recall by outage, lead time, and alerts per day for every 100 chargers.

    scores: charger_id, time, score: one row for each charger that is up and each moment of asking, made of what was
    known at that time. onsets: charger_id, start. A charger is alerted where its score reaches the threshold and it
    was not in the `cooldown_hours` before. An alert at t is right when an outage begins in (t + gap, t + horizon]; an
    outage is found when an alert lies so before it. Alerts whose horizon reaches beyond the last moment of asking are
    judged by what is known, so let `onsets` reach further. Raises CannotAnswer without scores.
    """
    counts = alert_counts(scores, onsets, threshold, horizon_hours, gap_hours, cooldown_hours)
    times = in_utc(scores["time"])
    days = max((times.max() - times.min()) / pd.Timedelta(days=1), 1.0)
    alerts, right, outages, found = (int(counts[name].sum()) for name in _COUNTS)
    leads = np.concatenate([*counts["leads"], np.zeros(0)])
    return AlertValue(
        float(threshold), right / alerts if alerts else float("nan"), found / outages if outages else float("nan"),
        float(np.median(leads)) if len(leads) else float("nan"), 100 * alerts / (days * len(counts)),
        alerts, right, outages, found,
    )  # fmt: skip


_COUNTS = ["alerts", "right_alerts", "outages", "found_outages"]


def alert_counts(
    scores: pd.DataFrame,
    onsets: pd.DataFrame,
    threshold: float,
    horizon_hours: float = 24.0,
    gap_hours: float = 0.0,
    cooldown_hours: float = 24.0,
) -> pd.DataFrame:
    """What `alert_value` counts, of each charger that was scored, for intervals by charger or site.

    Returns charger_id, alerts, right_alerts, outages, found_outages, and leads: an array of hours from the first alert
    that finds it to each outage found. Arguments and errors are those of `alert_value`.
    """
    with_columns(scores, "charger_id", "score", what="table of scores")
    with_columns(onsets, "charger_id", what="table of onsets")
    if scores.empty:
        raise CannotAnswer("nothing was scored in this period")
    scores, onsets = with_times(scores, "time", what="table of scores"), with_times(onsets, "start", what="onsets")
    onsets = onsets.assign(start=onsets["start"].astype(scores["time"].dtype))  # merging needs one unit of time
    asked = scores[scores["score"] >= threshold].sort_values("time")
    alerts = _cooled(asked, cooldown_hours)
    soon = (onsets["start"] > scores["time"].min() + gap_hours * HOUR) & (
        onsets["start"] <= scores["time"].max() + horizon_hours * HOUR
    )
    ids = pd.Index(scores["charger_id"].unique(), name="charger_id")
    events = onsets.loc[soon & onsets["charger_id"].isin(ids), ["charger_id", "start"]]
    events = events.sort_values("start").reset_index(drop=True)
    right = _is_followed(alerts, events, gap_hours, horizon_hours)
    lead = _leads(events, alerts, gap_hours, horizon_hours)
    found = np.isfinite(lead)
    places = [ids.get_indexer(one) for one in (alerts["charger_id"], events["charger_id"])]
    pairs = (places[0], None), (places[0], right), (places[1], None), (places[1], found)
    sums = [np.bincount(place, weight, minlength=len(ids)).astype("i8") for place, weight in pairs]
    leads = pd.Series(lead[found]).groupby(places[1][found]).agg(np.array).reindex(range(len(ids)))
    table = pd.DataFrame(dict(zip(_COUNTS, sums, strict=True)), index=ids).reset_index()
    return table.assign(leads=[np.zeros(0) if isinstance(one, float) else one for one in leads])


def _cooled(asked: pd.DataFrame, cooldown_hours: float) -> pd.DataFrame:
    """Without the alerts of a charger that come within the cool-down of one that was raised."""
    rows = asked.sort_values(["charger_id", "time"])[["charger_id", "time"]]
    pause = rows["time"].diff() / HOUR
    fresh = rows["charger_id"].ne(rows["charger_id"].shift()).to_numpy()
    pause, raised, since = pause.to_numpy(), np.zeros(len(rows), bool), np.inf
    for place in range(len(rows)):  # because whether one is raised depends on which were before
        since = np.inf if fresh[place] else since + pause[place]
        if since >= cooldown_hours:
            raised[place], since = True, 0.0
    return rows[raised].sort_values("time").reset_index(drop=True)


def _is_followed(alerts: pd.DataFrame, events: pd.DataFrame, gap: float, horizon: float) -> np.ndarray:
    if alerts.empty or events.empty:
        return np.zeros(len(alerts), bool)
    begin = alerts.assign(begin=alerts["time"] + gap * HOUR)
    pairs = pd.merge_asof(
        begin,
        events,
        left_on="begin",
        right_on="start",
        by="charger_id",
        direction="forward",
        allow_exact_matches=False,
    )
    return ((pairs["start"] - pairs["time"]) / HOUR <= horizon).to_numpy()


def _leads(events: pd.DataFrame, alerts: pd.DataFrame, gap: float, horizon: float) -> np.ndarray:
    """Hours from the first alert that finds it to each outage; NaN where none does."""
    if alerts.empty or events.empty:
        return np.full(len(events), np.nan)
    earliest = events.assign(earliest=events["start"] - horizon * HOUR).sort_values("earliest")
    pairs = pd.merge_asof(earliest, alerts, left_on="earliest", right_on="time", by="charger_id", direction="forward")
    lead = (pairs["start"] - pairs["time"]) / HOUR
    return lead.where(lead > gap).to_numpy()


def choose_threshold(
    scores: pd.DataFrame,
    onsets: pd.DataFrame,
    split,
    missed_cost: float = 10.0,
    alert_cost: float = 1.0,
    horizon_hours: float = 24.0,
    gap_hours: float = 0.0,
    thresholds=None,
) -> AlertChoice:
    """The threshold at which outages missed and alerts cost least before `split`, and what it comes to after it.

    Cost = missed_cost x outages not found + alert_cost x alerts, per day and 100 chargers, in units of one alert. Rows
    whose horizon reaches over the split are left out of the first period, so that nothing of the second is in the
    choice. Candidates: `thresholds`, or 20 quantiles of the scores before the split. curve: period, threshold,
    precision, recall, alerts_per_day_per_100, cost. Raises CannotAnswer where either period has no scores.
    """
    split = moment(split)
    scores, onsets = with_times(scores, "time", what="table of scores"), with_times(onsets, "start", what="onsets")
    periods = {
        "first": scores[scores["time"] <= split - horizon_hours * HOUR],
        "second": scores[scores["time"] >= split],
    }
    if any(part.empty for part in periods.values()):
        raise CannotAnswer("a threshold is chosen in one period and judged in another, and one of them has no scores")
    known = {"first": onsets[onsets["start"] < split], "second": onsets}
    if thresholds is None:
        thresholds = np.unique(np.quantile(periods["first"]["score"], 1 - np.geomspace(0.001, 0.5, 20)))
    rows = []
    for name, part in periods.items():
        days = max((part["time"].max() - part["time"].min()) / pd.Timedelta(days=1), 1.0)
        unit = 100 / (days * part["charger_id"].nunique())
        for threshold in thresholds:
            value = alert_value(part, known[name], threshold, horizon_hours, gap_hours)
            missed = value.outages - value.found_outages
            cost = unit * (missed_cost * missed + alert_cost * value.alerts)
            rows.append({"period": name, **{**value.__dict__, "cost": cost}})
    curve = pd.DataFrame(rows)
    first = curve[curve["period"] == "first"].reset_index(drop=True)
    best = float(first.loc[first["cost"].idxmin(), "threshold"])
    chosen = [AlertValue(**curve[(curve["period"] == name) & (curve["threshold"] == best)].iloc[0].drop("period"))
              for name in ("first", "second")]  # fmt: skip
    return AlertChoice(best, *chosen, curve)


def recent_outages_score(
    spells: pd.DataFrame, chargers: pd.DataFrame, times, half_life_hours: float = 72.0
) -> pd.DataFrame:
    """A plain score to alert by, of spells alone: outages that began lately, those of a charger and, half, of its site.

    spells: charger_id, start, end. chargers: charger_id, site_id. times: moments of asking. An outage counts 1 when it
    begins and half as much each `half_life_hours` later. Returns charger_id, time, score for chargers that are not out
    at that time. Only outages that began at or before a time are in its scores, so that deleting later rows changes
    nothing.
    """
    ids, sites = pd.Index(chargers["charger_id"]), pd.factorize(chargers["site_id"])[0]
    place = ids.get_indexer(spells["charger_id"])
    known = with_times(spells, "start", "end", what="table of spells")[place >= 0].assign(place=place[place >= 0])
    start, end = known["start"], known["end"]
    pieces = []
    for time in in_utc(times, "the moment of asking"):
        age = ((time - start) / HOUR).to_numpy()
        weight = np.where(age >= 0, 0.5 ** (np.maximum(age, 0) / half_life_hours), 0.0)
        own = np.bincount(known["place"], weight, minlength=len(ids))
        site = np.bincount(sites, own, minlength=sites.max() + 1 if len(sites) else 0)[sites]
        out = np.zeros(len(ids), bool)
        out[known["place"][((start <= time) & (end > time)).to_numpy()]] = True
        score = own + 0.5 * (site - own)
        pieces.append(pd.DataFrame({"charger_id": ids[~out], "time": time, "score": score[~out]}))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=["charger_id", "time", "score"])
