"""The 13 root causes as the field knows them: what each is called, what repairs it, and which codes speak for it.

Source: `docs/simulation.md`, *Parameters*; OCPP 1.6 error codes, and the MREC of INL's ChargeX consortium where a
vendor sends them.
"""

from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Repair:
    """What a visit for a cause takes."""

    name: str  # of the cause
    part: str
    skill: str
    onsite_minutes: float
    group: str  # the field study's word for what a visit was about


REPAIRS = (
    Repair("comms_backhaul", "modem", "it", 45, "comms"),
    Repair("firmware_hang", "controller board", "electronics", 60, "comms"),
    Repair("payment_auth", "card reader", "electronics", 50, "payment"),
    Repair("hmi_display", "screen", "electronics", 75, "hardware"),
    Repair("ground_gfci", "GFCI board", "hv", 90, "charging failure"),
    Repair("connector_cable", "cable assembly", "hv", 120, "charging failure"),
    Repair("connector_lock", "latch actuator", "mechanical", 60, "charging failure"),
    Repair("contactor_weld", "contactor", "hv", 110, "charging failure"),
    Repair("power_module", "rectifier module", "hv", 90, "power supply"),
    Repair("cooling_thermal", "fan and filter", "mechanical", 75, "hardware"),
    Repair("grid_supply", "breaker", "hv", 90, "power supply"),
    Repair("vandal_impact", "cable assembly", "hv", 150, "hardware"),
    Repair("meter_fault", "meter", "certified", 100, "hardware"),
)
CAUSES = tuple(repair.name for repair in REPAIRS)
REPAIR_OF = {repair.name: repair for repair in REPAIRS}

# Codes that speak for one cause alone; InternalError, OtherError and HighTemperature by themselves do not.
CAUSE_OF_VENDOR_CODE = {
    "CX001": "connector_lock", "CX002": "ground_gfci", "CX003": "cooling_thermal", "CX004": "power_module",
    "CX005": "grid_supply", "CX006": "grid_supply", "CX007": "comms_backhaul", "CX017": "contactor_weld",
    "CX018": "connector_cable", "CX026": "vandal_impact",
}  # fmt: skip
CAUSE_OF_ERROR_CODE = {
    "ConnectorLockFailure": "connector_lock", "EVCommunicationError": "connector_cable",
    "GroundFailure": "ground_gfci", "LocalListConflict": "payment_auth", "OverCurrentFailure": "power_module",
    "OverVoltage": "grid_supply", "PowerMeterFailure": "meter_fault", "PowerSwitchFailure": "contactor_weld",
    "ReaderFailure": "payment_auth", "ResetFailure": "firmware_hang", "UnderVoltage": "grid_supply",
    "WeakSignal": "comms_backhaul",
}  # fmt: skip
