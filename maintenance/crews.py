"""Simulated crews: they stand in for people at simulated operators, by the same steps, gates and parts as people.

Orders that a person has taken up, and those of a technician who has logged in today, are left to them.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

import numpy as np
from django.db import connection
from django.db.models import Q

from telemetry.risk.taxonomy import REPAIR_OF

from .models import OrderPart, Part, Stock, Technician, WorkOrder
from .models.declined import declined
from .models.parts import part_name
from .states import Action, HoldReason, State

LOGGED_IN_FOR = timedelta(hours=8)
# What a crew does, and how long an order stays in a state first; the work itself is `resolve`.
STEPS = [
    (State.NEW, State.TRIAGED, timedelta(seconds=10)),
    (State.TRIAGED, State.ASSIGNED, timedelta(seconds=30)),
    (State.ASSIGNED, State.ACCEPTED, timedelta(seconds=30)),
    (State.ACCEPTED, State.EN_ROUTE, timedelta(seconds=30)),
    (State.EN_ROUTE, State.IN_PROGRESS, timedelta(minutes=2)),
]
WORK_LASTS = timedelta(minutes=3)
DELIVERY_LASTS = timedelta(minutes=10)
NOTE = "simulated crew"
_NEED = """
INSERT INTO maintenance_orderpart AS need (order_id, part_id, proposed, reserved, used, by_cause)
SELECT order_id, part_id, 1, 0, 0, false FROM unnest(%s::bigint[], %s::bigint[]) AS found (order_id, part_id)
ON CONFLICT (order_id, part_id) DO UPDATE SET proposed = greatest(need.proposed, 1)
"""
# Those whose part lies in no place that is theirs wait; where nobody keeps such parts there is nothing to wait for.
_LACKING = """
SELECT DISTINCT need.order_id FROM maintenance_orderpart need
JOIN maintenance_workorder work_order ON work_order.id = need.order_id
JOIN maintenance_technician technician ON technician.id = work_order.technician_id
WHERE need.order_id = ANY(%s) AND need.proposed > need.reserved + need.used AND EXISTS (
    SELECT 1 FROM maintenance_stock stock WHERE stock.part_id = need.part_id AND stock.centre_id = technician.centre_id)
