"""The demo network: its users and history, and what is learned from it afterwards."""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from stations import jobs
from stations.models import Job, Membership, Operator, Site

from .generated_history import KINDS

SEED = 7
SCENARIO = "typical"
FULL_HISTORY_DAYS = 183
ADMINISTRATOR = "admin"
ROLES = ("ops", "dispatcher", "technician", "viewer")  # each has one demo user of the same name


def users_file() -> Path:
    return settings.VAR_DIR / "demo_users.txt"


@transaction.atomic
def create_users() -> dict[str, str]:
    """Make the demo users unless somebody has an account already; name -> password of those made."""
    users = get_user_model().objects
    if users.exists():
        return {}
    passwords = {name: secrets.token_urlsafe(12) for name in (ADMINISTRATOR, *ROLES)}
    users.create_superuser(ADMINISTRATOR, password=passwords[ADMINISTRATOR])
    for role in ROLES:
        user = users.create_user(role, password=passwords[role], is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    # Before the commit, because a password that is kept nowhere would lock everybody out.
    with open(users_file(), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.writelines(f"{name:<12} {password}\n" for name, password in passwords.items())
    return passwords


def grant_memberships() -> None:
    """Let the demo users see the simulated operators."""
    users = get_user_model().objects.filter(username__in=ROLES)
    operators = Operator.objects.filter(is_simulated=True)
    Membership.objects.bulk_create(
        [Membership(user=user, operator=operator) for user in users for operator in operators], ignore_conflicts=True
    )


def needs_history() -> bool:
    return not Site.objects.exists()


def history_arguments(sites: int, days: int) -> list[str]:
    """The command that makes the first `days` of history: the last ones of FULL_HISTORY_DAYS, so that the rest fits."""
    command = ["generate_history", f"--sites={sites}", f"--days={days}", f"--seed={SEED}", f"--scenario={SCENARIO}"]
    return [*command, f"--with={','.join(KINDS)}", f"--lived={max(FULL_HISTORY_DAYS - days, 0)}", "--load"]


def queue_learning() -> None:
    """Queue the rest of the history and then (by that job) the first training; they go on while the board moves."""
    if not Job.objects.filter(kind="extend_history").exists():
        history = {"days": FULL_HISTORY_DAYS, "seed": SEED, "scenario": SCENARIO}
        jobs.enqueue("extend_history", history | {"then": "train_risk", "and_then": "train_causes"})
