"""One step of the loop: what was read, what it came to, and what is to be told."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np
from django.conf import settings

from stations.models import FleetEvent
from telemetry.live_risk import Scores
from telemetry.models import ModelVersion, Risk, RiskLevel
from telemetry.models.ticks import SLOT_SECONDS
from telemetry.risk.reasons import reasons
from telemetry.simulation.live import Measured


def levels(risk: np.ndarray) -> np.ndarray:
    """0 low, 1 watch, 2 critical."""
    return (risk > settings.RISK_WATCH).astype("i2") + (risk > settings.RISK_CRITICAL)


@dataclass
class Beat:
    """One step of the loop: what was read, what it came to, and what is to be told."""

    at: datetime
    network: np.ndarray
    measured: Measured
    scores: Scores
    is_tick: bool = True  # False: between two ticks, to show what somebody has changed
    events: list[FleetEvent] = field(default_factory=list)
    new_prices: dict[int, Decimal] = field(default_factory=dict)  # of the sites whose price this beat has changed
    milliseconds: dict[str, float] = field(default_factory=dict)
    power_share: np.ndarray | None = None  # of its rated power that each site may give

    @property
    def risk(self) -> np.ndarray:
        return self.scores.risk

    @property
    def model(self) -> ModelVersion | None:
        return self.scores.version

    @property
    def critical(self) -> np.ndarray:
        return self.risk > settings.RISK_CRITICAL

    @property
    def entering(self) -> np.ndarray:
        return self.rises_above(settings.RISK_CRITICAL)

    def rises_above(self, risk: float) -> np.ndarray:
        """Sites whose risk is above `risk` now and was not at the last beat."""
        return (self.risk > risk) & (self.network["old_risk"] <= risk)

    @property
    def needs_work(self) -> np.ndarray:
        """Sites above the dispatch threshold at two ticks running, or held there: one noisy tick sends nobody out.

        What has failed already has an order for each charger.
        """
        above = (self.risk > settings.RISK_DISPATCH) & ~self.scores.is_lost
        lasts = self.network["old_risk"] > settings.RISK_DISPATCH
        return above & (self.network["stressed"] | (lasts & self.is_tick))

    @property
    def scorer(self) -> str:
        return f"model {self.model.pk}" if self.model else "rule"

    @cached_property
    def reasons(self) -> dict[int, str]:
        """Place -> why the site there is at risk, for the sites that are."""
        places, measured = np.flatnonzero(levels(self.risk)), self.measured
        columns = (
            measured.utilization,
            self.network["usual_utilization"],
            measured.temperature_f,
            measured.wait_minutes,
        )
        told = dict(zip(places.tolist(), reasons(*(column[places] for column in columns)), strict=True))
        return told | {place: why[:200] for place, why in self.scores.reasons.items() if why}

    def risks_to_keep(self) -> list[Risk]:
        """A row for each site whose level has changed and, at the first tick of an hour, each that is above low."""
        level, before = levels(self.risk), levels(self.network["old_risk"])
        is_new_hour = self.is_tick and self.at.minute == 0 and self.at.second < SLOT_SECONDS
        # The classifier follows a noisy reading over every level and back: of that, only what becomes critical.
        is_forecast = self.model is not None and self.model.kind == ModelVersion.Kind.FORECAST
        changed = level != before if is_forecast else self.entering
        places = np.flatnonzero(changed | (is_new_hour & (level > 0))).tolist()
        return [
            Risk(
                site_id=int(self.network["site"][place]),
                at=self.at,
                probability=float(self.risk[place]),
                p_any=None if np.isnan(self.scores.p_any[place]) else float(self.scores.p_any[place]),
                level=RiskLevel.values[level[place]],
                reason=self.reasons.get(place, "back to low"),
                charger_id=self.scores.chargers.get(place),
                features_hash=self.scores.hashes.get(place, ""),
                model=self.model,
            )
            for place in places
        ]

    @cached_property
    def place_of(self) -> dict[int, int]:
        """Site id -> its place in the arrays."""
        return {site: place for place, site in enumerate(self.network["site"].tolist())}

    def tell(self, kind: str, place: int, text: str, **more) -> None:
        """Add an event of the site at `place` in the network."""
        site, operator = (int(self.network[name][place]) for name in ("site", "operator"))
        event = FleetEvent(at=self.at, kind=kind, site_id=site, operator_id=operator, message=text[:300], **more)
        self.events.append(event)

    def tell_of(self, kind: str, order) -> None:
        """Add an event of a work order, also of a real operator, whose sites are not of this beat."""
        text, operator = f"{order.number}: {order.title}"[:300], order.site.operator_id
        self.events.append(FleetEvent(at=self.at, kind=kind, site_id=order.site_id, operator_id=operator, message=text))


class Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 1)
        self._last = now
