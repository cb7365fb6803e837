"""What comes of acting on a forecast once a day: how many are alerted, how many rightly, and how long before."""

import numpy as np

from .measures import measured, site_weights
from .rows import Rows

BUDGETS = (5, 10, 20, 40)  # alerts a day
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.9)
_LEAD_POINTS = 13


class Daily:
    """Rows of the first moment of each day with their scores, riskiest first.

    Those moments are 21 or 28 hours apart, because rows are seven, so that most outages count once.
    """

    def __init__(self, rows: Rows, score: np.ndarray, risk: np.ndarray) -> None:
        """`score` (n,) is to rank by, `risk` (n,) the calibrated probability, of `rows`."""
        _, first = np.unique(rows.second // 86_400, return_index=True)
        daily = np.flatnonzero(np.isin(rows.second, rows.second[first]))
        order = daily[np.lexsort((-score[daily], rows.second[daily]))]
        self.rows, self.risk = rows.where(order), risk[order]
        _, begins, counts = np.unique(self.rows.second, return_index=True, return_counts=True)
        self.place = np.arange(len(order)) - np.repeat(begins, counts)
        self.weights = site_weights(self.rows.site)

    def by_budget(self, ports: int) -> list[dict]:
        """The k riskiest of `ports` a day: precision, recall (of the outages that follow) and median lead in hours."""
        table = []
        for budget in BUDGETS:
            alerted, lead = self.place < budget, self.rows.hours_to_start
            found = lead[alerted & self.rows.y]
            table.append(
                {
                    "alerts_a_day": budget,
                    "alerts_per_100_ports_a_day": 100 * budget / ports,
                    "precision": self._share(self.rows.y, alerted),
                    "recall": self._share(alerted, self.rows.y),
                    "median_lead_hours": float(np.median(found)) if len(found) else None,
                }
            )
        return table

    def by_threshold(self) -> list[dict]:
        """All whose risk is so high: alerts and false alerts per 100 working ports a day, precision, recall."""
        everyone, table = np.ones(len(self.risk), bool), []
        for threshold in THRESHOLDS:
            alerted = self.risk >= threshold
            table.append(
                {
                    "risk": threshold,
                    "alerts_per_100_ports_a_day": self._share(alerted, everyone, 100),
                    "false_per_100_ports_a_day": self._share(alerted & ~self.rows.y, everyone, 100),
                    "precision": self._share(self.rows.y, alerted),
                    "recall": self._share(alerted, self.rows.y),
                }
            )
        return table

    def lead_times(self, horizon_hours: float, budget: int = 20) -> dict:
        """{budget, points: [{hours, value, interval}]}: share of all outages alerted at least so many hours before."""
        alerted, lead = self.place < budget, self.rows.hours_to_start
        hours = np.linspace(0, horizon_hours, _LEAD_POINTS)
        points = [{"hours": float(h), **self._share(alerted & (lead >= h), self.rows.y)} for h in hours]
        return {"budget": budget, "points": points}

    def _share(self, of: np.ndarray, among: np.ndarray, times: float = 1.0) -> dict:
        return measured(lambda weight: times * _share(of, among, weight), self.weights)


def _share(of: np.ndarray, among: np.ndarray, weight: np.ndarray | None) -> float:
    weight = np.ones(len(of)) if weight is None else weight
    total = (weight * among).sum()
    return float((weight * of * among).sum() / total) if total else float("nan")
