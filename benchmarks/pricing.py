"""The surge engine on a whole network in one call, beside the plain way: every site against every other, one by one."""

import math
import statistics
import time
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from rich.console import Console
from rich.table import Table

from pricing.engine import Applied, Sites, decide, due_to_end
from pricing.periods import day_of
from pricing.policy import GUARDED, ORIGINAL, money, price_for

SIZES = (1_500, 15_000)
STRESSED = (0.01, 0.10, 0.50)  # shares of the sites that are stressed at once; 1 % is a bad day, half a catastrophe
ROUNDS = 15
GOAL_SITES, GOAL_STRESSED, GOAL_MILLISECONDS = 15_000, 0.10, 30.0
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CITIES = 100


def network(count: int, stressed: float) -> Sites:
    """Sites in a hundred cities, of two operators' policies, `stressed` of them hot or at risk."""
    rng = np.random.default_rng(1)
    city = rng.integers(0, CITIES, count)
    ill = rng.random(count) < stressed
    centre = rng.uniform((28, -120), (46, -75), (CITIES, 2))
    return Sites(
        site=np.arange(1, count + 1), policy=rng.integers(0, 2, count), operator=rng.integers(0, 8, count),
        latitude=centre[city, 0] + rng.normal(0, 0.1, count), longitude=centre[city, 1] + rng.normal(0, 0.1, count),
        kind=rng.integers(0, 3, count), power_kw=rng.choice([7.2, 50, 150, 350], count),
        ports=rng.integers(2, 16, count), utilization=rng.random(count),
        risk=np.where(ill, 0.9, 0.3 * rng.random(count)),
        cabinet_c=np.where(ill, 65.0, 30 + 19 * rng.random(count)), derated=np.full(count, np.nan),
        base=rng.integers(2000, 6000, count), fixed=rng.random(count) < 0.1, stopped=np.zeros(count, bool),
        changed=np.zeros(count, bool), waiting=np.zeros(count, bool),
        not_enough=np.zeros(count, bool), rested_seconds=np.full(count, np.inf), changes_today=np.zeros(count, int),
        surged_today=np.zeros(count),
    )  # fmt: skip


def milliseconds(work) -> float:
    """Median of some rounds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def beat(sites: Sites, open_changes: list[Applied]) -> list:
    """What a tick asks of the engine: what ends, and what opens."""
    due_to_end(open_changes, sites, NOW)
    return decide(sites, [ORIGINAL, GUARDED], NOW, day_of(NOW, UTC))


def plain(sites: Sites) -> int:
    """For each site at risk the nearest helper by a loop over all sites, prices as Decimals: no caps or limits."""
    taken, changes = set(), 0
    for place in range(len(sites.site)):
        if sites.risk[place] <= 0.6 or sites.fixed[place]:
            continue
        price_for("surge", price(sites, place), ORIGINAL)
        changes += 1
        best, nearest = math.inf, -1
        for other in range(len(sites.site)):
            is_like = sites.kind[other] == sites.kind[place]
            if not is_like or sites.utilization[other] >= 0.6 or sites.risk[other] >= 0.4:
                continue
            distance = math.dist(
                (sites.latitude[place], sites.longitude[place]), (sites.latitude[other], sites.longitude[other])
            )
            if distance < best and other not in taken:
                best, nearest = distance, other
        if nearest >= 0:
            taken.add(nearest)
            price_for("reroute", price(sites, nearest), ORIGINAL)
            changes += 1
    return changes


def price(sites: Sites, place: int) -> Decimal:
    return money(sites.base[place])


def main() -> None:
    """Print milliseconds per tick, and how many times faster than the plain way; fail above the goal."""
    table = Table("sites", "stressed", "changes", "engine ms", "plain way ms", "ratio", title="Surge engine")
    worst = 0.0
    for count in SIZES:
        for share in STRESSED:
            sites = network(count, share)
            opened = beat(sites, [])
            applied = [Applied(n, o.site, o.kind, o.starts_at, o.ends_at, None, o.policy) for n, o in enumerate(opened)]
            took = milliseconds(lambda sites=sites, applied=applied: beat(sites, applied))
            if count == GOAL_SITES and share <= GOAL_STRESSED:
                worst = max(worst, took)
            slow, ratio = _plain_way(sites, took) if count == SIZES[0] or share == STRESSED[0] else ("", "")
            table.add_row(f"{count:,}", f"{share:.0%}", str(len(opened)), f"{took:.1f}", slow, ratio)
    Console().print(table)
    if worst > GOAL_MILLISECONDS:
        raise SystemExit(f"{worst:.1f} ms for {GOAL_SITES:,} sites; the goal is {GOAL_MILLISECONDS:.0f} ms.")


def _plain_way(sites: Sites, took: float) -> tuple[str, str]:
    begin = time.perf_counter()
    plain(sites)
    slow = 1000 * (time.perf_counter() - begin)
    return f"{slow:,.0f}", f"{slow / took:,.0f} ×"
