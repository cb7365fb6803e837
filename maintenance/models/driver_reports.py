from datetime import datetime

from django.db import IntegrityError, models, transaction
from django.db.models import Q

from stations.access import ScopedQuerySet
from stations.models import FleetEvent
from telemetry.models import Cause

from ..states import Priority, Severity
from .incidents import Incident, IncidentChange
from .work_orders import WorkOrder


class DriverReportQuerySet(ScopedQuerySet):
    @transaction.atomic
    def file(self, site, charger, problem: str, text: str, at: datetime) -> "DriverReport":
        """Keep what a driver says of a site, or of one charger of it: with the incident that is open, or a new one.

        What is dangerous is told on the board, makes the incident critical, and an order about it urgent; the next tick
        opens one where there is none.
        """
        problem = DriverReport.Problem(problem)
        incident = self._open_incident(site, charger) or self._new_incident(site, charger, problem, at)
        state = getattr(charger, "state", None)
        report = self.create(
            site=site, charger=charger, incident=incident, problem=problem, text=text[:300], at=at,
            status=state.status if state else "",
        )  # fmt: skip
        kind = IncidentChange.Kind.REPORTED
        IncidentChange.objects.create(incident=incident, at=at, kind=kind, note=f"a driver: {report}"[:300])
        if problem == DriverReport.Problem.DANGER:
            self.call_dangerous(incident, "a driver", str(report), at)
        return report

    @transaction.atomic
    def call_dangerous(self, incident: Incident, who: str, said: str, at: datetime) -> None:
        """`who` says that it is dangerous: told on the board, critical, awake, and an order about it urgent."""
        why = f"{who} says that it is dangerous"[:200]
        changed = {"severity": Severity.CRITICAL, "severity_reason": why, "snoozed_until": None, "snooze_reason": ""}
        was_asleep = Incident.objects.filter(pk=incident.pk, snoozed_until__gt=at).exists()
        Incident.objects.filter(pk=incident.pk).update(**changed)
        if was_asleep:
            IncidentChange.objects.create(incident=incident, at=at, kind=IncidentChange.Kind.WOKEN, note=why[:300])
        about_it = Q(incident=incident) | Q(site=incident.site_id, charger=incident.charger_id)
        orders = list(WorkOrder.objects.open().filter(about_it).values_list("pk", flat=True))
        WorkOrder.objects.change(orders, "priority", Priority.URGENT, at, why)
        about = {"site": incident.site, "operator_id": incident.site.operator_id}
        told = f"{who} at {incident.charger or incident.site}: {said}"[:300]
        FleetEvent.objects.add([FleetEvent(at=at, kind=FleetEvent.Kind.DANGER_REPORTED, message=told, **about)])

    def _open_incident(self, site, charger):
        about = Q(charger=charger) | Q(chargers=charger) if charger else Q(charger=None, source=Incident.Source.DRIVER)
        return Incident.objects.open().filter(about, site=site).order_by("pk").first()

    def _new_incident(self, site, charger, problem, at):
        values = {
            "source": Incident.Source.DRIVER,
            "summary": f"A driver: {problem.label.lower()}",
            "severity": problem.severity,
            "opened_at": at,
        }
        same = {"site": site, "charger": charger, "cause": problem.cause}
        try:
            with transaction.atomic():
                return Incident.objects.create(**same, **values)
        except IntegrityError:  # somebody was faster
            return Incident.objects.open().get(**same)


class DriverReport(models.Model):
    """What a driver says is wrong; nothing about the driver is kept."""

    class Problem(models.TextChoices):
        DOES_NOT_START = "does_not_start", "Charging does not start"
        STOPS = "stops", "Charging stops by itself"
        SLOW = "slow", "Charging is slow"
        PAYMENT = "payment", "Payment or card reader does not work"
        CABLE = "cable", "Cable or connector is damaged or stuck"
        SCREEN = "screen", "Screen is dark or wrong"
        DANGER = "danger", "Something is dangerous: smoke, heat, bare wires"
        OTHER = "other", "Something else"

        @property
        def cause(self) -> str:
            """The root cause that it speaks for."""
            told = {"payment": Cause.PAYMENT_AUTH, "cable": Cause.CONNECTOR_CABLE, "screen": Cause.HMI_DISPLAY}
            return told.get(self.value, Cause.UNKNOWN).value

        @property
        def severity(self) -> Severity:
            worse = {"danger": Severity.CRITICAL, "cable": Severity.MAJOR, "slow": Severity.MINOR}
            return worse.get(self.value, Severity.MODERATE)

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="driver_reports")
    charger = models.ForeignKey(
        "stations.Charger", models.PROTECT, null=True, blank=True, related_name="driver_reports"
    )
    incident = models.ForeignKey("maintenance.Incident", models.CASCADE, related_name="driver_reports")
    problem = models.CharField(max_length=16, choices=Problem)
    text = models.CharField(max_length=300, blank=True)
    status = models.CharField("the charger said", max_length=11, blank=True)
    at = models.DateTimeField()

    objects = DriverReportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_problem_display()}: {self.text}" if self.text else self.get_problem_display()
