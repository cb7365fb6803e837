"""Prices, decided for the whole network at once: arrays and Decimals in, the same out. No clock, no database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from .engine_rows import Applied, Opening, Sites
from .periods import Day, period_end
from .policy import MOST_COST, Policy, discounted_prices, money, surge_prices

EARTH_KM = 6371.0
NEIGHBOURS_ASKED = 16  # if the nearest sixteen are all taken, the load stays where it is
NOTHING, CENT, ALL_POWER = Decimal(0), Decimal("0.01"), Decimal(1)
SURGE, REROUTE, LIMIT = "surge", "reroute", "limit"
CALM, NOT_ENOUGH = "calmed down", "limiting power was not enough"
ORPHANED, STOPPED, OTHER_TARIFF = "its surge ended", "prices are stopped", "the tariff changed"


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
    places = sites.places_of([change.site for change in changes])
    known = {policy: stress(sites, policy) for policy in {change.policy for change in changes}}
    ended = {}
    for change, place in zip(changes, places, strict=True):
        why = "its period ended" if change.ends_at <= at else ""
        if not why and place >= 0:
            stressed, calm = (bool(state[place]) for state in known[change.policy])
            why = _why_hands_off(change, sites, place) or _why_changed(change, stressed, calm, at)
        if why:
            ended[change.id] = why
    go_on = {change.id for change in changes} - ended.keys()
    orphans = {each.id: ORPHANED for each in changes if each.surge is not None and each.surge not in go_on}
    return orphans | ended


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
    if (np.diff(sites.site) < 0).any():
        sites = sites.at(np.argsort(sites.site, kind="stable"))
    stressed = _by_policy(sites, [stress(sites, policy)[0] for policy in policies])
    helpers = _helpers(sites, policies, stressed)
    touchable = stressed & ~sites.fixed & (sites.base > 0) & ~sites.changed & ~sites.stopped
    limits_first = _by_policy(sites, [np.full(len(sites.site), policy.limits_first) for policy in policies])
    may_rise = touchable & ~sites.waiting & _may_surge(sites, policies)
    surged = _most_stressed_first(sites, may_rise & (~limits_first | sites.not_enough))
    surges = _surges(sites, surged, helpers, policies, at, day)
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


def nearest(sites: Sites, surged: np.ndarray, helpers: np.ndarray, within_km: float) -> tuple[np.ndarray, np.ndarray]:
    """For each surged place (n,) its helpers of like connector, nearest first: places (n, 16), -1 for none, and km."""
    from scipy.spatial import cKDTree  # here, because it takes longer to import than all else that a command needs

    places = np.full((len(surged), NEIGHBOURS_ASKED), -1)
    km = np.full((len(surged), NEIGHBOURS_ASKED), np.inf)
    placed = np.isfinite(sites.latitude[surged]) & np.isfinite(sites.longitude[surged])
    bound = within_km * 1000 * (1 + 1e-9) + 1e-6  # a little more, because the tree leaves out what is just as far
    for kind in np.unique(sites.kind[surged]):
        candidates = np.flatnonzero(helpers & (sites.kind == kind))
        rows = np.flatnonzero((sites.kind[surged] == kind) & placed)
        if not len(candidates) or not len(rows):
            continue
        points = metres(sites.latitude[candidates], sites.longitude[candidates])
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        here = metres(sites.latitude[surged[rows]], sites.longitude[surged[rows]])
        count = min(len(candidates), NEIGHBOURS_ASKED)
        far, which = tree.query(here, k=range(1, count + 1), distance_upper_bound=bound)
        places[rows, :count] = np.append(candidates, -1)[which]
        km[rows, :count] = far / 1000
    return places, km


def _surges(sites: Sites, surged, helpers, policies, at: datetime, day: Day) -> list[Opening]:
    """Each surge with its discount, in the order of the places; a neighbour is taken once."""
    dearer, cheaper = (_prices(sites, policies, of) for of in (surge_prices, discounted_prices))
    surged = surged[dearer[surged] > sites.base[surged]]
    able, gives = _offers(sites, surged, helpers, policies, cheaper < sites.base)
    desk = _Desk(sites, policies, dearer, cheaper, at, day)
    openings, taken = [], set()
    for place, near, cheap in zip(surged.tolist(), able.tolist(), gives.tolist(), strict=True):
        if desk.policy_of(place).needs_alternative and not any(each >= 0 and each not in taken for each in near):
            continue
        surge = desk.surge(place)
        openings.append(surge)
        for other in cheap:
            if other >= 0 and other not in taken and (discount := desk.discount(other, surge)):
                taken.add(other)
                openings.append(discount)
                break
    return openings


def _offers(sites: Sites, surged, helpers, policies, is_cheaper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each surged place who is near and strong enough, and who of these may become cheaper; -1 for nobody."""
    radius, power = (np.array([getattr(each, name) for each in policies]) for name in ("radius_km", "neighbour_power"))
    mine = sites.policy[surged]
    places, km = nearest(sites, surged, helpers, max(radius.max(initial=0), 0))
    enough = (power[mine] * sites.power_kw[surged])[:, None]
    is_able = (places >= 0) & (km <= radius[mine][:, None]) & (sites.power_kw[places] >= enough)
    gives = is_able & (is_cheaper & ~sites.fixed)[places] & _belongs(sites, surged, places, policies)
    return np.where(is_able, places, -1), np.where(gives, places, -1)


