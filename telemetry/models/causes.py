from django.db import models


class Cause(models.TextChoices):
    """Root causes of a failure, as risk.taxonomy has them, and what they are called."""

    COMMS_BACKHAUL = "comms_backhaul", "communication"
    FIRMWARE_HANG = "firmware_hang", "firmware hang"
    PAYMENT_AUTH = "payment_auth", "payment"
    HMI_DISPLAY = "hmi_display", "display"
    GROUND_GFCI = "ground_gfci", "ground fault"
    CONNECTOR_CABLE = "connector_cable", "connector or cable"
    CONNECTOR_LOCK = "connector_lock", "connector lock"
    CONTACTOR_WELD = "contactor_weld", "contactor"
    POWER_MODULE = "power_module", "power module"
    COOLING_THERMAL = "cooling_thermal", "cooling"
    GRID_SUPPLY = "grid_supply", "grid supply"
    VANDAL_IMPACT = "vandal_impact", "vandalism or impact"
    METER_FAULT = "meter_fault", "meter"
    UNKNOWN = "unknown", "unknown"
