from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils import timezone

from stations.access import ScopedQuerySet
from telemetry.models import Cause
from telemetry.risk.taxonomy import REPAIR_OF, Repair

from .. import service_levels, transitions
from ..states import ENDED_STATES, Action, HoldReason, Priority, State
from . import order_statements as statements
from .closed_orders import record_closed
from .closing import missing
from .opening import Wanted, columns
from .parts import OrderPart, Stock
from .steps import Overtaken, Refused, WorkOrderChange, roles_of

_ENDS_INCIDENT = (State.CLOSED, State.CANCELLED, State.DUPLICATE)
_AT_WORK = (State.ACCEPTED, State.EN_ROUTE, State.IN_PROGRESS, State.ON_HOLD, State.RESOLVED)


class WorkOrderQuerySet(ScopedQuerySet):
    def open(self):
        """Orders that are not finished."""
        return self.filter(closed_at__isnull=True)

    def open_orders(self, wanted: list[Wanted], at: datetime, by=None) -> list["WorkOrder"]:
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
            ids = self._movable(list(ids), state, by, roles)
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
            moved = [row[0] for row in cursor.fetchall()]
            if state in ENDED_STATES and state != State.CLOSED:
                Stock.objects.release(moved, at, by)
        return moved

    def _movable(self, ids: list[int], state: State, by, roles: set[str]) -> list[int]:
        """Those of `ids` that lack nothing, and that a technician who is nothing else has as his or her own."""
        if roles == {transitions.TECHNICIAN}:
            ids = list(self.filter(pk__in=ids, technician__user=by).values_list("pk", flat=True))
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
            cursor.execute(statements.CHANGE.format(column=column), values)
            changed = [row[0] for row in cursor.fetchall()]
            if column == "technician_id":
                Stock.objects.reserve(changed, at, by)
            else:
                self._renew_deadlines(changed)
        return changed

    def _renew_deadlines(self, ids: list[int]) -> None:
        """Deadlines of orders whose priority is another, counted from when they were opened."""
        rows = self.filter(pk__in=ids).values_list("pk", "priority", "opened_at", "site__time_zone")
        orders = []
        for pk, priority, opened_at, zone in rows:
            respond_by, due_at = service_levels.deadlines(priority, opened_at, zone or settings.DATA_TIME_ZONE)
            orders.append(WorkOrder(pk=pk, respond_by=respond_by, due_at=due_at, warned_at=None))
        self.bulk_update(orders, ["respond_by", "due_at", "warned_at"])

    def verifiable(self) -> tuple[list[int], list[int]]:
        """Resolved orders whose charger works and has charged somebody since, and those where it is out again."""
        with connection.cursor() as cursor:
            cursor.execute(statements.VERIFIABLE)
            rows = cursor.fetchall()
        return [pk for pk, is_well in rows if is_well], [pk for pk, is_well in rows if not is_well]

    def resolved_by_people_since(self, moment: datetime) -> list["WorkOrder"]:
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


