"""What needs somebody now: the worst incidents, and the orders that are, or will soon be, late."""

from datetime import datetime, timedelta

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.urls import reverse

from maintenance.models import Incident, WorkOrder
from maintenance.states import Severity
from stations.admin_display import badge, moment
from stations.sparkline import trend

from .dashboard_trends import Tile, going_on

SHOWN = 6
DAYS = 14
SOON = timedelta(hours=4)


def _open_by_day(rows, now: datetime) -> list[int]:
    days = [now - timedelta(days=day) for day in reversed(range(DAYS + 1))]
    return going_on(rows, ("opened_at", "closed_at"), days)


def incidents_tile(user, now: datetime) -> Tile:
    """Open incidents, how many of them nobody has seen, and the last two weeks."""
    rows = Incident.objects.visible_to(user)
    unseen = Q(acknowledged_at=None)
    of = rows.open().aggregate(all=Count("pk"), unseen=Count("pk", filter=unseen))
    by_day = _open_by_day(rows, now)
    below = f"{of['unseen']:,} not acknowledged · {by_day[-8]:,} a week ago"
    link = reverse("admin:maintenance_incident_changelist") + "?open=yes"
    words = f"Open incidents in the last {DAYS} days: {by_day[0]} then, {by_day[-1]} now"
    return Tile("Open incidents", f"{of['all']:,}", below, link, trend=trend(by_day, words))


def orders_tile(user, now: datetime) -> Tile:
    """Open orders, how many are urgent or nobody's, and the last two weeks."""
    rows = WorkOrder.objects.visible_to(user)
    counts = {"urgent": Q(priority=WorkOrder.Priority.URGENT), "unassigned": Q(technician__isnull=True)}
    of = rows.open().aggregate(all=Count("pk"), **{name: Count("pk", filter=asked) for name, asked in counts.items()})
    by_day = _open_by_day(rows, now)
    below = f"{of['urgent']:,} urgent · {of['unassigned']:,} without a technician · {by_day[-8]:,} a week ago"
    link = reverse("admin:maintenance_workorder_changelist") + "?open=yes"
    words = f"Open work orders in the last {DAYS} days: {by_day[0]} then, {by_day[-1]} now"
    return Tile("Open work orders", f"{of['all']:,}", below, link, trend=trend(by_day, words))


def worst_incidents(user, now: datetime) -> list[tuple]:
    """Open incidents that nobody has put off, the worst and then the newest first."""
    worst = Case(
        *(When(severity=value, then=Value(place)) for place, value in enumerate(Severity.values)),
        default=Value(-1), output_field=IntegerField(),
    )  # fmt: skip
    rows = Incident.objects.visible_to(user).awake(now)
    rows = rows.select_related("site").order_by(worst.desc(), "-opened_at")[:SHOWN]
    return [(row, badge(Severity(row.severity)) if row.severity else "", moment(row.opened_at, now)) for row in rows]


def breaching_orders(user, now: datetime) -> list[tuple]:
    """Orders past their time to respond or repair, or due within four hours; the longest late first."""
    due = Q(resolved_at=None, due_at__lt=now + SOON)
    unanswered = Q(accepted_at=None, respond_by__lt=now)
    rows = WorkOrder.objects.visible_to(user).open().filter(due | unanswered)
    rows = rows.select_related("site", "technician").order_by("due_at", "pk")[:SHOWN]
    return [(row, badge(WorkOrder.Priority(row.priority)), _late(row, now), moment(row.due_at, now)) for row in rows]


def _late(order: WorkOrder, now: datetime) -> str:
    if order.due_at and order.due_at < now and order.resolved_at is None:
        return "past due"
    if order.accepted_at is None and order.respond_by and order.respond_by < now:
        return "nobody accepted in time"
    return "due soon"
