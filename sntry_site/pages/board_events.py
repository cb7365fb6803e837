"""The event log of the board: what each kind looks like, its filters, and its older pages."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from stations.models import FleetEvent

from .access import staff_required
from .board_view import BoardView, view_of
from .money import price

PAGE_ROWS = 50

# Kind of event -> group of the log's filter, colour and shape.
EVENT_LOOKS = {
    "TRAFFIC_SURGE_DETECTED": ("risk", "watch", "◆"),
    "RISK_RAISED": ("risk", "critical", "▲"),
    "SURGE_OPENED": ("price", "watch", "◆"),
    "SURGE_ANNOUNCED": ("price", "watch", "◆"),
    "SURGE_CANCELLED": ("price", "available", "●"),
    "SURGE_CLOSED": ("price", "available", "●"),
    "REROUTE_OPENED": ("price", "in-use", "■"),
    "REROUTE_ANNOUNCED": ("price", "in-use", "■"),
    "REROUTE_CANCELLED": ("price", "available", "●"),
    "REROUTE_CLOSED": ("price", "available", "●"),
    "LIMIT_OPENED": ("price", "watch", "◆"),
    "LIMIT_CLOSED": ("price", "available", "●"),
    "PRICE_PROPOSED": ("price", "watch", "◆"),
    "PRICES_STOPPED": ("price", "critical", "▲"),
    "PRICES_RELEASED": ("price", "available", "●"),
    "WORK_ORDER_OPENED": ("work", "in-use", "■"),
    "WORK_ORDER_SENT": ("work", "in-use", "■"),
    "WORK_ORDER_PRIORITY": ("work", "watch", "◆"),
    "WORK_ORDER_DUE_SOON": ("work", "watch", "◆"),
    "WORK_ORDER_LATE": ("work", "critical", "▲"),
    "WORK_ORDER_CLOSED": ("work", "available", "●"),
    "CHARGER_FAULTED": ("charger", "critical", "▲"),
    "CHARGER_RECOVERED": ("charger", "available", "●"),
    "DANGER_REPORTED": ("charger", "critical", "▲"),
    "STRESSED": ("action", "watch", "◆"),
    "HEALED": ("action", "available", "●"),
}
EVENT_GROUPS = {
    "risk": "Risk",
    "price": "Prices",
    "work": "Work orders",
    "charger": "Chargers",
    "action": "Stress and heal",
}
SEVERITIES = {"critical": "critical", "watch": "watch and critical"}
TOASTS = {
    "DANGER_REPORTED": "A driver reports danger",
    "RISK_RAISED": "High risk",
    "TRAFFIC_SURGE_DETECTED": "Surge of demand",
    "SURGE_OPENED": "Price surge",
    "WORK_ORDER_LATE": "Target time missed",
}


@dataclass(frozen=True)
class EventFilter:
    """Which events: of a group, from a severity on, of a site, older than one, between two times; empty: all."""

    group: str = ""
    severity: str = ""
    site: str = ""
    before: int | None = None
    until: datetime | None = None
    since: datetime | None = None
    after: int | None = None  # or younger than this one

    def kinds(self) -> list[str]:
        """The kinds of events that are asked for."""
        colours = {"critical": ("critical",), "watch": ("critical", "watch")}.get(self.severity)
        return [
            kind
            for kind, (group, colour, _) in EVENT_LOOKS.items()
            if self.group in ("", group) and (colours is None or colour in colours)
        ]

    def of(self, events):
        """The events of the queryset that are asked for."""
        if self.group or self.severity:
            events = events.filter(kind__in=self.kinds())
        if self.site:
            events = events.filter(site__external_id=self.site)
        if self.until:
            events = events.filter(at__lte=self.until)
        if self.since:
            is_new = Q(at__gte=self.since)
            events = events.filter(is_new if self.after is None else is_new | Q(pk__gt=self.after))
        return events.filter(pk__lt=self.before) if self.before else events


def filter_of(asked) -> EventFilter:
    """The filter that an address asks for; what makes no sense is left out."""
    before, until = asked.get("before", ""), parse_moment(asked.get("until", ""))
    return EventFilter(
        group=asked.get("group") if asked.get("group") in EVENT_GROUPS else "",
        severity=asked.get("severity") if asked.get("severity") in SEVERITIES else "",
        site=asked.get("of", "").replace("\0", "")[:64],
        before=int(before) if before.isdecimal() and len(before) < 18 else None,
        until=until,
    )


def parse_moment(text: str) -> datetime | None:
    """A time with a zone, or None for what is none."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def events(view: BoardView, wanted: EventFilter, count: int = PAGE_ROWS) -> list[dict]:
    """The newest events that are asked for, newest first, as rows for people."""
    return [_row(event) for event in wanted.of(view.of(FleetEvent.objects)).newest(count)]


def _row(event: FleetEvent) -> dict:
    group, colour, shape = EVENT_LOOKS[event.kind]
    return {
        "id": event.pk,
        "at": event.at,
        "label": event.get_kind_display(),
        "group": group,
        "colour": colour,
        "shape": shape,
        "site": event.site,
        "message": event.message,
        "old_price": price(event.old_price),
        "new_price": price(event.new_price),
        "toast": TOASTS.get(event.kind, ""),
    }


@require_safe
@staff_required
def page(request):
    """A page of the log: the rows, and what leads to the older ones."""
    view, wanted = view_of(request.user, request.GET), filter_of(request.GET)
    return render(request, "board/event-page.html", log_page(view, wanted, request.GET))


def log_page(view: BoardView, wanted: EventFilter, asked) -> dict:
    """What the log's template needs: one page, and the address of the next."""
    rows = events(view, wanted, PAGE_ROWS + 1)
    older = asked.copy()
    if len(rows) > PAGE_ROWS:
        older["before"] = str(rows[PAGE_ROWS - 1]["id"])
    is_filtered = bool(wanted.group or wanted.severity or wanted.site or view.is_filtered_by_place)
    return {
        "events": rows[:PAGE_ROWS],
        "older": older.urlencode() if len(rows) > PAGE_ROWS else "",
        "is_filtered": is_filtered,
        "is_first_page": wanted.before is None,
        "until": wanted.until,
    }
