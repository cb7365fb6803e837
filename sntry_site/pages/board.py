"""The live fleet board: its page, and the socket that keeps it alive."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from maintenance.models import ServiceCentre
from stations.access import operator_ids
from stations.consumers import LiveConsumer
from stations.map_tiles import map_tiles

from . import board_panels
from .access import staff_required, technicians_to_their_day
from .board_feed import BoardFeed, BoardView


@require_safe
@technicians_to_their_day
@staff_required
def page(request):
    """The board, complete without a script; the map and the live updates need one."""
    order = request.GET.get("order")
    order = order if order in board_panels.ORDERS else "loss"
    centres = ServiceCentre.objects.values("name", "latitude", "longitude")
    values = board_panels.context(operator_ids(request.user), order)
    return render(request, "board/page.html", {**values, "centres": list(centres), "tiles": map_tiles()})


class BoardConsumer(LiveConsumer):
    """The socket of the board: staff only, and of their operators only."""

    feed = BoardFeed()

    def view_of(self, user, asked: dict) -> BoardView | None:
        if not user.is_staff:
            return None
        ids, order = operator_ids(user), asked.get("order")
        return BoardView(None if ids is None else frozenset(ids), order if order in board_panels.ORDERS else "loss")

    async def handle(self, message: dict) -> bool:
        if message.keys() == {"type", "order"} and message["type"] == "order":
            if not isinstance(message["order"], str) or message["order"] not in board_panels.ORDERS:
                return False
            await self.ask(order=message["order"])
            return True
        return await super().handle(message)
