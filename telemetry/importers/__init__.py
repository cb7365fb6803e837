"""History comes in: each source whole or not at all."""

from .readings import import_readings
from .report import ImportRefused, ImportReport
from .sessions import import_sessions
from .soft_events import import_soft_events
from .status import import_status

__all__ = ["ImportRefused", "ImportReport", "import_readings", "import_sessions", "import_soft_events", "import_status"]
