"""Pages of the ground floor in the admin."""

from . import events, jobs, people, places

__all__ = ["events", "jobs", "people", "places"]
