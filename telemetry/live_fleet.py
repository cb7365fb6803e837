"""The chargers of the live network: from the database into the world, and what they did back into the database."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from django.db import connection

from stations.arrays import fetch_arrays
from stations.models.places import ChargerType, LocationType

from .models import ChargingSession, SoftEvents, StatusReport
from .network import local_time
from .observed_history import WET
from .simulation import chargers, fleet_memory, ladder
from .simulation.causes import NAMES
from .simulation.fleet import Around, Fleet, Happened, told_codes
from .simulation.journal import STATUSES
from .simulation.network import CHARGER_TYPES
from .simulation.orders import WRONG_SHARE
from .simulation.parameters import SCENARIOS
from .simulation.state import UP, UPKEEP

SCENARIO = SCENARIOS["typical"]
WORLD_SEED = 7  # of the chargers' hidden facts; the demo's history is of the same world
HALF_HOUR = 1800
_USUAL_TURNOVER = 0.35  # as in `chargers`: the share of its time that a port of average busyness is taken
_KINDS = np.array([0, *(CHARGER_TYPES.index(kind) if kind in CHARGER_TYPES else 0 for kind in ChargerType.values)])
_CHARGERS = """
SELECT charger.id, charger.site_id FROM stations_charger charger
JOIN stations_site site ON site.id = charger.site_id
JOIN stations_operator operator ON operator.id = site.operator_id AND operator.is_simulated
ORDER BY charger.site_id, charger.id
"""
_OUT = """
SELECT charger_id, status = 'UNAVAILABLE' FROM telemetry_chargerstate
WHERE status IN ('FAULTED', 'OFFLINE', 'UNAVAILABLE')
"""
_IN_USE = """
SELECT charger_id, floor(extract(epoch FROM since))::bigint FROM telemetry_chargerstate
WHERE status IN ('PREPARING', 'CHARGING') AND since IS NOT NULL ORDER BY charger_id
"""
_known: dict[bytes, tuple] = {}  # by what the sites are: their chargers, read once and not at every tick


class LiveFleet:
    """The simulated chargers during one beat: `ids` and, for each, its `place` in the network's arrays."""

    def __init__(self, network: np.ndarray, kept: np.ndarray, at: datetime, last_second: int | None = None):
        """`kept` is the chargers' memory, of the beat at `last_second` (None: of now)."""
        self.network, self.at, self.second = network, at, int(at.timestamp())
        self.last_second = last_second or self.second
        self.ids, self.sites, facts = _chargers(network, self.second)
        memory = fleet_memory.recalled(kept, self.ids, facts, self.second // 86_400)
        self.fleet = Fleet(facts, memory, SCENARIO, WORLD_SEED)
        self.place = self.sites[facts.site]
        self.out: dict = {}  # chargers that are out at this beat for longer than noise lasts, by id
        self._row_of = None

    @property
    def memory(self) -> np.ndarray:
        """What is remembered of each charger; nothing that scores may look at it."""
        return self.fleet.memory

    @property
    def last_at(self) -> datetime:
        """When the slot of the last beat began."""
        return datetime.fromtimestamp(self.last_second, UTC)

    def rows(self, charger_ids) -> np.ndarray:
        """Places of chargers in the arrays here; those that are not simulated are left out."""
        if self._row_of is None:
            self._row_of = np.argsort(self.ids, kind="stable")
        wanted = np.asarray(charger_ids, "i8")
        if not len(self.ids) or not len(wanted):
            return np.zeros(0, "i8")
        found = self._row_of[np.searchsorted(self.ids, wanted, sorter=self._row_of).clip(max=len(self.ids) - 1)]
        return found[self.ids[found] == wanted]

    def reconcile(self) -> None:
        """Take over what somebody else has done to the chargers since the last beat."""
        with connection.cursor() as cursor:
            out = fetch_arrays(cursor, _OUT, [("charger", "i8"), ("planned", "b1")])
        out = out[np.isin(out["charger"], self.ids)]
        self.fleet.reconcile(self.rows(out["charger"]), out["planned"], self.second)
        if np.isnan(self.memory["cabinet_c"]).any():
            self._take_over_sessions()

    def _take_over_sessions(self) -> None:
        """Chargers that are met for the first time may be in use, as history left them: their sessions go on."""
        with connection.cursor() as cursor:
            used = fetch_arrays(cursor, _IN_USE, [("charger", "i8"), ("since", "i8")])
        used = used[np.isin(used["charger"], self.ids[np.isnan(self.memory["cabinet_c"])])]
        rows = self.rows(used["charger"])
        self.fleet.take_over(rows, used["since"], self.second)
        prices = self.network["price"][self.place[rows]].tolist()
        begun = [datetime.fromtimestamp(second, UTC) for second in used["since"].tolist()]
        known = zip(used["charger"].tolist(), begun, prices, strict=True)
        ChargingSession.objects.bulk_create(
            [ChargingSession(charger_id=charger, started_at=at, price=Decimal(price).scaleb(-4))
             for charger, at, price in known],
            ignore_conflicts=True,
        )  # fmt: skip

    def step(self, measured, seconds: float, rng: np.random.Generator, power_share: np.ndarray) -> Happened:
        """What all chargers do at this tick; sites and prices as the network says, with this share of their power."""
        local, sites = local_time(self.at), self.sites
        around = Around(
            at=self.second,
            slot=self.second // 10,
            hour=local.hour,
            weekday=local.weekday(),
            ambient_c=(measured.temperature_f[sites] - 32) / 1.8,
            is_wet=np.isin(self.network["weather"][sites], WET),
            wanted=measured.wanted[sites],
            is_held=self.network["stressed"][sites],
            speed=measured.speed[sites],
            power_share=power_share[sites],
        )
        return self.fleet.step(around, seconds, rng)

    def found(self, orders) -> dict[int, str]:
        """What somebody finds at the chargers of `orders`, by order: one time in twenty another cause than it is.

        Nothing where nothing is wrong.
        """
        causes = {order.pk: self._found(self._rows_of(order), order.pk) for order in orders}
        return {order: cause for order, cause in causes.items() if cause}

    def renew(self, orders) -> None:
        """Somebody has done `orders`: their chargers are repaired; an order of a site was a service of all of it."""
        for order in orders:
            fleet_memory.renew(self.memory, self._rows_of(order), service=order.charger_id is None)

    def tried_from_afar(self, out, new: set[int]) -> list[tuple[int, int]]:
        """What has been tried in vain since the last beat at simulated chargers that are `out`: (charger, rung).

        `out` are OutCharger; of those in `new` (ids), of which nothing is kept yet, all that has been tried.
        """
        rows = self.rows([charger.charger for charger in out])
        if not len(rows):
            return []
        ids, m = self.ids[rows], self.memory
        by_id = {charger.charger: charger for charger in out}
        told = [by_id[charger] for charger in ids.tolist()]
        since = np.array([int(charger.since.timestamp()) for charger in told])
        clears = (m["fixed_at"][rows] > 0) & np.array([charger.status == "FAULTED" for charger in told])
        helps = np.where(clears, ladder.helping_rung(ids, since), -1)
        ends = np.where(m["fixed_at"][rows] > 0, m["fixed_at"][rows], m["gives_up_at"][rows]).astype("i8")
        before = ladder.tried(since, ends, helps, self.last_second) & ~np.isin(ids, list(new))
        rung, place = np.nonzero(ladder.tried(since, ends, helps, self.second) & ~before)
        return list(zip(ids[place].tolist(), rung.tolist(), strict=True))

    def take_out(self, charger_ids: list[int]) -> None:
        """Planned work begins at these chargers, so that no car comes; they are back when somebody says so."""
        rows = self.rows(charger_ids)
        self.memory["down"][rows], self.memory["fixed_at"][rows] = UPKEEP, 0

    def service(self, charger_ids: list[int]) -> None:
        """Planned work at these chargers is done: filters are clean, and what was in trouble is cured."""
        fleet_memory.renew(self.memory, self.rows(charger_ids), service=True)

    def try_out(self, orders) -> None:
        """Who has done `orders` charges a test vehicle for some minutes, at one charger that works and is free."""
        rows = [self._free_row(order) for order in orders]
        rows = np.array(sorted({row for row in rows if row is not None}), "i8")
        if not len(rows):
            return
        self.fleet.try_out(rows, self.second)
        ids = self.ids[rows]
        ChargingSession.objects.begin(ids.tolist(), self.at, [0] * len(ids))
        StatusReport.objects.record(ids.tolist(), [self.at] * len(ids), ["CHARGING"] * len(ids))

    def _free_row(self, order) -> int | None:
        rows = self._rows_of(order)
        free = rows[(self.memory["down"][rows] == UP) & (self.memory["session_from"][rows] == 0)]
        return int(free[0]) if len(free) else None

    def _rows_of(self, order) -> np.ndarray:
        """The charger of an order, or all of its site; not those on which planned work is done."""
        rows = self.rows([order.charger_id]) if order.charger_id else self._rows_of_site(order.site_id)
        return rows[self.memory["down"][rows] != UPKEEP]

    def _rows_of_site(self, site_id: int) -> np.ndarray:
        place = np.searchsorted(self.network["site"], site_id)
        number = np.searchsorted(self.sites, place)
        first, end = np.searchsorted(self.fleet.chargers.site, [number, number + 1])
        is_here = number < len(self.sites) and self.sites[number] == place
        return np.arange(first, end) if is_here and self.network["site"][place] == site_id else np.arange(0)

    def _found(self, rows: np.ndarray, order: int) -> str:
        """What a technician writes down after looking at chargers."""
        seen = np.concatenate([self.memory["down"][rows], self.memory["trouble"][rows]])
        seen = seen[(seen >= 0) & (seen < len(NAMES))]
        if not len(seen):
            return ""
        rng = np.random.default_rng([WORLD_SEED, order])
        wrong = rng.random() < WRONG_SHARE
        return NAMES[(int(seen[0]) + (rng.integers(1, len(NAMES)) if wrong else 0)) % len(NAMES)]

    def record(self, happened: Happened, rng: np.random.Generator) -> list[str]:
        """Write what the chargers reported and the sessions that began and ended, a fixed number of statements.

        Returns the error code of each charger in `happened.failed`.
        """
        rows, second, status, cause, heat = happened.all_reports()
        code, vendor = told_codes(cause, rng)
        names = np.array(STATUSES)[status]
        times = second.astype("M8[s]")
        StatusReport.objects.record(self.ids[rows], times, names, code.tolist(), heat.round(1), vendor.tolist())
        prices = self.network["price"][self.place[happened.begun]]
        ChargingSession.objects.begin(self.ids[happened.begun].tolist(), self.at, prices.tolist())
        ended = happened.ended
        times = [[datetime.fromtimestamp(s, UTC) for s in ended[name].tolist()] for name in ("start", "end")]
        kwh, success = ended["kwh"].round(3).tolist(), ended["success"].tolist()
        ChargingSession.objects.finish(self.ids[ended["charger"]].tolist(), *times, kwh, success)
        self._record_soft_events()
        return code[cause >= 0].tolist()

    def _record_soft_events(self) -> None:
        """Counts of a half-hour are told with the first beat after it, whichever beats were missed."""
        begun = self.last_second // HALF_HOUR * HALF_HOUR
        if self.second < begun + HALF_HOUR:
            return
        events = self.memory["events"]
        told = np.flatnonzero(events.any(axis=1))
        begin = np.full(len(told), begun, "M8[s]")
        SoftEvents.objects.record(self.ids[told], begin, events[told].T.astype(int))
        events[:] = 0


def _chargers(network: np.ndarray, second: int) -> tuple[np.ndarray, np.ndarray, chargers.Chargers]:
    """Ids of the chargers of the network, the places of the sites that have any, and what the chargers are."""
    key = b"".join(network[name].tobytes() for name in ("site", "ports_total", "charger_type", "operator"))
    key += str(second // 3600).encode()  # so that a charger added by hand is seen within the hour
    if key not in _known:
        _known.clear()
        _known[key] = _read_chargers(network)
    return _known[key]


def _read_chargers(network: np.ndarray) -> tuple[np.ndarray, np.ndarray, chargers.Chargers]:
    with connection.cursor() as cursor:
        rows = fetch_arrays(cursor, _CHARGERS, [("charger", "i8"), ("site", "i8")])
    rows = rows[np.isin(rows["site"], network["site"])]
    found, site = np.unique(rows["site"], return_inverse=True)
    sites = np.searchsorted(network["site"], found)
    urban = LocationType.values.index(LocationType.URBAN) + 1
    facts = chargers.built(
        site,
        SCENARIO,
        WORLD_SEED,
        kind=_KINDS[network["charger_type"][sites]],
        power_kw=network["power_kw"][sites],
        session_minutes=np.maximum(network["session_minutes"][sites], 5),
        busyness=network["usual_utilization"][sites].clip(0.05) / _USUAL_TURNOVER,
        operator=np.unique(network["operator"], return_inverse=True)[1][sites],
        is_urban=network["location_type"][sites] == urban,
        turn=np.argsort(np.argsort(rows["charger"])),  # a charger that is added later changes no other
    )
    return rows["charger"].copy(), sites, facts
