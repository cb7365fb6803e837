"""The words of a work order's life: its states, priorities and codes, each with what it is called and how it looks."""

from django.db import models

_SHAPES = {"available": "●", "in-use": "■", "watch": "◆", "critical": "▲", "offline": "○"}


class State(models.TextChoices):
    """States of an order; word, shape and colour stand here once. Which follows which: `transitions`."""

    NEW = "new", "New"
    TRIAGED = "triaged", "Triaged"
    ASSIGNED = "assigned", "Assigned"
    ACCEPTED = "accepted", "Accepted"
    EN_ROUTE = "en_route", "En route"
    IN_PROGRESS = "in_progress", "In progress"
    ON_HOLD = "on_hold", "On hold"
    RESOLVED = "resolved", "Resolved"
    VERIFIED = "verified", "Verified"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"
    DUPLICATE = "duplicate", "Duplicate"
    COULD_NOT_COMPLETE = "could_not_complete", "Could not complete"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        if self in ENDED_STATES:
            return "available" if self == State.CLOSED else "offline"
        waiting = {"new": "watch", "triaged": "watch", "on_hold": "watch", "verified": "available"}
        return waiting.get(self.value, "in-use")

    @property
    def shape(self) -> str:
        return _SHAPES[self.colour]


ENDED_STATES = (State.CLOSED, State.CANCELLED, State.DUPLICATE, State.COULD_NOT_COMPLETE)
BEFORE_THE_ROAD = (State.NEW, State.TRIAGED, State.ASSIGNED, State.ACCEPTED)  # nobody has left for the site yet


class Priority(models.TextChoices):
    """How soon; what that means in hours: `service_levels`."""

    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        return {"low": "offline", "normal": "in-use", "high": "watch", "urgent": "critical"}[self.value]

    @property
    def shape(self) -> str:
        return _SHAPES[self.colour]


class Severity(models.TextChoices):
    """How bad an incident is; an order's priority follows from it."""

    MINOR = "minor", "Minor"
    MODERATE = "moderate", "Moderate"
    MAJOR = "major", "Major"
    CRITICAL = "critical", "Critical"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        return self.priority.colour

    @property
    def shape(self) -> str:
        return self.priority.shape

    @property
    def priority(self) -> Priority:
        """The priority of an order about such an incident."""
        return Priority(Priority.values[Severity.values.index(self.value)])


class HoldReason(models.TextChoices):
    """What an order waits for."""

    PARTS = "parts", "Parts"
    ACCESS = "access", "Access to the site"
    UTILITY = "utility", "The utility"
    VENDOR = "vendor", "The vendor"
    WEATHER = "weather", "The weather"


class Action(models.TextChoices):
    """What a technician did."""

    REMOTE_RESET = "remote_reset", "Reset"
    PART_SWAPPED = "part_swapped", "Part replaced"
    CLEANED = "cleaned", "Cleaned or serviced"
    ADJUSTED = "adjusted", "Adjusted or tightened"
    FIRMWARE = "firmware", "Firmware renewed"
    UTILITY = "utility", "Cleared by the utility"
    NONE_FOUND = "none_found", "Nothing wrong found"
