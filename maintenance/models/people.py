import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import Count, Q

KM_PER_DEGREE = 111.19  # of latitude; of longitude it shrinks with the cosine


class ServiceCentre(models.Model):
    """Where technicians start their day."""

    name = models.CharField(max_length=100, unique=True)
    latitude = models.FloatField()
    longitude = models.FloatField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TechnicianQuerySet(models.QuerySet):
    def nearest_to(self, latitudes: np.ndarray, longitudes: np.ndarray) -> list[int | None]:
        """For each place (degrees, nan where unknown) the technician to send: of the nearest centre, the least busy.

        Those sent count as busier at once, so that many orders of one moment spread over a centre's technicians.
        """
        people = list(
            self.annotate(busy=Count("work_orders", filter=Q(work_orders__closed_at__isnull=True)))
            .order_by("code")
            .values_list("pk", "busy", "centre__latitude", "centre__longitude")
        )
        if not people:
            return [None] * len(latitudes)
        ids, busy, centre_latitudes, centre_longitudes = map(np.array, zip(*people, strict=True))
        busy = busy.astype(float)
        chosen: list[int | None] = []
        for latitude, longitude in zip(latitudes, longitudes, strict=True):
            if not np.isfinite(latitude):
                chosen.append(None)
                continue
            north = (centre_latitudes - latitude) * KM_PER_DEGREE
            east = (centre_longitudes - longitude) * KM_PER_DEGREE * np.cos(np.radians(latitude))
            away = np.round(np.hypot(north, east), 1)
            place = np.lexsort((busy, away))[0]
            busy[place] += 1
            chosen.append(int(ids[place]))
        return chosen


class Technician(models.Model):
    """A person who repairs chargers; `code` is the name the plans use."""

    code = models.CharField(max_length=50, unique=True)
    centre = models.ForeignKey(ServiceCentre, models.PROTECT, related_name="technicians")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="technician"
    )

    objects = TechnicianQuerySet.as_manager()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code
