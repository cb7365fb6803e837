"""Half-hours of a whole network, made by a plain statistical generator: patterns, noise and hazards, no physics.

Every number is a function of (seed, site, time) alone: an earlier or longer stretch, or a larger network, agrees with
a shorter one wherever they overlap. Demand follows the place (highways at rush hours, workplaces by day, homes by
night), weather the metro and season, prices the hour and the load. Outages come in spells of hours that begin with a
hazard: small by itself, larger under load, and near certainty within the half-hour where a full site is also hot
(100 °F and more: a heat wave, or an event crowd at cabinets with fouled filters, whose measured temperature is raised).
"""

from collections.abc import Iterator

import numpy as np

from telemetry.risk.features import PEAK_HOURS

from .network import METROS, Network

STEPS_PER_DAY = 48
_ROWS_PER_BLOCK = 150_000
STATUSES = ("operational", "partial_outage", "under_maintenance", "offline")
WEATHERS = ("clear", "partly_cloudy", "cloudy", "light_rain", "heavy_rain", "extreme_heat", "freezing")
EVENTS = ("none", "concert", "sports_game", "conference", "festival")
_LONGEST_GAP = 120.0  # minutes

# Demand by location type: floor, then (from, to, height) of working days and of weekends; hours past 24 wrap.
_DEMAND = (
    (0.34, ((5, 10, 0.20), (15, 21, 0.24)), ((6, 11, 0.16), (15, 21, 0.20))),
    (0.26, ((7, 9.5, 0.34), (16, 19.5, 0.38)), ((7, 9.5, 0.40), (10, 20, 0.40))),
    (0.22, ((18, 32, 0.36),), ((17, 33, 0.44),)),
    (0.16, ((18, 30, 0.46),), ((18, 31, 0.42),)),
    (0.14, ((11, 16, 0.22), (17, 21, 0.44)), ((10, 21, 0.52),)),
    (0.20, ((7, 9, 0.14), (17, 22, 0.32)), ((10, 21, 0.28),)),
    (0.28, ((8, 20, 0.30),), ((10, 23, 0.26),)),
    (0.08, ((8, 17, 0.56),), ((9, 15, 0.06),)),
)


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


def is_peak_hour(hour: np.ndarray) -> np.ndarray:
    """True at 7-9 and 17-20 o'clock, the data set's peak hours."""
    return np.isin(hour, PEAK_HOURS)