def _prices(sites: Sites, policies, prices_of) -> np.ndarray:
    """The price of each site (ten-thousandths) by its own policy; its base price where it has none."""
    prices = sites.base.copy()
    for number, policy in enumerate(policies):
        mine = sites.policy == number
        prices[mine] = prices_of(sites.base[mine], policy)
    return prices


def _belongs(sites: Sites, surged: np.ndarray, places: np.ndarray, policies) -> np.ndarray:
    """Whether a surge (n,) may make its neighbours (n, 16) cheaper: of the same operator, or neither policy minds.

    An advisory policy minds, because who approves the surge would decide about the price of somebody else.
    """
    alone = np.array([policy.same_operator for policy in policies], bool)
    asks = np.array([policy.mode == "advisory" for policy in policies], bool)
    minds = alone[sites.policy[surged]][:, None] | (alone | asks)[sites.policy[places]]
    return (sites.operator[surged][:, None] == sites.operator[places]) | ~minds


class _Desk:
    """Writes out the surges and discounts of one call, and keeps what the discounts come to."""

    def __init__(self, sites: Sites, policies, dearer: np.ndarray, cheaper: np.ndarray, at: datetime, day: Day):
        self.sites, self.policies, self.dearer, self.cheaper = sites, policies, dearer, cheaper
        self.at, self.day, self.spent = at, day, dict(day.spent)
        self._periods: dict[tuple, tuple[datetime, datetime]] = {}
        self._shares: dict[tuple, tuple[datetime, float]] = {}

    def policy_of(self, place: int) -> Policy:
        return self.policies[self.sites.policy.item(place)]

    def period(self, policy: Policy, surged_today: float) -> tuple[datetime, datetime]:
        """From when to when; the same for all sites of a policy that have been surged as long."""
        key = (policy, surged_today)
        if key not in self._periods:
            starts_at = self.at + timedelta(seconds=policy.notice_seconds)
            self._periods[key] = starts_at, period_end(starts_at, policy, surged_today, self.day)
        return self._periods[key]

    def share_of(self, surge: Opening, policy: Policy) -> tuple[datetime, float]:
        """Until when a discount by this policy goes with a surge, and how many hours that is."""
        key = (policy, surge.starts_at, surge.ends_at)
        if key not in self._shares:
            ends_at = min(surge.ends_at, surge.starts_at + timedelta(seconds=policy.longest_seconds))
            self._shares[key] = ends_at, (ends_at - surge.starts_at).total_seconds() / 3600
        return self._shares[key]

    def surge(self, place: int) -> Opening:
        sites, policy = self.sites, self.policy_of(place)
        base, new = money(sites.base.item(place)), money(self.dearer.item(place))
        starts_at, ends_at = self.period(policy, float(sites.surged_today.item(place)))
        return Opening(
            sites.site.item(place), SURGE, None, policy, base, new, policy.power_share, starts_at, ends_at,
            _needs_approval(policy, base, new), NOTHING,
        )  # fmt: skip

    def discount(self, place: int, surge: Opening) -> Opening | None:
        """A lower price next door, as long as the surge if its own policy lets it; None if the day cannot pay for it.

        It costs what is not earned there.
        """
        sites, policy = self.sites, self.policy_of(place)
        base, new = money(sites.base.item(place)), money(self.cheaper.item(place))
        ends_at, hours = self.share_of(surge, policy)
        load = min(sites.utilization.item(place) * (1 + policy.neighbour_rise), 1.0)
        energy_wh = round(sites.power_kw.item(place) * sites.ports.item(place) * load * hours * 1000)
        cost = min(((base - new) * energy_wh).scaleb(-3).quantize(CENT), MOST_COST)
        operator = sites.operator.item(place)
        total = self.spent.get(operator, NOTHING) + cost
        if policy.discount_budget is not None and total > policy.discount_budget:
            return None
        self.spent[operator] = total
        return Opening(
            sites.site.item(place), REROUTE, surge.site, policy, base, new, ALL_POWER, surge.starts_at, ends_at,
            surge.needs_approval or policy.mode == "advisory", cost,
        )  # fmt: skip


def _needs_approval(policy: Policy, base: Decimal, new: Decimal) -> bool:
    above = policy.approval_above
    return policy.mode == "advisory" or (above is not None and new > base * (1 + above))


def _limit(sites: Sites, place: int, policy: Policy, at: datetime) -> Opening:
    """Less power at once and the same price: nobody has to be told before, and nothing waits for approval."""
    price, ends_at = money(sites.base[place]), at + timedelta(seconds=policy.longest_seconds)
    return Opening(
        int(sites.site[place]), LIMIT, None, policy, price, price, policy.power_share, at, ends_at, False, NOTHING
    )
