"""One tick of the chargers of the live network: they heat, wear, fail, are cleared from afar, and cars charge.

The laws are those of the world that writes histories (`hazards`, `thermal`, `repairs`, `precursors`, `sessions`);
only the clock differs. Everything is for the whole network at once; times are seconds since 1970.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from . import causes, hazards, precursors, sessions
from .chargers import Chargers
from .draws import firmware_shocks
from .fleet_memory import UNKNOWN, come_back, renew
from .journal import AVAILABLE, CHARGING, FAULTED, HEAT_TOLD_C, OFFLINE, PREPARING, UNAVAILABLE
from .parameters import Scenario
from .repairs import DRAWS, repairs
from .reports import VAGUE_SHARE
from .state import UP, UPKEEP
from .streams import STEPS_PER_DAY
from .thermal import approach, fouling_growth, settled_c

TURNS = 30  # ordinary sites age in turns, one in so many at a tick: half a minute of arithmetic a tick is not needed
_TURNS_PER_HOUR = 12
SIGNAL_HOURS, MOISTURE_HOURS = 18.0, 6.0
_RELAX_SECONDS = 600.0  # in which the cars at a site follow a change of what is usual
_COOL_K = 12.0  # below its limit, before a tripped cabinet may start again
_TEST_SECONDS, _TEST_KILOWATTS = 180, 11.0  # 0.55 kWh: above the half that a successful session needs (AFIREV)
_IS_OFFLINE = causes.column("status") == "OFFLINE"
_WORK_HOURS = (9, 16)


@dataclass(frozen=True)
class Around:
    """What is around the chargers of each site at a tick; arrays, one element a site."""

    at: int  # second since 1970
    slot: int  # number of the tick
    hour: int  # of the day, 0-23, where the network is
    weekday: int  # 0: Monday
    ambient_c: np.ndarray
    is_wet: np.ndarray
    wanted: np.ndarray  # share of working ports that cars want
    is_held: np.ndarray  # under stress: every working port at this load
    speed: np.ndarray  # how many times faster its time runs than the clock
    power_share: np.ndarray  # of the rated power that is allowed


@dataclass
class Happened:
    """What the chargers (indices) did at a tick, as columns; `cause` is -1 where nothing is wrong."""

    reports: list[tuple] = field(default_factory=list)  # charger, second, status, cause, °C
    begun: np.ndarray = None  # chargers at which a session begins at the tick
    ended: dict[str, np.ndarray] = field(default_factory=dict)  # charger, start, end, kwh, success
    failed: np.ndarray = None
    healed: np.ndarray = None  # back after something was done from afar

    def report(self, rows, second, status, cause, temperature_c) -> None:
        if len(rows):
            whole = np.zeros(len(rows), "i8")
            self.reports.append((rows, whole + second, whole + status, whole + cause, temperature_c))

    def all_reports(self) -> tuple[np.ndarray, ...]:
        """The five columns of all reports."""
        if not self.reports:
            return (*(np.zeros(0, "i8") for _ in range(4)), np.zeros(0))
        return tuple(np.concatenate(column) for column in zip(*self.reports, strict=True))


class Fleet:
    """The chargers and their memory during one tick; `step` changes the memory in place."""

    def __init__(self, chargers: Chargers, memory: np.ndarray, scenario: Scenario, seed: int):
        self.chargers, self.memory, self.scenario, self.seed = chargers, memory, scenario, seed
        self._is_silent = causes.silent(scenario.effects)

    def reconcile(self, out: np.ndarray, is_planned: np.ndarray, at: int) -> None:
        """Believe what the chargers are known to say: `out` are those out of order (`is_planned`: on purpose).

        One that broke here and works was repaired by somebody; one that does not work and was sound here is out for
        a reason that the world does not know.
        """
        m = self.memory
        is_out, is_service = np.zeros(len(m), bool), np.zeros(len(m), bool)
        is_out[out], is_service[out] = True, is_planned
        repaired = np.flatnonzero((m["down"] != UP) & ~m["is_silent"] & ~is_out)
        renew(m, repaired, service=False)
        stopped = np.flatnonzero(is_out & ((m["down"] == UP) | m["is_silent"]))
        come_back(m, stopped)
        m["down"][stopped] = np.where(is_service[stopped], UPKEEP, UNKNOWN)
        m["gives_up_at"][stopped] = at
        # A service that history left open ends; what a person says lasts until a person says otherwise.
        left_open = is_service[stopped] & np.isnan(m["cabinet_c"][stopped])
        m["fixed_at"][stopped] = left_open * int(at + 3600 * self.scenario.repair.upkeep_hours)

    def take_over(self, rows: np.ndarray, begun: np.ndarray, at: int) -> None:
        """Cars have charged at the chargers `rows`, which nobody has looked at yet, since the seconds `begun`.

        They stay as long as is usual there, and take the power of a car in the middle of what comes.
        """
        m, c, half = self.memory, self.chargers.some(rows), np.full(len(rows), 0.5)
        air = SimpleNamespace(inlet_c=20 + 0 * half, connector_c=20 + 0 * half)
        m["session_from"][rows] = begun
        m["session_until"][rows] = np.maximum(begun + 60 * c.session_minutes, at)
        m["kilowatts"][rows] = sessions.mean_kilowatts(air, np.arange(len(rows)), c, {"car": half, "charge": half})

    def try_out(self, rows: np.ndarray, at: int) -> None:
        """Somebody who has repaired the chargers `rows` charges a test vehicle there from the second `at` on."""
        m = self.memory
        m["session_from"][rows], m["session_until"][rows] = at, at + _TEST_SECONDS
        m["kilowatts"][rows], m["is_failing"][rows] = _TEST_KILOWATTS, False

    def step(self, around: Around, seconds: float, rng: np.random.Generator) -> Happened:
        """Go on by a tick of `seconds`; what happens carries the tick's time, or that of a session's end."""
        happened = Happened()
        self._meet(around)
        self._hold_back(around, seconds)
        self._end_sessions(around, happened)
        self._come_back(around, happened)
        rows, hours = self._turn(around, seconds)
        self._age(rows, hours, around, rng)
        failing, cause = self._failing(rows, hours, around, rng)
        self._stop(failing, cause, self._found(around, seconds, rng), around, rng, happened)
        self._begin_upkeep(rows, hours, around, rng, happened)
        self._begin_sessions(around, seconds, rng, happened)
        self._tell_heat(around, happened)
        return happened

    @property
    def seems_up(self) -> np.ndarray:
        """As far as anybody knows it can be used."""
        return (self.memory["down"] == UP) | self.memory["is_silent"]

    def waits_for_somebody(self, at: int) -> np.ndarray:
        """True for chargers that do not work and that nothing done from afar will bring back."""
        m = self.memory
        is_broken = (m["down"] != UP) & (m["down"] != UPKEEP) & ~m["is_silent"]
        return is_broken & (m["fixed_at"] == 0) & (m["gives_up_at"] <= at)

    def _turn(self, around: Around, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """The chargers that age at this tick, whole sites, and by how many hours."""
        fast = around.speed > 1
        due = fast | (np.arange(len(fast)) % TURNS == around.slot % TURNS)
        site = self.chargers.site
        rows = np.flatnonzero(due[site])
        return rows, (seconds / 3600 * np.where(fast, around.speed, TURNS))[site[rows]]

    def _age(self, rows, hours, around: Around, rng) -> None:
        m, c, heat = self.memory, self.chargers, self.scenario.heat
        site, ambient = c.site[rows], around.ambient_c[c.site[rows]]
        works = m["down"][rows] == UP
        load = np.where(around.is_held[site], around.wanted[site], (m["session_from"][rows] > 0) * heat.power_share)
        load = load * works * around.power_share[site]
        target = settled_c(ambient, load, m["fouling"][rows], c.rise_k[rows])
        cabinet = approach(m["cabinet_c"][rows], target, hours, c.hours_constant[rows])
        m["cabinet_c"][rows] = cabinet
        growth = fouling_growth(load, cabinet, hours, heat)
        m["fouling"][rows] = np.minimum(m["fouling"][rows] + growth, heat.fouling_most)
        m["service_hours"][rows] += hours
        keep = np.exp(-hours / SIGNAL_HOURS)
        m["signal"][rows] = keep * m["signal"][rows] + np.sqrt(1 - keep**2) * rng.standard_normal(len(rows))
        dry = m["moisture"][rows] * np.exp(-hours / MOISTURE_HOURS)
        m["moisture"][rows] = np.where(around.is_wet[site], 1.0, dry)
        real_hours = hours / around.speed[site]  # because back offices count by the clock, however fast a site ages
        expected = precursors.expected(m["trouble"][rows], m["signal"][rows]) * (real_hours / 0.5) * works
        m["events"][rows] = np.minimum(m["events"][rows] + rng.poisson(expected).T, 250)

    def _hold_back(self, around: Around, seconds: float) -> None:
        """Sessions at sites with less power get less energy."""
        m, share = self.memory, around.power_share[self.chargers.site]
        rows = np.flatnonzero((m["session_from"] > 0) & (share < 1))
        m["held_back_kwh"][rows] += m["kilowatts"][rows] * (1 - share[rows]) * seconds / 3600

    def _meet(self, around: Around) -> None:
        """A cabinet that nobody has seen yet is as warm as its site's usual load makes it."""
        c, rows = self.chargers, np.flatnonzero(np.isnan(self.memory["cabinet_c"]))
        load = around.wanted[c.site[rows]] * self.scenario.heat.power_share
        self.memory["cabinet_c"][rows] = settled_c(around.ambient_c[c.site[rows]], load, 0.0, c.rise_k[rows])

    def _failing(self, rows, hours, around: Around, rng) -> tuple[np.ndarray, np.ndarray]:
        """Which of `rows` stop now, and of which cause; others fall into trouble. A lost supply stops a whole site."""
        m, c = self.memory, self.chargers.some(rows)
        works = m["down"][rows] == UP
        stopping, entering = hazards.split(self._view(rows), self._here(rows, around), c, self.scenario)
        is_first = np.diff(c.site, prepend=-1) != 0
        grid = -np.expm1(-stopping[causes.GRID, is_first] * hours[is_first])
        dark_sites = c.site[is_first][rng.random(len(grid)) < grid]
        stopping[causes.GRID] = 0
        is_dark = works & np.isin(c.site, dark_sites)
        u, chance = rng.random(len(rows)), -np.expm1(-stopping.sum(0) * hours)
        stops = np.flatnonzero(works & (u < chance) & ~is_dark)
        cause = hazards.pick(stopping[:, stops], u[stops] / chance[stops])
        u, chance = rng.random(len(rows)), -np.expm1(-entering.sum(0) * hours)
        troubled = np.flatnonzero(works & (u < chance))
        m["trouble"][rows[troubled]] = hazards.pick(entering[:, troubled], u[troubled] / chance[troubled])
        dark = np.flatnonzero(is_dark)
        return rows[np.concatenate([stops, dark])], np.concatenate([cause, np.full(len(dark), causes.GRID)]).astype(int)

    def _view(self, rows) -> SimpleNamespace:
        names = ("cabinet_c", "cycles", "service_hours", "signal", "trouble", "down", "is_silent")
        return SimpleNamespace(**{name: self.memory[name][rows] for name in names})

    def _here(self, rows, around: Around) -> SimpleNamespace:
        c, day = self.chargers, around.at // 86_400
        shocked = firmware_shocks(self.seed, day, self.scenario.effects)[around.at % 86_400 * STEPS_PER_DAY // 86_400]
        return SimpleNamespace(
            ambient_c=around.ambient_c[c.site[rows]],
            moisture=self.memory["moisture"][rows],
            is_night=float(around.hour >= 22 or around.hour < 6),
            is_shocked=shocked[c.version[rows]],
            age_years=(day - c.built_day[rows]) / 365.25,
        )

    def _stop(self, failing, cause, found, around: Around, rng, happened: Happened) -> None:
        """`failing` stop, silently or not, and the faults of `found` are noticed: their repair is decided now."""
        m = self.memory
        m["down"][failing], m["failed_starts"][failing] = cause, 0
        m["is_silent"][failing] = self._is_silent[cause]
        m["is_silent"][found] = False
        told = np.concatenate([failing[~self._is_silent[cause]], found])
        cause = m["down"][told].astype(int)
        limit = self.chargers.trip_limit_c[told] - 3
        m["is_trip"][told] = is_trip = (cause == causes.COOLING) & (m["cabinet_c"][told] > limit)
        repair = repairs(cause, is_trip, self._luck(told, cause, rng), self.scenario)
        speed = around.speed[self.chargers.site[told]]
        m["gives_up_at"][told] = around.at + 3600 * repair.dispatched_hours / speed
        back = np.ceil(around.at + np.maximum(3600 * repair.hours / speed, 1))
        m["fixed_at"][told] = np.where(repair.is_visit, 0, back)
        self._cut_sessions(told, around, happened)
        status = np.where(_IS_OFFLINE[cause], OFFLINE, FAULTED)
        happened.report(told, around.at, status, cause, m["cabinet_c"][told])
        happened.failed = told

    def _found(self, around: Around, seconds: float, rng) -> np.ndarray:
        """Silent faults that are noticed: so many starts have failed, or somebody came by, once in so many days."""
        m, repair = self.memory, self.scenario.repair
        silent = np.flatnonzero(m["is_silent"])
        days = seconds * around.speed[self.chargers.site[silent]] / 86_400
        is_seen = rng.random(len(silent)) < -np.expm1(-days / repair.looked_at_days)
        return silent[is_seen | (m["failed_starts"][silent] >= repair.failed_starts)]

    def _luck(self, rows, cause, rng) -> np.ndarray:
        """Uniform numbers (DRAWS, n) of repairs: a lost supply comes back for its whole site at once."""
        u = rng.random((DRAWS, len(rows)))
        site = self.chargers.site[rows]
        _, first, group = np.unique(site, return_index=True, return_inverse=True)
        return np.where(cause == causes.GRID, u[:, first[group]] if len(rows) else u, u)

    def _come_back(self, around: Around, happened: Happened) -> None:
        """What was done from afar has helped; a tripped cabinet must have cooled as well."""
        m = self.memory
        due = (m["down"] != UP) & (m["fixed_at"] > 0) & (m["fixed_at"] <= around.at)
        hot = m["is_trip"] & (m["cabinet_c"] > self.chargers.trip_limit_c - _COOL_K)
        back = np.flatnonzero(due & ~hot)
        planned = m["down"][back] == UPKEEP
        renew(m, back[planned], service=True)
        come_back(m, back[~planned])
        happened.report(back, around.at, AVAILABLE, -1, m["cabinet_c"][back])
        happened.healed = back[~planned]

    def _begin_upkeep(self, rows, hours, around: Around, rng, happened: Happened) -> None:
        """Planned services begin at idle chargers, on working days between nine and four."""
        first, last = _WORK_HOURS
        if around.weekday >= 5 or not first <= around.hour < last:
            return
        m, repair = self.memory, self.scenario.repair
        idle = (m["down"][rows] == UP) & (m["session_from"][rows] == 0)
        chance = hours / ((last - first) * 5 / 7 * repair.upkeep_days)
        chosen = rows[idle & (rng.random(len(rows)) < chance)]
        m["down"][chosen] = UPKEEP
        m["fixed_at"][chosen] = around.at + 3600 * repair.upkeep_hours * (0.5 + rng.random(len(chosen)))
        happened.report(chosen, around.at, UNAVAILABLE, -1, m["cabinet_c"][chosen])

    def _end_sessions(self, around: Around, happened: Happened) -> None:
        m = self.memory
        self._cut_sessions(np.flatnonzero(~self.seems_up), around, happened)  # somebody else says that they are out
        done = np.flatnonzero((m["session_from"] > 0) & (m["session_until"] <= around.at))
        failed = m["is_failing"][done]
        m["failed_starts"][done] += failed & m["is_silent"][done]
        happened.report(done, m["session_until"][done].astype("i8"), AVAILABLE, -1, m["cabinet_c"][done])
        self._close(done, m["session_until"][done], ~failed, happened)

    def _cut_sessions(self, stopped, around: Around, happened: Happened) -> None:
        """What charges at chargers that stop has failed."""
        charging = stopped[self.memory["session_from"][stopped] > 0]
        self._close(charging, np.full(len(charging), around.at), np.zeros(len(charging), bool), happened)

    def _close(self, rows, end, success, happened: Happened) -> None:
        m = self.memory
        start, end = m["session_from"][rows].astype("i8"), end.astype("i8")
        kwh = np.maximum(m["kilowatts"][rows] * (end - start) / 3600 - m["held_back_kwh"][rows], 0)
        ended = {"charger": rows, "start": start, "end": end, "kwh": kwh, "success": success}
        known = happened.ended or {name: values[:0] for name, values in ended.items()}
        happened.ended = {name: np.concatenate([known[name], ended[name]]) for name in ended}
        for name in ("session_from", "session_until", "is_failing", "kilowatts", "held_back_kwh"):
            m[name][rows] = 0

    def _begin_sessions(self, around: Around, seconds: float, rng, happened: Happened) -> None:
        """Cars come to free ports as often as keeps the wanted share of working ports in use."""
        m, c = self.memory, self.chargers
        busy, seems_up = m["session_from"] > 0, self.seems_up
        just_left = np.zeros(len(m), bool)
        just_left[happened.ended["charger"]] = True
        target = around.wanted * c.per_site(seems_up.astype("f8"))
        lack = target - c.per_site(busy.astype("f8"))
        pace = np.where(around.is_held, 10.0, 1.0) * seconds
        mean = target * seconds / 60 / c.session_minutes[c.first] + lack * np.minimum(pace / _RELAX_SECONDS, 1)
        cars = rng.poisson(np.maximum(mean, 0))
        free = np.flatnonzero(seems_up & ~busy & ~just_left & (cars > 0)[c.site])
        order = free[np.lexsort((rng.random(len(free)), c.site[free]))]
        begins = np.searchsorted(c.site[order], c.site[order])
        chosen = np.sort(order[np.arange(len(order)) - begins < cars[c.site[order]]])
        self._plug_in(chosen, around, rng, happened)

    def _plug_in(self, chosen, around: Around, rng, happened: Happened) -> None:
        m, c = self.memory, self.chargers.some(chosen)
        view, ambient = self._view(chosen), around.ambient_c[c.site]
        chance = sessions.start_failure_chance(view, self.scenario).sum(0)
        m["is_failing"][chosen] = fails = rng.random(len(chosen)) < chance
        view.inlet_c = view.connector_c = ambient
        draws = {"car": rng.random(len(chosen)), "charge": rng.random(len(chosen))}
        power = sessions.mean_kilowatts(view, np.arange(len(chosen)), c, draws)
        m["kilowatts"][chosen] = np.where(fails, 0, power)
        minutes = sessions.lasts(rng.random(len(chosen)), c.session_minutes, fails)
        m["session_from"][chosen] = around.at
        m["session_until"][chosen] = around.at + np.ceil(60 * minutes)
        m["cycles"][chosen] += 1
        happened.report(chosen, around.at, np.where(fails, PREPARING, CHARGING), -1, m["cabinet_c"][chosen])
        happened.begun = chosen

    def _tell_heat(self, around: Around, happened: Happened) -> None:
        """Hot chargers say so once an hour; where time runs fast, all say at every tick how hot they are."""
        m, fast = self.memory, (around.speed > 1)[self.chargers.site]
        is_turn = np.arange(len(around.speed)) % TURNS == around.slot % TURNS
        is_hour = around.slot // TURNS % _TURNS_PER_HOUR == 0
        hot = (is_turn & is_hour)[self.chargers.site] & (m["cabinet_c"] >= HEAT_TOLD_C)
        spoke = np.zeros(len(m), bool)
        for rows, second, *_ in happened.reports:
            spoke[rows[second == around.at]] = True
        silent = np.flatnonzero((fast | hot) & self.seems_up & ~spoke)
        in_use = np.where(m["is_failing"][silent], PREPARING, CHARGING)
        status = np.where(m["session_from"][silent] > 0, in_use, AVAILABLE)
        happened.report(silent, around.at, status, -1, m["cabinet_c"][silent])


def told_codes(cause: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """OCPP 1.6 error code and vendor's code of reports by cause (-1: none); some faults are told vaguely."""
    vague, is_fault = rng.random(len(cause)) < VAGUE_SHARE, cause >= 0
    code, vendor = causes.column("error_code")[cause], causes.column("vendor_code")[cause]
    return (
        np.where(is_fault, np.where(vague, "InternalError", code), ""),
        np.where(is_fault & ~vague, vendor, ""),
    )
