"""What a policy changes: paired differences over seeds, with 95 % intervals. Plain dictionaries in and out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

NONE = "none"


@dataclass(frozen=True)
class Measure:
    """One row of the report; `of` makes its value per seed from the totals with the policy and without."""

    name: str
    unit: str
    of: object
    is_difference: bool = True


def _per(with_policy: dict, without: dict, what: str, by: str, scale: float) -> float:
    return scale * (with_policy[what] / with_policy[by] - without[what] / without[by])


def _percent(with_policy: dict, without: dict, what: str) -> float:
    return 100 * (with_policy[what] / without[what] - 1) if without[what] else 0.0


def _paid_percent(a: dict, b: dict) -> float:
    return 100 * (a["revenue"] / a["energy_mwh"] / (b["revenue"] / b["energy_mwh"]) - 1)


MEASURES = (
    Measure("outages per 1,000 charger-hours", "per 1,000 h",
            lambda a, b: _per(a, b, "outages", "charger_hours", 1000)),
    Measure("outages per GWh", "per GWh", lambda a, b: _per(a, b, "outages", "energy_mwh", 1000)),
    Measure("outages", "in all", lambda a, b: a["outages"] - b["outages"]),
    Measure("energy served", "%", lambda a, b: _percent(a, b, "energy_mwh")),
    Measure("energy not served", "MWh", lambda a, b: a["unserved_mwh"] - b["unserved_mwh"]),
    Measure("revenue", "%", lambda a, b: _percent(a, b, "revenue")),
    Measure("what drivers pay per kWh", "%", _paid_percent),
    Measure("wait", "min", lambda a, b: a["wait_minutes"] - b["wait_minutes"]),
    Measure("outages moved to neighbours", "in all", lambda a, b: a["moved"]),
    Measure("hours surged", "%", lambda a, b: 100 * a["surged_share"], is_difference=False),
    Measure("hours with less power", "%", lambda a, b: 100 * a["limited_share"], is_difference=False),
)  # fmt: skip
PER_PERCENT = "outages avoided per 1 % of energy"


def report(rows: Sequence[dict]) -> list[dict]:
    """Findings of every policy and elasticity: name, unit, value, low and high, from rows with seed and totals."""
    base = {row["seed"]: row["totals"] for row in rows if row["policy"] == NONE}
    groups: dict[tuple, list[tuple[dict, dict]]] = {}
    for row in sorted(rows, key=lambda row: (row["policy"], -(row["elasticity"] or 0), row["seed"])):
        if row["policy"] != NONE and row["seed"] in base:
            groups.setdefault((row["policy"], row["elasticity"]), []).append((row["totals"], base[row["seed"]]))
    found = []
    for (policy, elasticity), pairs in groups.items():
        findings = [_finding(measure, pairs) for measure in MEASURES] + [_per_percent(pairs)]
        found.append({"policy": policy, "elasticity": elasticity, "seeds": len(pairs), "findings": findings})
    return found


def _finding(measure: Measure, pairs) -> dict:
    values = np.array([measure.of(with_policy, without) for with_policy, without in pairs], float)
    return {"name": measure.name, "unit": measure.unit, "is_difference": measure.is_difference} | interval(values)


def interval(values: np.ndarray) -> dict:
    """Mean and Student's 95 % interval over seeds; no interval from fewer than two."""
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return {"value": mean, "low": None, "high": None}
    half = float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / np.sqrt(count))
    return {"value": mean, "low": mean - half, "high": mean + half}


def _per_percent(pairs) -> dict:
    """Ratio of means with the jackknife's interval; nothing where the energy that it costs cannot be told from 0."""
    avoided = np.array([without["outages"] - with_policy["outages"] for with_policy, without in pairs], float)
    lost = np.array([-_percent(with_policy, without, "energy_mwh") for with_policy, without in pairs])
    named = {"name": PER_PERCENT, "unit": "per 1 %", "is_difference": True}
    around, count = interval(lost), len(pairs)
    if count < 2 or around["low"] <= 0:
        return named | {"value": None, "low": None, "high": None}
    ratio = avoided.mean() / lost.mean()
    left_out = (avoided.sum() - avoided) / (lost.sum() - lost)
    spread = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    half = float(stdtrit(count - 1, 0.975) * spread)
    return named | {"value": float(ratio), "low": float(ratio) - half, "high": float(ratio) + half}
