from telemetry.models import Cause

from .incidents import Incident
from .people import ServiceCentre, Technician
from .work_orders import WorkOrder, WorkOrderChange

__all__ = ["Cause", "Incident", "ServiceCentre", "Technician", "WorkOrder", "WorkOrderChange"]
