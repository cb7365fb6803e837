"""Pages of the ground floor in the admin."""

from . import audit, events, jobs, partners, people, places, webhooks

__all__ = ["audit", "events", "jobs", "partners", "people", "places", "webhooks"]
