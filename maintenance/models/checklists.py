"""What a technician ticks off at a charger, and the photos that show it."""

import secrets
from pathlib import PurePath

from django.conf import settings
from django.db import models


class ChecklistItem(models.Model):
    """One thing to do or to measure before an order can be resolved."""

    class Kind(models.TextChoices):
        CHECK = "check", "Done"
        TEXT = "text", "Text"
        NUMBER = "number", "Number"

    order = models.ForeignKey("maintenance.WorkOrder", models.CASCADE, related_name="checklist")
    place = models.PositiveSmallIntegerField(default=0)
    text = models.CharField(max_length=200)
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.CHECK)
    required = models.BooleanField(default=True)
    answer = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["order", "place", "pk"]

    def __str__(self) -> str:
        return self.text


def photo_path(photo: "Photo", file_name: str) -> str:
    """Where a photo is kept: under a name that nobody can guess, whatever its own was."""
    suffix = PurePath(file_name).suffix.lower()
    return f"photos/{secrets.token_hex(16)}{suffix if suffix in ('.jpg', '.png', '.webp') else '.jpg'}"


class Photo(models.Model):
    """A picture of a charger before or after the work."""

    class Kind(models.TextChoices):
        BEFORE = "before", "Before"
        AFTER = "after", "After"

    order = models.ForeignKey("maintenance.WorkOrder", models.CASCADE, related_name="photos")
    kind = models.CharField(max_length=6, choices=Kind)
    file = models.FileField(upload_to=photo_path)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    taken_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    key = models.CharField(
        max_length=64, null=True, blank=True, unique=True, editable=False, help_text="Of a request that counts once."
    )

    class Meta:
        ordering = ["order", "-kind", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.order_id}"


ALWAYS = [
    ("Site is safe: no smoke, no bare wires, no damage to the housing", "check", True),
    ("Fault seen and understood before anything was changed", "check", True),
    ("Charger restarted, no error shown", "check", True),
    ("Test session charged for two minutes", "check", True),
]
BY_SKILL = {
    "hv": [
        ("Switched off, locked, and tested free of voltage", "check", True),
        ("Insulation resistance (MΩ)", "number", False),
    ],
    "mechanical": [("Moving parts and filters clean", "check", True)],
    "electronics": [("Firmware version after the work", "text", False)],
    "it": [("Signal strength after the work (dBm)", "number", False)],
    "certified": [("Meter seal intact, number noted", "text", False)],
}


def checklist_for(skill: str) -> list[tuple[str, str, bool]]:
    """Text, kind, and whether it is required, of each item of an order that takes a skill: safety, work, proof."""
    special = BY_SKILL.get(skill, [])
    first = 1 if skill == "hv" else 0  # dead before anybody comes near
    return [*special[:first], *ALWAYS[:2], *special[first:], *ALWAYS[2:]]
