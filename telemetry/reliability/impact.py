"""What outages and failed sessions cost: energy that was not sold, and the margin on it, with clustered intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .answers import CannotAnswer, clusters_of, confident, with_columns


@dataclass(frozen=True)
class Bootstrapped:
    """A statistic and its percentile interval over resampled clusters, in its own unit."""

    estimate: float
    ci_low: float
    ci_high: float
    standard_error: float
    n_clusters: int = 0


@dataclass(frozen=True)
class Impact:
    """Energy (kWh) and margin (of the currency of `margin_per_kwh`) lost in a period."""

    energy_kwh: Bootstrapped
    margin: Bootstrapped
    failed_kwh: float
    outage_kwh: float
    by_charger: pd.DataFrame
    failed: Bootstrapped | None = None
    outages: Bootstrapped | None = None


def cluster_bootstrap(
    frame: pd.DataFrame,
    cluster,
    statistic: Callable[[pd.DataFrame], float],
    draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Bootstrapped:
    """A statistic of a frame with an interval by resampling whole clusters with replacement (Efron; Davison and
    Hinkley).

    cluster: a column of `frame`, or an array (n,): rows of one cluster stay together, because they are alike.
    statistic: takes a frame such as `frame`, returns a number; multiplying the data by a unit multiplies estimate,
    interval and standard error by it. The same seed draws the same clusters. Percentile interval of those draws in
    which the statistic is a number. Raises CannotAnswer for an empty frame, one cluster, or a statistic that is never
    a number.
    """
    if len(frame) == 0:
        raise CannotAnswer("there are no rows to measure")
    codes = clusters_of(frame[cluster] if isinstance(cluster, str) else cluster, len(frame))
    count = int(codes.max()) + 1
    if count < 2:
        raise CannotAnswer("an interval needs at least two clusters, such as two chargers or two sites")
    order = np.argsort(codes, kind="stable")
    frame, sizes = frame.iloc[order], np.bincount(codes)
    begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        chosen = random.integers(0, count, count)
        found[draw] = statistic(frame.take(_rows(begins[chosen], sizes[chosen])))
    found = found[np.isfinite(found)]
    if len(found) < 2:
        raise CannotAnswer("the statistic is not a number in resampled data")
    low, high = np.quantile(found, [confident(confidence) / 2, 1 - confident(confidence) / 2])
    return Bootstrapped(float(statistic(frame)), float(low), float(high), float(found.std(ddof=1)), count)


def _rows(begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Places begin, begin + 1, ... of each, one after the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1]) + np.repeat(begins - np.concatenate([[0], ends[:-1]]), sizes)


def lost_energy(
    sessions: pd.DataFrame,
    outage_hours: pd.DataFrame,
    margin_per_kwh: float,
    recapture: float = 0.3,
    draws: int = 2000,
    seed: int = 0,
) -> Impact:
    """Energy not sold because sessions failed and chargers were out, against what would have been, and its margin.

    sessions: charger_id, stratum (such as charger type and hour of day), energy_kwh, success, each that ended.
    outage_hours: charger_id, stratum, hours out, kwh_per_hour (what such a charger sells in such an hour when it is
    up). A failed session lost the median energy of the successful ones of its stratum (of all where there is none)
    less what it delivered, at least 0; one whose success is not known (missing) is neither.
    An outage lost hours x kwh_per_hour. `recapture` of all that is assumed to be
    sold anyway, at another charger or later (0 to 1: an assumption, so look at several). Margin, not price: energy not
    sold is not bought either. Intervals over resampled chargers. Raises CannotAnswer without sessions and outages.
    """
    if not 0 <= recapture <= 1:
        raise CannotAnswer(f"the share that is sold anyway must lie between 0 and 1, not {recapture!r}")
    failed = _lost_in_sessions(sessions)
    with_columns(outage_hours, "charger_id", "hours", "kwh_per_hour", what="table of outage hours")
    out = (outage_hours["hours"] * outage_hours["kwh_per_hour"]).groupby(outage_hours["charger_id"]).sum()
    chargers = pd.Index(pd.concat([sessions["charger_id"], outage_hours["charger_id"]]).unique())
    if not len(chargers):
        raise CannotAnswer("there are no sessions and no outages in this period")
    by_charger = pd.DataFrame(
        {"failed_kwh": failed.reindex(chargers, fill_value=0.0), "outage_kwh": out.reindex(chargers, fill_value=0.0)}
    ) * (1 - recapture)
    by_charger["lost_kwh"] = by_charger["failed_kwh"] + by_charger["outage_kwh"]
    energy = bootstrap_total(by_charger["lost_kwh"].to_numpy(), draws, seed)
    numbers = (energy.estimate, energy.ci_low, energy.ci_high, energy.standard_error)
    margin = Bootstrapped(*(number * margin_per_kwh for number in numbers), energy.n_clusters)
    table = by_charger.rename_axis("charger_id").reset_index()
    parts = [bootstrap_total(table[name].to_numpy(), draws, seed) for name in ("failed_kwh", "outage_kwh")]
    return Impact(energy, margin, parts[0].estimate, parts[1].estimate, table, *parts)


def _lost_in_sessions(sessions: pd.DataFrame) -> pd.Series:
    """kWh that each charger's failed sessions fell short of successful ones of their stratum."""
    with_columns(sessions, "charger_id", "stratum", "energy_kwh", "success", what="table of sessions")
    told = sessions["success"].astype("boolean")
    success, failed = ((told == one).fillna(False).to_numpy(bool) for one in (True, False))
    if not failed.any() or not success.any():
        return pd.Series(0.0, index=pd.Index([], dtype=object))
    good = sessions[success]
    usual = sessions["stratum"].map(good.groupby("stratum")["energy_kwh"].median())
    usual = usual.fillna(good["energy_kwh"].median())
    short = (usual - sessions["energy_kwh"]).clip(lower=0)[failed]
    return short.groupby(sessions["charger_id"][failed]).sum()


def bootstrap_total(values: np.ndarray, draws: int = 2000, seed: int = 0, confidence: float = 0.95) -> Bootstrapped:
    """A total of one value per cluster (n,), as `cluster_bootstrap` of their sum, without copying frames."""
    values = np.asarray(values, "f8")
    total = float(values.sum())
    if len(values) < 2:
        return Bootstrapped(total, float("nan"), float("nan"), float("nan"), len(values))
    random = np.random.default_rng(seed)
    found = np.array([values[random.integers(0, len(values), len(values))].sum() for _ in range(draws)])
    low, high = np.quantile(found, [confident(confidence) / 2, 1 - confident(confidence) / 2])
    return Bootstrapped(total, float(low), float(high), float(found.std(ddof=1)), len(values))
