"""Mails about work orders: to the technician who gets one or whose order is another now, and of orders nearly late."""

from collections import defaultdict
from datetime import datetime

from stations import outbox
from stations.models import Membership

DESKS = ("dispatcher", "ops")


def tell_technicians(orders, what: str) -> None:
    """A mail about each of `orders` whose technician has an address; `orders` is a queryset. Once for each version."""
    reachable = orders.filter(technician__user__email__gt="").select_related("site", "technician__user")
    mails = {
        f"work-order-{order.pk}-version-{order.version}": _mail(order, what, [order.technician.user.email])
        for order in reachable
    }
    if mails:
        outbox.put_all("mail", mails)


def warn(orders, at: datetime) -> None:
    """A mail about each of `orders`, which are nearly late, to its technician and the desks of its operator."""
    late = list(orders.select_related("site", "technician__user"))
    desks = defaultdict(set)
    members = Membership.objects.filter(
        operator__in={order.site.operator_id for order in late}, user__groups__name__in=DESKS, user__email__gt=""
    )
    for operator, email in members.values_list("operator", "user__email") if late else ():
        desks[operator].add(email)
    mails = {}
    for order in late:
        user = order.technician.user if order.technician else None
        own = {user.email} if user and user.email else set()
        if to := sorted(desks[order.site.operator_id] | own):
            left = "is late" if order.due_at <= at else f"is due at {order.due_at:%Y-%m-%d %H:%M} UTC"
            mails[f"work-order-{order.pk}-late"] = _mail(order, left, to)
    if mails:
        outbox.put_all("mail", mails)


def _mail(order, what: str, to: list[str]) -> dict:
    who = f"\nTechnician: {order.technician}" if order.technician else ""
    due = f"\nDue {order.due_at:%Y-%m-%d %H:%M} UTC" if order.due_at else ""
    place = f"{order.site.name}, {order.site.city}"
    return {
        "subject": " ".join(f"{order.number} at {order.site.name} {what}".split())[:150],  # of one line, as mail needs
        "body": f"{order.get_priority_display()}: {order.title}\n{place}{due}{who}",
        "to": to,
    }
