"""The history in the database as a sample that can be laid beside published figures, like a simulated world."""

import numpy as np
from django.db import connection
from django.db.models import Max, Min

from stations.arrays import fetch_arrays
from telemetry.models import Reading, StatusReport
from telemetry.simulation.causes import NAMES
from telemetry.simulation.check import Sample, down_by_day, group_of

_CHARGERS = """
SELECT charger.id, charger.site_id FROM stations_charger charger
JOIN telemetry_chargerstate state ON state.charger_id = charger.id
WHERE state.last_report_at IS NOT NULL ORDER BY charger.site_id, charger.id
"""
# A lost connection says so by its code; an outage to which a technician was sent has an order that began within it.
_OUTAGES = """
SELECT charger_id, extract(epoch FROM started_at)::float8 / 60,
    extract(epoch FROM least(coalesce(ended_at, 'infinity'), %(last)s))::float8 / 60,
    error_code = 'WeakSignal' OR vendor_code = 'CX007',
    EXISTS (SELECT FROM maintenance_workorder work_order WHERE work_order.charger_id = outage.charger_id
        AND opened_at BETWEEN started_at AND coalesce(ended_at, 'infinity'))
FROM telemetry_outage outage WHERE started_at < %(last)s AND coalesce(ended_at, 'infinity') > %(first)s
ORDER BY charger_id, started_at
"""
_TRAVEL = """
SELECT work_order.charger_id, extract(epoch FROM there.at - sent.at)::float8 / 3600, work_order.found_cause
FROM maintenance_workorder work_order
JOIN maintenance_workorderchange sent ON sent.order_id = work_order.id AND sent.new_state = 'en_route'
JOIN maintenance_workorderchange there ON there.order_id = work_order.id AND there.new_state = 'in_progress'
JOIN telemetry_chargerstate state ON state.charger_id = work_order.charger_id AND state.last_report_at IS NOT NULL
WHERE work_order.opened_at BETWEEN %(first)s AND %(last)s AND work_order.charger_id IS NOT NULL
    AND found_cause = ANY(%(causes)s)
    AND (%(parts)s OR (position('parts' IN there.note) = 0 AND found_cause <> 'comms_backhaul'))
ORDER BY work_order.id
"""


def loaded_sample() -> Sample | None:
    """The loaded half-hours of history, without what ticks have made since; None without status reports of that time.

    Outages count from when they were told, and one cause found in twenty is wrong, as in any list of orders.
    """
    span = Reading.objects.filter(from_ticks=False).aggregate(first=Min("at"), last=Max("at"))
    if span["first"] is None or not StatusReport.objects.filter(reported_at__lte=span["first"]).exists():
        return None
    with connection.cursor() as cursor:
        chargers = fetch_arrays(cursor, _CHARGERS, [("charger", "i8"), ("site", "i8")])
        spell = [("charger", "i8"), ("start", "f8"), ("end", "f8"), ("is_comms", "b1"), ("is_visit", "b1")]
        outages = fetch_arrays(cursor, _OUTAGES, spell, span)
        travel, visits = (_visits(cursor, span, parts) for parts in (False, True))
    place = {charger: number for number, charger in enumerate(chargers["charger"].tolist())}
    first, last = (span[end].timestamp() / 60 for end in ("first", "last"))
    charger, days = _places(outages["charger"], place), max(int((last - first) // 1440), 1)
    begun = outages["start"] >= first
    return Sample(
        site=np.unique(chargers["site"], return_inverse=True)[1],
        down=down_by_day(charger, outages["start"], outages["end"], last - 1440 * days, days, len(chargers)),
        outages={
            "charger": charger[begun],
            "hours": (outages["end"] - outages["start"])[begun] / 60,
            "is_comms": outages["is_comms"][begun],
            "is_visit": outages["is_visit"][begun],
        },
        travel={"charger": _places(travel[0], place), "hours": travel[1]},
        visits={"charger": _places(visits[0], place), "group": group_of(visits[2])},
    )


def _visits(cursor, span: dict, with_parts: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(charger, hours to arrival, index of the cause found) of closed orders; `with_parts`: also of waits for those."""
    cursor.execute(_TRAVEL, span | {"causes": list(NAMES), "parts": with_parts})
    columns = list(zip(*cursor.fetchall(), strict=True)) or [(), (), ()]
    cause = [NAMES.index(name) for name in columns[2]]
    return np.array(columns[0], "i8"), np.array(columns[1], "f8"), np.array(cause, "i8")


def _places(chargers: np.ndarray, place: dict[int, int]) -> np.ndarray:
    return np.array([place[charger] for charger in chargers.tolist()], "i8")
