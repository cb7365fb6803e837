"""Who may see and do what: roles are groups, and a person sees the operators of which he or she is a member."""

from django.db import models

SEE = ["view"]
KEEP = ["view", "add", "change"]
APPS = ("stations", "telemetry", "maintenance", "pricing")

# Rows that a role never touches, because they open doors or are the machine's own notes.
MACHINE = {
    "stations.membership": [],
    "stations.assistantcall": [],
    "stations.auditentry": [],
    "stations.auditseal": [],
    "stations.outbox": [],
    "stations.answeredrequest": [],
    "stations.savedview": [],  # everybody keeps his or her own, on the list itself
    "telemetry.tickshard": [],
    "telemetry.worldstate": [],
    "telemetry.pastofchargers": [],
    "telemetry.reliabilityanswer": [],
}
# History: rows are added by the loop and by imports and never changed by hand.
HISTORY = {
    "stations.fleetevent": SEE,
    "telemetry.statusreport": SEE,
    "telemetry.reading": SEE,
    "telemetry.livereading": SEE,
    "telemetry.tick": SEE,
    "telemetry.risk": SEE,
    "telemetry.chargerrisk": SEE,
    "telemetry.diagnosis": SEE,
    "pricing.pricechange": SEE,
    "maintenance.workorderchange": SEE,
    "maintenance.incidentchange": SEE,
    "maintenance.stockmovement": SEE,
    "maintenance.photo": SEE,
    "maintenance.rootcausenote": SEE,
    "maintenance.remoteattempt": SEE,
    "maintenance.plannedspell": ["view", "change"],  # to call one off
    "maintenance.driverreport": SEE,
    "maintenance.ordercomment": SEE,
}

# Role -> what its group may do: "app" is the rule of all its models, "app.model" the exception.
# Everything not listed is denied.
ROLES: dict[str, dict[str, list[str]]] = {
    "viewer": {**dict.fromkeys(APPS, SEE), **MACHINE},
    "ops": {
        "stations": KEEP,
        "stations.partnerkey": ["view", "add", "change"],  # to make one, and to revoke it
        "stations.webhookdelivery": SEE,
        "stations.job": ["view", "add"],
        "telemetry": SEE,
        "telemetry.outage": ["view", "change"],
        "telemetry.modelversion": ["view", "promote"],
        "telemetry.causegroup": ["view", "change"],
        "telemetry.siteoverride": ["view", "add"],  # stress and heal
        "maintenance": KEEP,
        "pricing": KEEP,
        "pricing.priceproposal": ["view", "change"],
        **HISTORY,
        **MACHINE,
    },
    "dispatcher": {**dict.fromkeys(APPS, SEE), "maintenance": KEEP, **HISTORY, **MACHINE},
    "technician": {
        "stations.site": SEE,
        "stations.charger": SEE,
        "telemetry.chargerstate": SEE,
        "telemetry.sitestate": SEE,
        "maintenance.incident": SEE,
        "maintenance.workorder": SEE,
        "maintenance.workorderchange": SEE,
        "maintenance.checklistitem": SEE,
        "maintenance.orderpart": SEE,
        "maintenance.part": SEE,
        "maintenance.stock": SEE,
        "maintenance.photo": SEE,
        "maintenance.rootcausenote": SEE,
    },
    "partner": {"stations.operator": SEE, "stations.site": SEE, "stations.charger": SEE},
}


def actions_of(role: str, app: str, model: str) -> list[str]:
    """What `role` may do with one model; its own rule goes before its app's."""
    rules = ROLES[role]
    return rules.get(f"{app}.{model}", rules.get(app, []))


def sync_roles() -> None:
    """Give each role's group exactly the permissions listed in ROLES, whatever it had before."""
    from django.contrib.auth.models import Group, Permission

    permissions = Permission.objects.filter(content_type__app_label__in=APPS).select_related("content_type")
    known = [(each, each.content_type.app_label, each.content_type.model) for each in permissions]
    for role in ROLES:
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(
            permission
            for permission, app, model in known
            if permission.codename in {f"{action}_{model}" for action in actions_of(role, app, model)}
        )


def operator_ids(user) -> set[int] | None:
    """Ids of the operators that `user`, a person or a partner's key, may see; None means all (superusers only)."""
    if not user.is_active:
        return set()
    if user.is_superuser:
        return None
    if hasattr(user, "partner_id"):
        return {user.operator_id}
    return set(user.memberships.values_list("operator_id", flat=True))


def visible_rows(queryset, user, operator_path: str):
    """The rows of `queryset` whose operator is one of which `user` is a member; memberships are read by the query.

    The one place where rows are scoped, for people and for partners' keys alike.
    """
    if not user.is_active:
        return queryset.none()
    if user.is_superuser:
        return queryset
    if hasattr(user, "partner_id"):
        return queryset.filter(**{operator_path: user.operator_id})
    return queryset.filter(**{f"{operator_path}__in": user.memberships.values("operator_id")})


class ScopedQuerySet(models.QuerySet):
    """A queryset that knows which operator its rows belong to, and so who may see them."""

    operator_path = "site__operator"

    def visible_to(self, user):
        """The rows of the operators of which `user` is a member."""
        return visible_rows(self, user, self.operator_path)

    def of_operators(self, ids):
        """The rows of these operators; None means all."""
        return self if ids is None else self.filter(**{f"{self.operator_path}__in": ids})
