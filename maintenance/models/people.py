from django.conf import settings
from django.db import models


class ServiceCentre(models.Model):
    """Where technicians start their day."""

    name = models.CharField(max_length=100, unique=True)
    latitude = models.FloatField()
    longitude = models.FloatField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Technician(models.Model):
    """A person who repairs chargers; `code` is the name the plans use."""

    code = models.CharField(max_length=50, unique=True)
    centre = models.ForeignKey(ServiceCentre, models.PROTECT, related_name="technicians")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="technician"
    )

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code
