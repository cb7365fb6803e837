"""Does the world look like the field? Its statistics beside the bands that published figures allow."""

from dataclasses import dataclass

import numpy as np

from . import causes
from .causes import CAUSES, FIELD_SHARES
from .network import Network
from .orders import closed_orders
from .parameters import Scenario
from .sessions import REASONS
from .state import UP, UPKEEP
from .world_files import settled_world

_GROUP = causes.column("group")
_WITHIN = 8  # points that a share of visits may differ from the field's


@dataclass(frozen=True)
class Finding:
    """One statistic of the world, and between which numbers published figures put it."""

    name: str
    value: float
    lowest: float
    highest: float
    unit: str
    source: str

    @property
    def holds(self) -> bool:
        return bool(self.lowest <= self.value <= self.highest)


@dataclass(frozen=True)
class Sample:
    """A stretch of a world's life: its outages and sessions as in the journal, and how much of it worked when."""

    outages: dict[str, np.ndarray]
    sessions: dict[str, np.ndarray]
    orders: dict[str, np.ndarray]
    chargers: int
    days: int
    availability: np.ndarray  # by day, planned services not counted


def sample(network: Network, start: np.datetime64, days: int, seed: int, scenario: Scenario, progress) -> Sample:
    """Live `days` days of a settled world; `progress(done, total, message)` is called after each."""
    world, availability = settled_world(network, start, seed, scenario)[0], []
    pieces: list[dict] = []
    for day in range(days):
        down = []
        for _ in range(48):
            world.advance()
            down.append(((world.state.down != UP) & (world.state.down != UPKEEP)).mean())
        availability.append(1 - np.mean(down))
        pieces.append(world.journal.take())
        progress(day + 1, days, "Living")
    outages, sessions = (
        {name: np.concatenate([piece[kind][name] for piece in pieces]) for name in pieces[0][kind]}
        for kind in ("outages", "sessions")
    )
    orders = closed_orders(outages, world.chargers, np.inf, seed)
    return Sample(outages, sessions, orders, len(world.chargers), days, np.array(availability))


def findings(lived: Sample, scenario: Scenario) -> list[Finding]:
    """The statistics of a sample, each with its band; those of repairs and visits only mean something from weeks on."""
    return [
        Finding("availability", lived.availability.mean(), scenario.lowest_availability, scenario.highest_availability,
                "share of port time", "scenario band"),
        *_repairs(lived.outages, scenario.repair_times),
        Finding("outage starts of the busiest tenth of ports", concentration(lived), _least_concentration(scenario),
                0.90, "share", "SFU"),
        Finding("faults fixed remotely", 1 - lived.outages["is_visit"].mean(), 0.65, 0.80, "share", "field: 70 %"),
        *_visits(lived.orders),
        *_failed_sessions(lived.sessions),
    ]  # fmt: skip


def _least_concentration(scenario: Scenario) -> float:
    """.5; less in a poor network, because ports that are broken most of the time cannot break often."""
    return 0.50 if scenario.lowest_availability > 0.9 else 0.40


def concentration(lived: Sample) -> float:
    """Share of the outage starts that the tenth of the ports with most of them has."""
    counts = np.sort(np.bincount(lived.outages["charger"], minlength=lived.chargers))[::-1]
    return counts[: lived.chargers // 10].sum() / max(counts.sum(), 1)


def _repairs(outages: dict[str, np.ndarray], scale: float) -> list[Finding]:
    hours = (outages["end"] - outages["start"]) / 60
    comms, visit = outages["cause"] == causes.COMMS, outages["is_visit"].astype(bool)
    remote = ~visit & ~comms & ~outages["is_trip"].astype(bool) & (outages["cause"] == causes.FIRMWARE)
    travel = (outages["arrived"] - outages["dispatched"])[visit & ~comms & (outages["waited_for_parts"] == 0)] / 60
    median = np.exp(-0.03) * scale
    return [
        Finding("lost connection, median", _quantile(hours[comms], 0.5), 0.75 * median, 1.33 * median, "h", "SFU"),
        Finding("lost connection, 90 %", _quantile(hours[comms], 0.9), 11 * scale, 31 * scale, "h", "SFU"),
        Finding("remote repair, median", _quantile(hours[remote], 0.5), 0.4, 1.0, "h", "5 + 15 + 20 min"),
        Finding("technician arrives, median", _quantile(travel, 0.5), 24 * scale, 48 * scale, "h", "field"),
        Finding("downtime in outages of a day or more", hours[hours >= 24].sum() / hours.sum(), 0.80, 0.95, "share",
                "ESB"),
    ]  # fmt: skip


def _visits(orders: dict[str, np.ndarray]) -> list[Finding]:
    group = _GROUP[orders["true_cause"]]
    return [
        Finding(f"visits for {name}", _percent(group == name), share - _WITHIN, share + _WITHIN, "%", "field")
        for name, share in FIELD_SHARES.items()
    ]


def _failed_sessions(sessions: dict[str, np.ndarray]) -> list[Finding]:
    failed = sessions["reason"][sessions["reason"] > 0]
    bands = {"connectivity": (40, 65), "internal": (30, 50), "connector": (1, 8)}
    return [
        Finding(f"failed sessions: {name}", _percent(failed == REASONS.index(name)), *bands[name], "%", "field")
        for name in bands
    ]


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else np.nan


def _percent(which: np.ndarray) -> float:
    return 100 * which.mean() if len(which) else np.nan


def cause_table(lived: Sample) -> list[tuple[str, float, int, float]]:
    """(cause, outages per port and year, visits, median hours) of every cause."""
    outages, years = lived.outages, lived.chargers * lived.days / 365.25
    hours = (outages["end"] - outages["start"]) / 60
    rows = []
    for index, cause in enumerate(CAUSES):
        mine = outages["cause"] == index
        visits = int(outages["is_visit"][mine].sum())
        rows.append((cause.name, mine.sum() / years, visits, float(np.median(hours[mine])) if mine.any() else np.nan))
    return rows
