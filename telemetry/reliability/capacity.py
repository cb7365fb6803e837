"""How long cars wait, and what one more charger at a site would change: queueing theory.

Sources: Erlang 1917; Gross and Harris, Fundamentals of Queueing Theory. Rates may be per any unit of time, both the
same.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from .answers import CannotAnswer, counted, with_columns

_LARGE_LOAD = 100.0  # erlangs
ELASTICITIES = (0.0, 0.25, 0.5, 1.0)  # demand that follows a charger: none, to in step with the chargers


@dataclass(frozen=True)
class Queue:
    """An M/M/c queue in balance: share of time empty, of arrivals that wait, mean number and time in the queue."""

    p0: float
    p_wait: float
    lq: float
    wq: float
    utilization: float = 0.0


def erlang_b(offered_load: float, servers: int) -> float:
    """Share of arrivals that find all `servers` taken and go away: M/M/c/c.

    B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1)) with the load a = arrivals / service rate, in erlangs. Raises
    CannotAnswer for a negative load or servers that are not a whole number from 0 on.
    """
    load, count = counted("the offered load", offered_load), _servers(servers)
    blocked = 1.0
    for busy in range(1, count + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked


def erlang_c(arrival_rate: float, service_rate: float, servers: int) -> Queue:
    """Waiting in M/M/c: Poisson arrivals, exponential services, `servers` chargers, nobody gives up.

    p_wait = c B / (c - a (1 - B)), lq = p_wait a / (c - a), wq = lq / arrival rate (in units of time of the rates).
    Where the load is as much as the servers can take, the queue grows without end: p0 = 0, p_wait = 1, lq = wq = inf.
    Raises CannotAnswer for a negative arrival rate, or a service rate or servers that are not above 0.
    """
    arrivals, service = counted("the arrival rate", arrival_rate), counted("the service rate", service_rate)
    count = _servers(servers)
    if service == 0:
        raise CannotAnswer("the service rate must be above 0")
    if count == 0:
        raise CannotAnswer("there must be at least one charger that works")
    load = arrivals / service
    if load >= count:
        return Queue(0.0, 1.0, float("inf"), float("inf"), load / count)
    blocked = erlang_b(load, count)
    p_wait = count * blocked / (count - load * (1 - blocked))
    lq = p_wait * load / (count - load)
    return Queue(_empty(load, count), p_wait, lq, lq / arrivals if arrivals else 0.0, load / count)


def _empty(load: float, servers: int) -> float:
    """Share of time with nobody there: 1 / (sum a^k / k! + a^c / c! c / (c - a)), summed by logarithms."""
    if load == 0:
        return 1.0
    busy = np.arange(servers + 1)
    logs = busy * np.log(load) - special.gammaln(busy + 1)
    logs[-1] += np.log(servers / (servers - load))
    return float(np.exp(-special.logsumexp(logs)))


def _servers(servers) -> int:
    count = counted("the number of chargers", servers)
    if count != int(count):
        raise CannotAnswer(f"the number of chargers must be a whole number, not {servers!r}")
    return int(count)


def one_more_charger(sites: pd.DataFrame, elasticities=ELASTICITIES) -> pd.DataFrame:
    """What one more charger would do to waiting at each site, by how much demand follows it.

    sites: site_id, arrivals_per_hour (in the hours of interest, such as the busiest), session_hours (mean), chargers,
    availability (0 to 1). Elasticity e: arrivals grow by e x 1 / chargers. Chargers that work are chargers x
    availability, for which Erlang's formula is continued between whole numbers.

    Returns a row for each site and elasticity: p_wait, wait_minutes, p_wait_after, wait_minutes_after, minutes_saved
    (NaN where the queue has no end before and after). Assumes random arrivals and nobody who gives up: what it says of
    a site at its limit is an upper bound. It says nothing of faults: fewer faults through a lower load are not in it.
    Raises CannotAnswer for a site without chargers, or one of whose numbers is missing or negative.
    """
    with_columns(sites, "site_id", "arrivals_per_hour", "session_hours", "chargers", "availability")
    _check(sites)
    rows = []
    for site in sites.itertuples():
        before = _wait(site.arrivals_per_hour, site.session_hours, site.chargers * site.availability)
        for elasticity in elasticities:
            arrivals = site.arrivals_per_hour * (1 + elasticity / site.chargers)
            after = _wait(arrivals, site.session_hours, (site.chargers + 1) * site.availability)
            saved = before[1] - after[1] if np.isfinite(after[1]) else float("nan")
            rows.append((site.site_id, elasticity, *before, *after, saved))
    names = ["p_wait", "wait_minutes", "p_wait_after", "wait_minutes_after", "minutes_saved"]
    return pd.DataFrame(rows, columns=["site_id", "elasticity", *names])


def _check(sites: pd.DataFrame) -> None:
    numbers = sites[["arrivals_per_hour", "session_hours", "chargers", "availability"]].to_numpy("f8")
    wrong = ~(np.isfinite(numbers) & (numbers >= 0)).all(1) | ~(numbers[:, 2] > 0) | ~(numbers[:, 3] <= 1)
    if wrong.any():
        raise CannotAnswer(
            f"site {str(sites['site_id'].iloc[int(wrong.argmax())])!r} needs at least one charger, an availability from"
            " 0 to 1, and cars per hour and session hours from 0 on"
        )


def _wait(arrivals_per_hour: float, session_hours: float, working: float) -> tuple[float, float]:
    """Share that waits and minutes of waiting with `working` chargers, which need not be a whole number."""
    if arrivals_per_hour * session_hours <= 0:
        return 0.0, 0.0
    if working <= 0 or arrivals_per_hour * session_hours >= working:
        return 1.0, float("inf")
    load = arrivals_per_hour * session_hours
    blocked = _blocked(load, working)
    p_wait = working * blocked / (working - load * (1 - blocked))
    return p_wait, 60 * p_wait * session_hours / (working - load)


def _blocked(load: float, servers: float) -> float:
    """Erlang's B where the servers need not be a whole number (Jagerman 1974).

    1 / B(x) = e^a a^-x Gamma(x + 1, a) for what is left over of the whole ones, and his recursion from there.
    """
    part = servers - np.floor(servers)
    if load > _LARGE_LOAD:  # Gamma(x + 1, a) underflows: its series a^x e^-a (1 + x / a + x (x - 1) / a^2 + ...)
        terms = np.cumprod((part - np.arange(12)) / load)
        blocked = float(1 / (1 + terms.sum()))
    else:
        upper = special.gammaincc(part + 1, load) * special.gamma(part + 1)
        blocked = float(np.exp(part * np.log(load) - load - np.log(upper)))
    for busy in part + np.arange(1, int(np.floor(servers)) + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked
