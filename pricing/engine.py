"""Prices, decided for the whole network at once: arrays and Decimals in, the same out. No clock, no database."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from .periods import Day, period_end
from .policy import MOST_COST, Policy, discounted_prices, money, surge_prices

EARTH_KM = 6371.0
NEIGHBOURS_ASKED = 16  # if the nearest sixteen are all taken, the load stays where it is
SURGE, REROUTE, LIMIT = "surge", "reroute", "limit"
CALM, NOT_ENOUGH = "calmed down", "limiting power was not enough"
ORPHANED, STOPPED, OTHER_TARIFF = "its surge ended", "prices are stopped", "the tariff changed"


@dataclass(frozen=True)
class Sites:
    """What policies look at, one element a site. Unknown numbers are NaN."""

    site: np.ndarray  # ids
    policy: np.ndarray  # index into the policies; -1: none is in force
    operator: np.ndarray  # ids
    latitude: np.ndarray  # degrees
    longitude: np.ndarray
    kind: np.ndarray  # connector class; only like takes over from like
    power_kw: np.ndarray  # per port
    ports: np.ndarray  # that work
    utilization: np.ndarray  # 0-1
    risk: np.ndarray  # 0-1
    cabinet_c: np.ndarray  # °C in the hottest cabinet
    derated: np.ndarray  # share of rated power lost to heat
    base: np.ndarray  # base price, ten-thousandths
    fixed: np.ndarray  # bool: free or regulated, never touched
    stopped: np.ndarray  # bool: a switch or an emergency keeps its price at base
    changed: np.ndarray  # bool: a change is in force or announced
    waiting: np.ndarray  # bool: somebody is being asked about a change of its price
    not_enough: np.ndarray  # bool: its power was limited until now, and that was not enough
    rested_seconds: np.ndarray  # since the end of its last surge or limit; inf: none
    changes_today: np.ndarray
    surged_today: np.ndarray  # seconds

    def at(self, places: np.ndarray) -> "Sites":
        """The sites at these places, in this order."""
        return Sites(**{each.name: getattr(self, each.name)[places] for each in fields(self)})


@dataclass(frozen=True)
class Opening:
    """A change to be opened; `surge_site` is the site whose load a discount takes, None for a surge or a limit."""

    site: int
    kind: str
    surge_site: int | None
    policy: Policy
    old_price: Decimal
    new_price: Decimal
    power_share: Decimal
    starts_at: datetime
    ends_at: datetime
    needs_approval: bool
    cost: Decimal  # estimate of what a discount costs over its period


@dataclass(frozen=True)
class Applied:
    """A change that is announced or in force; `surge` is the id of the surge that a discount belongs to."""

    id: int
    site: int
    kind: str
    starts_at: datetime
    ends_at: datetime
    surge: int | None
    policy: Policy
    applied: bool = True  # False: announced, its price does not hold yet
    base: int | None = None  # base price (ten-thousandths) that it was decided from


def stress(sites: Sites, policy: Policy) -> tuple[np.ndarray, np.ndarray]:
    """(stressed, calm) of each site by a policy's trigger; between the two thresholds, or unknown, it is neither."""
    risk = sites.risk > policy.risk_on, sites.risk < policy.risk_off
    if policy.trigger == "risk":
        return risk
    no_heat, no_derating = np.isnan(sites.cabinet_c), np.isnan(sites.derated)
    stressed = (sites.cabinet_c > policy.heat_on_c) | (sites.derated > policy.derated_on)
    calm = (no_heat | (sites.cabinet_c < policy.heat_off_c)) & (no_derating | (sites.derated < policy.derated_off))
    unknown = no_heat & no_derating
    return np.where(unknown, risk[0], stressed), np.where(unknown, risk[1], calm)


