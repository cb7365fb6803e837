"""How long a technician has been on the road and at work, told from the steps of an order."""

from datetime import datetime

from ..states import State

ROAD, WORK = (State.EN_ROUTE,), (State.IN_PROGRESS,)


def minutes_in(states, changes: list[tuple[datetime, str]], now: datetime) -> float:
    """Minutes that an order was in any of `states`, from its steps (moment, state reached), oldest first."""
    ends = [at for at, _ in changes[1:]] + [now]
    spent = (end - at for (at, state), end in zip(changes, ends, strict=False) if state in states)
    return max(0.0, sum(each.total_seconds() for each in spent) / 60)  # a clock may have been set back


def spent(order, now: datetime) -> tuple[int, int]:
    """Whole minutes of travel and of work so far; what a person entered goes before what was counted."""
    changes = list(order.changes.order_by("pk").values_list("at", "new_state"))
    travel = order.minutes_travel if order.minutes_travel is not None else minutes_in(ROAD, changes, now)
    work = order.minutes_work if order.minutes_work is not None else minutes_in(WORK, changes, now)
    return round(travel), round(work)
