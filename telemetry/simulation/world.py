"""The simulated world: all chargers of a network, half-hour by half-hour.

What is drawn comes from separate named streams (demand, weather, failures, repairs, prices), each keyed by day and
charger: two runs of one seed that differ in their prices see the same weather, the same cars at the door and the same
bad luck, so that what differs between them is what the prices did.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np

from . import causes, hazards, precursors, sessions
from .chargers import chargers
from .draws import REPAIRS_PER_DAY, day_draws, firmware_shocks
from .journal import AVAILABLE, FAULTED, OFFLINE, UNAVAILABLE, Journal
from .neighbours import moved_demand, neighbour_shares
from .network import Network
from .parameters import STEP_HOURS, Scenario
from .repairs import repairs
from .state import UP, UPKEEP, fresh_state
from .streams import STEPS_PER_DAY, Streams
from .surroundings import Surroundings, hour_price, surroundings
from .thermal import approach, connector_c, contact_milliohm, fouling_growth, settled_c

STEP_MINUTES = 60 * STEP_HOURS
_SIGNAL_HOURS, _MOISTURE_HOURS = 18.0, 6.0  # memory of the connection's quality, and drying time (assumptions)
_UPKEEP_HOURS_OF_DAY = (9, 16)
_DAYS_KEPT = 8

Policy = Callable[
    [np.datetime64, np.ndarray], np.ndarray
]  # time, utilization of the sites -> their price / usual price


@dataclass(frozen=True)
class Here:
    """What is around each charger in a half-hour."""

    ambient_c: np.ndarray
    moisture: np.ndarray
    is_night: float
    is_shocked: np.ndarray  # its firmware version is in trouble
    age_years: np.ndarray


class World:
    """A network in a scenario, from the day it starts on; `advance` goes on by a half-hour, in place."""

    def __init__(self, network: Network, first_day: int, seed: int, scenario: Scenario):
        self.network, self.scenario, self.seed = network, scenario, seed
        self._is_silent = causes.silent(scenario.effects)
        self.chargers = chargers(network, scenario, seed)
        self.streams = Streams(seed)
        self.state = fresh_state(self.chargers, first_day, self._minute(first_day * STEPS_PER_DAY - 1))
        self.journal = Journal()
        self.neighbours = neighbour_shares(network.latitude, network.longitude, scenario.use.neighbour_km)
        self.can_fail = True
        self.step = first_day * STEPS_PER_DAY  # half-hours since 1970; it describes the half-hour before it
        self._day = self._forked_at = None
        self._days: dict[int, Surroundings] = {}  # the latest, shared with forks

    def fork(self, luck: int) -> "World":
        """The same world from now on with other cars and other bad luck, in which nothing fails."""
        other = copy(self)
        other.state, other.journal = self.state.copy(), Journal()
        other.streams, other.can_fail, other._day = Streams((self.seed, luck)), False, None
        other._forked_at = self.step
        return other

    def advance(self, price_ratio: np.ndarray | None = None, power_share: np.ndarray | None = None) -> None:
        """One half-hour in which sites ask `price_ratio` times their usual price and give `power_share` of their power.

        Afterwards `stopping` is the hazard per hour (13, n) that it had for chargers that worked.
        """
        day, slot = divmod(self.step, STEPS_PER_DAY)
        if day != self._day:
            self._begin_day(day)
        end = self._minute(self.step)
        here = self.here(slot)
        self.ratio = np.ones(len(self.network)) if price_ratio is None else price_ratio
        self.power_share = np.ones(len(self.network)) if power_share is None else power_share
        exposed = self.state.is_up
        self._come_back(end)
        if self.can_fail:
            self._fail(here, exposed, end, slot)
        else:
            self.stopping, entering = self._split(here)
            self._trouble(entering, exposed, slot)
        self._serve(end, slot)
        if self.can_fail:
            self._begin_upkeep(end, slot)
        self._warm(here, slot)
        self.step += 1

    @property
    def time(self) -> np.datetime64:
        """The end of the half-hour that comes next, UTC."""
        return np.datetime64(self.step * 1800, "s")

    def here(self, slot: int) -> Here:
        """What is around the chargers in the half-hour of today."""
        site, hour = self.chargers.site, self.around.hour[slot]
        return Here(
            ambient_c=self._ambient_c[slot][site],
            moisture=self.state.moisture[site],
            is_night=float(hour >= 22 or hour < 6),
            is_shocked=self._shocked[slot][self.chargers.version],
            age_years=(self._day - self.chargers.built_day) / 365.25,
        )

    def hazard(self) -> np.ndarray:
        """Hazard per hour (13, n) in the half-hour that comes next, for chargers that work, trouble included."""
        day, slot = divmod(self.step, STEPS_PER_DAY)
        if day != self._day:
            self._begin_day(day)
        return self._split(self.here(slot))[0]

    def _minute(self, step: int) -> float:
        return step * STEP_MINUTES

    def _begin_day(self, day: int) -> None:
        self._day = day
        if day not in self._days:
            self._days[day] = surroundings(self.network, day, day + 1, self.seed)
            for old in sorted(self._days)[:-_DAYS_KEPT]:
                del self._days[old]
        self.around = self._days[day]
        self._ambient_c = self.around.ambient_c
        self._usual_price = hour_price(self.network, self.around.hour)
        self._shocked = self._shocks(day)
        self._draws = day_draws(self.streams, day, len(self.chargers), len(self.network))

    def _shocks(self, day: int) -> np.ndarray:
        """True where a firmware version is in trouble (steps, versions); a fork knows what is under way, no more."""
        own = firmware_shocks(self.seed, day, self.scenario.effects)
        if self._forked_at is None:
            return own
        drawn = firmware_shocks(self.streams.seed, day, self.scenario.effects)
        if day != self._forked_at // STEPS_PER_DAY:
            return drawn
        now = self._forked_at % STEPS_PER_DAY
        return (own & own[now]) | (drawn & ~drawn[now])

    def _come_back(self, end: float) -> None:
        """Chargers whose repair or service ends in this half-hour work again, renewed where somebody was there."""
        s = self.state
        back = np.flatnonzero((s.down != UP) & (s.up_at < end))
        if not len(back):
            return
        serviced = back[(s.down[back] == UPKEEP) | (s.is_visit[back] & (s.down[back] == causes.COOLING))]
        s.fouling[serviced], s.service_hours[serviced] = 0, 0
        s.cycles[back[s.is_visit[back] & (s.down[back] == causes.CABLE)]] = 0
        cured = back[s.is_visit[back] | (s.trouble[back] == s.down[back]) | (s.down[back] == UPKEEP)]
        s.trouble[cured] = -1
        s.free_from[back] = s.up_at[back]
        s.down[back], s.is_visit[back] = UP, False
        self.journal.report(back, s.up_at[back], AVAILABLE, s.cabinet_c[back])

    def _split(self, here: Here) -> tuple[np.ndarray, np.ndarray]:
        return hazards.split(self.state, here, self.chargers, self.scenario)

    def _fail(self, here: Here, exposed: np.ndarray, end: float, slot: int) -> None:
        """Some of the chargers that worked when the half-hour began stop, others fall into trouble."""
        draws, site = self._draws, self.chargers.site
        self.stopping, entering = self._split(here)
        stopping = self.stopping.copy()
        grid = -np.expm1(-stopping[causes.GRID, self.chargers.first] * STEP_HOURS)
        stopping[causes.GRID] = 0
        chance = -np.expm1(-stopping.sum(0) * STEP_HOURS)
        u = draws["failure"][slot]
        failing = np.flatnonzero(exposed & (u < chance))
        cause = hazards.pick(stopping[:, failing], u[failing] / chance[failing])
        dark = np.flatnonzero(exposed & (draws["grid"][slot] < grid)[site])
        alone = ~np.isin(failing, dark)
        moment = draws["moment"][slot][failing][alone]
        moment = np.concatenate([moment, np.full(len(dark), 0.5)])  # a site loses its supply at one instant
        cause = np.concatenate([cause[alone], np.full(len(dark), causes.GRID)])
        moment[self._is_silent[cause]] = 0  # because cars that come later in this half-hour find it broken
        self._stop(np.concatenate([failing[alone], dark]), cause, end - STEP_MINUTES * (1 - moment), slot)
        self._trouble(entering, exposed, slot)

    def _trouble(self, entering: np.ndarray, exposed: np.ndarray, slot: int) -> None:
        """Some chargers begin to announce a failure."""
        enter = -np.expm1(-entering.sum(0) * STEP_HOURS)
        u = self._draws["trouble"][slot]
        troubled = np.flatnonzero(exposed & self.state.is_up & (u < enter))
        self.state.trouble[troubled] = hazards.pick(entering[:, troubled], u[troubled] / enter[troubled])

    def _stop(self, failing: np.ndarray, cause: np.ndarray, minute: np.ndarray, slot: int) -> None:
        """Chargers stop at their minutes for their causes; what breaks silently is only found later."""
        s = self.state
        s.down[failing], s.down_from[failing], s.up_at[failing] = cause, minute, np.inf
        s.is_silent[failing], s.failed_starts[failing] = self._is_silent[cause], 0
        loud = ~self._is_silent[cause]
        self._notice(failing[loud], minute[loud], slot)

    def _find_silent(self, end: float, slot: int) -> None:
        """Silent faults are noticed once so many starts have failed, or when somebody looks by the way."""
        s, repair = self.state, self.scenario.repair
        late = s.down_from < end - 1440 * repair.looked_at_days
        found = np.flatnonzero(s.is_silent & ~s.is_charging & ((s.failed_starts >= repair.failed_starts) | late))
        if len(found):
            s.is_silent[found] = False
            self._notice(found, np.maximum(s.free_from[found], s.down_from[found]) + 0.1, slot)

    def _notice(self, broken: np.ndarray, minute: np.ndarray, slot: int) -> None:
        """Chargers say at their minutes that they are broken; their repair is decided here and now."""
        if not len(broken):
            return
        s, c = self.state, self.chargers
        cause = s.down[broken].astype(int)
        is_trip = (cause == causes.COOLING) & (s.cabinet_c[broken] > c.trip_limit_c[broken] - 3)
        row = np.where(cause == causes.GRID, c.first[c.site[broken]], broken)  # a grid failure ends for all at once
        u = self._draws["repair"][row, slot * REPAIRS_PER_DAY // STEPS_PER_DAY].T.astype("f8")
        repair = repairs(cause, is_trip, u, self.scenario)
        up_at = minute + 60 * repair.hours
        s.is_visit[broken], s.up_at[broken] = repair.is_visit, up_at
        sessions.cut_sessions(s, self.journal, broken, minute)
        offline = np.isin(cause, (causes.COMMS, causes.GRID))
        for status, rows in ((FAULTED, ~offline), (OFFLINE, offline)):
            self.journal.report(broken[rows], minute[rows], status, s.cabinet_c[broken[rows]], cause[rows])
        self.journal.outage(
            broken, s.down_from[broken], up_at, cause, is_trip, s.trouble[broken] == cause, repair.is_visit,
            minute + 60 * repair.detected_hours, minute + 60 * repair.dispatched_hours,
            minute + 60 * repair.arrived_hours, repair.onsite_minutes, repair.waited_for_parts, minute,
        )  # fmt: skip

    def _serve(self, end: float, slot: int) -> None:
        """Cars come, charge and leave; prices move some of them."""
        s, c, draws = self.state, self.chargers, self._draws
        use = self.scenario.use
        begin = end - STEP_MINUTES
        charged = np.where(s.is_charging & ~s.is_failing, np.minimum(s.free_from, end) - begin, 0).clip(min=0)
        stay = draws["patience"][slot] * 0.4 + use.patience_share - 0.2
        waited, s.queue = s.queue, np.floor(s.queue * stay + 0.5)
        self.gave_up = np.maximum(waited - s.queue, 0)
        running = np.flatnonzero(s.is_charging)
        share = self.power_share[c.site]
        self.held_back_kwh = sessions.hold_back(s, running, begin, end, share[running]).sum()
        wanted = moved_demand(self.around.demand[slot], self.network.ports, self.ratio, self.neighbours, use)
        cars = sessions.arrivals(
            draws["arrival"][slot], wanted, s.demand, self.network.ports, self.network.session_minutes
        )
        s.demand = wanted
        self.price = np.round(self._usual_price[slot] * np.where(s.utilization > 0.8, 1.25, 1) * self.ratio, 4)
        chance = sessions.start_failure_chance(s, self.scenario)
        for turn in range(sessions.ROUNDS):
            sessions.end_sessions(s, self.journal, end, c.site)
            self._find_silent(end, slot)
            numbers = {name: draws[f"session {name}"][slot, turn] for name in
                       ("turn", "moment", "length", "car", "charge", "failure")}  # fmt: skip
            fresh = sessions.begin_sessions(
                s, self.journal, c, s.seems_up, cars, end, numbers, self.price, chance, self.power_share
            )
            charged += fresh
            self.held_back_kwh += (s.kilowatts * (1 - share) * fresh).sum() / 60
            cars = np.zeros_like(cars)
        sessions.end_sessions(s, self.journal, end, c.site)
        self._find_silent(end, slot)
        s.load = charged / STEP_MINUTES
        working = np.maximum(c.per_site(s.seems_up.astype("f8")), 1e-9)
        s.utilization = np.minimum(c.per_site(np.where(s.seems_up, s.load, 0)) / working, 1)

    def _begin_upkeep(self, end: float, slot: int) -> None:
        """Planned services begin at idle chargers, on working days between nine and four."""
        hour, weekday = self.around.hour[slot], (self._day + 3) % 7
        first, last = _UPKEEP_HOURS_OF_DAY
        if weekday >= 5 or not first <= hour < last:
            return
        s, repair = self.state, self.scenario.repair
        slots_per_day = (last - first) / STEP_HOURS * 5 / 7
        chosen = np.flatnonzero(
            s.is_up & ~s.is_charging & (self._draws["upkeep"][slot] < 1 / (repair.upkeep_days * slots_per_day))
        )
        s.down[chosen], s.is_visit[chosen], s.down_from[chosen] = UPKEEP, False, end
        s.up_at[chosen] = end + 60 * repair.upkeep_hours * (0.5 + self._draws["upkeep length"][slot][chosen])
        self.journal.report(chosen, np.full(len(chosen), end), UNAVAILABLE, s.cabinet_c[chosen])

    def _warm(self, here: Here, slot: int) -> None:
        """Cabinets and connectors follow their load, filters foul, the ground dries, connections wander."""
        s, c, heat = self.state, self.chargers, self.scenario.heat
        s.inlet_c = here.ambient_c
        fouling = s.fouling + heat.blocked * self.around.is_blocked[slot][c.site]
        share = self.power_share[c.site]
        target = settled_c(here.ambient_c, s.load * heat.power_share * share, fouling, c.rise_k)
        s.cabinet_c = approach(s.cabinet_c, target, STEP_HOURS, c.hours_constant)
        current = c.current_a * np.minimum(s.kilowatts / c.power_kw, 1) * s.is_charging * share
        s.connector_c = connector_c(here.ambient_c, current, contact_milliohm(s.cycles, heat), STEP_MINUTES, heat)
        s.fouling = np.minimum(s.fouling + fouling_growth(s.load, s.cabinet_c, STEP_HOURS, heat), heat.fouling_most)
        s.service_hours += STEP_HOURS
        keep = np.exp(-STEP_HOURS / _SIGNAL_HOURS)
        s.signal = keep * s.signal + np.sqrt(1 - keep**2) * self._draws["signal"][slot]
        if self.can_fail and self.step % 2 == 0:
            self.journal.tell_heat(s, self._minute(self.step))
        is_wet = self.around.air["precipitation_mm"][slot] > 0
        s.moisture = np.where(is_wet, 1.0, s.moisture * np.exp(-STEP_HOURS / _MOISTURE_HOURS))

    def soft_events(self) -> np.ndarray:
        """Precursors (5, n) of the half-hour just gone, in the order of precursors.SIGNALS; none while down."""
        slot = (self.step - 1) % STEPS_PER_DAY
        expected = precursors.expected(self.state.trouble, self.state.signal)
        return precursors.counts(self._draws["signals"][slot], expected) * self.state.is_up


def run(world: World, steps: int, policy: Policy | None = None) -> Iterator[World]:
    """Advance `world` by so many half-hours and yield it after each; a policy sees the sites and sets their prices."""
    for _ in range(steps):
        world.advance(None if policy is None else policy(world.time, world.state.utilization))
        yield world