def due_to_end(changes: Sequence[Applied], sites: Sites, at: datetime) -> dict[int, str]:
    """Ids of the changes to end at `at`, each with why.

    A change ends with its period, with a stop, and when its tariff is not the one it was decided from; a surge or
    limit when its site has calmed down, though not before its shortest time, so that prices do not flicker; a limit
    also when it was tried for long enough and the site is not calm; a discount with its surge or when its own site is
    stressed. A site that is not among `sites` ends with its period only.
    """
    places = _places_of([change.site for change in changes], sites)
    known = {policy: stress(sites, policy) for policy in {change.policy for change in changes}}
    ended, open_ones = {}, {change.id for change in changes}
    for change, place in zip(changes, places, strict=True):
        why = _why_over(change, at)
        if not why and place >= 0:
            stressed, calm = (bool(state[place]) for state in known[change.policy])
            why = _why_hands_off(change, sites, place) or _why_changed(change, stressed, calm, at)
        if why:
            ended[change.id] = why
    orphans = {each.id: ORPHANED for each in changes if each.surge is not None and _is_over(each, ended, open_ones)}
    return orphans | ended


def _is_over(change: Applied, ended: dict[int, str], open_ones: set[int]) -> bool:
    """Whether the surge of a discount has ended or ends now."""
    return change.surge in ended or change.surge not in open_ones


def _places_of(wanted: Sequence[int], sites: Sites) -> list[int]:
    """The place of each of these ids in the arrays, -1 where it is not there."""
    if not len(sites.site):
        return [-1] * len(wanted)
    order = np.argsort(sites.site, kind="stable")
    ids = np.array(wanted, int)
    found = order[np.searchsorted(sites.site, ids, sorter=order).clip(max=len(order) - 1)]
    return np.where(sites.site[found] == ids, found, -1).tolist()


def _why_over(change: Applied, at: datetime) -> str:
    return "its period ended" if change.ends_at <= at else ""


def _why_hands_off(change: Applied, sites: Sites, place: int) -> str:
    """Why nothing may be changed here any more, whatever the policy says."""
    if sites.stopped[place]:
        return STOPPED
    is_other = sites.fixed[place] or (change.base is not None and change.base != sites.base[place])
    return OTHER_TARIFF if is_other else ""


def _why_changed(change: Applied, stressed: bool, calm: bool, at: datetime) -> str:
    age, policy = at - change.starts_at, change.policy
    if change.kind == REROUTE:
        return "stressed itself" if stressed else ""
    if calm and (not change.applied or age >= timedelta(seconds=policy.shortest_seconds)):
        return CALM
    tried = change.kind == LIMIT and age >= timedelta(seconds=policy.price_after_seconds)
    return NOT_ENOUGH if tried and not calm else ""


def decide(sites: Sites, policies: Sequence[Policy], at: datetime, day: Day) -> list[Opening]:
    """The changes to open at `at`: each surge before the discount that takes its load. Any order of sites, same result.

    A stressed site is surged, or its power limited where the policy tries that first, unless its tariff is fixed, a
    change or a stop holds it, it has not rested, or its day is used up; while a surge waits for approval power is
    limited on. Its neighbour is the nearest site, by Euclidean distance in metres, that works, has room, a like
    connector, enough power and no trouble of its own; each takes over from one.
    """
    if not len(sites.site):
        return []
    sites = sites.at(np.argsort(sites.site, kind="stable"))
    stressed = _by_policy(sites, [stress(sites, policy)[0] for policy in policies])
    helpers = _helpers(sites, policies, stressed)
    touchable = stressed & ~sites.fixed & (sites.base > 0) & ~sites.changed & ~sites.stopped
    limits_first = _by_policy(sites, [np.full(len(sites.site), policy.limits_first) for policy in policies])
    may_rise = touchable & ~sites.waiting & _may_surge(sites, policies)
    surged = _most_stressed_first(sites, may_rise & (~limits_first | sites.not_enough))
    surges = _surges(sites, surged, nearest(sites, surged, helpers), policies, at, day)
    dearer = [opening.site for opening in surges if opening.kind == SURGE and not opening.needs_approval]
    limited = np.flatnonzero(touchable & limits_first & ~np.isin(sites.site, dearer))
    return [_limit(sites, place, policies[sites.policy[place]], at) for place in limited.tolist()] + surges


def _most_stressed_first(sites: Sites, which: np.ndarray) -> np.ndarray:
    """Places of `which`, the most at risk first, then the hottest, then by id."""
    places = np.flatnonzero(which)
    heat, risk = (np.nan_to_num(column[places], nan=-1.0) for column in (sites.cabinet_c, sites.risk))
    return places[np.lexsort((sites.site[places], -heat, -risk))]


