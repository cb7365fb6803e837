"""One step of the simulated live network: what every site would measure at the next tick.

The demand of a month and hour comes from the climatology; noise, ambient surges, people holding a site under stress
and the prices that drivers see move it. What its chargers do is in `fleet`. Plain arrays, one element a site.
"""

from dataclasses import dataclass, replace

import numpy as np

NOISE_UTILIZATION = 0.2  # standard deviations, as in the original network
NOISE_TEMPERATURE_F = 2.0
SMOOTHNESS = 0.98  # share of the smooth noise that is left after one tick

SURGE_CHANCE = 0.05
SURGE_MOST_SITES = 5
SURGE_QUIET_BELOW = 0.5
SURGE_TICKS = 6
SURGE_WAIT_MINUTES = 45.0
SURGE_WARMER_F = 20.0

STRESS_UTILIZATION, STRESS_TEMPERATURE_F, STRESS_WAIT_MINUTES = 0.98, 105.0, 45.0
TIME_LAPSE = 360  # a stressed site ages one hour in a tick of ten seconds,
LAPSE_TICKS = 12  # and goes on doing so for so many ticks after it, so that one sees it cool
LONGEST_WAIT_MINUTES = 120.0


@dataclass(frozen=True)
class Options:
    """Settings of the world: `noise` is "white" or "smooth"; `elasticity` is that of demand to price (below 0)."""

    noise: str = "white"
    elasticity: float = -0.76  # city-wide mean of the Shenzhen study; x1.75 then takes a third of the demand away
    surge_chance: float = SURGE_CHANCE


_MEMORY = np.dtype(
    [
        ("site", "<i8"),
        ("noise_utilization", "<f8"),
        ("noise_temperature_f", "<f8"),
        ("surge_ticks_left", "<i8"),
        ("surge_utilization", "<f8"),
        ("lapse_ticks_left", "<i8"),
    ]
)
_LAYOUT = b"memory 3"  # what kept memories begin with: one of another layout is forgotten


@dataclass(frozen=True)
class Memory:
    """What the world remembers of each site between two ticks."""

    site: np.ndarray  # ids, ascending
    noise_utilization: np.ndarray
    noise_temperature_f: np.ndarray
    surge_ticks_left: np.ndarray
    surge_utilization: np.ndarray
    lapse_ticks_left: np.ndarray  # in which its time runs fast

    @classmethod
    def blank(cls, site: np.ndarray) -> "Memory":
        columns = {name: np.zeros(len(site), _MEMORY[name]) for name in _MEMORY.names[1:]}
        return cls(site, **columns)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Memory":
        """What `to_bytes` packed; nothing if that was by another version."""
        packed = np.frombuffer(data[len(_LAYOUT) :] if data.startswith(_LAYOUT) else b"", _MEMORY)
        return cls(*(packed[name].copy() for name in _MEMORY.names))

    def to_bytes(self) -> bytes:
        """All columns in a few bytes a site, for keeping."""
        packed = np.empty(len(self.site), _MEMORY)
        for name in _MEMORY.names:
            packed[name] = getattr(self, name)
        return _LAYOUT + packed.tobytes()

    def of(self, site: np.ndarray) -> "Memory":
        """The memory of the sites in `site` (ascending ids); a site not seen before starts blank."""
        if not len(self.site):
            return Memory.blank(site)
        place = np.minimum(np.searchsorted(self.site, site), len(self.site) - 1)
        known, blank = self.site[place] == site, Memory.blank(site)
        names = _MEMORY.names[1:]
        return Memory(site, *(np.where(known, getattr(self, name)[place], getattr(blank, name)) for name in names))

    def updated(self, newer: "Memory") -> "Memory":
        """This memory with the sites of `newer` as they are there, and those it did not have added."""
        site = np.union1d(self.site, newer.site)
        merged, place = self.of(site), np.searchsorted(site, newer.site)
        for name in _MEMORY.names[1:]:
            getattr(merged, name)[place] = getattr(newer, name)
        return merged


@dataclass(frozen=True)
class Usual:
    """What the step needs to know of each site: the climatology of this month and hour, its ports and its price.

    `price_ratio` is the price now divided by the base price, 1 where the site is free.
    """

    utilization: np.ndarray
    temperature_f: np.ndarray
    ports_total: np.ndarray
    ports_out_of_service: np.ndarray
    session_minutes: np.ndarray
    price_ratio: np.ndarray
    stressed: np.ndarray


@dataclass(frozen=True)
class Measured:
    """What each site measures, and what its chargers need to know."""

    utilization: np.ndarray  # 0-1, share of working ports in use
    temperature_f: np.ndarray
    wait_minutes: np.ndarray
    ports_available: np.ndarray
    ports_occupied: np.ndarray
    newly_surged: np.ndarray  # bool
    wanted: np.ndarray  # 0-1, share of working ports that cars want, without the noise
    speed: np.ndarray  # how many times faster its time runs than the clock


