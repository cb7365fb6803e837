"""Files of closed work orders: opened_at, dispatched_at, arrived_at, closed_at, charger_id, cause.

Besides, where a file has them: suspected_cause, part, waited_for_parts, onsite_minutes.
"""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from django.db import connection, transaction

from stations.progress import Progress
from telemetry.importers import ImportReport
from telemetry.importers.charger_places import create_unknown_chargers
from telemetry.importers.columns import Moment, Number, Text, Word
from telemetry.importers.parsing import Parsed, Shape
from telemetry.importers.staging import Names, Order, stage

from .models import Cause, WorkOrder

_CAUSES = Cause.values
_UNKNOWN = _CAUSES.index(Cause.UNKNOWN)
_SUSPICIONS = ["" if cause == Cause.UNKNOWN else cause.label for cause in Cause]
_TURNS = ("opened_at", "dispatched_at", "arrived_at", "closed_at")
_FLAGS = {"": 0, **dict.fromkeys(("false", "False", "f", "0"), 0), **dict.fromkeys(("true", "True", "t", "1"), 1)}
_OPTIONAL = ("suspected_cause", "part", "waited_for_parts", "onsite_minutes")
_CREATE = """
CREATE TEMPORARY TABLE staged_order (line integer, subject integer, at timestamptz, dispatched_at timestamptz,
    arrived_at timestamptz, closed_at timestamptz, found smallint, suspected smallint, part integer,
    waited smallint, minutes double precision) ON COMMIT DROP
"""
_BATCH = """
CREATE TEMPORARY TABLE order_batch ON COMMIT DROP AS
SELECT charger.id AS charger_id, charger.site_id, charger.external_id AS charger, staged.at AS opened_at, dispatched_at,
    arrived_at, closed_at, (%(causes)s::text[])[found + 1] AS found_cause,
    (%(causes)s::text[])[suspected + 1] AS cause, (%(labels)s::text[])[suspected + 1] AS suspicion,
    (%(parts)s::text[])[part + 1] AS part, waited = 1 AS waited, nullif(minutes, 'NaN') AS minutes
FROM staged_order staged
JOIN unnest(%(chargers)s::text[]) WITH ORDINALITY AS named (external_id, number) ON named.number = staged.subject + 1
JOIN stations_charger charger ON charger.external_id = named.external_id
ORDER BY staged.at, charger.id
"""


def order_shape(order: Order) -> Shape:
    """The columns of a file of closed work orders, whose turns come one after the other."""
    causes = {cause: number for number, cause in enumerate(_CAUSES)}
    moments = {name: Moment(order.zone, order.latest) for name in _TURNS}
    return Shape(
        {
            **moments,
            "charger_id": Text(64),
            "cause": Word(causes),
            "suspected_cause": Word({"": _UNKNOWN, **causes}),
            "part": Text(100, required=False),
            "waited_for_parts": Word(_FLAGS),
            "onsite_minutes": Number(0, 100_000, required=False),
        },
        row_checks=tuple(
            (later, f"lies before {earlier}", lambda values, a=earlier, b=later: values[b] >= values[a])
            for earlier, later in pairwise(_TURNS)
        ),
        optional=_OPTIONAL,
    )


def import_orders(
    path: Path | str,
    *,
    site: str | None,
    operator: str | None,
    skip_bad: bool,
    time_zone: str,
    rejects_path: Path | None,
    progress: Progress,
    now: datetime,
    member=None,
) -> ImportReport:
    """Load a file of closed work orders with their incidents, or nothing of it; unknown chargers come to `site`.

    An order is known by its charger and when it was opened. Raises ImportRefused as `import_readings` does.
    """
    order, chargers = Order(Path(path), skip_bad, time_zone, rejects_path, progress, now, member), Names()
    parts = Names([""], {"": 0})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_order, order_batch")
        cursor.execute(_CREATE)
        take = _taker(chargers, parts)
        report = stage(cursor, "staged_order", order, order_shape(order), chargers, "opened_at", take)
        order.tell("Merging")
        report.notes += create_unknown_chargers(cursor, chargers.texts, site, operator, order.member)
        texts = {"causes": _CAUSES, "labels": _SUSPICIONS, "parts": parts.texts, "chargers": chargers.texts}
        cursor.execute(_BATCH, texts)
        report.count(*WorkOrder.objects.record_closed(cursor, "order_batch"))
        cursor.execute("DROP TABLE staged_order, order_batch")
    return report


def _taker(chargers: Names, parts: Names):
    """What makes a block's columns of the staging table; columns that the file does without get their blank."""

    def take(parsed: Parsed) -> dict[str, np.ndarray]:
        values, rows = parsed.values, len(parsed.lines)
        return {
            "subject": chargers.numbers(parsed, "charger_id"),
            "at": values["opened_at"],
            **{name: values[name] for name in _TURNS[1:]},
            "found": values["cause"],
            "suspected": values.get("suspected_cause", np.full(rows, _UNKNOWN, "i2")),
            "part": parts.numbers(parsed, "part") if "part" in values else np.zeros(rows, "i4"),
            "waited": values.get("waited_for_parts", np.zeros(rows, "i2")),
            "minutes": values.get("onsite_minutes", np.full(rows, np.nan)),
        }

    return take
