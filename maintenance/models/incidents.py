from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import F, Q

from stations.access import ScopedQuerySet
from telemetry.models import Cause

from ..states import Severity
from . import incident_statements as statements

LONGEST_SNOOZE = timedelta(days=14)
PROVEN_AFTER = timedelta(hours=1)  # without a fault, where nobody has charged
FORGOTTEN_AFTER = timedelta(days=1)  # without a fault, where somebody has said that something is wrong and nobody since


class IncidentQuerySet(ScopedQuerySet):
    def open(self):
        return self.filter(closed_at__isnull=True)

    def awake(self, at: datetime):
        """Open ones that nobody has put off."""
        return self.open().exclude(snoozed_until__gt=at)

    def undecided(self, at: datetime):
        """What people outside have said and for which nobody is sent by itself: a desk decides."""
        told = (Incident.Source.DRIVER, Incident.Source.PARTNER, Incident.Source.PERSON)
        sent = self.model.objects.filter(work_orders__isnull=False, work_orders__closed_at=None).values("pk")
        return self.awake(at).filter(source__in=told).exclude(pk__in=sent)

    def open_for_outages(self, wanted: list["Opening"], at: datetime) -> list[int]:
        """Open an incident for each of `wanted` that has none open about the same, with its chargers under it."""
        if not wanted:
            return []
        members = [(number, charger) for number, each in enumerate(wanted, 1) for charger in each.members]
        columns = {
            "sites": [each.site_id for each in wanted],
            "chargers": [each.charger_id for each in wanted],
            "causes": [each.cause for each in wanted],
            "sources": [each.source for each in wanted],
            "severities": [each.severity for each in wanted],
            "reasons": [each.reason[:200] for each in wanted],
            "summaries": [each.summary[:200] for each in wanted],
            "diagnoses": [each.diagnosis_id for each in wanted],
            "member_numbers": [number for number, _ in members],
            "member_chargers": [charger for _, charger in members],
        }
        return _ids(statements.OPEN, {**columns, "at": at})

    @transaction.atomic
    def report(self, site, charger, problem, text: str, at: datetime, who: str) -> tuple["Incident", bool]:
        """What a partner says is wrong: said again of the incident that is open, or a new one; and whether it is new.

        `problem` has the label, cause and severity of a `DriverReport.Problem`.
        """
        about = Q(charger=charger) | Q(chargers=charger) if charger else Q(charger=None, cause=problem.cause)
        incident = self.open().filter(about, site=site).order_by("pk").first()
        is_new = incident is None
        if is_new:
            values = {"summary": f"{who}: {problem.label.lower()}"[:200], "severity": problem.severity}
            same = {"site": site, "charger": charger, "cause": problem.cause, "closed_at": None}
            incident, is_new = self.get_or_create(
                **same, defaults={**values, "source": Incident.Source.PARTNER, "opened_at": at}
            )
        incident._note(IncidentChange.Kind.REPORTED, f"{who}: {problem.label.lower()}. {text}".strip(), None, at)
        return incident, is_new

    def covered(self, charger_ids: list[int]) -> set[int]:
        """Those of the chargers that an open incident is about already."""
        return set(_ids(statements.COVERED, {"chargers": list(charger_ids)})) if charger_ids else set()

    def chargers_of_open(self) -> list[int]:
        """The chargers that open incidents are about, of themselves or under their site's."""
        return _ids(statements.CHARGERS_OF_OPEN, {})

    def need_an_order(self, charger_ids: list[int], at: datetime) -> list[tuple]:
        """Open incidents of these chargers, which are out, without an open order, as rows: id, site, charger, cause,
        source, severity, its reason, summary, diagnosis, chargers that are out. What a driver calls dangerous is among
        them, whatever its charger says.
        """
        with connection.cursor() as cursor:
            cursor.execute(statements.NEED_AN_ORDER, {"chargers": list(charger_ids), "at": at})
            return cursor.fetchall()

    def close_well_again(self, at: datetime) -> list[int]:
        """Close incidents that need nobody any more: the chargers work, and that is proven."""
        ids = _ids(
            statements.WELL_AGAIN, {"at": at, "well_since": at - PROVEN_AFTER, "silent_since": at - FORGOTTEN_AFTER}
        )
        return self.close(ids, at, "works again, and that is proven")

    def close(self, ids: list[int], at: datetime, note: str, by=None, kind: str = "closed") -> list[int]:
        """Close these, each with a row that says why; those that are closed already are left alone."""
        if not ids:
            return []
        values = {"ids": list(ids), "at": at, "kind": kind, "note": note[:300], "by": by and by.pk}
        return _ids(statements.CLOSE, values)


def _ids(statement: str, values: dict) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True)
class Opening:
    """An incident that is to be opened: of a charger, or of a site with `members` under it."""

    site_id: int
    charger_id: int | None
    cause: str
    source: str
    summary: str
    severity: str = Severity.MODERATE.value
    reason: str = ""
    diagnosis_id: int | None = None
    members: tuple[int, ...] = ()


