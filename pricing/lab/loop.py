"""A policy closed in a loop with the simulated world: it sees the sites, sets prices and power, and the world answers.

The engine is the one that sets prices on the live network. The effect is the world's: cars that a price sends away do
not come, or come next door; cabinets that get less power stay cooler; and what fails follows from that.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from scipy.special import ndtri

from telemetry.simulation.network import METROS, Network, network
from telemetry.simulation.parameters import SCENARIOS, Scenario
from telemetry.simulation.sessions import wait_minutes
from telemetry.simulation.streams import Streams
from telemetry.simulation.world import World

from ..engine import NOT_ENOUGH, REROUTE, SURGE, Applied, Sites, decide, due_to_end
from ..periods import Past, day_of, histories
from ..policy import SCALE, Policy

CITIES = ("Phoenix", "Las Vegas", "Austin", "Los Angeles", "Denver")  # few, so that sites have neighbours within reach
FIRST_DAY = np.datetime64("2025-07-01").astype("M8[D]").astype(int)
STEP_SECONDS = 1800
TICKS_PER_STEP = 180
NOISE_OF_LOAD = 0.2  # standard deviation of a ten-second reading of utilization, as the original network has it
ORIGINAL_LOAD = 0.6  # a reading above it was stress to the original code
PRUNED_EVERY = 48
FREE = 2


def lab_network(sites: int, seed: int) -> Network:
    """`sites` sites in five cities, drawn from `seed`."""
    many = network(min(60 + 8 * sites, 99_999), seed)
    chosen = np.flatnonzero(np.isin(many.metro, [[row[0] for row in METROS].index(city) for city in CITIES]))[:sites]
    return Network(**{name: values[chosen] for name, values in vars(many).items()})


def lab_scenario(elasticity: float) -> Scenario:
    """The typical world with drivers of this elasticity."""
    typical = SCENARIOS["typical"]
    return replace(typical, use=replace(typical.use, elasticity=elasticity))


def in_half_hours(policy: Policy) -> Policy:
    """The policy as the lab's clock can keep it: rest rounded down to half-hours, without notice, approved at once."""
    rest = policy.cool_down_seconds // STEP_SECONDS * STEP_SECONDS
    return replace(policy, mode="autonomous", approval_above=None, cool_down_seconds=rest, notice_seconds=0)


@dataclass
class Lived:
    """What came of one run; arrays are (half-hours, sites), `outages` are (half-hour, site) of each start."""

    totals: dict[str, float]
    outages: np.ndarray
    discounted: np.ndarray


def live(sites: Network, policy: Policy | None, elasticity: float, seed: int, days: int) -> Lived:
    """Live `days` in the world of `seed` under a policy, or none; the same seed is the same weather, cars and luck."""
    world = World(sites, FIRST_DAY, seed, lab_scenario(elasticity))
    desk = Desk(world, in_half_hours(policy), seed) if policy else None
    meter = Meter(world, days)
    for _ in range(days * 48):
        ratio, share = desk.set_prices() if desk else (None, None)
        world.advance(ratio, share)
        meter.note(desk)
    return meter.lived()


class Desk:
    """Keeps the changes of one run and asks the engine at the beginning of each half-hour."""

    def __init__(self, world: World, policy: Policy, seed: int):
        self.world, self.policy = world, policy
        self.count = len(world.network)
        self.base = np.round(world.network.base_price * SCALE).astype("i8")
        self.kind = np.full(self.count, "", "U8")
        self.price, self.share = self.base.copy(), np.ones(self.count)
        self._open: dict[int, Applied] = {}
        self._past: dict[int, Past] = {}
        self._spent: dict[int, object] = {}
        self._next, self._day = 0, None
        self._draws = Streams(seed).generator("prices", "readings of load")

    def set_prices(self) -> tuple[np.ndarray, np.ndarray]:
        """(price / usual price, share of power) of each site for the half-hour that comes next."""
        at = datetime.fromtimestamp((self.world.step - 1) * STEP_SECONDS, UTC)
        day = day_of(at, UTC)
        if day.begins_at != self._day:
            self._day, self._spent = day.begins_at, {}
            self._past = {key: past for key, past in self._past.items() if (at - past.ends_at).days < 2}
        sites = self._view()
        not_enough = self._end(due_to_end(list(self._open.values()), sites, at), at)
        changed = [change.site for change in self._open.values()]
        sites = replace(sites, changed=np.isin(sites.site, changed), not_enough=np.isin(sites.site, not_enough))
        if self.policy.cool_down_seconds or self.policy.surge_seconds_per_day is not None:
            sites = replace(sites, **histories(list(self._past.values()), sites.site, at, day))
        self._begin(decide(sites, [self.policy], at, replace(day, spent=self._spent)))
        return np.where(self.base > 0, self.price / np.maximum(self.base, 1), 1.0), self.share

    def _view(self) -> Sites:
        """What the policy may see: there is no forecast in the lab, and chargers tell their heat but no derating."""
        world, network, count = self.world, self.world.network, self.count
        working = world.chargers.per_site(world.state.seems_up.astype("i8"))
        unknown, no = np.full(count, np.nan), np.zeros(count, bool)
        hottest = np.maximum.reduceat(world.state.cabinet_c, world.chargers.first)
        by_risk = self.policy.trigger == "risk"
        return Sites(
            site=np.arange(count), policy=np.zeros(count, int), operator=network.operator, latitude=network.latitude,
            longitude=network.longitude, kind=network.charger, power_kw=network.power_kw, ports=working,
            utilization=world.state.utilization, risk=self._original_stress() if by_risk else unknown,
            cabinet_c=hottest, derated=unknown, base=self.base, fixed=network.pricing == FREE, stopped=no, changed=no,
            waiting=no, not_enough=no, rested_seconds=np.full(count, np.inf), changes_today=np.zeros(count, int),
            surged_today=np.zeros(count),
        )  # fmt: skip

    def _original_stress(self) -> np.ndarray:
        """1 where one of the half-hour's 180 noisy readings of utilization is above 60 %, else 0: the original trigger.

        The highest of n normal numbers is drawn at once, as the u^(1/n) quantile.
        """
        highest = ndtri(self._draws.random(self.count) ** (1 / TICKS_PER_STEP))
        return (self.world.state.utilization + NOISE_OF_LOAD * highest > ORIGINAL_LOAD).astype(float)

    def _end(self, due: dict[int, str], at: datetime) -> list[int]:
        """Put back what is due; the sites whose limited power was not enough."""
        for number in due:
            change = self._open.pop(number)
            self.price[change.site], self.share[change.site] = self.base[change.site], 1.0
            self.kind[change.site] = ""
            if number in self._past:
                self._past[number] = replace(self._past[number], ends_at=at)
            due[number] = (change.site, due[number])
        return [site for site, why in due.values() if why == NOT_ENOUGH]

    def _begin(self, openings) -> None:
        surges = {}
        for each in openings:
            change = (self._next, each.site, each.kind, each.starts_at, each.ends_at, surges.get(each.surge_site))
            self._open[self._next] = Applied(*change, each.policy)
            self.price[each.site], self.share[each.site] = int(each.new_price * SCALE), float(each.power_share)
            self.kind[each.site] = each.kind
            if each.kind == SURGE:
                surges[each.site] = self._next
                self._past[self._next] = Past(each.site, each.starts_at, each.ends_at)
            elif each.kind == REROUTE:
                operator = int(self.world.network.operator[each.site])
                self._spent[operator] = self._spent.get(operator, 0) + each.cost
            self._next += 1


