from telemetry.models import Cause

from .checklists import ChecklistItem, Photo
from .driver_reports import DriverReport
from .incidents import Incident, IncidentChange
from .notes import RootCauseNote
from .order_comments import OrderComment
from .parts import OrderPart, Part, Stock, StockMovement
from .people import ServiceCentre, Technician
from .planned_work import PlannedSpell, PlannedWork
from .remote_attempts import RemoteAttempt
from .steps import Overtaken, Refused, WorkOrderChange
from .work_orders import WorkOrder

__all__ = [
    "Cause", "ChecklistItem", "DriverReport", "Incident", "IncidentChange", "OrderComment", "OrderPart",
    "Overtaken", "Part", "Photo", "PlannedSpell", "PlannedWork", "Refused", "RemoteAttempt", "RootCauseNote",
    "ServiceCentre", "Stock", "StockMovement", "Technician", "WorkOrder", "WorkOrderChange",
]  # fmt: skip
