"""Does load make chargers fail: the hazard of an outage in the next hour, by how busy the charger was before.

A charger that is out serves nobody; counting sessions in the hour of the fault would therefore show that load protects.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used

from .answers import CannotAnswer, clusters_of, confident, moment, with_columns, with_times

CONTROLS_PER_ONSET = 20  # hours without onset that are kept for each with one; more hardly narrows an interval
HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class LoadHazard:
    """Hazard ratio of an hour that was all load against one without any, and of every term of the model."""

    hazard_ratio: float
    ci_low: float
    ci_high: float
    p_value: float
    coefficients: pd.Series
    standard_errors: pd.Series
    ci: pd.DataFrame
    onsets: int
    hours_at_risk: int
    n_clusters: int


def hourly_panel(
    spells: pd.DataFrame, use: pd.DataFrame, watched: pd.DataFrame, start, end, lag_hours: int = 1
) -> pd.DataFrame:
    """Rows of charger and hour t at which the charger was up, and had been throughout the hours of the lag.

    spells: of `outage_spells` over [start, end). use: charger_id, start, end of each time that a car charged. watched:
    charger_id, since, and any columns that are to be kept.
    Returns those columns and hour (its begin t), load (share of the `lag_hours` before t in which a car charged, 0 to
    1), onset (an outage began in [t, t + 1 h)), hour_of_day and is_weekend (UTC), hours_up (since the last outage
    ended, or since it was first heard of; at most 30 days). Arrays of chargers x hours; nothing of an hour from t on
    is in a term.
    """
    with_columns(watched, "charger_id", what="table of chargers")
    watched = with_times(watched, "since", what="table of chargers")
    spells = with_times(spells, "start", "end", what="table of spells")
    use = with_times(use, "start", "end", what="table of use")
    start, end = moment(start).ceil("h"), moment(end).floor("h")
    shape = (len(watched), max(int((end - start) / HOUR), 0))
    ids = pd.Index(watched["charger_id"])
    place, begins, ends = _in_hours(spells, ids, start)
    down, busy = covered(place, begins, ends, shape), covered(*_in_hours(use, ids, start), shape)
    is_onset = ~spells["left_censored"].to_numpy(bool) & (begins >= 0) & (begins < shape[1]) & (place >= 0)
    onset = np.zeros(shape, bool)
    onset[place[is_onset], begins[is_onset].astype(int)] = True
    first = ((watched["since"] - start) / HOUR).clip(lower=0).to_numpy()
    before = np.maximum(np.arange(shape[1]) - lag_hours, 0)
    charger, hour = np.nonzero(_is_at_risk(down, onset, first, lag_hours))
    was_busy = _running(busy)
    begins_at = start + pd.to_timedelta(np.arange(shape[1]), unit="h")
    rows = watched.drop(columns="since").take(charger).reset_index(drop=True)
    return rows.assign(
        hour=begins_at[hour],
        load=np.clip((was_busy[charger, hour] - was_busy[charger, before[hour]]) / lag_hours, 0, 1),
        onset=onset[charger, hour],
        hour_of_day=begins_at.hour.to_numpy()[hour],
        is_weekend=(begins_at.day_of_week >= 5)[hour].astype("f8"),
        hours_up=_hours_up(down, first)[charger, hour],
    )


def _in_hours(intervals: pd.DataFrame, ids: pd.Index, start: pd.Timestamp):
    """Place of the charger of each interval (-1: not one of them), and its begin and end in hours from `start`."""
    begins, ends = (((intervals[name] - start) / HOUR).to_numpy("f8") for name in ("start", "end"))
    return ids.get_indexer(intervals["charger_id"]), begins, ends


def _is_at_risk(down: np.ndarray, onset: np.ndarray, first: np.ndarray, lag_hours: int) -> np.ndarray:
    """Up at the begin of each hour (n, hours), though an outage may begin within it, and in the hours of the lag."""
    hours = np.arange(down.shape[1])
    was_down = _running(down > 0)
    is_clear = was_down[:, hours] == was_down[:, np.maximum(hours - lag_hours, 0)]
    return is_clear & ((down == 0) | onset) & (hours - lag_hours >= first[:, None])


def _running(values: np.ndarray) -> np.ndarray:
    """Sums along the hours with a zero in front."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, 1)], 1)


def covered(place: np.ndarray, begins, ends, shape: tuple[int, int]) -> np.ndarray:
    """Share of each hour (n, hours) that the intervals of each row cover; begins and ends in hours, NaN: without end.

    Assumes that intervals of one row do not overlap. Intervals of rows below 0 are left out.
    """
    begins, ends = np.asarray(begins, "f8"), np.nan_to_num(np.asarray(ends, "f8"), nan=np.inf)
    begins, ends = np.clip(begins, 0, shape[1]), np.clip(ends, 0, shape[1])
    known = (np.asarray(place) >= 0) & (ends > begins)
    # The share covered up to an hour rises by 1 per hour inside an interval: two ramps, which begin at its ends.
    width = shape[1] + 2
    row = np.asarray(place)[known] * width
    change = np.zeros(shape[0] * width)
    for times, sign in ((begins[known], 1.0), (ends[known], -1.0)):
        whole = np.floor(times).astype(int)
        rest = times - whole
        change += np.bincount(row + whole, sign * (1 - rest), minlength=len(change))
        change += np.bincount(row + whole + 1, sign * rest, minlength=len(change))
    change = change.reshape(shape[0], width)
    return np.clip(np.cumsum(change, 1)[:, : shape[1]], 0, 1).round(9)


