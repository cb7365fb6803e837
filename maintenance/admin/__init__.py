"""Pages of what must be done."""

from .. import note_pages
from . import incidents, orders, parts, people, planned

__all__ = ["incidents", "note_pages", "orders", "parts", "people", "planned"]
