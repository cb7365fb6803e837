"""A lived world as a back office would have it: reports, soft events, sessions and readings as plain columns."""

from collections.abc import Callable

import numpy as np

from .journal import FAULTED, OFFLINE, UNAVAILABLE
from .reports import opening_reports
from .station import OPERATIONAL, UNDER_MAINTENANCE, station_rows
from .world import World

UP, FAULT, PLANNED = 0, 1, 2  # as in telemetry.risk.observed
_READING = ("load", "ambient_c", "is_wet")


def live(world: World, steps: int, each: Callable[[World], None] = lambda world: None) -> dict[str, dict]:
    """Let `world` go on for so many half-hours and return what was told, by kind, as columns (second, owner, ...).

    `each` is called after every half-hour.
    """
    return live_and_know(world, steps, each)[0]


def live_and_know(world: World, steps: int, each: Callable[[World], None] = lambda world: None) -> tuple[dict, dict]:
    """The same, and the outages as they really were, columns as in journal.OUTAGE."""
    told = {name: [] for name in ("reports", "soft", "sessions", "readings")}
    _note_reports(told, opening_reports(world))
    for _ in range(steps):
        world.advance()
        _note_half_hour(told, world)
        each(world)
    happened = world.journal.take()
    _note_reports(told, happened["reports"])
    sessions = happened["sessions"]
    second = (sessions["end"] * 60).astype("i8")
    told["sessions"].append({"owner": sessions["charger"], "second": second, "success": sessions["success"] > 0})
    columns = {
        name: {key: np.concatenate([p[key] for p in pieces]) for key in pieces[0]} for name, pieces in told.items()
    }
    return columns, happened["outages"]


def live_by_readings(world: World, steps: int, each: Callable[[World], None] = lambda world: None) -> dict:
    """The same of sites, of which only the readings of the data set are known: columns (second, owner, ...).

    A half-hour's reading is known when the half-hour is over; wet is what has precipitation.
    """
    pieces = []
    for _ in range(steps):
        world.advance()
        row = station_rows(world)
        status = row["station_status"]
        state = np.where(status == OPERATIONAL, UP, np.where(status == UNDER_MAINTENANCE, PLANNED, FAULT))
        pieces.append({
            "owner": row["site"], "second": np.full(len(state), world.step * 1800), "state": state,
            "ports": world.network.ports, "ports_out": row["ports_out_of_service"], "load": row["utilization_rate"],
            "wait_minutes": row["estimated_wait_time_mins"], "session_minutes": row["avg_session_duration_mins"],
            "price": row["current_price"], "ambient_c": (row["temperature_f"] - 32) / 1.8,
            "is_wet": row["precipitation_mm"] > 0, "traffic": row["traffic_congestion_index"],
            "is_event": row["local_event"] > 0,
        })  # fmt: skip
        each(world)
    return {name: np.concatenate([np.asarray(piece[name]) for piece in pieces]) for name in pieces[0]}


def _note_reports(told: dict, reports: dict) -> None:
    status = reports["status"].astype(int)
    state = np.where(np.isin(status, (FAULTED, OFFLINE)), FAULT, np.where(status == UNAVAILABLE, PLANNED, UP))
    second = (np.asarray(reports["minute"]) * 60).astype("i8")
    heat = np.round(reports["temperature_c"], 1)
    told["reports"].append({"owner": reports["charger"], "second": second, "state": state, "temperature_c": heat})


def _note_half_hour(told: dict, world: World) -> None:
    second = (world.step - 1) * 1800
    events = world.soft_events()
    rows = np.flatnonzero(events.any(0))
    names = ("missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries")
    soft = {name: events[place, rows] for place, name in enumerate(names)}
    told["soft"].append({"owner": rows, "second": np.full(len(rows), second), **soft})
    sites, slot = np.arange(len(world.network)), (world.step - 1) % 48
    values = (world.state.utilization.copy(), world.around.ambient_c[slot], world.state.moisture > 0.99)
    reading = dict(zip(_READING, values, strict=True))
    told["readings"].append({"owner": sites, "second": np.full(len(sites), second), **reading})