def _hours_up(down: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Hours since the last one with any outage, or since the charger was first heard of, at most 720."""
    hours = np.arange(down.shape[1])
    last = np.maximum.accumulate(np.where(down > 0, hours + 1.0, -np.inf), axis=1) if down.shape[1] else down
    last = np.concatenate([np.full((len(down), 1), -np.inf), last], 1)[:, : down.shape[1]]
    return np.clip(hours - np.maximum(last, np.floor(first)[:, None]), 0, 720)


def load_hazard(
    panel: pd.DataFrame,
    terms: tuple[str, ...] = ("is_weekend",),
    categories: tuple[str, ...] = (),
    cluster: str = "charger_id",
    controls: int = CONTROLS_PER_ONSET,
    seed: int = 0,
    confidence: float = 0.95,
) -> LoadHazard:
    """Discrete-time proportional hazards of outage onsets on `load`, with sine and cosine of the hour and other terms.

    panel: of `hourly_panel`. log(-log(1 - P(onset))) = terms: the complementary log-log link, whose coefficients are
    those of Cox's model for grouped time (Prentice and Gloeckler 1978). Of the hours without onset `controls` for each
    onset are drawn and weighted up, which leaves the coefficients what they are. Sandwich errors clustered by
    `cluster`. Says what goes with load among chargers as they are used, not what a change of load would do: busy sites
    may differ in other ways that no term tells. Raises CannotAnswer with fewer than 10 onsets, two clusters, or a load
    that never varies.
    """
    with_columns(panel, "load", "onset", "hour_of_day", cluster, *terms, *categories, what="panel")
    onset = panel["onset"].to_numpy(bool)
    if onset.sum() < 10:
        raise CannotAnswer(f"{onset.sum()} outages began at chargers that had been up: at least 10 are needed")
    rows, weights = _sampled(onset, controls, seed)
    sample = panel.iloc[rows]
    design = _design(sample, terms, categories)
    if "load" not in design:
        raise CannotAnswer("the load never varies, so that nothing can go with it")
    codes = clusters_of(sample[cluster], len(sample))
    count = int(codes.max()) + 1
    if count < 2:
        raise CannotAnswer("one charger alone cannot say how much chargers differ: there must be at least two")
    beta, errors = fit_cloglog(onset[rows].astype("f8"), design.to_numpy(), weights, codes)
    spread = scipy.stats.t(count - 1)
    half = spread.ppf(1 - confident(confidence) / 2) * errors
    ci = pd.DataFrame({"low": beta - half, "high": beta + half}, design.columns)
    beta, errors = pd.Series(beta, design.columns), pd.Series(errors, design.columns)
    p_value = 2 * spread.sf(abs(beta["load"] / errors["load"]))
    ratio, low, high = (float(np.exp(one)) for one in (beta["load"], *ci.loc["load"]))
    return LoadHazard(ratio, low, high, float(p_value), beta, errors, ci, int(onset.sum()), len(panel), count)


def fit_cloglog(y: np.ndarray, X: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> tuple:
    """Coefficients (k,) of log(-log(1 - P)) = X b, weighted, and their standard errors clustered by codes (n,).

    Fisher's scoring from the constant (the first column); sandwich with G/(G-1). Raises CannotAnswer where it does not
    settle, which is so where a term has no outage at one of its values.
    """
    beta = np.zeros(X.shape[1])
    beta[0] = np.log(-np.log1p(-np.average(y, weights=weights)))
    for _ in range(60):
        rate = np.exp(np.clip(X @ beta, -30, 30))
        p = -np.expm1(-rate)
        slope = weights * rate / p
        information = X.T @ (X * (slope * rate * np.exp(-rate))[:, None])
        try:
            step = np.linalg.solve(information, X.T @ (slope * (y - p)))
        except np.linalg.LinAlgError:
            break
        beta += step.clip(-2, 2)
        if np.abs(step).max() < 1e-9:
            bread = np.linalg.inv(information)
            scores = X * (slope * (y - p))[:, None]
            sums = np.column_stack([np.bincount(clusters, column) for column in scores.T])
            count = len(sums)
            return beta, np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * count / (count - 1))
    raise CannotAnswer("the effect of load cannot be told: outages are missing at some value of another term")


def _sampled(onset: np.ndarray, controls: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of all onsets and of so many other rows for each, and what each of them stands for."""
    cases, others = np.flatnonzero(onset), np.flatnonzero(~onset)
    wanted = min(len(others), controls * len(cases))
    chosen = np.sort(np.random.default_rng(seed).choice(others, wanted, replace=False))
    rows = np.concatenate([cases, chosen])
    return rows, np.concatenate([np.ones(len(cases)), np.full(wanted, len(others) / max(wanted, 1))])


def _design(rows: pd.DataFrame, terms, categories) -> pd.DataFrame:
    angle = 2 * np.pi * rows["hour_of_day"].to_numpy("f8") / 24
    columns = {"constant": np.ones(len(rows)), "load": rows["load"].to_numpy("f8")}
    columns |= {"hour (sine)": np.sin(angle), "hour (cosine)": np.cos(angle)}
    columns |= {name: rows[name].to_numpy("f8") for name in terms}
    for name in categories:
        values = rows[name].astype("string").fillna("not known")
        onsets = rows.loc[rows["onset"].to_numpy(bool), name].astype("string").value_counts()
        levels = [level for level in values.value_counts().index if onsets.get(level, 0) >= 5]
        columns |= {f"{name}: {level}": (values == level).to_numpy("f8") for level in levels[1:]}
    design = pd.DataFrame(columns, index=rows.index)
    varies = [name for name in design if name == "constant" or design[name].nunique() > 1]
    return design[varies]
