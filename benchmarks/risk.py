"""The forecast's fit on 1.3 million rows and its scoring of 15,000, beside the usual way: whole rows, one at a time."""

import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from telemetry.management.commands.evaluate_risk import lived
from telemetry.risk.forecast import MAIN, fit
from telemetry.risk.rows import Rows, Split, charger_rows

ROWS, SCORED, NAIVE_SCORED, NAIVE_TREES = 1_300_000, 15_000, 100, 5


def main() -> None:
    """Print seconds of both, and what they would be without what makes them fast."""
    rows = made()
    everything = Split(np.ones(ROWS, bool), np.zeros(ROWS, bool), np.zeros(ROWS, bool))
    begun, processor = time.perf_counter(), time.process_time()
    forecast = fit(MAIN, rows, everything, 24, calibrated=False)
    fitting, processor = time.perf_counter() - begun, time.process_time() - processor
    table = Table("what", "rows", "seconds", "of the processor", "the usual way", "ratio", title="The forecast")
    usual = naive_fit(rows)
    took = f"{fitting:.1f} s", f"{processor:.0f} s", f"{usual:.0f} s", f"{usual / fitting:.0f} x"
    table.add_row("fit, 100 trees", f"{ROWS:,}", *took)
    some = rows.features[-SCORED:]
    scoring = statistics.median(seconds(lambda: forecast.risk(some)) for _ in range(5))
    usual = seconds(lambda: [forecast.model.predict_proba(row[None]) for row in some[:NAIVE_SCORED]])
    usual *= SCORED / NAIVE_SCORED
    took = f"{1000 * scoring:.0f} ms", "", f"{usual:.0f} s", f"{usual / scoring:.0f} x"
    table.add_row("scoring", f"{SCORED:,}", *took)
    Console().print(table)


def made() -> Rows:
    """Rows of a simulated world, one per charger and half-hour: what trees cost depends on how values are spread."""
    observed, _ = lived("typical", 75, 60, 7, 24, lambda *_: None)
    return charger_rows(observed, 24, every_hours=0.5).where(np.arange(ROWS))


def naive_fit(rows: Rows) -> float:
    """Seconds of 100 trees that each see all rows, from a few of them."""
    from sklearn.ensemble import RandomForestClassifier

    trees = RandomForestClassifier(
        n_estimators=NAIVE_TREES, max_depth=14, min_samples_leaf=10, max_features=0.3, random_state=0, n_jobs=-1
    )
    return seconds(lambda: trees.fit(rows.features, rows.y)) * 100 / NAIVE_TREES


def seconds(work) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
