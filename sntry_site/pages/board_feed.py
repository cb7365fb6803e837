"""The live frames of the board: the map's data as JSON, the panels as HTML."""

from datetime import datetime, timedelta

import orjson
from django.db.models import Max
from django.utils import timezone

from telemetry.models import SiteState

from ..messages import money
from . import board_events, board_panels
from .board_panels import render_panel
from .board_view import BoardView

LEVELS = {"low": 0, "watch": 1, "critical": 2}
MOST_EVENTS = 120  # in a frame; of more the page reads its log again
OVERLAP = timedelta(seconds=20)  # told twice rather than never, because an earlier number may be committed later
MOST_VIEWS = 1000
# Column of the frames -> where it comes from, and how it is written.
PLACE = {
    "external_id": ("site__external_id", str),
    "name": ("site__name", str),
    "ports": ("site__ports_total", int),
    "kw": ("site__power_kw", round),
    "minutes": ("site__session_minutes", round),
    "usual": ("usual_utilization", lambda share: round(100 * share)),
    "latitude": ("site__latitude", lambda degrees: round(degrees, 5)),
    "longitude": ("site__longitude", lambda degrees: round(degrees, 5)),
}
# Columns of which each word is sent once, and its number for each site.
WORDS = {"city": "site__city", "operator": "site__operator__name", "type": "site__charger_type"}
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


class BoardFeed:
    """Snapshot and changes of the fleet board."""

    kinds = frozenset({"tick"})

    def __init__(self) -> None:
        self._told: dict[BoardView, int] = {}  # id of the newest event that a view has been told

    def snapshot(self, view: BoardView) -> tuple[dict[str, int], list[str]]:
        """One read of everything: the map's data, and the panels."""
        # The version first: what a tick writes in between is then sent twice, never missed.
        version = SiteState.objects.aggregate(newest=Max("version"))["newest"] or 0
        sites, words = _map_columns(view)
        values = board_panels.context(view)
        frame = {
            "type": "snapshot",
            "version": version,
            "at": _utc(values["tick_at"]),
            "now": _utc(timezone.now()),
            "scorer": values["scorer"],
            "sites": sites,
            "words": words,
        }
        rows = board_events.events(view, board_events.EventFilter(), board_events.PAGE_ROWS)
        # Not for a view that is looked at already: its other readers have yet to hear of the last ones.
        self._told.setdefault(view, _newest(rows))
        return {"tick": version}, [_json(frame), *_panels(values), _events(rows, board_events.PAGE_ROWS)]

    def merged(self, older: dict, newer: dict) -> dict:
        """Two ticks as one: of a site that both have changed, what the newer says."""
        changed = set(newer["sites"]["id"])
        kept = [row for row, site in enumerate(older["sites"]["id"]) if site not in changed]
        sites = {name: [older["sites"][name][row] for row in kept] + values for name, values in newer["sites"].items()}
        since = older.get("since", older["at"])
        return {**newer, "previous": older["previous"], "since": since, "sites": sites}

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
        values = board_panels.context(view)
        since = min(datetime.fromisoformat(message.get("since", message["at"])), timezone.now()) - OVERLAP
        wanted = board_events.EventFilter(since=since, after=self._told.get(view))
        rows = board_events.events(view, wanted, MOST_EVENTS)
        if len(self._told) > MOST_VIEWS:
            self._told.clear()
        self._told[view] = max(self._told.get(view, 0), _newest(rows))
        return [_json(frame), *_panels(values), _events(rows, MOST_EVENTS)]


def _newest(rows: list[dict]) -> int:
    return max((row["id"] for row in rows), default=0)


def _events(rows: list[dict], most: int) -> str:
    """Rows of the log; the page knows by their ids which of them it has."""
    return _json({"type": "events", "content": render_panel("event-rows", {"events": rows}), "more": len(rows) == most})


def _map_columns(view: BoardView) -> tuple[dict[str, list], dict[str, list[str]]]:
    """All sites that have a place, as parallel lists, and the words that some of them count."""
    columns = LIVE | PLACE
    states = view.of(SiteState.objects).located().order_by("pk")
    sources = [source for source, _ in columns.values()] + list(WORDS.values())
    values = list(zip(*states.values_list(*sources), strict=True)) or [()] * len(sources)
    sites = {name: [*map(write, values[at])] for at, (name, (_, write)) in enumerate(columns.items())}
    words = {name: list(dict.fromkeys(values[len(columns) + at])) for at, name in enumerate(WORDS)}
    for at, (name, known) in enumerate(words.items()):
        number = {word: place for place, word in enumerate(known)}
        sites[name] = [number[word] for word in values[len(columns) + at]]
    return sites, words


def _visible_columns(sites: dict[str, list], operator_ids) -> dict[str, list]:
    """The changed sites of these operators; the column that decides it stays here."""
    if operator_ids is None:
        return {name: sites[name] for name in LIVE}
    rows = [row for row, operator in enumerate(sites["operator"]) if operator in operator_ids]
    return {name: [sites[name][row] for row in rows] for name in LIVE}


def _panels(values: dict) -> list[str]:
    return [
        _json({"type": "panel", "target": f"#{name}", "swap": "outerMorph", "content": render_panel(name, values)})
        for name in ("summary", "chips", "scored", "outlook")
    ]


def _utc(moment) -> str | None:
    return moment and moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(frame: dict) -> str:
    return orjson.dumps(frame).decode()
