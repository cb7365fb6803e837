from .access import Membership, Partner, PartnerKey, Scope
from .answered import AnsweredRequest
from .assistant import AssistantCall
from .audit import AuditEntry, AuditSeal
from .events import FleetEvent
from .jobs import Job
from .ocpi import OcpiConnection, OcpiPush
from .outbox import Outbox
from .partner_news import PartnerNews
from .places import Charger, LocationType, Operator, PricingType, Site
from .saved_views import SavedView
from .webhooks import Webhook, WebhookDelivery, WebhookEvent

__all__ = [
    "AnsweredRequest",
    "AssistantCall",
    "AuditEntry",
    "AuditSeal",
    "Charger",
    "FleetEvent",
    "Job",
    "LocationType",
    "Membership",
    "OcpiConnection",
    "OcpiPush",
    "Operator",
    "Outbox",
    "Partner",
    "PartnerKey",
    "PartnerNews",
    "PricingType",
    "SavedView",
    "Scope",
    "Site",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
]
