"""Who may see and do what: roles are groups, and a person sees the operators of which he or she is a member."""

from django.db import models

# Role -> what its group may do, as "app.model: actions". Everything not listed is denied.
VIEW_ALL = {"stations": ["view"], "telemetry": ["view"], "maintenance": ["view"], "pricing": ["view"]}
ROLES = {
    "viewer": VIEW_ALL,
    "ops": {
        "stations": ["view", "add", "change"],
        "telemetry": ["view", "add"],
        "maintenance": ["view", "add", "change"],
        "pricing": ["view", "add", "change"],
    },
    "dispatcher": {**VIEW_ALL, "maintenance": ["view", "add", "change"]},
    "technician": {"maintenance": ["view"]},
    "partner": {},
}


def operator_ids(user) -> set[int] | None:
    """Ids of the operators that `user` may see; None means all (superusers only)."""
    if not user.is_active:
        return set()
    if user.is_superuser:
        return None
    return set(user.memberships.values_list("operator_id", flat=True))


class ScopedQuerySet(models.QuerySet):
    """A queryset that knows which operator its rows belong to, and so who may see them."""

    operator_path = "site__operator"

    def visible_to(self, user):
        """The rows of the operators of which `user` is a member."""
        ids = operator_ids(user)
        return self if ids is None else self.filter(**{f"{self.operator_path}__in": ids})
