import re
from datetime import datetime

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from telemetry.models import Cause
from telemetry.risk.taxonomy import REPAIR_OF, Repair

from .. import transitions
from ..states import ENDED_STATES, Action, HoldReason, Priority, State
from .closing import missing
from .opening import Wanted
from .orders_at_once import WorkOrderQuerySet
from .parts import OrderPart, Stock
from .steps import Overtaken, Refused, WorkOrderChange, roles_of

BEFORE_FIRST = 1000  # so that a number is told from a count


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
    late_told_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="That it is late.")
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
    change_number = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Grows with each change of any of them; kept by a trigger."
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
        indexes = [
            models.Index(fields=["state", "changed_at"], name="work_order_open", condition=Q(closed_at=None)),
            models.Index(fields=["change_number"], name="workorder_by_change"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"WO-{BEFORE_FIRST + self.pk}"

    @staticmethod
    def pk_of(number: str) -> int | None:
        """The key of the order that people call by `number`: WO-1017, #1017 or 1017; None for anything else."""
        digits = number.strip().upper().removeprefix("WO-").removeprefix("#")
        return int(digits) - BEFORE_FIRST if re.fullmatch("[0-9]{4,15}", digits) else None

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
        return self.due_at and self.due_at.astimezone(self.site.zone)

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
            now = WorkOrder.objects.locked([self.pk, duplicate_of])[self.pk]
            if key and WorkOrderChange.objects.filter(key=key, order=self).exists():
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
        if to == State.DUPLICATE and not WorkOrder.objects.twins_of(duplicate_of).filter(pk=self.pk).exists():
            problems.append("Choose the other order, of the same site and still open, with which it is one.")
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
