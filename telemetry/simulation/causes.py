"""The 13 root causes: how often, by which law, what a charger says of them, and what it takes to repair them.

Rates are per port and year (8,766 h), of DC and Level 2 chargers, before frailty and drivers, whose mean is about one.
Sources: "SFU" is the field study of Simon Fraser University, "field" Techniche's figures of 5,000 chargers; what has
neither is an assumption, and those marked `calibrated` were moved until the visits had the field's shares.
"""

from dataclasses import dataclass

import numpy as np

from telemetry.risk.taxonomy import REPAIR_OF

HOURS_PER_YEAR = 8766.0


@dataclass(frozen=True)
class Cause:
    """One row of the table of causes; what a visit takes is told by telemetry.risk.taxonomy."""

    name: str
    dc_per_year: float  # failures per port and year
    level_2_per_year: float
    frailty_variance: float  # of the cause's own gamma frailty, mean 1, besides the one that a port's causes share
    warned_share: float  # of its failures that announce themselves by precursors, hours before
    status: str  # FAULTED, or OFFLINE where the charger falls silent
    error_code: str  # of OCPP 1.6
    vendor_code: str  # MREC of INL's ChargeX consortium, where there is one
    remote_share: float  # of failures that somebody can clear from afar
    is_silent: bool  # nothing alarms: found by failed starts
    source: str

    @property
    def onsite_minutes(self) -> float:
        return REPAIR_OF[self.name].onsite_minutes

    @property
    def part(self) -> str:
        return REPAIR_OF[self.name].part

    @property
    def skill(self) -> str:
        return REPAIR_OF[self.name].skill

    @property
    def group(self) -> str:
        return REPAIR_OF[self.name].group


# fmt: off
CAUSES = (
    Cause("comms_backhaul", 12, 15, 0.5, 0.0, "OFFLINE", "WeakSignal", "CX007", 0.955, False,
          "rate: SFU 14.7; remote share: calibrated"),
    Cause("firmware_hang", 3, 2.4, 0.5, 0.3, "FAULTED", "InternalError", "", 0.88, False,
          "rate: SFU; remote share: calibrated (.85 before)"),
    Cause("payment_auth", 3.0, 1.9, 1.0, 0.7, "FAULTED", "ReaderFailure", "", 0.60, True,
          "rate: calibrated (1.2 / .5 before)"),
    Cause("hmi_display", 0.45, 0.15, 0.5, 0.5, "FAULTED", "OtherError", "", 0.30, True,
          "rate: calibrated (.35 / .10 before)"),
    Cause("ground_gfci", 0.5, 0.5, 5.0, 0.6, "FAULTED", "GroundFailure", "CX002", 0.40, False,
          "rate: SFU 3.6 raw, heaped on few ports"),
    Cause("connector_cable", 0.35, 0.15, 0.5, 0.7, "FAULTED", "HighTemperature", "CX018", 0.05, False,
          "assumption"),
    Cause("connector_lock", 0.30, 0.24, 0.5, 0.7, "FAULTED", "ConnectorLockFailure", "CX001", 0.35, True,
          "rate: calibrated (.15 / .10 before)"),
    Cause("contactor_weld", 0.12, 0.08, 0.5, 0.5, "FAULTED", "PowerSwitchFailure", "CX017", 0.05, False,
          "rate: SFU relay .19"),
    Cause("power_module", 2.0, 0.0, 1.0, 0.7, "FAULTED", "OverCurrentFailure", "CX004", 0.10, False,
          "rate: calibrated (.40 before)"),
    Cause("cooling_thermal", 0.30, 0.05, 0.5, 0.6, "FAULTED", "HighTemperature", "CX003", 0.15, False,
          "rate: calibrated (.40 / .05 before)"),
    Cause("grid_supply", 0.5, 0.5, 0.5, 0.0, "OFFLINE", "UnderVoltage", "CX006", 0.50, False,
          "per site; assumption"),
    Cause("vandal_impact", 0.12, 0.06, 0.5, 0.0, "FAULTED", "OtherError", "CX026", 0.0, False,
          "assumption"),
    Cause("meter_fault", 0.06, 0.04, 0.5, 0.5, "FAULTED", "PowerMeterFailure", "", 0.25, True,
          "assumption"),
)
# fmt: on
NAMES = tuple(cause.name for cause in CAUSES)
COMMS, FIRMWARE, PAYMENT, HMI, GFCI, CABLE, LOCK, CONTACTOR, MODULE, COOLING, GRID, VANDAL, METER = range(len(CAUSES))
FIELD_SHARES = {"power supply": 24, "payment": 20, "charging failure": 20, "hardware": 18, "comms": 13}  # % of visits


def column(name: str) -> np.ndarray:
    """One column of the table as an array of 13, in the order of CAUSES."""
    return np.array([getattr(cause, name) for cause in CAUSES])


def silent(effects) -> np.ndarray:
    """Which causes (13,) alarm nothing: none where `effects.silence` is 0, because failed starts would tell of them."""
    return column("is_silent") & (effects.silence > 0)
