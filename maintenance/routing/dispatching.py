"""Who should go where, and in which order: a proposal for many orders and people at once, from arrays.

Greedy, most urgent first: of all pairs of a person and an order the cheapest is settled, again and again, counting the
detour from the nearest place on that person's way, the wait until the shift begins, a missing part, and how full the
day is. Then each day is put in order, urgent stops first. Not the best plan there is; it is quick, and people decide.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from .estimate import best_order

PART_MISSING_MINUTES = 120.0  # what going without the part costs in the comparison: often a second visit
LOAD_WEIGHT = 0.25  # of the minutes that somebody is busy already: a busier colleague has to be that much nearer
FARTHEST_MINUTES = 200.0  # one way; 150 km at 45 km/h
NOBODY = -1


class Why(IntEnum):
    """Why an order has nobody in a proposal."""

    ASSIGNED = 0
    NO_PLACE = 1
    NO_SKILL = 2
    TOO_FAR = 3
    NO_TIME = 4


@dataclass(frozen=True)
class Work:
    """m orders as arrays of shape (m,) and what n people are to them, of shape (n, m)."""

    onsite_minutes: np.ndarray
    urgency: np.ndarray  # whole numbers, higher is sooner
    has_place: np.ndarray  # bool
    able: np.ndarray  # bool (n, m): has the skill
    has_part: np.ndarray  # bool (n, m): van or centre holds what it takes, or it takes nothing


@dataclass(frozen=True)
class People:
    """n people as arrays of shape (n,), all in minutes."""

    load: np.ndarray  # that their accepted work will take
    shift: np.ndarray  # left of their shift, or the whole of the next one
    wait: np.ndarray  # until that begins; 0 on shift


@dataclass(frozen=True)
class Plan:
    """A proposal: arrays of shape (m,) for orders, (n,) for people."""

    person: np.ndarray  # place of who goes; NOBODY
    stop: np.ndarray  # place on that person's way, from 0 on; NOBODY
    drive_minutes: np.ndarray  # to it from the stop before; nan
    why: np.ndarray  # of Why
    busy_minutes: np.ndarray  # of each person, what was accepted before included


def propose(minutes: np.ndarray, work: Work, people: People) -> Plan:
    """Propose who of n people does each of m orders, and when on the way.

    `minutes` (n + m, n + m) is the drive from each place to each; the first n are where people start, the others where
    orders are; nan: no way. ValueError if the shapes do not fit. Nobody gets more than his or her shift holds; the way
    home is not counted.
    """
    count, orders = len(people.load), len(work.urgency)
    _refuse_shapes(minutes, work, count, orders)
    drive = np.where(np.isfinite(minutes), minutes, np.inf)
    person, why = _assign(drive, work, people)
    stop, to_it = np.full(orders, NOBODY), np.full(orders, np.nan)
    busy = people.load.astype(float).copy()
    for one in np.unique(person[person >= 0]):
        mine = _in_order(drive, np.flatnonzero(person == one), one, count, work.urgency)
        legs = drive[np.concatenate([[one], mine[:-1] + count]), mine + count]
        until = busy[one] + np.cumsum(legs + work.onsite_minutes[mine])
        fits = int(np.searchsorted(until, people.shift[one], side="right"))
        late, mine, legs = mine[fits:], mine[:fits], legs[:fits]
        person[late], why[late] = NOBODY, Why.NO_TIME
        stop[mine], to_it[mine] = np.arange(fits), legs
        busy[one] = until[fits - 1] if fits else busy[one]
    return Plan(person, stop, to_it, why, busy)


def _assign(drive: np.ndarray, work: Work, people: People) -> tuple[np.ndarray, np.ndarray]:
    """Who goes (NOBODY where nobody can), and why not."""
    count, orders = work.able.shape
    near = work.able & (drive[:count, count:] <= FARTHEST_MINUTES)
    person = np.full(orders, NOBODY)
    nearest, used = drive[:count, count:].copy(), people.load.astype(float).copy()
    for level in sorted(set(work.urgency.tolist()), reverse=True):
        group = np.flatnonzero((work.urgency == level) & work.has_place)
        _assign_group(group, drive[count:, count:], near, nearest, used, work, people, person)
    reasons = [person >= 0, ~work.has_place, ~work.able.any(axis=0), ~near.any(axis=0)]
    return person, np.select(reasons, [Why.ASSIGNED, Why.NO_PLACE, Why.NO_SKILL, Why.TOO_FAR], Why.NO_TIME)


def _assign_group(group, between, near, nearest, used, work: Work, people: People, person) -> None:
    """Give away orders of one urgency, the cheapest pair of person and order first.

    `nearest` (n, m) is the drive to each order from the nearest place that is on a person's way already; it, `used` and
    `person` are brought up to date.
    """

    def costs(who) -> np.ndarray:
        needs = nearest[who][:, group] + work.onsite_minutes[group]
        can = near[who][:, group] & (used[who, None] + needs <= people.shift[who, None])
        busy = (people.wait + LOAD_WEIGHT * used)[who, None] + PART_MISSING_MINUTES * ~work.has_part[who][:, group]
        return np.where(can & (person[group] < 0), nearest[who][:, group] + busy, np.inf)

    cost = costs(np.arange(len(used)))
    while cost.size and np.isfinite(cheapest := cost.min()):
        chosen, place = np.argwhere(cost == cheapest)[0]
        order = group[place]
        person[order] = chosen
        used[chosen] += nearest[chosen, order] + work.onsite_minutes[order]
        nearest[chosen] = np.minimum(nearest[chosen], between[order])
        cost[:, place], cost[chosen] = np.inf, costs(np.array([chosen]))[0]


def _in_order(drive: np.ndarray, mine: np.ndarray, start: int, count: int, urgency: np.ndarray) -> np.ndarray:
    """The stops of one person in the order of the way: more urgent ones first, each group by the shortest way."""
    here, way = start, []
    for level in sorted(set(urgency[mine].tolist()), reverse=True):
        group = mine[urgency[mine] == level]
        places = np.concatenate([[here], group + count])
        order = best_order(drive[np.ix_(places, places)])[1:]
        way.append(group[order - 1])
        here = int(way[-1][-1]) + count
    return np.concatenate(way)


def _refuse_shapes(minutes: np.ndarray, work: Work, count: int, orders: int) -> None:
    wanted = {"minutes": (minutes, (count + orders,) * 2), "able": (work.able, (count, orders))}
    wanted |= {"has_part": (work.has_part, (count, orders)), "onsite_minutes": (work.onsite_minutes, (orders,))}
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(
                f"{name} has the shape {array.shape}; for {count} people and {orders} orders it is {shape}"
            )
