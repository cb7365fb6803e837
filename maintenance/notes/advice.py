"""What to check and what to beware of, by cause: the parts of a note that do not depend on the charger.

Our own text (an assumption in the sense of docs/simulation.md); the manual of the charger goes before it.
"""

from dataclasses import dataclass

from telemetry.risk.taxonomy import UNKNOWN


@dataclass(frozen=True)
class Advice:
    """What is wrong in a few words, what to do, and what to beware of."""

    what: str
    steps: tuple[str, ...]
    safety: str


_DISCONNECT = (
    "Cut off the supply, lock and tag it, wait for the DC link to discharge as the manual says, and prove that there is"
    " no voltage before touching anything inside."
)
_LIVE_BESIDE = "The cabinet stays live behind its covers: keep them shut, and cut off the supply before opening any."
_TEST = "Charge a test session to its end before leaving"

ADVICE = {
    "comms_backhaul": Advice(
        "the connection to the charger is lost or weak",
        ("Read signal strength and data balance of the modem", "Check antenna, its cable and the power of the modem",
         "Swap SIM or modem if there is no signal", "See the charger's heartbeat arrive before leaving"),
        _LIVE_BESIDE,
    ),
    "firmware_hang": Advice(
        "the controller hangs or does not come up",
        ("Note the firmware version", "Restart the controller and watch it boot", "Load the approved firmware",
         "Swap the controller board if it hangs again", _TEST),
        _LIVE_BESIDE,
    ),
    "payment_auth": Advice(
        "cards or accounts are not accepted",
        ("Try an RFID card and a bank card", "Clean the reader and look for damage or skimmers",
         "Compare the local list with the back office", "Swap the card reader if it reads nothing", _TEST),
        _LIVE_BESIDE,
    ),
    "hmi_display": Advice(
        "the screen is dark or does not react",
        ("Restart the screen's computer", "Check the harness between screen and controller",
         "Swap the screen if it stays dark", _TEST),
        _LIVE_BESIDE,
    ),
    "ground_gfci": Advice(
        "the residual-current protection trips",
        ("Look for water in cabinet, plug and cable", "Measure insulation of the cable and of the output",
         "Test the GFCI and compare its trip current", "Swap the GFCI board or the seals that leak", _TEST),
        f"Leakage to earth: do not touch metal parts before the supply is off. {_DISCONNECT}",
    ),
    "connector_cable": Advice(
        "the connector or its cable is worn or overheats",
        ("Look for burns, cracks and bent pins", "Measure contact resistance and the temperature sensors",
         "Swap the cable assembly if a contact is worn", _TEST),
        f"The plug may be hot. {_DISCONNECT}",
    ),
    "connector_lock": Advice(
        "the connector does not lock or unlock",
        ("Free the plug; never pull by the cable", "Move the latch by hand and clean it",
         "Swap the latch actuator if it does not answer", _TEST),
        f"Someone's car may still be plugged in: stop the session first. {_LIVE_BESIDE}",
    ),
    "contactor_weld": Advice(
        "a contactor does not open or close",
        ("Prove that the output carries no voltage", "Measure both contactors, open and closed",
         "Check coil and precharge", "Swap the contactor and its fuse", _TEST),
        f"A welded contactor leaves the plug live. {_DISCONNECT}",
    ),
    "power_module": Advice(
        "a rectifier module has failed",
        ("Read which module reports the fault", "Check its fan, its filter and its plugs",
         "Swap the rectifier module; it takes two people", "See full power at the plug before leaving"),
        _DISCONNECT,
    ),
    "cooling_thermal": Advice(
        "the cabinet is too hot or its cooling fails",
        ("Look at filter, fans and coolant level", "Compare cabinet and outside temperature",
         "Swap fan and filter, or fill up coolant", "See the temperature fall under load before leaving"),
        f"Fans may start by themselves, and coolant and metal may be hot. {_LIVE_BESIDE}",
    ),
    "grid_supply": Advice(
        "the supply of the site is bad or gone",
        ("Ask the utility about an outage", "Measure the voltage of all phases at the site's supply",
         "Look at main breaker and surge protection", "Swap the breaker if it does not hold"),
        f"The utility's side stays live behind the main breaker: leave it to them. {_DISCONNECT}",
    ),
    "vandal_impact": Advice(
        "the charger has been hit or cut",
        ("Take photos before touching anything", "Look for bare copper, and for cars or people at risk",
         "Make it safe, and fence it off if need be", "Swap cable assembly or housing", _TEST),
        f"Bare conductors may be live: keep people away. {_DISCONNECT}",
    ),
    "meter_fault": Advice(
        "the energy meter is wrong or silent",
        ("Compare its reading with voltage times current", "Check its bus and its supply",
         "Swap the meter; note both readings and the seals", _TEST),
        _DISCONNECT,
    ),
    UNKNOWN: Advice(
        "it is not known what is wrong",
        ("Read the charger's own log and write down its codes", "Try a session and note where it stops",
         "Check supply, connection and connector in this order", "Write down what was found"),
        _DISCONNECT,
    ),
}  # fmt: skip