def _by_policy(sites: Sites, columns: Sequence[np.ndarray]) -> np.ndarray:
    """Of each site the element of its policy's column; False where it has none."""
    chosen = np.zeros(len(sites.site), bool)
    for number, column in enumerate(columns):
        mine = sites.policy == number
        chosen[mine] = column[mine]
    return chosen


def _may_surge(sites: Sites, policies: Sequence[Policy]) -> np.ndarray:
    """Sites whose price may rise now, as far as rest and the day's limits go."""
    columns = []
    for policy in policies:
        may = sites.rested_seconds >= policy.cool_down_seconds
        if policy.changes_per_day is not None:
            may = may & (sites.changes_today < policy.changes_per_day)
        if policy.surge_seconds_per_day is not None:
            may = may & (policy.surge_seconds_per_day - sites.surged_today >= max(policy.shortest_seconds, 1))
        columns.append(may)
    return _by_policy(sites, columns)


def _helpers(sites: Sites, policies: Sequence[Policy], stressed: np.ndarray) -> np.ndarray:
    """Sites that could take more cars: they work, are placed, have room and are at low risk, by their own policy."""
    columns = [
        (sites.utilization < policy.neighbour_below)
        & (sites.utilization * (1 + policy.neighbour_rise) < policy.neighbour_full)
        & ~(sites.risk >= policy.neighbour_risk_below)
        for policy in policies
    ]
    placed = np.isfinite(sites.latitude) & np.isfinite(sites.longitude)
    is_free = ~(stressed | sites.changed | sites.waiting | sites.stopped)
    return _by_policy(sites, columns) & placed & is_free & (sites.ports > 0)


