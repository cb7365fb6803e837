from telemetry.models import Cause

from .checklists import ChecklistItem, Photo
from .incidents import Incident, IncidentChange
from .notes import RootCauseNote
from .parts import OrderPart, Part, Stock, StockMovement
from .people import ServiceCentre, Technician
from .steps import Overtaken, Refused, WorkOrderChange
from .work_orders import WorkOrder

__all__ = [
    "Cause", "ChecklistItem", "Incident", "IncidentChange", "OrderPart", "Overtaken", "Part", "Photo", "Refused",
    "RootCauseNote", "ServiceCentre", "Stock", "StockMovement", "Technician", "WorkOrder", "WorkOrderChange",
]  # fmt: skip
