"""Does a network look like the field? Its statistics beside the bands that published figures allow."""

from dataclasses import dataclass, field

import numpy as np

from . import causes
from .causes import CAUSES, FIELD_SHARES
from .network import Network
from .orders import closed_orders
from .parameters import Scenario
from .sessions import REASONS
from .state import UP, UPKEEP
from .streams import STEPS_PER_DAY
from .world_files import settled_world

FAILED_BANDS = {"connectivity": (40, 65), "internal": (30, 50), "connector": (1, 8)}  # % of failed sessions, field
_GROUPS = list(FIELD_SHARES)
_GROUP_OF = np.array([_GROUPS.index(group) for group in causes.column("group")])  # of each cause
_WITHIN = 8  # points that a share of visits may differ from the field's
_PARTS = 10  # groups of sites that are left out in turn
_T = 2.262  # Student's t for a 95 % interval from so many parts


@dataclass(frozen=True)
class Finding:
    """One statistic, its 95 % interval, and between which numbers published figures put it."""

    name: str
    value: float
    interval: tuple[float, float]
    lowest: float
    highest: float
    unit: str
    source: str

    @property
    def holds(self) -> bool:
        return bool(self.lowest <= self.value <= self.highest)


@dataclass(frozen=True)
class Sample:
    """A stretch of a network's life as columns; `charger` is an index in each table. What is not known is not there.

    outages: charger, hours, is_comms, is_visit and, of a world, cause and is_remote (a hang cleared from afar).
    travel: charger, hours from sending a technician to arrival, where nobody waited for parts. visits: charger, group
    (index in FIELD_SHARES). failed: charger, reason (index in sessions.REASONS) of failed sessions.
    """

    site: np.ndarray  # of each charger
    down: np.ndarray  # share of each day (days, chargers) in which it was broken; planned services do not count
    outages: dict[str, np.ndarray]
    travel: dict[str, np.ndarray]
    visits: dict[str, np.ndarray]
    failed: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return len(self.down)

    @property
    def availability(self) -> np.ndarray:
        """Share of port time by day."""
        return 1 - self.down.mean(1)

    def of(self, kept: np.ndarray) -> "Sample":
        """What happened to the chargers (n,) that are kept."""
        place = np.cumsum(kept) - 1
        tables = [
            {name: (place[values] if name == "charger" else values)[kept[table["charger"]]]
             for name, values in table.items()} if table else {}
            for table in (self.outages, self.travel, self.visits, self.failed)
        ]  # fmt: skip
        return Sample(self.site[kept], self.down[:, kept], *tables)


def sample(network: Network, start: np.datetime64, days: int, seed: int, scenario: Scenario, progress) -> Sample:
    """Live `days` days of a settled world; `progress(done, total, message)` is called after each."""
    world, _ = settled_world(network, start, seed, scenario)
    down, pieces = np.zeros((days, len(world.chargers))), []
    for day in range(days):
        for _ in range(STEPS_PER_DAY):
            world.advance()
            down[day] += (world.state.down != UP) & (world.state.down != UPKEEP)
        pieces.append(world.journal.take())
        progress(day + 1, days, "Living in the world")
    outages, sessions = (
        {name: np.concatenate([piece[kind][name] for piece in pieces]) for name in pieces[0][kind]}
        for kind in ("outages", "sessions")
    )
    orders = closed_orders(outages, world.chargers, np.inf, seed)
    cause, is_visit = outages["cause"].astype(int), outages["is_visit"].astype(bool)
    is_comms, is_failed = cause == causes.COMMS, sessions["reason"] > 0
    travels = is_visit & ~is_comms & (outages["waited_for_parts"] == 0)
    return Sample(
        site=world.chargers.site,
        down=down / STEPS_PER_DAY,
        outages={
            "charger": outages["charger"],
            "hours": (outages["end"] - outages["start"]) / 60,
            "is_comms": is_comms,
            "is_visit": is_visit,
            "cause": cause,
            "is_remote": (cause == causes.FIRMWARE) & ~is_visit,
        },
        travel={
            "charger": outages["charger"][travels],
            "hours": (outages["arrived"] - outages["dispatched"])[travels] / 60,
        },
        visits={"charger": orders["charger"], "group": group_of(orders["true_cause"])},
        failed={"charger": sessions["charger"][is_failed], "reason": sessions["reason"][is_failed].astype(int)},
    )


def group_of(cause: np.ndarray) -> np.ndarray:
    """The field's group of visits (index in FIELD_SHARES) of each cause (index in CAUSES)."""
    return _GROUP_OF[cause]