class WorkOrder(models.Model):
    """What a technician does about an incident."""

    State, Priority = State, Priority

    incident = models.ForeignKey("maintenance.Incident", models.PROTECT, related_name="work_orders")
    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="work_orders")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="work_orders", null=True, blank=True)
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.UNKNOWN)
    found_cause = models.CharField(
        "cause found", max_length=20, choices=Cause, blank=True, db_default="", help_text="What the technician found."
    )
    state = models.CharField(max_length=20, choices=State, default=State.NEW)
    version = models.IntegerField(default=1, db_default=1, editable=False, help_text="One more with every change.")
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    title = models.CharField(max_length=200)
    technician = models.ForeignKey(
        "maintenance.Technician", models.PROTECT, null=True, blank=True, related_name="work_orders"
    )
    stop = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Place in the technician's route of the day."
    )
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    respond_by = models.DateTimeField(null=True, blank=True, help_text="By when somebody must accept it.")
    due_at = models.DateTimeField("due", null=True, blank=True, help_text="By when it must be resolved.")
    warned_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="That it is about to be late.")
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    arrived_at = models.DateTimeField(null=True, blank=True, editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    hold_reason = models.CharField(max_length=8, choices=HoldReason, blank=True, default="", db_default="")
    held_since = models.DateTimeField(null=True, blank=True, editable=False)
    action = models.CharField("what was done", max_length=12, choices=Action, blank=True, default="", db_default="")
    resolution = models.TextField("in words", max_length=2000, blank=True, default="", db_default="")
    minutes_travel = models.FloatField("travel (min)", null=True, blank=True)
    minutes_work = models.FloatField("work (min)", null=True, blank=True)
    by_hand = models.BooleanField(
        default=False, db_default=False, editable=False,
        help_text="A person works on it: simulated crews leave it alone, and it needs photos.",
    )  # fmt: skip
    duplicate_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="duplicates")
    follows = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="followed_by", help_text="It could not complete."
    )

    objects = WorkOrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "charger", "cause"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="work_order_one_open_per_site_charger_cause",
            ),
            models.CheckConstraint(
                name="work_order_closed_when_ended",
                condition=Q(closed_at__isnull=False, state__in=ENDED_STATES)
                | (Q(closed_at__isnull=True) & ~Q(state__in=ENDED_STATES)),
            ),
            models.CheckConstraint(
                name="work_order_closes_after_opening",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
            models.CheckConstraint(
                name="work_order_on_hold_for_a_reason", condition=~Q(state="on_hold") | ~Q(hold_reason="")
            ),
            models.CheckConstraint(
                name="work_order_minutes_not_negative",
                condition=(Q(minutes_travel__isnull=True) | Q(minutes_travel__gte=0))
                & (Q(minutes_work__isnull=True) | Q(minutes_work__gte=0)),
            ),
        ]
        indexes = [models.Index(fields=["state", "changed_at"], name="work_order_open", condition=Q(closed_at=None))]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"WO-{1000 + self.pk}"

    @property
    def shown_state(self) -> State:
        """The state with its word, shape and colour."""
        return State(self.state)

    @property
    def shown_priority(self) -> Priority:
        """The priority with its word, shape and colour."""
        return Priority(self.priority)

    @property
    def due_local(self) -> datetime | None:
        """When it is due by the clock of its site."""
        return self.due_at and self.due_at.astimezone(ZoneInfo(self.site.time_zone or settings.DATA_TIME_ZONE))

    @property
    def repair(self) -> Repair | None:
        """The part, skill and minutes that its cause takes, or the likeliest one's; None where nothing is known."""
        diagnosis = self.incident.diagnosis
        return REPAIR_OF.get(self.cause) or (diagnosis.repair if diagnosis else None)

    def following(self, user) -> list[State]:
        """The states into which `user` may bring it, as far as the table of transitions goes."""
        return transitions.following(self.state, roles_of(user, self))

    def missing(self) -> list[str]:
        """What it lacks before it can be resolved, as sentences."""
        return missing([self]).get(self.pk, [])

    def move(
        self, to: str, *, by, expected_version: int | None = None, note: str = "", at: datetime | None = None,
        hold_reason: str = "", technician_id: int | None = None, duplicate_of: int | None = None,
        key: str | None = None,
    ) -> bool:  # fmt: skip
        """Bring this order into `to`, as `by` (None: the loop); it is as the database has it afterwards.

        Raises Overtaken if it is not at `expected_version` any more, and Refused with all that stands against it. A
        request with a `key` counts once: whoever sends it again gets False, and nothing happens.
        """
        at = at or timezone.now()
        with transaction.atomic():
            now = WorkOrder.objects.select_for_update(of=["self"]).select_related("technician").get(pk=self.pk)
            if key and WorkOrderChange.objects.filter(key=key).exists():
                self.refresh_from_db()
                return False
            if expected_version is not None and now.version != expected_version:
                raise Overtaken(now)
            problems = now._against(State(to), by, note, hold_reason, technician_id, duplicate_of)
            if problems:
                raise Refused(problems)
            details = {"technician_id": technician_id, "hold_reason": hold_reason, "duplicate_of": duplicate_of}
            if not WorkOrder.objects.move([self.pk], to, at, note, by, version=now.version, key=key, **details):
                raise Overtaken(now)
            if State(to) == State.COULD_NOT_COMPLETE:
                now._follow_up(at, by)
        self.refresh_from_db()
        return True

    def _against(self, to: State, by, note: str, hold_reason: str, technician_id, duplicate_of) -> list[str]:
        """All that stands against bringing it into `to`, as sentences."""
        refusal = transitions.refusal(self.state, to, roles_of(by, self))
        if refusal:
            return [refusal]
        problems = self.missing() if to in (State.RESOLVED, State.CLOSED) else []
        if to == State.ASSIGNED and not technician_id and not self.technician_id:
            problems.append("Choose a technician.")
        if to == State.ON_HOLD and hold_reason not in HoldReason.values:
            problems.append(f"Say what it waits for: {', '.join(HoldReason.values)}.")
        if to == State.DUPLICATE and duplicate_of in (None, self.pk):
            problems.append("Say of which other order it is a duplicate.")
        needs_why = (State.CANCELLED, State.COULD_NOT_COMPLETE, State.VERIFIED)
        if by is not None and to in needs_why and not note.strip():
            problems.append("Say why, in a note.")
        return problems

    def _follow_up(self, at: datetime, by) -> None:
        """The order that goes on where this one could not complete."""
        wanted = Wanted(
            self.site_id, self.charger_id, self.cause, self.incident.source, None, self.title,
            severity=self.incident.severity, reason=f"follows {self.number}", zone=self.site.time_zone,
            urgent=self.priority == Priority.URGENT, follows_id=self.pk, incident_id=self.incident_id,
        )  # fmt: skip
        WorkOrder.objects.open_orders([wanted], at, by)

    def use_parts(self, part_ids: list[int], at: datetime, by=None) -> None:
        """What was put aside of these parts has been used."""
        Stock.objects.consume([self.pk], at, by, self._needs(part_ids))

    def return_parts(self, part_ids: list[int], at: datetime, by=None) -> None:
        """These parts were not needed; what was put aside goes back."""
        Stock.objects.release([self.pk], at, by, self._needs(part_ids))

    def _needs(self, part_ids: list[int]) -> list[int]:
        return list(self.parts.filter(part__in=part_ids).values_list("pk", flat=True))

    def need_part(self, part_id: int, pieces: int, at: datetime, by=None) -> bool:
        """It takes so many pieces of a part more; False if they are neither in the van nor in the centre."""
        with transaction.atomic():
            need, made = OrderPart.objects.select_for_update().get_or_create(
                order=self, part_id=part_id, defaults={"proposed": pieces}
            )
            if not made:
                OrderPart.objects.filter(pk=need.pk).update(proposed=F("proposed") + pieces)
            return bool(Stock.objects.reserve([self.pk], at, by))
