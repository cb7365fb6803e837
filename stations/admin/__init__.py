"""Pages of the ground floor in the admin."""

from . import events, jobs, partners, people, places, webhooks

__all__ = ["events", "jobs", "partners", "people", "places", "webhooks"]