def _days(network: Network, first: int, end: int, seed: int) -> dict[str, np.ndarray]:
    """Block of the days from `first` up to `end`; the day before is made too, because its outages may still last."""
    draw = _Draws(seed, first - 1, end, len(network))
    times = (np.arange((first - 1) * STEPS_PER_DAY, end * STEPS_PER_DAY) * 1800).astype("M8[s]")
    hour = (times.astype(int) // 1800 % STEPS_PER_DAY) / 2
    weather = _weather(network, times, hour, draw)
    event = _events(network, hour, draw)
    demand = _demand(network, times, hour, draw) + np.where(event > 0, 0.28, 0)
    crowded = draw.spells("crowd", chance=0.05 / STEPS_PER_DAY, shortest=4, longest=12)
    fouled = draw.spells("fouled", chance=0.22 / STEPS_PER_DAY, shortest=5, longest=14)
    full = 0.93 + 0.45 * draw.smooth("crowd size")
    nobody = draw.per_step("nobody") < np.exp(-1.2 * demand * network.ports)  # because small sites stand empty at times
    demand = np.where(nobody, 0, demand)
    demand = np.where(crowded | fouled, np.maximum(demand, full), demand).clip(0, 1.5)
    heat = 97 + 16 * draw.smooth("fouled heat")
    temperature = np.where(fouled, np.maximum(weather["temperature_f"], heat), weather["temperature_f"])
    weather["weather_condition"] = np.where(temperature >= 100, 5, weather["weather_condition"])
    ports = _ports(network, demand, temperature, draw)
    block = {
        **weather,
        "temperature_f": np.round(temperature, 1),
        **ports,
        "current_price": _price(network, hour, ports["utilization_rate"]),
        "avg_session_duration_mins": _session(network, draw),
        "traffic_congestion_index": _traffic(times, hour, event, draw),
        "local_event": event,
        "site": np.broadcast_to(np.arange(len(network)), demand.shape),
        "timestamp": np.broadcast_to(times[:, None], demand.shape),
    }
    return {name: values[STEPS_PER_DAY:].reshape(-1) for name, values in block.items()}


class _Draws:
    """Random numbers keyed by seed, purpose, day and site, so that no window and no other purpose changes them."""

    def __init__(self, seed: int, first_day: int, end_day: int, sites: int):
        self.seed, self.sites = seed, sites
        self.days = range(first_day, end_day)

    def per_day(self, purpose: str, columns: int, days: range | None = None) -> np.ndarray:
        """Uniform numbers, shape (days, columns)."""
        return np.stack([self._generator(purpose, day).random(columns) for day in days or self.days])

    def per_step(self, purpose: str) -> np.ndarray:
        """Uniform numbers, shape (steps, sites)."""
        shape = (self.sites, STEPS_PER_DAY)
        return np.concatenate([self._generator(purpose, day).random(shape, dtype="f4").T for day in self.days])

    def normal(self, purpose: str) -> np.ndarray:
        """About standard normal numbers, shape (steps, sites): the sum of two uniforms has tails enough here."""
        return (self.per_step(purpose) + self.per_step(purpose + " again") - 1) * np.sqrt(6)

    def smooth(self, purpose: str) -> np.ndarray:
        """Uniform numbers that each hold for a site and day, shape (steps, sites)."""
        return np.repeat(self.per_day(purpose, self.sites), STEPS_PER_DAY, axis=0)

    def spells(self, purpose: str, chance, shortest: int, longest: int) -> np.ndarray:
        """True while in a spell of `shortest` to `longest` steps (at most a day); each step begins one by `chance`."""
        begins = self.per_step(purpose) < chance
        steps = shortest + (self.per_step(purpose + " length") ** 2 * (longest - shortest + 1)).astype(int)
        now = np.arange(len(begins))[:, None]
        return np.maximum.accumulate(np.where(begins, now + steps, 0), axis=0) > now

    def _generator(self, purpose: str, day: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *purpose.encode(), day + 1_000_000])


def _weather(network: Network, times: np.ndarray, hour: np.ndarray, draw: _Draws) -> dict[str, np.ndarray]:
    """Weather by metro, then as each site has it: season, hour, spells of warm and cold days, wet hours."""
    _, _, _, _, mean, season, daily, wet, gas = (np.array(column) for column in zip(*METROS, strict=True))
    year = (times.astype("M8[D]").astype(int) % 365.2425) / 365.2425
    wave = np.repeat(_day_waves(draw), STEPS_PER_DAY, axis=0)
    metro = mean - season * np.cos(2 * np.pi * (year[:, None] - 0.055))
    metro = metro - daily * np.cos(2 * np.pi * (hour[:, None] - 3) / 24) + 6 * wave
    is_wet = np.repeat(draw.per_day("wet", len(METROS)) < wet, STEPS_PER_DAY, axis=0)
    begin = np.repeat(draw.per_day("rain begins", len(METROS)) * 18, STEPS_PER_DAY, axis=0)
    raining = is_wet & (hour[:, None] >= begin) & (hour[:, None] < begin + 6)
    amount = np.repeat(-np.log1p(-draw.per_day("rain", len(METROS))) * 2.2, STEPS_PER_DAY, axis=0) + 0.1
    cloud = np.repeat(draw.per_day("cloud", len(METROS)), STEPS_PER_DAY, axis=0) + 0.3 * is_wet
    cents = np.round(gas + 0.15 * np.sin(2 * np.pi * year[:, None]) + 0.03 * wave, 2)
    site = network.metro
    temperature = metro[:, site] + 1.2 * draw.normal("temperature")
    precipitation = np.where(raining, amount, 0)[:, site] * (0.6 + 0.8 * draw.per_step("shower"))
    condition = np.digitize(cloud, (0.45, 0.75))[:, site]
    condition = np.where(precipitation > 0, np.where(precipitation > 4, 4, 3), condition)
    return {
        "temperature_f": temperature,
        "precipitation_mm": np.round(precipitation, 2),
        "weather_condition": np.where(temperature <= 32, 6, condition),
        "gas_price_per_gallon": cents[:, site],
    }


