"""What a charger's codes mean in plain words, for somebody who stands before it.

Sources: the error codes of OCPP 1.6 (`ChargePointErrorCode`), and the minimum required error codes (MREC) of INL's
ChargeX consortium where a vendor sends them.
"""

MEANING_OF_ERROR_CODE = {
    "ConnectorLockFailure": "The connector does not lock or unlock.",
    "EVCommunicationError": "The charger and the car do not understand each other; often the cable's signal pins.",
    "GroundFailure": "Current leaks to earth: keep off until it is isolated.",
    "HighTemperature": "Something in it is too hot: cooling, filter, or a bad contact.",
    "InternalError": "A fault inside the charger that it does not name.",
    "LocalListConflict": "Its list of known cards does not fit the network's.",
    "OtherError": "A fault that has no code of its own; look at the vendor's code.",
    "OverCurrentFailure": "More current flowed than it allows.",
    "OverVoltage": "The supply is above its limit.",
    "PowerMeterFailure": "The energy meter does not answer or is wrong.",
    "PowerSwitchFailure": "The contactor does not open or close as told: the output may be live.",
    "ReaderFailure": "The card reader does not work; drivers cannot pay with a card.",
    "ResetFailure": "It did not restart when it was told to.",
    "UnderVoltage": "The supply is below its limit or gone.",
    "WeakSignal": "Its connection to the network is weak.",
}
MEANING_OF_VENDOR_CODE = {
    "CX001": "The connector's latch fails.",
    "CX002": "The ground-fault protection tripped: isolate first.",
    "CX003": "The cabinet is too hot; look at fan and filter.",
    "CX004": "A power module reports too much current.",
    "CX005": "The supply's voltage is too high.",
    "CX006": "The supply's voltage is too low or gone.",
    "CX007": "It has lost its line to the network.",
    "CX017": "The contactor is stuck: the output may be live.",
    "CX018": "The cable or its connector is too hot.",
    "CX026": "It was hit or tampered with.",
}
SILENT = "It does not answer; what it does is not known."
WORKS = "It reports no fault."
UNKNOWN = "A code that is not in Sntry's list; look it up in the vendor's manual."


def meaning(status: str, error_code: str = "", vendor_code: str = "") -> str:
    """One sentence on what a status report says: the vendor's code before OCPP's, silence where there is neither."""
    if status not in ("FAULTED", "OFFLINE"):
        return WORKS
    known = MEANING_OF_VENDOR_CODE.get(vendor_code) or MEANING_OF_ERROR_CODE.get(error_code)
    if known:
        return known
    if error_code in ("", "NoError") and not vendor_code:
        return SILENT if status == "OFFLINE" else "It says that it is out of order, but not why."
    return UNKNOWN
