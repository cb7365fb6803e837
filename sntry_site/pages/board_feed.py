"""The live frames of the board: the map's data as JSON, the panels as HTML."""

from typing import NamedTuple

import orjson
from django.db.models import Max
from django.utils import timezone

from telemetry.models import SiteState

from ..messages import money
from . import board_panels
from .board_panels import render_panel

LEVELS = {"low": 0, "watch": 1, "critical": 2}
# Column of the frames -> where it comes from, and how it is written.
PLACE = {
    "external_id": ("site__external_id", str),
    "name": ("site__name", str),
    "city": ("site__city", str),
    "operator": ("site__operator__name", str),
    "ports": ("site__ports_total", int),
    "latitude": ("site__latitude", lambda degrees: round(degrees, 5)),
    "longitude": ("site__longitude", lambda degrees: round(degrees, 5)),
}
LIVE = {
    "id": ("pk", int),
    "available": ("ports_available", int),
    "occupied": ("ports_occupied", int),
    "out": ("ports_out_of_service", int),
    "utilization": ("utilization", lambda share: round(100 * share)),
    "risk": ("risk", lambda share: round(100 * share)),
    "level": ("level", LEVELS.get),
    "price": ("price", money),
    "wait": ("wait_minutes", round),
    "temperature": ("temperature_f", round),
    "loss": ("expected_loss", str),
    "index": ("revenue_at_risk", lambda index: round(index, 1)),
    "reason": ("reason", str),
    "stressed": ("is_stressed", bool),
}


class BoardView(NamedTuple):
    """Who sees the same board: the operators (None: all), and how the list is sorted."""

    operators: frozenset[int] | None
    order: str


class BoardFeed:
    """Snapshot and changes of the fleet board."""

    kinds = frozenset({"tick"})

    def snapshot(self, view: BoardView) -> tuple[int, list[str]]:
        """One read of everything: the map's data, and the panels."""
        # The version first: what a tick writes in between is then sent twice, never missed.
        version = SiteState.objects.aggregate(newest=Max("version"))["newest"] or 0
        sites = _map_columns(view.operators)
        values = board_panels.context(view.operators, view.order)
        frame = {
            "type": "snapshot",
            "version": version,
            "at": _utc(values["tick_at"]),
            "now": _utc(timezone.now()),
            "scorer": values["scorer"],
            "sites": sites,
        }
        return version, [_json(frame), *_panels(values)]

    def changes(self, view: BoardView, message: dict) -> list[str]:
        """What a tick changed for `view`."""
        frame = {
            "type": "delta",
            "version": message["version"],
            "previous": message["previous"],
            "at": message["at"],
            "now": _utc(timezone.now()),
            "scorer": message.get("scorer", ""),
            "sites": _visible_columns(message["sites"], view.operators),
        }
        values = board_panels.context(view.operators, view.order)
        return [_json(frame), *_panels(values)]


def _map_columns(operator_ids) -> dict[str, list]:
    """All sites that have a place, as parallel lists."""
    columns = LIVE | PLACE
    states = SiteState.objects.of_operators(operator_ids).located().order_by("pk")
    values = list(zip(*states.values_list(*(source for source, _ in columns.values())), strict=True))
    return {
        name: [write(value) for value in values[position]] if values else []
        for position, (name, (_, write)) in enumerate(columns.items())
    }


def _visible_columns(sites: dict[str, list], operator_ids) -> dict[str, list]:
    """The changed sites of these operators; the column that decides it stays here."""
    if operator_ids is None:
        return {name: sites[name] for name in LIVE}
    rows = [row for row, operator in enumerate(sites["operator"]) if operator in operator_ids]
    return {name: [sites[name][row] for row in rows] for name in LIVE}


def _panels(values: dict) -> list[str]:
    return [
        _json({"type": "panel", "target": f"#{name}", "swap": "outerMorph", "content": render_panel(name, values)})
        for name in ("summary", "chips", "at-risk", "event-log")
    ]


def _utc(moment) -> str | None:
    return moment and moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(frame: dict) -> str:
    return orjson.dumps(frame).decode()
