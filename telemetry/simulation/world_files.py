"""A world's history as files: readings in the 33 columns and, beside them, what its chargers went through."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .causes import CAUSES, NAMES
from .history_file import open_for, write_readings
from .journal import STATUSES
from .network import Network
from .orders import closed_orders
from .parameters import Scenario
from .precursors import SIGNALS
from .reports import error_codes, opening_reports, with_dirt
from .sessions import REASONS
from .station import station_rows
from .streams import STEPS_PER_DAY
from .world import World

EXTRAS = ("statuses", "soft-events", "sessions", "orders", "truth")
LEAD_DAYS = 14  # in which outages, queues and temperatures find their way before the first row
_HEADERS = {
    "statuses": "time,charger_id,status,temperature_celsius,error_code,vendor_code",
    "soft-events": "time,charger_id," + ",".join(SIGNALS),
    "sessions": "start_time,charger_id,site_id,success,duration_minutes,energy_kwh",
    "session-reasons": "start_time,charger_id,reason",
    "orders": "opened_at,dispatched_at,arrived_at,closed_at,charger_id,suspected_cause,cause,part,waited_for_parts,"
    "onsite_minutes",
    "truth": "started_at,told_at,ended_at,charger_id,cause,is_trip,was_announced,is_visit",
}
_FILES = {
    "statuses": ("statuses",),
    "soft-events": ("soft-events",),
    "sessions": ("sessions", "session-reasons"),
    "orders": ("orders",),
    "truth": ("truth",),
}


def write_world(
    path: Path,
    network: Network,
    start: np.datetime64,
    steps: int,
    seed: int,
    scenario: Scenario,
    extras: Iterable[str],
    progress: Callable[..., None],
    dirt: bool = False,
    lived_days: int = 0,
) -> int:
    """Write a world's readings to `path` as `write_history` does, and the `extras` (of EXTRAS) beside it.

    `history.csv` with `statuses` also makes history-statuses.csv, and so on;
    `truth` also history-hazard.npy, the true hazard per hour of each half-hour and charger (float32, NaN: down).
    A world that has `lived_days` before is the one whose history began so many days earlier: the files continue it.
    Returns how many readings. Raises ValueError for an unknown extra, and as `history` does.
    """
    if unknown := sorted(set(extras) - set(EXTRAS)):
        raise ValueError(f"there is no {unknown[0]!r}, only {', '.join(EXTRAS)}")
    if start.astype("M8[s]").astype(int) % 1800 or steps < 1:
        raise ValueError("start must be on the half-hour, and steps at least 1")
    world, begun = settled_world(network, start, seed, scenario, lived_days, progress)
    with ExitStack() as stack:
        writer = _Writer(path, world, steps, tuple(extras), dirt, stack)
        writer.outages.append(begun)
        return write_readings(path, network, writer.blocks(), steps, progress)


def settled_world(
    network: Network,
    start: np.datetime64,
    seed: int,
    scenario: Scenario,
    lived_days: int = 0,
    progress: Callable[..., None] = lambda *_: None,
) -> tuple[World, dict[str, np.ndarray]]:
    """The world whose next half-hour is the one before `start`, and its outages that had begun and not ended by then.

    It began sound, at a midnight LEAD_DAYS and `lived_days` earlier.
    """
    step = int(start.astype("M8[s]").astype(int) // 1800)
    world = World(network, step // STEPS_PER_DAY - LEAD_DAYS - lived_days, seed, scenario)
    begun, first = None, world.step
    while world.step < step:
        world.advance()
        if world.step % STEPS_PER_DAY == 0 or world.step == step:
            begun = _not_ended(begun, world.journal.take()["outages"], (step - 1) * 30.0)
            progress(world.step - first, step - first, "Living until the history begins")
    return world, begun


def _not_ended(known: dict | None, new: dict[str, np.ndarray], minute: float) -> dict[str, np.ndarray]:
    """The outages of both that end after the minute."""
    rows = new if known is None else {name: np.concatenate([known[name], new[name]]) for name in new}
    return {name: values[rows["end"] > minute] for name, values in rows.items()}


def beside(path: Path, name: str) -> Path:
    """The file of an extra of the readings in `path`: history.csv.gz and orders make history-orders.csv.gz."""
    stem, *suffixes = path.name.split(".")
    return path.with_name(".".join([f"{stem}-{name}", *suffixes]))


class _Writer:
    """Advances the world and writes what happens in it, a day at a time."""

    def __init__(self, path: Path, world: World, steps: int, extras: tuple[str, ...], dirt: bool, stack: ExitStack):
        self.world, self.steps, self.dirt, self.extras = world, steps, dirt, extras
        chargers, ids = world.chargers, world.network.station_id
        self.charger_id = pa.array(np.char.add(np.char.add(ids[chargers.site], "-"), chargers.number.astype(str)))
        self.site_id = pa.array(ids[chargers.site])
        self.files = {}
        for name in (file for extra in extras for file in _FILES[extra]):
            self.files[name] = stack.enter_context(open_for(beside(path, name)))
            self.files[name].write((_HEADERS[name] + "\n").encode())
        if "truth" in extras:
            name = path.with_name(path.name.split(".")[0] + "-hazard.npy")
            self.hazard = stack.enter_context(open_for(name))
            shape = (steps, len(chargers))
            np.lib.format.write_array_header_1_0(self.hazard, {"descr": "<f4", "fortran_order": False, "shape": shape})
        self.outages: list[dict] = []
        self.spoke_at = np.full(len(chargers), -np.inf)  # second of each charger's last report

    def blocks(self) -> Iterator[dict[str, np.ndarray]]:
        """Readings, about a day at a time; everything else is written on the way."""
        if "statuses" in self.extras:
            self._statuses(opening_reports(self.world), dirt=False)
        done = 0
        while done < self.steps:
            rows, soft_events = [], []
            for _ in range(min(STEPS_PER_DAY, self.steps - done)):
                was_up = self.world.state.is_up
                self.world.advance()
                if "truth" in self.extras:
                    self.hazard.write(np.where(was_up, self.world.stopping.sum(0), np.nan).astype("<f4").tobytes())
                rows.append(station_rows(self.world))
                if "soft-events" in self.extras:
                    soft_events.append(self._soft_events())
                done += 1
            self._write_day(self.world.journal.take(), soft_events)
            yield {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        if "orders" in self.extras:
            self._orders()

    def _soft_events(self) -> tuple[np.ndarray, np.ndarray]:
        events = self.world.soft_events()
        told = np.flatnonzero(events.any(0))
        begun = self.world.time - np.timedelta64(60, "m")
        return told, np.vstack([np.full(len(told), begun.astype(int) / 60), events[:, told]])

    def _write_day(self, happened: dict, soft_events: list) -> None:
        if "statuses" in self.extras:
            self._statuses(happened["reports"], dirt=self.dirt)
        if "soft-events" in self.extras:
            charger, (minute, *counts) = map(np.hstack, zip(*soft_events, strict=True))
            ids = self.charger_id.take(pa.array(charger))
            self._write("soft-events", [_times(minute), ids, *(pa.array(count.astype("i2")) for count in counts)])
        if "sessions" in self.extras:
            self._sessions(happened["sessions"])
        if "truth" in self.extras:
            self._truth(happened["outages"])
        if "orders" in self.extras:
            self.outages.append(happened["outages"])

    def _statuses(self, reports: dict, dirt: bool) -> None:
        reports = reports | error_codes(reports, self.world.seed)
        reports["minute"] = self._seconds_apart(reports) / 60
        if dirt:
            reports = with_dirt(reports, self.world.seed)
        status = pa.array(STATUSES).take(pa.array(reports["status"].astype("i4")))
        ids, degrees = self.charger_id.take(pa.array(reports["charger"])), _numbers(reports["temperature_c"], 1)
        codes = [pa.array(reports[name]) for name in ("code", "vendor_code")]
        self._write("statuses", [_times(reports["minute"]), ids, status, degrees, *codes])

    def _seconds_apart(self, reports: dict) -> np.ndarray:
        """Whole seconds of the reports, in which no charger says two things, because a file has one row for both."""
        charger, second = reports["charger"], np.round(np.asarray(reports["minute"], "f8") * 60)
        order = np.lexsort((second, charger))
        begins = np.diff(charger[order], prepend=-1) != 0
        place = np.arange(len(order)) - np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        floor = self.spoke_at[charger[order]] + 1 + place
        # The latest of all earlier ones and a second each: a running maximum of what is left of the place.
        level = np.maximum(second[order], floor) - place
        base = np.cumsum(begins) * 1e10
        second[order] = np.maximum.accumulate(level + base) - base + place
        np.maximum.at(self.spoke_at, charger, second)
        return second

    def _sessions(self, sessions: dict) -> None:
        charger = pa.array(sessions["charger"])
        ids, start = self.charger_id.take(charger), _times(sessions["start"])
        success = pa.array(np.where(sessions["success"] > 0, "true", "false"))
        minutes = _numbers(sessions["end"] - sessions["start"], 2)
        self._write(
            "sessions", [start, ids, self.site_id.take(charger), success, minutes, _numbers(sessions["kwh"], 3)]
        )
        failed = pa.array(np.flatnonzero(sessions["reason"] > 0))
        reason = pa.array(REASONS).take(pa.array(sessions["reason"].astype("i4"))).take(failed)
        self._write("session-reasons", [start.take(failed), ids.take(failed), reason])

    def _truth(self, outages: dict) -> None:
        flags = [_flags(outages[name]) for name in ("is_trip", "was_announced", "is_visit")]
        cause = pa.array(NAMES).take(pa.array(outages["cause"].astype("i4")))
        ids = self.charger_id.take(pa.array(outages["charger"]))
        self._write(
            "truth", [_times(outages["start"]), _times(outages["told"]), _times(outages["end"]), ids, cause, *flags]
        )

    def _orders(self) -> None:
        whole = {name: np.concatenate([day[name] for day in self.outages]) for name in self.outages[0]}
        orders = closed_orders(whole, self.world.chargers, (self.world.step - 1) * 30.0, self.world.seed)
        suspected, cause = (pa.array(orders[name].astype("i4")) for name in ("suspected", "cause"))
        part = pa.array([cause.part for cause in CAUSES]).take(cause)
        turns = [_times(orders[name]) for name in ("opened", "dispatched", "arrived", "closed")]
        ids, waited = self.charger_id.take(pa.array(orders["charger"])), _flags(orders["waited_for_parts"])
        minutes = _numbers(orders["onsite_minutes"], 0)
        causes = [pa.array(NAMES).take(which) for which in (suspected, cause)]
        self._write("orders", [*turns, ids, *causes, part, waited, minutes])

    def _write(self, name: str, cells: list[pa.Array]) -> None:
        """Append lines of these cells to a file."""
        texts = [pc.cast(cell, pa.string()) for cell in cells]
        texts[-1] = pc.binary_join_element_wise(texts[-1], "", "\n")
        lines = pc.binary_join_element_wise(*texts, ",")
        if len(lines):
            self.files[name].write(memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()])


def _times(minutes: np.ndarray) -> pa.Array:
    """Minutes since 1970 as times of whole seconds."""
    return pa.array(np.round(np.asarray(minutes) * 60).astype("i8").astype("M8[s]"))


def _numbers(values: np.ndarray, digits: int) -> pa.Array:
    return pa.array(np.round(np.asarray(values, "f8"), digits))


def _flags(values: np.ndarray) -> pa.Array:
    return pa.array(np.where(np.asarray(values) > 0, "true", "false"))
