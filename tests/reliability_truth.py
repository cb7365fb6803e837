"""What the statistics say of a simulated month, from status reports and sessions alone, beside what was true."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from telemetry.reliability.load import hourly_panel
from telemetry.reliability.proportions import clustered_share
from telemetry.reliability.rates import failures_at_once, mtbf, mttr
from telemetry.reliability.spells import outage_spells
from telemetry.reliability.uplift import before_after, onsets_and_exposure
from telemetry.simulation.journal import STATUSES

EPOCH = pd.Timestamp("1970-01-01", tz="UTC")
LONGEST_HOURS = 168.0
OCCUPIED = ("CHARGING", "PREPARING")


@dataclass
class Measured:
    """Of one month: (low, high) by name of interval, what is true of this month, and what is pooled over months."""

    intervals: dict[str, tuple[float, float]]
    truth: dict[str, float]
    repair_hours: np.ndarray
    successes: int
    sessions: int
    mtbf: float
    true_mtbf: float
    mtbf_start_to_start: float
    mtbf_by_polls: float
    panel: pd.DataFrame


def reports(happened: dict, opening: dict) -> pd.DataFrame:
    """Status reports as a back office has them: charger_id, time, status."""
    told = {name: np.concatenate([opening[name], happened[name]]) for name in ("charger", "minute", "status")}
    time = EPOCH + pd.to_timedelta(told["minute"] * 60, unit="s")
    status = np.array(STATUSES)[told["status"].astype(int)]
    return pd.DataFrame({"charger_id": told["charger"], "time": time, "status": status})


def measured(month) -> Measured:
    """The figures of a month of tests/test_world_truth.py (`Lived`)."""
    status = reports(month.happened["reports"], month.opening)
    start = EPOCH + pd.Timedelta(minutes=30 * (month.begin - 1))
    end, middle = start + pd.Timedelta(days=month.days), start + pd.Timedelta(days=month.days / 2)
    site = month.world.chargers.site
    watched = pd.DataFrame({"charger_id": np.arange(len(site)), "site_id": site, "since": start})
    watched["kind"] = month.world.chargers.kind.astype(str)
    spells = outage_spells(status, start, end)
    rates = onsets_and_exposure(spells, watched, start, end)
    onsets, hours = rates["onsets"].sum(), rates["up_hours"].sum()
    fresh = spells[~spells["left_censored"]]
    burst = failures_at_once(fresh["start"], site[fresh["charger_id"]])
    failures = mtbf(hours / burst, onsets / burst, confidence=0.95)
    repair = mttr(spells, cluster=site[spells["charger_id"]], restricted_to_hours=LONGEST_HOURS)
    halves = before_after(spells, watched, (start, middle), (middle, end))
    sessions, outages = month.happened["sessions"], month.happened["outages"]
    at, success = site[sessions["charger"]], np.asarray(sessions["success"]) > 0
    share = clustered_share(np.bincount(at, success), np.bincount(at))
    expected, up = month.expected, month.up_hours
    half = len(up) // 2
    rate = [expected[part].sum() / up[part].sum() for part in (slice(0, half), slice(half, None))]
    gaps = fresh.sort_values(["charger_id", "start"]).groupby("charger_id")["start"].diff() / pd.Timedelta(hours=1)
    return Measured(
        intervals={
            "time between failures": (failures.ci_low, failures.ci_high),
            "mean time to repair": (repair.ci_low, repair.ci_high),
            "median time to repair": repair.median_ci,
            "before and after": (halves.ci_low, halves.ci_high),
            "session success": (share.ci_low, share.ci_high),
        },
        truth={"time between failures": up.sum() / expected.sum(), "before and after": rate[1] / rate[0]},
        repair_hours=(outages["end"] - outages["told"]) / 60,
        successes=int(success.sum()),
        sessions=len(success),
        mtbf=failures.estimate,
        true_mtbf=up.sum() / len(outages["start"]),
        mtbf_start_to_start=float(gaps.mean()),
        mtbf_by_polls=24 * month.days * len(site) / (12 * spells["hours"].sum()),  # polls of five minutes
        panel=_panel(spells, status, watched, start, end, month.world.seed),
    )


def _panel(spells, status, watched, start, end, seed: int) -> pd.DataFrame:
    """Hours at risk with their load, of which every onset and a part of the rest is kept."""
    rows = status.sort_values(["charger_id", "time"], kind="stable")
    ends = rows["time"].shift(-1).where(rows["charger_id"].eq(rows["charger_id"].shift(-1)), end)
    use = rows.assign(start=rows["time"], end=ends)[rows["status"].isin(OCCUPIED)]
    panel = hourly_panel(spells, use, watched, start, end)
    keep = panel["onset"] | (np.random.default_rng(seed).random(len(panel)) < 0.1)
    names = ["charger_id", "load", "onset", "hour_of_day", "is_weekend", "kind"]
    return panel.loc[keep, names].assign(charger_id=panel["charger_id"] + 100_000 * seed)


def coverage(months: list[Measured]) -> dict[str, float]:
    """Share of months whose interval contains the truth, by name; what no month knows is that of all together."""
    hours = np.concatenate([month.repair_hours for month in months])
    common = {
        "mean time to repair": np.minimum(hours, LONGEST_HOURS).mean(),
        "median time to repair": np.median(hours),
        "session success": sum(month.successes for month in months) / sum(month.sessions for month in months),
    }
    found = {}
    for name in months[0].intervals:
        pairs = [(month.intervals[name], (month.truth | common)[name]) for month in months]
        found[name] = float(np.mean([low <= truth <= high for (low, high), truth in pairs]))
    return found
