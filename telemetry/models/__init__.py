from .outages import Outage
from .readings import Climatology, LiveReading, LocalEvent, Reading, SiteStatus, Weather
from .risk import Risk, RiskModel
from .sessions import ChargingSession
from .sites import RiskLevel, SiteState
from .soft_events import SoftEvents
from .status import ChargerState, ChargerStatus, StatusReport
from .ticks import SiteOverride, Tick, WorldState

__all__ = [
    "ChargerState",
    "ChargerStatus",
    "ChargingSession",
    "Climatology",
    "LiveReading",
    "LocalEvent",
    "Outage",
    "Reading",
    "Risk",
    "RiskLevel",
    "RiskModel",
    "SiteOverride",
    "SiteState",
    "SiteStatus",
    "SoftEvents",
    "StatusReport",
    "Tick",
    "Weather",
    "WorldState",
]
