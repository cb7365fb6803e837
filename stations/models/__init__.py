from .access import Membership
from .events import FleetEvent
from .jobs import Job
from .outbox import Outbox
from .places import Charger, LocationType, Operator, PricingType, Site

__all__ = ["Charger", "FleetEvent", "Job", "LocationType", "Membership", "Operator", "Outbox", "PricingType", "Site"]
