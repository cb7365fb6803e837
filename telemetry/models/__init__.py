from .answers import LateChange, ReliabilityAnswer
from .causes import Cause
from .diagnoses import CauseGroup, Diagnosis
from .listening import Listening
from .model_versions import ModelVersion
from .outages import Outage
from .readings import Climatology, LiveReading, LocalEvent, Reading, SiteStatus, Weather
from .risk import ChargerRisk, PastOfChargers, Risk
from .sessions import ChargingSession
from .shards import TickShard
from .sites import RiskLevel, SiteState
from .soft_events import SoftEvents
from .status import ChargerState, ChargerStatus, StatusReport
from .ticks import SiteOverride, Tick, WorldState

__all__ = [
    "Cause",
    "CauseGroup",
    "ChargerRisk",
    "ChargerState",
    "ChargerStatus",
    "ChargingSession",
    "Climatology",
    "Diagnosis",
    "LateChange",
    "Listening",
    "LiveReading",
    "LocalEvent",
    "ModelVersion",
    "Outage",
    "PastOfChargers",
    "Reading",
    "ReliabilityAnswer",
    "Risk",
    "RiskLevel",
    "SiteOverride",
    "SiteState",
    "SiteStatus",
    "SoftEvents",
    "StatusReport",
    "Tick",
    "TickShard",
    "Weather",
    "WorldState",
]