"""
_DELIVER = """
WITH short AS (
    SELECT stock.id, least(greatest(2 * part.reorder_point::bigint, 2), 1000) AS pieces FROM maintenance_stock stock
    JOIN maintenance_part part ON part.id = stock.part_id
    WHERE stock.id IN (
        SELECT stock.id FROM maintenance_stock stock
        JOIN maintenance_orderpart need ON need.part_id = stock.part_id AND need.order_id = ANY(%(orders)s)
            AND need.proposed > need.reserved + need.used
        JOIN maintenance_workorder work_order ON work_order.id = need.order_id
        JOIN maintenance_technician technician ON technician.id = work_order.technician_id
            AND technician.centre_id = stock.centre_id)
), stock AS (
    UPDATE maintenance_stock stock SET quantity = quantity + short.pieces FROM short
    WHERE stock.id = short.id AND stock.quantity < 1000000
)
INSERT INTO maintenance_stockmovement (stock_id, kind, pieces, at, note)
SELECT id, 'receive', pieces, %(at)s, 'simulated delivery' FROM short
"""
_FILL_IN = """
UPDATE maintenance_workorder work_order SET action = coalesce(nullif(work_order.action, ''), done.action),
    resolution = CASE WHEN length(btrim(work_order.resolution)) < 10 THEN done.resolution
        ELSE work_order.resolution END,
    minutes_work = coalesce(work_order.minutes_work, done.minutes),
    minutes_travel = coalesce(work_order.minutes_travel, (
        SELECT round((1.3 / 45 * 60 * 111.19 * sqrt(power(centre.latitude - site.latitude, 2)
            + power((centre.longitude - site.longitude) * cos(radians(site.latitude)), 2)))::numeric)
        FROM maintenance_technician technician
        JOIN maintenance_servicecentre centre ON centre.id = technician.centre_id
        JOIN stations_site site ON site.id = work_order.site_id WHERE technician.id = work_order.technician_id
    ), 0)
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::float8[]) AS done (id, action, resolution, minutes)
WHERE work_order.id = done.id
"""
_TICK_OFF = """
UPDATE maintenance_checklistitem SET done_at = %s, answer = 'simulated'
WHERE order_id = ANY(%s) AND done_at IS NULL AND required
"""


def _of_crews(at: datetime):
    return (
        WorkOrder.objects.open()
        .filter(site__operator__is_simulated=True, by_hand=False)
        .exclude(technician__user__last_login__gte=at - LOGGED_IN_FOR)
    )


def advance(at: datetime) -> None:
    """Move the orders of simulated operators on, up to the work itself."""
    due = reduce(or_, (Q(state=state, changed_at__lte=at - lasts) for state, _, lasts in STEPS))
    by_state = defaultdict(list)
    for state, pk in _of_crews(at).filter(due).values_list("state", "pk"):
        by_state[state].append(pk)
    _send_somebody(by_state.get(State.TRIAGED, []), at)
    for state, following, _ in STEPS:
        WorkOrder.objects.move(by_state[state], following, at, NOTE)


def _send_somebody(ids: list[int], at: datetime) -> None:
    """Send the nearest technicians to those of these orders that have nobody: one was declined, or goes on."""
    orders = list(WorkOrder.objects.filter(pk__in=ids, technician=None).select_related("site").order_by("pk"))
    places = np.array([(order.site.latitude, order.site.longitude) for order in orders], float).reshape(-1, 2)
    skills = [REPAIR_OF[order.cause].skill if order.cause in REPAIR_OF else "" for order in orders]
    operators = [order.site.operator_id for order in orders]
    said_no = declined([order.pk for order in orders])
    not_to = [said_no.get(order.pk, set()) for order in orders]
    chosen = Technician.objects.nearest_to(places[:, 0], places[:, 1], skills, at, operators, not_to)
    theirs = defaultdict(list)
    for order, technician in zip(orders, chosen, strict=True):
        theirs[technician].append(order.pk)
    for technician in sorted(theirs.keys() - {None}):
        WorkOrder.objects.move(theirs[technician], State.ASSIGNED, at, NOTE, technician_id=technician)


def working_long_enough(at: datetime) -> list[WorkOrder]:
    """Orders that crews have been working on for as long as it takes."""
    return list(_of_crews(at).filter(state=State.IN_PROGRESS, changed_at__lte=at - WORK_LASTS).order_by("pk"))


def resolve(orders: list[WorkOrder], at: datetime) -> list[WorkOrder]:
    """Do the work on `orders`, of which the database has what was found; returns those that are resolved.

    The part that the cause takes is used and others go back; where it is neither in the van nor in the centre the order
    waits for it.
    """
    if not orders:
        return []
    ids = [order.pk for order in orders]
    found = dict(WorkOrder.objects.filter(pk__in=ids).values_list("pk", "found_cause"))
    lacking = _settle_parts(found, at)
    WorkOrder.objects.move(lacking, State.ON_HOLD, at, "the part is not there", hold_reason=HoldReason.PARTS)
    ready = [pk for pk in ids if pk not in set(lacking)]
    _fill_in(ready, found, at)
    resolved = set(WorkOrder.objects.move(ready, State.RESOLVED, at, NOTE))
    return [order for order in orders if order.pk in resolved]


def _settle_parts(found: dict[int, str], at: datetime) -> list[int]:
    """Use what orders need by what was found, put back the rest; returns those that lack something."""
    number_of = dict(Part.objects.values_list("name", "pk"))
    needs = {order: number_of[name] for order, cause in found.items() if (name := part_name(cause)) in number_of}
    rows = OrderPart.objects.filter(order__in=found, by_cause=True).values_list("pk", "order", "part")
    Stock.objects.release(list(found), at, needs=[pk for pk, order, part in rows if needs.get(order) != part])
    if not needs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEED, [list(needs), list(needs.values())])
        Stock.objects.reserve(list(needs), at)
        cursor.execute(_LACKING, [list(needs)])
        lacking = [row[0] for row in cursor.fetchall()]
    Stock.objects.consume([order for order in found if order not in set(lacking)], at)
    return lacking


def _fill_in(ids: list[int], found: dict[int, str], at: datetime) -> None:
    """What a technician would write down, where nobody has."""
    if not ids:
        return
    used = dict(OrderPart.objects.filter(order__in=ids, used__gt=0).values_list("order", "part__name"))
    minutes = [_minutes(found[pk]) for pk in ids]
    actions = [_action(found[pk], pk in used) for pk in ids]
    words = [f"Simulated crew: {action.label.lower()}" for action in actions]
    words = [f"{word}: {used[pk]}." if pk in used else f"{word}." for word, pk in zip(words, ids, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_FILL_IN, [ids, [action.value for action in actions], words, minutes])
        cursor.execute(_TICK_OFF, [at, ids])


def _action(cause: str, is_part_used: bool) -> Action:
    if is_part_used:
        return Action.PART_SWAPPED
    return {"": Action.NONE_FOUND, "unknown": Action.NONE_FOUND, "firmware_hang": Action.FIRMWARE}.get(
        cause, Action.ADJUSTED
    )


def _minutes(cause: str) -> float:
    """Of work on site; a look at a sound charger takes half an hour."""
    return float(REPAIR_OF[cause].onsite_minutes) if cause in REPAIR_OF else 30.0


def wait_for_parts(at: datetime) -> None:
    """Orders that wait for a part go on when it is there; a delivery comes after a while."""
    waiting = _of_crews(at).filter(state=State.ON_HOLD, hold_reason=HoldReason.PARTS).values_list("pk", "held_since")
    if not waiting:
        return
    long = [pk for pk, since in waiting if since <= at - DELIVERY_LASTS]
    if long:
        with connection.cursor() as cursor:
            cursor.execute(_DELIVER, {"orders": long, "at": at})
    WorkOrder.objects.move(
        Stock.objects.reserve([pk for pk, _ in waiting], at), State.IN_PROGRESS, at, "the part has come"
    )