class Incident(models.Model):
    """Something is wrong with a site or charger, or about to be."""

    class Source(models.TextChoices):
        PREDICTION = "prediction", "Prediction"
        STATUS = "status", "Status report"
        PERSON = "person", "Person"
        DRIVER = "driver", "Driver"
        PARTNER = "partner", "Partner"

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="incidents")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="incidents", null=True, blank=True)
    chargers = models.ManyToManyField(
        "stations.Charger", related_name="site_incidents", blank=True, help_text="Of an incident of the whole site."
    )
    cause = models.CharField(max_length=20, choices=Cause, default=Cause.UNKNOWN)
    source = models.CharField(max_length=12, choices=Source)
    severity = models.CharField(
        max_length=8, choices=Severity, default=Severity.MODERATE, db_default=Severity.MODERATE.value
    )
    severity_reason = models.CharField("why so severe", max_length=200, blank=True, default="", db_default="")
    risk = models.FloatField("risk when opened", null=True, blank=True)
    diagnosis = models.ForeignKey(
        "telemetry.Diagnosis", models.SET_NULL, null=True, blank=True, related_name="incidents",
        help_text="How sure the cause is, told from what, and what else it may be.",
    )  # fmt: skip
    summary = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged")
    closed_at = models.DateTimeField(null=True, blank=True)
    change_number = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="Grows with each change of any of them; kept by a trigger."
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "charger", "cause"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="incident_one_open_per_site_charger_cause",
            ),
            models.CheckConstraint(
                name="incident_closes_after_opening",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
            ),
            models.CheckConstraint(name="incident_not_merged_into_itself", condition=~Q(merged_into=F("pk"))),
            models.CheckConstraint(
                name="incident_snoozed_for_a_reason", condition=Q(snoozed_until__isnull=True) | ~Q(snooze_reason="")
            ),
        ]
        indexes = [
            models.Index(fields=["change_number"], name="incident_by_change"),
            models.Index(fields=["opened_at"], name="incident_by_opening"),
        ]

    def __str__(self) -> str:
        return f"{self.summary}"

    @cached_property
    def note(self):
        """The root-cause note that counts: the newest; None before there is one."""
        return self.notes.first()

    @transaction.atomic
    def acknowledge(self, by, at: datetime) -> bool:
        """Somebody has seen it; False if somebody had."""
        mine = Incident.objects.open().filter(pk=self.pk, acknowledged_at=None)
        if not mine.update(acknowledged_at=at, acknowledged_by=by):
            return False
        self._note(IncidentChange.Kind.ACKNOWLEDGED, "", by, at)
        return True

    @transaction.atomic
    def snooze(self, until: datetime, reason: str, by, at: datetime) -> None:
        """Put it off, for a reason: no order is opened for it until then. Raises ValidationError."""
        self.check_snooze(until, reason, at)
        Incident.objects.open().filter(pk=self.pk).update(snoozed_until=until, snooze_reason=reason[:200])
        there = until.astimezone(self.site.zone)
        self._note(IncidentChange.Kind.SNOOZED, f"until {there:%Y-%m-%d %H:%M %Z}: {reason}", by, at)

    @transaction.atomic
    def wake(self, by, at: datetime) -> None:
        """It need not wait any longer."""
        Incident.objects.filter(pk=self.pk).update(snoozed_until=None, snooze_reason="")
        self._note(IncidentChange.Kind.WOKEN, "", by, at)

    @staticmethod
    def check_snooze(until: datetime | None, reason: str, at: datetime) -> None:
        """Refuse to put anything off without a reason, or for too long. Raises ValidationError."""
        if not reason.strip():
            raise ValidationError({"snooze_reason": "Say why it can wait."})
        if until is None or not at < until <= at + LONGEST_SNOOZE:
            raise ValidationError({"snoozed_until": f"Choose a time within {LONGEST_SNOOZE.days} days."})

    @transaction.atomic
    def merge_into(self, other: "Incident", by, at: datetime) -> None:
        """It is the same as `other` of that site: what it is about is under that one now. Raises ValidationError."""
        # In the order of their ids, so that of two merges at once the second sees what the first has done.
        locked = {each.pk: each for each in Incident.objects.select_for_update(no_key=True).filter(
            pk__in=(self.pk, other.pk)).order_by("pk")}  # fmt: skip
        self.closed_at, other = locked[self.pk].closed_at, locked[other.pk]
        if other.pk == self.pk or other.site_id != self.site_id or other.closed_at or self.closed_at:
            raise ValidationError("Choose another open incident of the same site.")
        if self.work_orders.filter(closed_at=None).exists():
            raise ValidationError("An order about it is open: cancel that first, or call it a duplicate.")
        under = [*self.chargers.values_list("pk", flat=True), *([self.charger_id] if self.charger_id else [])]
        other.chargers.add(*[charger for charger in under if charger != other.charger_id])
        Incident.objects.filter(pk=self.pk).update(merged_into=other)
        Incident.objects.close([self.pk], at, f"merged into {other}", by, IncidentChange.Kind.MERGED)
        self.refresh_from_db()

    def _note(self, kind: str, text: str, by, at: datetime) -> None:
        self.refresh_from_db()
        IncidentChange.objects.create(incident=self, at=at, kind=kind, note=text[:300], by=by)


class IncidentChange(models.Model):
    """What happened to an incident: who, when, what, and why."""

    class Kind(models.TextChoices):
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        SNOOZED = "snoozed", "Snoozed"
        WOKEN = "woken", "Woken"
        MERGED = "merged", "Merged"
        REPORTED = "reported", "Reported again"
        CLOSED = "closed", "Closed"

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.note}" if self.note else self.get_kind_display()
