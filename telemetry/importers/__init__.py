"""History comes in: each source whole or not at all."""

from .readings import import_readings
from .report import ImportRefused, ImportReport

__all__ = ["ImportRefused", "ImportReport", "import_readings"]