def down_by_day(
    charger: np.ndarray, start: np.ndarray, end: np.ndarray, first: float, days: int, chargers: int
) -> np.ndarray:
    """Share of each day (days, chargers) in which chargers were down, of outages in minutes; days begin at `first`."""
    down = np.zeros((days, chargers))
    for day in range(days):
        begins = first + 1440 * day
        minutes = (np.minimum(end, begins + 1440) - np.maximum(start, begins)).clip(min=0)
        down[day] = np.bincount(charger, minutes, chargers) / 1440
    return down


def findings(lived: Sample, scenario: Scenario) -> list[Finding]:
    """The statistics that `lived` allows, each with its band; those of repairs and visits mean something from weeks on.

    Intervals are of the jackknife over ten groups of sites, because chargers of a site share weather and supply.
    """
    whole, part = statistics(lived), lived.site % _PARTS
    parts = [statistics(lived.of(part != one)) for one in range(_PARTS) if (part == one).any() and (part != one).any()]
    found = []
    for name, band in bands(scenario).items():
        if name in whole:
            left_out = np.array([values[name] for values in parts])
            count = max(len(parts), 1)
            spread = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()) if len(parts) else np.nan
            found.append(Finding(name, whole[name], (whole[name] - _T * spread, whole[name] + _T * spread), *band))
    return found


def bands(scenario: Scenario) -> dict[str, tuple[float, float, str, str]]:
    """(from, to, unit, source) of each statistic by its name."""
    scale = scenario.repair_times
    median = np.exp(-0.03) * scale
    return {
        "availability": (100 * scenario.lowest_availability, 100 * scenario.highest_availability, "% of port time",
                         "scenario band"),
        "lost connection, median": (0.75 * median, 1.33 * median, "h", "SFU"),
        "lost connection, 90 %": (11 * scale, 31 * scale, "h", "SFU"),
        "remote repair, median": (0.4, 1.0, "h", "5 + 15 + 20 min"),
        "technician arrives, median": (24 * scale, 48 * scale, "h", "field"),
        "downtime in outages of a day or more": (80, 95, "%", "ESB"),
        "outage starts of the busiest tenth of ports": (50, 90, "%", "SFU"),
        "faults fixed remotely": (65, 80, "%", "field: 70 %"),
        **{f"visits for {name}": (share - _WITHIN, share + _WITHIN, "%", f"field: {share} %")
           for name, share in FIELD_SHARES.items()},
        **{f"failed sessions: {name}": (*band, "%", "field") for name, band in FAILED_BANDS.items()},
    }  # fmt: skip


def statistics(lived: Sample) -> dict[str, float]:
    """The statistics by the names of `bands`, NaN where nothing of their kind happened."""
    hours, outages = lived.outages["hours"], lived.outages
    values = {
        "availability": 100 * lived.availability.mean(),
        "lost connection, median": _quantile(hours[outages["is_comms"]], 0.5),
        "lost connection, 90 %": _quantile(hours[outages["is_comms"]], 0.9),
        "technician arrives, median": _quantile(lived.travel["hours"], 0.5),
        "downtime in outages of a day or more": 100 * hours[hours >= 24].sum() / hours.sum() if len(hours) else np.nan,
        "outage starts of the busiest tenth of ports": 100 * concentration(lived),
        "faults fixed remotely": _percent(~outages["is_visit"]),
        **{f"visits for {name}": _percent(lived.visits["group"] == number) for number, name in enumerate(_GROUPS)},
    }
    if "is_remote" in outages:
        values["remote repair, median"] = _quantile(hours[outages["is_remote"]], 0.5)
    if lived.failed:
        reason = lived.failed["reason"]
        values |= {f"failed sessions: {name}": _percent(reason == REASONS.index(name)) for name in FAILED_BANDS}
    return values


def concentration(lived: Sample) -> float:
    """Share of the outage starts that the tenth of the ports with most of them has."""
    counts = starts_by_port(lived)
    return counts[: len(counts) // 10].sum() / counts.sum() if counts.sum() else np.nan


def starts_by_port(lived: Sample) -> np.ndarray:
    """How many outages each port had, most first."""
    return np.sort(np.bincount(lived.outages["charger"], minlength=len(lived.site)))[::-1]


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else np.nan


def _percent(which: np.ndarray) -> float:
    return 100 * float(which.mean()) if len(which) else np.nan


def cause_table(lived: Sample) -> list[tuple[str, float, int, float]]:
    """(cause, outages per port and year, visits, median hours) of every cause, of a world."""
    outages, years = lived.outages, len(lived.site) * lived.days / 365.25
    rows = []
    for index, cause in enumerate(CAUSES):
        mine = outages["cause"] == index
        visits = int(outages["is_visit"][mine].sum())
        rows.append((cause.name, mine.sum() / years, visits, _quantile(outages["hours"][mine], 0.5)))
    return rows
