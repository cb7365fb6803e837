from django.db import models

from stations.access import ScopedQuerySet


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

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="driver_reports")
    charger = models.ForeignKey(
        "stations.Charger", models.PROTECT, null=True, blank=True, related_name="driver_reports"
    )
    incident = models.ForeignKey("maintenance.Incident", models.CASCADE, related_name="driver_reports")
    problem = models.CharField(max_length=16, choices=Problem)
    text = models.CharField(max_length=300, blank=True)
    status = models.CharField("the charger said", max_length=11, blank=True)
    at = models.DateTimeField()

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_problem_display()}: {self.text}" if self.text else self.get_problem_display()
