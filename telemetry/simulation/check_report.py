"""A check in plain values, which can be kept as JSON and drawn later."""

from dataclasses import asdict

import numpy as np

from .check import Sample, cause_table, findings, starts_by_port
from .parameters import Scenario

EDGES = np.linspace(-2, 3.5, 23)  # of the lengths of outages, log10 of hours
_POINTS = 51  # of the curve of concentration


def check_report(lived: Sample, scenario: Scenario) -> dict:
    """What a page needs of a check: findings, availability by day, outages by length, concentration, causes.

    Shares are in percent, lengths counted between `EDGES`; None stands for what cannot be said.
    """
    hours = lived.outages["hours"]
    logs = np.clip(np.log10(np.maximum(hours, 1e-9)), EDGES[0], EDGES[-1])
    counts = starts_by_port(lived)
    share = np.concatenate([[0], 100 * np.cumsum(counts) / max(counts.sum(), 1)])
    places = np.linspace(0, len(counts), _POINTS)
    return {
        "chargers": len(lived.site),
        "days": lived.days,
        "findings": [_plain(asdict(one) | {"holds": one.holds}) for one in findings(lived, scenario)],
        "availability": _plain((100 * lived.availability).round(3)),
        "outages": np.histogram(logs, EDGES)[0].tolist(),
        "downtime": _plain(np.histogram(logs, EDGES, weights=hours)[0].round(1)),
        "concentration": _plain(np.interp(places, np.arange(len(share)), share).round(2)),
        "causes": _plain(cause_table(lived)) if "cause" in lived.outages else [],
    }


def _plain(value):
    """Numbers as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value
