"""Many work orders at once: opened, moved and changed by one statement each."""

from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from stations.access import ScopedQuerySet

from .. import notices, service_levels, transitions
from ..notices import Deadline, Moved
from ..states import ENDED_STATES, State
from . import order_statements as statements
from .closed_orders import record_closed
from .closing import missing
from .opening import Wanted, columns
from .parts import Stock
from .steps import WorkOrderChange, roles_of

_ENDS_INCIDENT = (State.CLOSED, State.CANCELLED, State.DUPLICATE)
NEVER_LATE = (State.RESOLVED, State.VERIFIED, State.ON_HOLD)
_AT_WORK = (State.ACCEPTED, State.EN_ROUTE, State.IN_PROGRESS, State.ON_HOLD, State.RESOLVED)


class WorkOrderQuerySet(ScopedQuerySet):
    def open(self):
        """Orders that are not finished."""
        return self.filter(closed_at__isnull=True)

    def found_by(self, words: str):
        """Those whose number (WO-1234), or the name or ID of whose site or charger, was typed."""
        number = self.model.pk_of(words)
        about = Q(site__name__icontains=words) | Q(site__external_id__icontains=words)
        about |= Q(charger__external_id__icontains=words)
        return self.filter(about if number is None else about | Q(pk=number))

    def late(self, at: datetime):
        """Open ones whose time is over by `at`; what is done, or has its clock stopped on hold, is not late."""
        return self.open().filter(due_at__lte=at).exclude(state__in=NEVER_LATE)

    def locked(self, ids: list[int | None]) -> dict:
        """These by id, locked in its order, so that of two who want the same the second sees what the first did."""
        wanted = self.filter(pk__in=[pk for pk in ids if pk]).select_related("technician").order_by("pk")
        return {order.pk: order for order in wanted.select_for_update(of=["self"], no_key=True)}

    def twins_of(self, order: int | None):
        """Other open orders at the site of this one (id), of which it could be one; none where it is not open."""
        sites = self.model.objects.open().filter(pk=order).values("site")
        return self.open().filter(site__in=sites).exclude(pk=order)

    def call_duplicates(self, ids: list[int], at: datetime, by=None) -> tuple:
        """Call these, of one site, duplicates of the oldest that is open; returns that (or None), and the ids done."""
        oldest = self.open().filter(pk__in=ids).order_by("pk").first()
        if oldest is None:
            return None, []
        others = [pk for pk in ids if pk != oldest.pk]
        return oldest, self.move(others, State.DUPLICATE, at, f"same as {oldest}", by, duplicate_of=oldest.pk)

    def open_orders(self, wanted: list[Wanted], at: datetime, by=None) -> list:
        """Open an incident and an order for each of `wanted` that has none open; returns the new orders.

        An open incident about the same gets the order. Each comes with its first steps, checklist and proposed parts;
        the parts are put aside where there are any.
        """
        if not wanted:
            return []
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statements.OPEN, {**columns(wanted, at), "at": at, "by": by and by.pk})
            ids = [row[0] for row in cursor.fetchall()]
            Stock.objects.reserve(ids, at, by)
            notices.tell_opened(self.filter(pk__in=ids))
        return list(
            self.filter(pk__in=ids).select_related("site__operator", "charger", "technician__user").order_by("pk")
        )

    def move(
        self, ids: list[int], state: str, at: datetime, note: str = "", by=None, *, technician_id: int | None = None,
        hold_reason: str = "", duplicate_of: int | None = None, version: int | None = None, key: str | None = None,
    ) -> list[int]:  # fmt: skip
        """Bring open orders into `state`, each with a row that says so; the only place where a state changes.

        Those for which the table of transitions does not allow it to `by` (None: the loop), that lack something, or of
        which one is not at `version`, are left alone; returns those moved. Closing, cancelling and calling an order a
        duplicate close its incident; `technician_id` is who gets it; `key`: of a request that must count once.
        """
        if not ids:
            return []
        state, roles = State(state), roles_of(by)
        with transaction.atomic(), connection.cursor() as cursor:
            if state == State.DUPLICATE:
                self.locked([*ids, duplicate_of])
                ids = list(self.twins_of(duplicate_of).filter(pk__in=ids).values_list("pk", flat=True))
            ids = self._movable(list(ids), state, by, roles, technician_id)
            if state in (State.IN_PROGRESS, State.ASSIGNED, State.COULD_NOT_COMPLETE):
                self._resume_clocks(ids, at)
            parameters = {
                "ids": ids, "state": state, "at": at, "note": note[:300], "by": by and by.pk, "version": version,
                "sources": transitions.sources(state, roles), "technician": technician_id,
                "hold_reason": hold_reason, "duplicate_of": duplicate_of, "key": key,
                "by_hand": by is not None and state in _AT_WORK, "final": state in ENDED_STATES,
                "ends_incident": state in _ENDS_INCIDENT,
            }  # fmt: skip
            cursor.execute(statements.MOVE, parameters)
            rows = [Moved(*row) for row in cursor.fetchall()]
            moved = [row.order for row in rows]
            notices.tell_moved(self, rows, state, at, by)
            if state == State.ASSIGNED and moved:
                Stock.objects.reserve(moved, at, by)
            if state in ENDED_STATES and state != State.CLOSED:
                Stock.objects.release(moved, at, by)
        return moved

    def _movable(self, ids: list[int], state: State, by, roles: set[str], technician_id) -> list[int]:
        """Those of `ids` that lack nothing, nor somebody to go, and that are a technician's own who is nothing else."""
        if roles == {transitions.TECHNICIAN}:
            ids = list(self.filter(pk__in=ids, technician__user=by).values_list("pk", flat=True))
        if state == State.ASSIGNED and by is not None and not technician_id:  # simulated crews need no name
            ids = list(self.filter(pk__in=ids, technician__isnull=False).values_list("pk", flat=True))
        if state in (State.RESOLVED, State.CLOSED):
            lacking = missing(list(self.filter(pk__in=ids)))
            ids = [pk for pk in ids if pk not in lacking]
        return ids

    def _resume_clocks(self, ids: list[int], at: datetime) -> None:
        """Orders that leave their hold get the time back that they have waited."""
        held = self.filter(pk__in=ids, state=State.ON_HOLD, due_at__isnull=False, held_since__isnull=False)
        rows = held.values_list("pk", "priority", "due_at", "held_since", "site__time_zone")
        new = {
            pk: service_levels.resumed(priority, due_at, since, at, zone or settings.DATA_TIME_ZONE)
            for pk, priority, due_at, since, zone in rows
        }
        if new:
            with connection.cursor() as cursor:
                cursor.execute(statements.RESUME, [list(new), list(new.values())])

    def change(self, ids: list[int], column: str, value, at: datetime, note: str, by=None) -> list[int]:
        """Give open orders another priority or technician_id; each a row and a version. Returns those changed."""
        if column not in ("priority", "technician_id"):
            raise ValueError(f"{column} is not changed this way; priority and technician_id are")
        values = {"ids": list(ids), "value": value, "at": at, "note": note[:300], "by": by and by.pk}
        with transaction.atomic(), connection.cursor() as cursor:
            before = dict(self.filter(pk__in=ids).values_list("pk", "priority"))
            cursor.execute(statements.CHANGE.format(column=column), values)
            rows = [Moved(*row) for row in cursor.fetchall()]
            changed = [row.order for row in rows]
            if column == "technician_id":
                Stock.objects.reserve(changed, at, by)
                notices.tell_moved(self, rows, State.ASSIGNED, at, by)
            else:
                self._renew_deadlines({pk: before[pk] for pk in changed})
                notices.tell_priority(self, rows, at, by)
        return changed

    def _renew_deadlines(self, old: dict[int, str]) -> None:
        """Deadlines of orders whose priority was the old one, from their opening on; what holds have added stays."""
        rows = self.filter(pk__in=old).values_list("pk", "priority", "opened_at", "due_at", "site__time_zone")
        orders = []
        for pk, priority, opened_at, due_before, zone in rows:
            zone = zone or settings.DATA_TIME_ZONE
            respond_by, due_at = service_levels.deadlines(priority, opened_at, zone)
            if due_before:
                due_at += due_before - service_levels.deadlines(old[pk], opened_at, zone)[1]
            orders.append(self.model(pk=pk, respond_by=respond_by, due_at=due_at, warned_at=None))
        self.bulk_update(orders, ["respond_by", "due_at", "warned_at"])

    @transaction.atomic
    def tell_deadlines(self, at: datetime) -> list[int]:
        """Tell of the deadlines that are near or over, each once; returns the orders that they are of."""
        near, over = ([Deadline(*row) for row in self._deadlines(at, is_over)] for is_over in (False, True))
        if near or over:
            notices.tell_deadlines(self, near, over, at)
        return [each.order for each in [*near, *over]]

    def _deadlines(self, at: datetime, is_over: bool) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(statements.DEADLINES, {"at": at, "is_over": is_over})
            return cursor.fetchall()

    def served_before_failures(self, rests: dict[int, timedelta], at: datetime) -> set[int]:
        """Those of these sites (id -> rest) that have an open order as a whole, or a visit closed within their rest.

        What a person has ended says that somebody knows better.
        """
        if not rests:
            return set()
        by_loop = WorkOrderChange.objects.filter(order=OuterRef("pk"), new_state=State.CLOSED, by=None)
        closed = Q(closed_at__gt=at - max(rests.values()), state=State.CLOSED) & Q(Exists(by_loop))
        whole = self.filter(Q(closed_at=None) | closed, site__in=rests, charger=None)
        rows = whole.values_list("site_id", "closed_at")
        return {site for site, closed_at in rows if closed_at is None or closed_at > at - rests[site]}

    def verifiable(self) -> tuple[list[int], list[int]]:
        """Resolved orders whose charger works and has charged somebody since, and those where it is out again."""
        with connection.cursor() as cursor:
            cursor.execute(statements.VERIFIABLE)
            rows = cursor.fetchall()
        return [pk for pk, is_well in rows if is_well], [pk for pk, is_well in rows if not is_well]

    def resolved_by_people_since(self, moment: datetime) -> list:
        """Orders of simulated operators that somebody resolved by hand since `moment`: the repair is theirs, too."""
        by_hand = WorkOrderChange.objects.filter(new_state=State.RESOLVED, at__gte=moment, by__isnull=False)
        since = self.filter(site__operator__is_simulated=True, resolved_at__gte=moment)
        return list(since.filter(pk__in=by_hand.values("order")).order_by("pk"))

    def end_at_site(self, site_id: int, at: datetime, note: str, by=None) -> list[int]:
        """End the open orders of a site that needs no visit any more: done work counts as verified, the rest is off."""
        ids = list(self.open().filter(site=site_id).values_list("pk", flat=True))
        self.move(ids, State.VERIFIED, at, note, by)
        closed = self.move(ids, State.CLOSED, at, note, by)
        return closed + self.move(ids, State.CANCELLED, at, note, by)

    def record_closed(self, cursor, table: str) -> tuple[int, int]:
        """Record orders that were closed elsewhere, with their incidents and steps: the rows of a staging table.

        Its columns: charger_id, site_id, charger (external id), opened_at, dispatched_at, arrived_at, closed_at, cause
        (suspected), suspicion (in words), found_cause, part, waited, minutes on site (may be null). Returns how many
        were known by charger and opening, and how many rows are new or different.
        """
        with transaction.atomic():
            return record_closed(cursor, table)

    def found_causes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Charger ids, when opened (seconds since 1970) and causes that technicians found and wrote down."""
        found = self.exclude(found_cause="").exclude(charger=None).order_by("opened_at")
        rows = list(found.values_list("charger_id", "opened_at", "found_cause"))
        charger, opened, cause = zip(*rows, strict=True) if rows else ((), (), ())
        seconds = [int(moment.timestamp()) for moment in opened]
        return np.array(charger, "i8"), np.array(seconds, "i8"), np.array(cause, "U20")

    def note_found_causes(self, causes: dict[int, str]) -> None:
        """Write down what was found, by order, where nobody has."""
        if causes:
            with connection.cursor() as cursor:
                cursor.execute(statements.NOTE_FOUND, [list(causes), list(causes.values())])
