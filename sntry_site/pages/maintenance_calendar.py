"""The calendar of planned work: a month of it, by the days of each site."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from maintenance.models import PlannedSpell
from stations.models import Operator

from .access import staff_required

MOST = 2_000  # times in a month


@require_safe
@staff_required
def page(request):
    """What is planned in a month (?month=2026-11) at the sites of the person's operators."""
    if not request.user.has_perm("maintenance.view_plannedspell"):
        raise PermissionDenied("Your role has nothing to do with planned work; ask for the ops role.")
    first = _month(request.GET.get("month", ""))
    begin = first - timedelta(days=first.weekday())
    following = (first + timedelta(days=32)).replace(day=1)
    days = (following - begin).days
    days += -days % 7
    by_day = _by_day(request, begin, begin + timedelta(days=days))
    all_days = [begin + timedelta(days=number) for number in range(days)]
    cells = [(day, day.month == first.month, by_day.get(day, [])) for day in all_days]
    values = {
        "first": first,
        "weeks": [cells[place : place + 7] for place in range(0, days, 7)],
        "has_times": bool(by_day),
        "before": (first - timedelta(days=1)).strftime("%Y-%m"),
        "after": following.strftime("%Y-%m"),
        "today": timezone.now().date(),
        "operators": Operator.objects.visible_to(request.user),
        "asked": request.GET,
        "may_plan": request.user.has_perm("maintenance.add_plannedwork"),
    }
    return render(request, "dispatch/calendar.html", values)


def _month(text: str) -> date:
    """The first day of the month that is asked for; of this month where that makes no sense."""
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        month = date.min
    return month if 1990 <= month.year <= 2200 else timezone.now().date().replace(day=1)


def _by_day(request, begin: date, end: date) -> dict[date, list[PlannedSpell]]:
    """The times by the day on which they begin by the clock of their site, each with that clock's time."""
    edge = timedelta(days=1)  # because no clock is more than a day from UTC
    since, until = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (begin, end))
    times = PlannedSpell.objects.visible_to(request.user).filter(
        starts_at__gte=since - edge, starts_at__lt=until + edge
    )
    if request.GET.get("operator", "").isdecimal():
        times = times.filter(work__site__operator=int(request.GET["operator"][:18]))
    found = defaultdict(list)
    times = times.select_related("work__site", "work__technician").prefetch_related("work__chargers")
    for time in times.order_by("starts_at", "pk")[:MOST]:
        zone = time.work.site.zone
        time.local_start, time.local_end = time.starts_at.astimezone(zone), time.ends_at.astimezone(zone)
        found[time.local_start.date()].append(time)
    return found