def step(usual: Usual, memory: Memory, rng: np.random.Generator, options: Options, seconds: float = 10.0):
    """Advance all sites by one tick of `seconds`; returns (Measured, Memory). Same generator state, same result.

    With `seconds` 0 the world stands still: the same noise, nothing new begins, ends or fails. That is how a change
    from outside, a price or a site held under stress, shows between two ticks.
    """
    if seconds > 0:
        memory = _with_noise(memory, rng, options)
    utilization = np.clip(usual.utilization + memory.noise_utilization, 0, 1)
    temperature_f = usual.temperature_f + memory.noise_temperature_f
    newly_surged = np.zeros(len(utilization), bool)
    if seconds > 0:
        memory, newly_surged = _with_surges(memory, utilization, rng, options)
    surged = memory.surge_ticks_left > 0
    utilization = np.where(surged, memory.surge_utilization, utilization)
    effect = price_effect(usual.price_ratio, options.elasticity)
    utilization = np.clip(utilization * effect, 0, 1)
    wanted = np.clip(np.where(surged, memory.surge_utilization, usual.utilization) * effect, 0, 1)
    temperature_f = temperature_f + SURGE_WARMER_F * surged
    utilization = np.where(usual.stressed, STRESS_UTILIZATION, utilization)
    temperature_f = np.where(usual.stressed, STRESS_TEMPERATURE_F, temperature_f)

    available, occupied = occupancy(utilization, usual.ports_total, usual.ports_out_of_service)
    wait = wait_estimate(available, usual.ports_total - usual.ports_out_of_service, usual.session_minutes)
    wait = np.where(surged, np.maximum(wait, SURGE_WAIT_MINUTES), wait)
    wait = np.where(usual.stressed, STRESS_WAIT_MINUTES, wait)
    memory = _with_lapse(memory, usual.stressed, seconds)
    if seconds > 0:
        memory = replace(memory, surge_ticks_left=np.maximum(memory.surge_ticks_left - 1, 0))
    wanted = np.where(usual.stressed, STRESS_UTILIZATION, wanted)
    speed = np.where(memory.lapse_ticks_left > 0, TIME_LAPSE, 1)
    return Measured(utilization, temperature_f, wait, available, occupied, newly_surged, wanted, speed), memory


def price_effect(price_ratio: np.ndarray, elasticity: float) -> np.ndarray:
    """Factor on demand of a price `price_ratio` times the usual one, at constant elasticity: ratio ** elasticity."""
    return np.power(np.maximum(price_ratio, 1e-6), elasticity)


def occupancy(utilization: np.ndarray, ports_total: np.ndarray, ports_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole ports (available, occupied) of which `utilization` (0-1) of the working ones are in use."""
    working = np.maximum(ports_total - ports_out, 0)
    occupied = np.rint(utilization * working).astype("i8")
    return working - occupied, occupied


def wait_estimate(available: np.ndarray, working: np.ndarray, session_minutes: np.ndarray) -> np.ndarray:
    """Minutes until the next port comes free: 0 where one is free, else the mean gap between ends of sessions.

    With `working` ports each busy for `session_minutes` on average, one ends every session_minutes / working.
    """
    gap = np.minimum(session_minutes / np.maximum(working, 1), LONGEST_WAIT_MINUTES)
    return np.where(available > 0, 0.0, np.where(working > 0, gap, LONGEST_WAIT_MINUTES))


def _with_lapse(memory: Memory, stressed: np.ndarray, seconds: float) -> Memory:
    """The time of a stressed site runs fast, and of one that was stressed until a while ago."""
    left = memory.lapse_ticks_left - (1 if seconds > 0 else 0)
    return replace(memory, lapse_ticks_left=np.where(stressed, LAPSE_TICKS, np.maximum(left, 0)))


def _with_noise(memory: Memory, rng: np.random.Generator, options: Options) -> Memory:
    draws = rng.standard_normal((2, len(memory.site)))
    keep = SMOOTHNESS if options.noise == "smooth" else 0.0
    fresh = np.sqrt(1 - keep**2)
    return replace(
        memory,
        noise_utilization=keep * memory.noise_utilization + fresh * NOISE_UTILIZATION * draws[0],
        noise_temperature_f=keep * memory.noise_temperature_f + fresh * NOISE_TEMPERATURE_F * draws[1],
    )


def _with_surges(memory: Memory, utilization: np.ndarray, rng: np.random.Generator, options: Options):
    """With a small chance, one to five quiet sites are suddenly full for a minute."""
    newly = np.zeros(len(utilization), bool)
    happens, count = rng.random() < options.surge_chance, rng.integers(1, SURGE_MOST_SITES + 1)
    quiet = np.flatnonzero((utilization < SURGE_QUIET_BELOW) & (memory.surge_ticks_left == 0))
    if happens and len(quiet):
        newly[rng.choice(quiet, min(count, len(quiet)), replace=False)] = True
    return replace(
        memory,
        surge_ticks_left=np.where(newly, SURGE_TICKS, memory.surge_ticks_left),
        surge_utilization=np.where(newly, rng.uniform(0.95, 1.0, len(newly)), memory.surge_utilization),
    ), newly
