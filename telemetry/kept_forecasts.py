"""Forecasts that were kept, beside what came of them: by week, and by how high they were."""

from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from stations.arrays import fetch_arrays

from . import plots
from .plots import Axis, Line, with_interval
from .risk import drift
from .risk.target import SHORTEST_SECONDS

WEEKS = 12
MOST_ROWS = 200_000  # of the newest that are looked at: each is a look at the outages of its charger
WEEK = timedelta(weeks=1)

# Only those of the full hour: the others were kept because their level had just changed, and so stand out.
# 0.995 is the highest risk that is forecast; a site that has lost every charger has 1, which is no forecast.
_ROWS = [("week", "i4"), ("band", "i4"), ("site", "i8"), ("expected", "f8"), ("observed", "i8"), ("counts", "i8")]
_KEPT = """
WITH told AS (
    SELECT risk.site_id, risk.charger_id, risk.at, risk.probability,
        risk.at + model.horizon_hours * interval '1 hour' AS ends_at
    FROM telemetry_risk risk JOIN telemetry_modelversion model ON model.id = risk.model_id
    WHERE model.kind = 'forecast' AND risk.charger_id IS NOT NULL AND risk.probability < 1
        AND risk.at >= %(since)s AND risk.at < %(now)s
        AND extract(minute FROM risk.at) = 0 AND extract(second FROM risk.at) < 10
    ORDER BY risk.id DESC LIMIT %(most)s
)
SELECT ((extract(epoch FROM told.at - %(since)s))::bigint / 604800)::integer,
    least(floor(told.probability * 10), 9)::integer, told.site_id, sum(told.probability),
    count(outage.start), count(*)
FROM told
CROSS JOIN LATERAL (
    SELECT min(started_at) AS start FROM telemetry_outage
    WHERE charger_id = told.charger_id AND started_at > told.at AND started_at <= told.ends_at
        AND coalesce(ended_at, %(now)s) - started_at >= %(shortest)s
) outage
WHERE told.ends_at + %(shortest)s <= %(now)s AND NOT EXISTS (
    SELECT FROM telemetry_statusreport planned WHERE planned.charger_id = told.charger_id
        AND planned.status = 'UNAVAILABLE' AND planned.reported_at > told.at
        AND planned.reported_at < coalesce(outage.start, told.ends_at)
)
GROUP BY 1, 2, 3
"""


def context(now: datetime) -> dict:
    """Predicted and observed by week and by tenth of the risk, as tables and plots; empty before anything is known."""
    with connection.cursor() as cursor:
        parameters = {"since": now - WEEKS * WEEK, "now": now, "most": MOST_ROWS}
        kept = fetch_arrays(cursor, _KEPT, _ROWS, parameters | {"shortest": timedelta(seconds=SHORTEST_SECONDS)})
    if not len(kept):
        return {"weeks": []}
    weeks, bands = _each(kept, "week"), _each(kept, "band")
    begins = {week: now - (WEEKS - week) * WEEK for week in weeks}
    by_week = [_words(f"{begins[w]:%Y-%m-%d} to {begins[w] + WEEK:%m-%d}", one) for w, one in weeks.items()]
    by_band = [_words(f"{10 * band} to {10 * band + 10} %", one) for band, one in bands.items()]
    return {
        "weeks": by_week,
        "kept_all": _words("all", _calibration(kept)),
        "kept_figures": [_by_week(weeks), _by_band(bands)],
        "kept_tables": [("Week", by_week), ("Risk", by_band)],
        "kept_head": ("Predicted", "Observed", "Difference", "Forecasts", "Sites"),
    }


def _calibration(rows: np.ndarray) -> dict:
    return drift.calibration(rows["site"], rows["expected"], rows["observed"], rows["counts"])


def _each(kept: np.ndarray, name: str) -> dict[int, dict]:
    return {value: _calibration(kept[kept[name] == value]) for value in np.unique(kept[name]).tolist()}


def _words(name: str, one: dict) -> dict:
    """A line of the table, and whether predicted and observed differ by more than luck."""
    low, high = one["gap"]["interval"]
    apart = "too few sites to tell" if low is None else "as forecast"
    if low is not None and (low > 0 or high < 0):
        apart = "forecast too high" if low > 0 else "forecast too low"
    return {
        "name": name,
        "forecasts": one["forecasts"],
        "sites": one["sites"],
        "predicted": f"{one['predicted']:.2f}",
        "observed": with_interval(one["observed"], 2),
        "gap": with_interval(one["gap"], 2),
        "verdict": apart,
    }


def _by_week(weeks: dict[int, dict]) -> str:
    ago = [week - WEEKS for week in weeks]
    lines = [_observed("observed", ago, weeks), Line("predicted", ago, _predicted(weeks), look="loaded", dots=True)]
    said = "Of the hours at which a site was above low: mean risk of its riskiest charger, and the share that failed."
    return plots.chart("By week", said, Axis("weeks from now", -WEEKS, 0, "{:.0f}"), Axis("share"), lines)


def _by_band(bands: dict[int, dict]) -> str:
    line = _observed("observed", _predicted(bands), bands)
    return plots.chart("By risk", "A forecast that can be taken at its word lies on the dashed line.",
                       Axis("risk that was forecast"), Axis("share that failed"),
                       [line, Line("as forecast", [0, 1], [0, 1], look="mark")])  # fmt: skip


def _predicted(found: dict[int, dict]) -> list[float]:
    return [one["predicted"] for one in found.values()]


def _observed(name: str, x: list[float], found: dict[int, dict]) -> Line:
    values = [one["observed"]["value"] for one in found.values()]
    ends = [[value if end is None else end for value, end in zip(values, ends, strict=True)]
            for ends in zip(*(one["observed"]["interval"] for one in found.values()), strict=True)]  # fmt: skip
    return Line(name, x, values, *ends, dots=True)
