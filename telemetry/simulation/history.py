"""Half-hours of a whole network, made by a plain statistical generator: patterns, noise and hazards, no physics.

Every number is a function of (seed, site, time) alone: an earlier or longer stretch, or a larger network, agrees with
a shorter one wherever they overlap. Demand follows the place (highways at rush hours, workplaces by day, homes by
night), weather the metro and season, prices the hour and the load. Outages come in spells of hours that begin with a
hazard: small by itself, larger under load, and near certainty within the half-hour where a full site is also hot
(100 °F and more: a heat wave, or an event crowd at cabinets with fouled filters, whose measured temperature is raised).
"""

from collections.abc import Iterator

import numpy as np

from .network import Network
from .streams import STEPS_PER_DAY
from .surroundings import Draws, events, price, session_minutes, traffic, usual_demand, weather

_ROWS_PER_BLOCK = 150_000
STATUSES = ("operational", "partial_outage", "under_maintenance", "offline")
WEATHERS = ("clear", "partly_cloudy", "cloudy", "light_rain", "heavy_rain", "extreme_heat", "freezing")
EVENTS = ("none", "concert", "sports_game", "conference", "festival")
_LONGEST_GAP = 120.0  # minutes


def history(network: Network, start: np.datetime64, steps: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Readings of `steps` half-hours from `start` (on the half-hour), in blocks of flat arrays, time by time.

    Each block has `site` (index into `network`), `timestamp` (datetime64[s], UTC) and one array per measured column
    of the data set, under its name there; `station_status`, `weather_condition` and `local_event` are indices into
    STATUSES, WEATHERS and EVENTS. Raises ValueError if `start` is not on the half-hour or `steps` is below 1.
    """
    start = start.astype("M8[s]")
    if start.astype(int) % 1800 or steps < 1:
        raise ValueError("start must be on the half-hour, and steps at least 1")
    end = start + np.timedelta64(1800, "s") * steps
    first, last = start.astype("M8[D]"), (end - np.timedelta64(1, "s")).astype("M8[D]")
    days_per_block = max(1, _ROWS_PER_BLOCK // (STEPS_PER_DAY * len(network)))
    for day in range(first.astype(int), last.astype(int) + 1, days_per_block):
        block = _days(network, day, min(day + days_per_block, last.astype(int) + 1), seed)
        wanted = (block["timestamp"] >= start) & (block["timestamp"] < end)
        if not wanted.all():
            block = {name: values[wanted] for name, values in block.items()}
        yield block


def _days(network: Network, first: int, end: int, seed: int) -> dict[str, np.ndarray]:
    """Block of the days from `first` up to `end`; the day before is made too, because its outages may still last."""
    draw = Draws(seed, first - 1, end, len(network))
    times = (np.arange((first - 1) * STEPS_PER_DAY, end * STEPS_PER_DAY) * 1800).astype("M8[s]")
    hour = (times.astype(int) // 1800 % STEPS_PER_DAY) / 2
    air = weather(network, times, hour, draw)
    event = events(network, hour, draw)
    demand = usual_demand(network, times, hour, draw) + 0.14 * draw.normal("demand") + np.where(event > 0, 0.28, 0)
    crowded = draw.spells("crowd", chance=0.05 / STEPS_PER_DAY, shortest=4, longest=12)
    fouled = draw.spells("fouled", chance=0.22 / STEPS_PER_DAY, shortest=5, longest=14)
    full = 0.93 + 0.45 * draw.smooth("crowd size")
    nobody = draw.per_step("nobody") < np.exp(-1.2 * demand * network.ports)  # because small sites stand empty at times
    demand = np.where(nobody, 0, demand)
    demand = np.where(crowded | fouled, np.maximum(demand, full), demand).clip(0, 1.5)
    heat = 97 + 16 * draw.smooth("fouled heat")
    temperature = np.where(fouled, np.maximum(air["temperature_f"], heat), air["temperature_f"])
    air["weather_condition"] = np.where(temperature >= 100, 5, air["weather_condition"])
    ports = _ports(network, demand, temperature, draw)
    block = {
        **air,
        "temperature_f": np.round(temperature, 1),
        **ports,
        "current_price": price(network, hour, ports["utilization_rate"]),
        "avg_session_duration_mins": session_minutes(network, draw),
        "traffic_congestion_index": traffic(times, hour, event, draw),
        "local_event": event,
        "site": np.broadcast_to(np.arange(len(network)), demand.shape),
        "timestamp": np.broadcast_to(times[:, None], demand.shape),
    }
    return {name: values[STEPS_PER_DAY:].reshape(-1) for name, values in block.items()}


def _hazard(network: Network, demand: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Chance that an outage begins in a half-hour: heat and load together are what breaks a site."""
    heat = _rise(temperature, 88, 102)
    load = _rise(demand, 0.75, 0.95)
    rate = 0.0005 * network.frailty * (1 + 2 * heat) + 0.005 * load + 0.015 * _rise(demand, 1.0, 1.3) + 6 * heat * load
    return 1 - np.exp(-rate)


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((values - low) / (high - low)).clip(0, 1)
    return share * share * (3 - 2 * share)


def _ports(network: Network, demand: np.ndarray, temperature: np.ndarray, draw: Draws) -> dict[str, np.ndarray]:
    """Ports free, in use and out of service, with what follows from them: utilization, status and wait."""
    total = np.broadcast_to(network.ports, demand.shape)
    broken = draw.spells("outage", _hazard(network, demand, temperature), shortest=3, longest=12)
    share = 0.50 + 0.58 * draw.smooth("severity")  # above 1: the whole site; else one port at least still works
    upkeep = draw.spells("upkeep", 0.0022, shortest=3, longest=9) & ~broken & (demand < 0.45)
    lost = np.where(share > 1, total, np.minimum(np.ceil(share * total), total - 1))
    out = np.where(broken, lost, np.where(upkeep, np.ceil(0.25 * total), 0)).astype(int)
    working = total - out
    crowding = broken & (draw.per_step("crowding") < 0.94)  # those who came for the dead ports fill what is left
    demand = np.where(crowding, np.maximum(demand, working / total), demand)
    most = 1 - 0.08 * draw.per_step("changing cars")  # a full site is not busy to the second
    utilization = np.round(np.minimum(demand * total / working.clip(1), most), 3) * (working > 0)
    occupied = np.rint(np.minimum(demand * total, working)).astype(int)
    occupied = np.where(upkeep, np.minimum(occupied, (working - 1).clip(0)), occupied)
    utilization = np.where(upkeep, np.minimum(utilization, 0.9), utilization)
    gap = np.minimum(network.session_minutes / working.clip(1), _LONGEST_GAP)  # until one of the working ports is free
    chance = draw.per_step("wait")
    queue = np.where(temperature < 95, 0.6 * gap * draw.per_step("queue"), 0)  # in the heat nobody waits much longer
    wait = np.where(broken, 29 + 32 * chance + queue, gap * (0.7 + 0.6 * chance))
    return {
        "ports_available": working - occupied,
        "ports_occupied": occupied,
        "ports_out_of_service": out,
        "utilization_rate": utilization,
        "station_status": np.where(broken, np.where(working > 0, 1, 3), np.where(upkeep, 2, 0)),
        "estimated_wait_time_mins": np.round(np.where(working > occupied, 0, wait), 1),
    }
