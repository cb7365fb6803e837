"""The steps of work orders: who may make them, what stands against them, and the row that each leaves."""

from django.conf import settings
from django.db import models

from .. import transitions
from ..states import State


def roles_of(user, order=None) -> set[str]:
    """What `user` is in the life of orders (None: the loop); a technician only of his or her own `order`."""
    if user is None:
        return {transitions.LOOP}
    if user.is_superuser:
        return {transitions.OPS}
    roles = set(user.groups.values_list("name", flat=True)) & {*transitions.ROLES} - {transitions.LOOP}
    if order is not None and (order.technician is None or order.technician.user_id != user.pk):
        roles.discard(transitions.TECHNICIAN)
    return roles


class Refused(Exception):
    """A step that may not be made; `problems` is the whole list of why, as sentences."""

    def __init__(self, problems: list[str]):
        super().__init__(" ".join(problems))
        self.problems = problems


class Overtaken(Exception):
    """Somebody else has changed the order since it was read; `order` is how it is now."""

    def __init__(self, order):
        super().__init__(
            f"{order.number} has changed meanwhile: it is {order.get_state_display().lower()} now (version "
            f"{order.version}). Look at it and decide again."
        )
        self.order = order


class WorkOrderChange(models.Model):
    """One step of a work order: who, when, from what, to what, and why."""

    order = models.ForeignKey("maintenance.WorkOrder", models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    old_state = models.CharField(max_length=20, blank=True)
    new_state = models.CharField(max_length=20, choices=State)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )
    key = models.CharField(
        max_length=64, null=True, blank=True, unique=True, editable=False, help_text="Of a request that counts once."
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.old_state or '–'} → {self.new_state}"