def _day_waves(draw: _Draws) -> np.ndarray:
    """Warm and cold spells: a weighted mean of the last six days' noise, of unit spread, shape (days, metros)."""
    weights = 0.75 ** np.arange(6)
    days = range(draw.days.start - 5, draw.days.stop)
    noise = (draw.per_day("wave", len(METROS), days) - 0.5) * np.sqrt(12)
    total = sum(weight * noise[5 - lag : len(noise) - lag] for lag, weight in enumerate(weights))
    return total / np.sqrt((weights**2).sum())


def _events(network: Network, hour: np.ndarray, draw: _Draws) -> np.ndarray:
    """Kind of local event (0 = none) on some evenings, and on some working hours for conferences."""
    kind = np.where(draw.smooth("event") < 0.06, 1 + (draw.smooth("event kind") * 4).astype(int), 0)
    evening, day = (hour >= 17) & (hour < 23), (hour >= 9) & (hour < 18)
    return np.where(np.where(kind == 3, day[:, None], evening[:, None]), kind, 0)


def _demand(network: Network, times: np.ndarray, hour: np.ndarray, draw: _Draws) -> np.ndarray:
    """Wanted ports / ports: the pattern of the place, a little more or less by site, day and chance."""
    slot = (hour * 2).astype(int)
    weekend = (times.astype("M8[D]").astype(int) + 3) % 7 >= 5
    pattern = _patterns()[:, weekend.astype(int), slot].T  # (steps, location types)
    day = 1 + 0.24 * (draw.smooth("demand of the day") - 0.5)
    return pattern[:, network.location] * network.busyness * day + 0.14 * draw.normal("demand")


def _patterns() -> np.ndarray:
    """Demand by (location type, weekend, half-hour), with edges an hour wide."""
    hour = np.arange(STEPS_PER_DAY) / 2
    table = np.empty((len(_DEMAND), 2, STEPS_PER_DAY))
    for place, (floor, *kinds_of_day) in enumerate(_DEMAND):
        for weekend, bumps in enumerate(kinds_of_day):
            table[place, weekend] = floor
            for begin, end, height in bumps:
                for shifted in (hour, hour + 24):  # a bump may go past midnight
                    inside = np.minimum(shifted - begin + 0.5, end - shifted + 0.5).clip(0, 1)
                    table[place, weekend] += height * inside
    return table


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


def _ports(network: Network, demand: np.ndarray, temperature: np.ndarray, draw: _Draws) -> dict[str, np.ndarray]:
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


def _price(network: Network, hour: np.ndarray, utilization: np.ndarray) -> np.ndarray:
    """USD: 15 % dearer at 17-20 o'clock, 15 % cheaper at 2-5, a quarter dearer above 80 % utilization; free stays 0."""
    by_hour = 1 + 0.15 * ((hour >= 17) & (hour < 20)) - 0.15 * ((hour >= 2) & (hour < 5))
    return np.round(network.base_price * by_hour[:, None] * np.where(utilization > 0.8, 1.25, 1), 4)


def _session(network: Network, draw: _Draws) -> np.ndarray:
    return np.round(network.session_minutes * (1 + 0.12 * draw.normal("session")), 1)


def _traffic(times: np.ndarray, hour: np.ndarray, event: np.ndarray, draw: _Draws) -> np.ndarray:
    """1 to 10, highest at the rush hours of working days and around events."""
    rush = np.exp(-(((hour - 8) / 1.5) ** 2)) + np.exp(-(((hour - 17.5) / 2) ** 2))
    weekend = (times.astype("M8[D]").astype(int) + 3) % 7 >= 5
    level = 2 + 2 * ((hour >= 6) & (hour < 22)) + np.where(weekend, 1.5, 4) * rush
    return np.round((level[:, None] + 1.5 * (event > 0) + 0.7 * draw.normal("traffic")).clip(1, 10), 1)
