"""The live fleet board: its page, and the socket that keeps it alive."""

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from maintenance.models import ServiceCentre
from stations.consumers import LiveConsumer
from stations.map_tiles import map_tiles

from . import board_events, board_panels
from .access import staff_required, technicians_to_their_day
from .board_feed import BoardFeed
from .board_history import months
from .board_view import FILTERS, ORDERS, BoardView, choices, level_of, order_of, view_of

LONGEST_WORD = 100
# In this order: each uses those before it.
PARTS = ("base-map", "labels", "address", "sites", "describe", "marks", "map", "list", "toasts", "events", "time",
         "board-route", "live", "board")  # fmt: skip
PAST_FIGURES = {
    "usable": "Chargers available",
    "loss": "Expected loss",
    "utilization": "Mean utilization",
    "risk": "Sites at risk",
    "sites": "Sites measured",
}
SCRIPTS = [f"js/{part}.js" for part in PARTS]


@require_safe
@technicians_to_their_day
@staff_required
def page(request):
    """The board, complete without a script; the map, the live updates and the replay need one."""
    asked, view, order, level = request.GET, view_of(request.user, request.GET), *_list_of(request.GET)
    values = {
        **board_panels.context(view),
        **choices(request.user),
        **board_events.log_page(view, board_events.filter_of(asked), asked),
        "rows": board_panels.at_risk(view, order, level),
        "order": order,
        "level": level,
        "orders": {name: word for name, (word, _) in ORDERS.items()},
        "asked": asked,
        "live_address": _live_address(asked),
        "months": months(view, timezone.now()),
        "event_groups": board_events.EVENT_GROUPS,
        "severities": board_events.SEVERITIES,
        "centres": list(ServiceCentre.objects.values("name", "latitude", "longitude")),
        "tiles": map_tiles(),
        "scripts": SCRIPTS,
        "past_figures": PAST_FIGURES,
    }
    return render(request, "board/page.html", values)


def _list_of(asked) -> tuple[str, str]:
    return order_of(asked), level_of(asked)


def _live_address(asked) -> str:
    """The filters of the page, as its socket asks for them."""
    kept = asked.copy()
    for name in set(kept) - set(FILTERS):
        del kept[name]
    return kept.urlencode()


class BoardConsumer(LiveConsumer):
    """The socket of the board: staff only, and of their operators only."""

    feed = BoardFeed()

    def view_of(self, user, asked: dict) -> BoardView | None:
        return view_of(user, asked) if user.is_staff else None

    async def handle(self, message: dict) -> bool:
        """`{"type": "filter", "operator": "", "city": "", "of_type": ""}` changes what is looked at."""
        if message.get("type") != "filter":
            return await super().handle(message)
        wanted = {name: value for name, value in message.items() if name != "type"}
        names = {"of_type" if name == "type" else name for name in FILTERS}
        if wanted.keys() != names or not all(isinstance(v, str) and len(v) <= LONGEST_WORD for v in wanted.values()):
            return False
        wanted["type"] = wanted.pop("of_type")
        await self.ask(**wanted)
        return True