class Meter:
    """Adds up what a run comes to."""

    def __init__(self, world: World, days: int):
        self.world, self.first = world, world.step
        self.touchable = world.network.pricing != FREE
        self.usual_kwh = world.network.power_kw * world.network.session_minutes / 60 * 0.6
        self.sums = dict.fromkeys(("charger_hours", "waits", "surged", "limited", "gave_up_kwh", "held_back_kwh"), 0.0)
        self.steps, self.ports = days * 48, world.chargers.per_site(np.ones(len(world.chargers)))
        self.discounted = np.zeros((self.steps, len(world.network)), bool)
        self.journal = {"sessions": [], "outages": []}

    def note(self, desk: Desk | None) -> None:
        """Take in the half-hour that has just gone."""
        world, state = self.world, self.world.state
        step = world.step - 1 - self.first
        working = world.chargers.per_site(state.is_up.astype(float))
        busy = world.chargers.per_site((state.is_charging & state.seems_up).astype(float))
        waits = wait_minutes(state.queue, working - busy, working, world.network.session_minutes)
        self.sums["charger_hours"] += working.sum() / 2
        self.sums["waits"] += (waits * self.ports).sum() / self.ports.sum()
        self.sums["gave_up_kwh"] += (world.gave_up * self.usual_kwh).sum()
        self.sums["held_back_kwh"] += world.held_back_kwh
        if desk:
            self.sums["surged"] += (desk.kind == SURGE)[self.touchable].mean()
            self.sums["limited"] += (desk.share < 1)[self.touchable].mean()
            self.discounted[step] = desk.kind == REROUTE
        if (step + 1) % PRUNED_EVERY == 0:
            self._take()

    def _take(self) -> None:
        taken = self.world.journal.take()
        for kind, pieces in self.journal.items():
            pieces.append(taken[kind])

    def lived(self) -> Lived:
        """The totals of the run, and where and when outages began."""
        self._take()
        sessions, outages = (
            {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
            for pieces in self.journal.values()
        )
        site = self.world.chargers.site
        money = sessions["kwh"] * sessions["price"] * self._is_per_kwh(sessions)
        money += (sessions["end"] - sessions["start"]) * sessions["price"] * ~self._is_per_kwh(sessions)
        totals = {
            "outages": len(outages["start"]),
            "charger_hours": self.sums["charger_hours"],
            "energy_mwh": sessions["kwh"].sum() / 1000,
            "unserved_mwh": (self.sums["gave_up_kwh"] + self.sums["held_back_kwh"]) / 1000,
            "revenue": money.sum(),
            "wait_minutes": self.sums["waits"] / self.steps,
            "surged_share": self.sums["surged"] / self.steps,
            "limited_share": self.sums["limited"] / self.steps,
        }
        begun = (outages["start"] // 30).astype(int) - self.first
        where = np.column_stack([begun.clip(0, self.steps - 1), site[outages["charger"]]])
        return Lived({name: float(value) for name, value in totals.items()}, where, self.discounted)

    def _is_per_kwh(self, sessions: dict[str, np.ndarray]) -> np.ndarray:
        return (self.world.network.pricing != 1)[self.world.chargers.site[sessions["charger"]]]


def moved_outages(lived: Lived, base: Lived, steps: int = 48) -> int:
    """Outages that began at a site while it was discounted or up to `steps` half-hours later, less those without."""
    window = lived.discounted.copy()
    for later in range(1, steps + 1):
        window[later:] |= lived.discounted[:-later]
    with_policy, without = (int(window[each.outages[:, 0], each.outages[:, 1]].sum()) for each in (lived, base))
    return with_policy - without