def metres(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points (n,) in degrees as (n, 3) metres from the centre of a spherical Earth of 6,371 km.

    Euclidean distance between two of these is the chord, which within 25 km differs from the distance over ground by
    less than two centimetres; at 47.6° N a degree of longitude comes out as 75.0 km, one of latitude as 111.2 km.
    """
    lat, lon = np.radians(latitude), np.radians(longitude)
    unit = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return EARTH_KM * 1000 * unit


def nearest(sites: Sites, surged: np.ndarray, helpers: np.ndarray) -> list[list[tuple[int, float]]]:
    """For each surged place its helpers of like connector, nearest first, as (place, km); at most sixteen."""
    from scipy.spatial import cKDTree  # here, because it takes longer to import than all else that a command needs

    found: list[list[tuple[int, float]]] = [[] for _ in surged]
    placed = np.isfinite(sites.latitude[surged]) & np.isfinite(sites.longitude[surged])
    for kind in np.unique(sites.kind[surged]):
        candidates = np.flatnonzero(helpers & (sites.kind == kind))
        rows = np.flatnonzero((sites.kind[surged] == kind) & placed)
        if not len(candidates) or not len(rows):
            continue
        tree = cKDTree(metres(sites.latitude[candidates], sites.longitude[candidates]))
        here = metres(sites.latitude[surged[rows]], sites.longitude[surged[rows]])
        far, which = tree.query(here, k=range(1, min(len(candidates), NEIGHBOURS_ASKED) + 1))
        columns = (rows.tolist(), (far / 1000).tolist(), candidates[which].tolist())
        for row, distances, places in zip(*columns, strict=True):
            found[row] = list(zip(places, distances, strict=True))
    return found


def _surges(sites: Sites, surged, near, policies, at: datetime, day: Day) -> list[Opening]:
    openings, taken, spent = [], set(), dict(day.spent)
    dearer, cheaper = (_prices(sites, policies, of) for of in (surge_prices, discounted_prices))
    for place, offered in zip(surged.tolist(), near, strict=True):
        policy = policies[sites.policy[place]]
        enough = policy.neighbour_power * sites.power_kw[place]
        able = [
            other
            for other, km in offered
            if km <= policy.radius_km and other not in taken and sites.power_kw[other] >= enough
        ]
        if policy.needs_alternative and not able:
            continue
        if dearer[place] <= sites.base[place]:
            continue
        surge = _surge(sites, place, int(dearer[place]), policy, at, day)
        openings.append(surge)
        for other in able:
            discount = _discount(sites, other, int(cheaper[other]), surge, policies[sites.policy[other]])
            if _belongs(sites, place, other, policies) and _affordable(sites, other, discount, spent):
                taken.add(other)
                openings.append(discount)
                break
    return openings


def _prices(sites: Sites, policies, prices_of) -> np.ndarray:
    """The price of each site (ten-thousandths) by its own policy; its base price where it has none."""
    prices = sites.base.copy()
    for number, policy in enumerate(policies):
        mine = sites.policy == number
        prices[mine] = prices_of(sites.base[mine], policy)
    return prices


def _belongs(sites: Sites, place: int, other: int, policies) -> bool:
    """Whether a surge at `place` may make `other` cheaper: of the same operator, or neither policy minds.

    An advisory policy minds, because who approves the surge would decide about the price of somebody else.
    """
    here, there = policies[sites.policy[place]], policies[sites.policy[other]]
    keeps_to_itself = here.same_operator or there.same_operator or there.mode == "advisory"
    return bool(sites.operator[place] == sites.operator[other]) or not keeps_to_itself


def _surge(sites: Sites, place: int, new: int, policy: Policy, at: datetime, day: Day) -> Opening:
    base = int(sites.base[place])
    starts_at = at + timedelta(seconds=policy.notice_seconds)
    rise = Decimal(new) / base - 1
    return Opening(
        site=int(sites.site[place]),
        kind=SURGE,
        surge_site=None,
        policy=policy,
        old_price=money(base),
        new_price=money(new),
        power_share=policy.power_share,
        starts_at=starts_at,
        ends_at=period_end(starts_at, policy, float(sites.surged_today[place]), day),
        needs_approval=_needs_approval(policy, rise),
        cost=Decimal(0),
    )


def _needs_approval(policy: Policy, rise: Decimal) -> bool:
    return policy.mode == "advisory" or (policy.approval_above is not None and rise > policy.approval_above)


def _limit(sites: Sites, place: int, policy: Policy, at: datetime) -> Opening:
    """Less power at once and the same price: nobody has to be told before, and nothing waits for approval."""
    price, ends_at = money(sites.base[place]), at + timedelta(seconds=policy.longest_seconds)
    return Opening(
        int(sites.site[place]), LIMIT, None, policy, price, price, policy.power_share, at, ends_at, False, Decimal(0)
    )


def _discount(sites: Sites, place: int, new: int, surge: Opening, policy: Policy) -> Opening:
    """A lower price next door, as long as the surge if its own policy lets it; it costs what is not earned there."""
    base = int(sites.base[place])
    ends_at = min(surge.ends_at, surge.starts_at + timedelta(seconds=policy.longest_seconds))
    hours = (ends_at - surge.starts_at).total_seconds() / 3600
    load = min(sites.utilization[place] * (1 + policy.neighbour_rise), 1.0)
    energy_kwh = Decimal(round(float(sites.power_kw[place] * sites.ports[place] * load * hours), 3))
    return Opening(
        site=int(sites.site[place]),
        kind=REROUTE,
        surge_site=surge.site,
        policy=policy,
        old_price=money(base),
        new_price=money(new),
        power_share=Decimal(1),
        starts_at=surge.starts_at,
        ends_at=ends_at,
        needs_approval=surge.needs_approval or policy.mode == "advisory",
        cost=min((money(base - new) * energy_kwh).quantize(Decimal("0.01")), MOST_COST),
    )


def _affordable(sites: Sites, place: int, discount: Opening, spent: dict[int, Decimal]) -> bool:
    """Whether a discount may be given: the tariff may be touched, it is one, and the operator's day can pay for it."""
    if sites.fixed[place] or discount.new_price == discount.old_price:
        return False
    operator, budget = int(sites.operator[place]), discount.policy.discount_budget
    total = spent.get(operator, Decimal(0)) + discount.cost
    if budget is not None and total > budget:
        return False
    spent[operator] = total
    return True
