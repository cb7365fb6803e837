"""What is around a site and does not depend on its chargers: weather, events, traffic, the hours' demand and prices."""

from dataclasses import dataclass

import numpy as np

from telemetry.risk.features import PEAK_HOURS

from .network import METROS, Network
from .streams import STEPS_PER_DAY

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


class Draws:
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


@dataclass(frozen=True)
class Surroundings:
    """What is around the sites at each half-hour of some days: arrays (steps, sites), and of time (steps,)."""

    times: np.ndarray  # datetime64[s], UTC
    hour: np.ndarray  # 0 to 23.5
    air: dict[str, np.ndarray]  # weather and gas price, under the names of the data set
    event: np.ndarray  # index in EVENTS
    demand: np.ndarray  # cars that want to charge, per port
    traffic: np.ndarray
    session: np.ndarray  # minutes, as the site reports it
    is_blocked: np.ndarray  # hot air stays about the cabinets

    @property
    def ambient_c(self) -> np.ndarray:
        return (self.air["temperature_f"] - 32) / 1.8


def surroundings(network: Network, first_day: int, end_day: int, seed: int) -> Surroundings:
    """What is around the sites on the days from `first_day` up to `end_day` (days since 1970).

    Now and then an event fills a site, or hot air stays about its cabinets (101 to 113 °F at their intake, for 7 to 23
    hours) while it is full: weather alone would hardly ever show what heat under load does outside a desert's summer.
    """
    draw = Draws(seed, first_day - 1, end_day, len(network))
    times = (np.arange((first_day - 1) * STEPS_PER_DAY, end_day * STEPS_PER_DAY) * 1800).astype("M8[s]")
    hour = (times.astype(int) // 1800 % STEPS_PER_DAY) / 2
    air = weather(network, times, hour, draw)
    event = events(network, hour, draw)
    crowded = draw.spells("crowd", chance=0.07 / STEPS_PER_DAY, shortest=4, longest=12)
    blocked = draw.spells("fouled", chance=0.002 / STEPS_PER_DAY, shortest=14, longest=46)
    full = 0.93 + 0.45 * draw.smooth("crowd size")
    demand = usual_demand(network, times, hour, draw) + np.where(event > 0, 0.28, 0)
    demand = np.where(crowded | blocked, np.maximum(demand, full), demand).clip(0, 1.5)
    demand = np.where(blocked, np.maximum(demand, 1.3), demand)
    hot = np.where(blocked, 101 + 12 * draw.smooth("fouled heat"), -100)
    air["temperature_f"] = np.round(np.maximum(air["temperature_f"], hot), 1)
    air["weather_condition"] = np.where(air["temperature_f"] >= 100, 5, air["weather_condition"])
    cars = traffic(times, hour, event, draw)
    return _without_first_day(
        Surroundings(times, hour, air, event, demand, cars, session_minutes(network, draw), blocked)
    )


def _without_first_day(whole: Surroundings) -> Surroundings:
    """The day before is only made because its spells may still last."""
    cut = {name: value[STEPS_PER_DAY:] for name, value in vars(whole).items() if name != "air"}
    return Surroundings(air={name: value[STEPS_PER_DAY:] for name, value in whole.air.items()}, **cut)


def weather(network: Network, times: np.ndarray, hour: np.ndarray, draw: Draws) -> dict[str, np.ndarray]:
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


def _day_waves(draw: Draws) -> np.ndarray:
    """Warm and cold spells: a weighted mean of the last six days' noise, of unit spread, shape (days, metros)."""
    weights = 0.75 ** np.arange(6)
    days = range(draw.days.start - 5, draw.days.stop)
    noise = (draw.per_day("wave", len(METROS), days) - 0.5) * np.sqrt(12)
    total = sum(weight * noise[5 - lag : len(noise) - lag] for lag, weight in enumerate(weights))
    return total / np.sqrt((weights**2).sum())


def events(network: Network, hour: np.ndarray, draw: Draws) -> np.ndarray:
    """Kind of local event (0 = none) on some evenings, and on some working hours for conferences."""
    kind = np.where(draw.smooth("event") < 0.06, 1 + (draw.smooth("event kind") * 4).astype(int), 0)
    evening, day = (hour >= 17) & (hour < 23), (hour >= 9) & (hour < 18)
    return np.where(np.where(kind == 3, day[:, None], evening[:, None]), kind, 0)


def usual_demand(network: Network, times: np.ndarray, hour: np.ndarray, draw: Draws) -> np.ndarray:
    """Wanted ports / ports: the pattern of the place, a little more or less by site and day."""
    slot = (hour * 2).astype(int)
    weekend = (times.astype("M8[D]").astype(int) + 3) % 7 >= 5
    pattern = demand_patterns()[:, weekend.astype(int), slot].T  # (steps, location types)
    day = 1 + 0.24 * (draw.smooth("demand of the day") - 0.5)
    return pattern[:, network.location] * network.busyness * day


def demand_patterns() -> np.ndarray:
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


def price(network: Network, hour: np.ndarray, utilization: np.ndarray) -> np.ndarray:
    """USD by hour (see `hour_price`), and a quarter dearer above 80 % utilization; free stays 0."""
    return np.round(hour_price(network, hour) * np.where(utilization > 0.8, 1.25, 1), 4)


def hour_price(network: Network, hour: np.ndarray) -> np.ndarray:
    """USD, shape (steps, sites): 15 % dearer at 17-20 o'clock, 15 % cheaper at 2-5."""
    by_hour = 1 + 0.15 * ((hour >= 17) & (hour < 20)) - 0.15 * ((hour >= 2) & (hour < 5))
    return network.base_price * by_hour[:, None]


def session_minutes(network: Network, draw: Draws) -> np.ndarray:
    return np.round(network.session_minutes * (1 + 0.12 * draw.normal("session")), 1)


def traffic(times: np.ndarray, hour: np.ndarray, event: np.ndarray, draw: Draws) -> np.ndarray:
    """1 to 10, highest at the rush hours of working days and around events."""
    rush = np.exp(-(((hour - 8) / 1.5) ** 2)) + np.exp(-(((hour - 17.5) / 2) ** 2))
    weekend = (times.astype("M8[D]").astype(int) + 3) % 7 >= 5
    level = 2 + 2 * ((hour >= 6) & (hour < 22)) + np.where(weekend, 1.5, 4) * rush
    return np.round((level[:, None] + 1.5 * (event > 0) + 0.7 * draw.normal("traffic")).clip(1, 10), 1)


def is_peak_hour(hour: np.ndarray) -> np.ndarray:
    """True at 7-9 and 17-20 o'clock, the data set's peak hours."""
    return np.isin(hour, PEAK_HOURS)
