"""From 1.3 million status reports to outages, beside a loop over the rows."""

import time

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from telemetry.reliability.spells import outage_spells

REPORTS, CHARGERS, LOOPED = 1_300_000, 1_200, 130_000
START, END = pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-07-03", tz="UTC")
STATES = np.array(["AVAILABLE", "CHARGING", "PREPARING", "FAULTED", "OFFLINE"], dtype=object)
FAULTS = ("FAULTED", "OFFLINE")


def main() -> None:
    """Print seconds of both, and what must be: at most a hundredth."""
    frame = made()
    took = min(seconds(lambda: outage_spells(frame, START, END)) for _ in range(3))
    some = frame.iloc[:LOOPED]
    looped = seconds(lambda: by_loop(some)) * REPORTS / LOOPED
    fast, slow = outage_spells(some, START, END), by_loop(some)
    assert [(row.charger_id, row.start) for row in fast.itertuples()] == [(who, start) for who, start, _ in slow]
    shuffled = frame.sample(frac=1, random_state=1)
    untidy = min(seconds(lambda: outage_spells(shuffled, START, END)) for _ in range(3))
    table = Table("what", "reports", "seconds", "ratio", title="Reports to outages")
    table.add_row("a loop over rows (a tenth of them, times ten)", f"{REPORTS:,}", f"{looped:.1f} s", "1")
    table.add_row("outage_spells, in order", f"{REPORTS:,}", f"{took:.2f} s", f"1 / {looped / took:.0f}")
    table.add_row("outage_spells, shuffled", f"{REPORTS:,}", f"{untidy:.2f} s", f"1 / {looped / untidy:.0f}")
    Console().print(table)
    assert took <= looped / 100, "outage_spells takes more than a hundredth of what a loop takes"


def made() -> pd.DataFrame:
    """Reports of 1,200 chargers in half a year, in order of charger and time; few are faults."""
    random = np.random.default_rng(0)
    charger = np.sort(random.integers(0, CHARGERS, REPORTS))
    second = random.integers(0, int((END - START).total_seconds()), REPORTS)
    order = np.lexsort((second, charger))
    time = START + pd.to_timedelta(second[order], unit="s")
    status = STATES[random.choice(5, REPORTS, p=[0.45, 0.4, 0.11, 0.02, 0.02])]
    return pd.DataFrame({"charger_id": charger, "time": time, "status": status})


def by_loop(frame: pd.DataFrame) -> list[tuple]:
    """The usual way: row by row, remembering what the charger said last."""
    found, last, since = [], None, None
    for _, row in frame.iterrows():
        if row["charger_id"] != last:
            if since is not None:
                found.append((last, since, END))
            last, since = row["charger_id"], None
        is_out = row["status"] in FAULTS
        if is_out and since is None:
            since = row["time"]
        elif not is_out and since is not None:
            if row["time"] > since:
                found.append((last, since, row["time"]))
            since = None
    if since is not None:
        found.append((last, since, END))
    return found


def seconds(work) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
