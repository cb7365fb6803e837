from .access import Membership, Partner, PartnerKey, Scope
from .answered import AnsweredRequest
from .assistant import AssistantCall
from .events import FleetEvent
from .jobs import Job
from .outbox import Outbox
from .places import Charger, LocationType, Operator, PricingType, Site
from .saved_views import SavedView

__all__ = [
    "AnsweredRequest",
    "AssistantCall",
    "Charger",
    "FleetEvent",
    "Job",
    "LocationType",
    "Membership",
    "Operator",
    "Outbox",
    "Partner",
    "PartnerKey",
    "PricingType",
    "SavedView",
    "Scope",
    "Site",
]
