from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, Q

from stations.models.places import is_time_zone
from telemetry.risk.taxonomy import REPAIRS

KM_PER_DEGREE = 111.19  # of latitude; of longitude it shrinks with the cosine
DAYS_DRIVE_KM = 150
USUAL_SHIFT = timedelta(hours=8)
SKILLS = sorted({repair.skill for repair in REPAIRS})


def are_skills(skills) -> None:
    """Refuse what is no list of known skills."""
    unknown = [skill for skill in skills if skill not in SKILLS] if isinstance(skills, list) else [skills]
    if unknown:
        raise ValidationError(f'"{unknown[0]}" is no skill; give a list of some of {", ".join(SKILLS)}.')


class ServiceCentre(models.Model):
    """Where technicians start their day, and parts are kept."""

    name = models.CharField(max_length=100, unique=True)
    city = models.CharField(max_length=100, blank=True, db_default="")
    latitude = models.FloatField(validators=[MinValueValidator(-90), MaxValueValidator(90)])
    longitude = models.FloatField(validators=[MinValueValidator(-180), MaxValueValidator(180)])
    time_zone = models.CharField(
        max_length=40, default="UTC", db_default="UTC", validators=[is_time_zone], help_text="In which shifts are told."
    )
    hourly_cost = models.DecimalField(
        "cost of an hour", max_digits=7, decimal_places=2, default=85, db_default=85, help_text="Of work and travel."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="service_centre_is_on_the_globe",
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
            )
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TechnicianQuerySet(models.QuerySet):
    def nearest_to(
        self, latitudes: np.ndarray, longitudes: np.ndarray, skills: list[str] | None = None, at: datetime | None = None
    ) -> list[int | None]:
        """For each place (degrees, nan where unknown) the technician to send.

        Of those within a day's drive who has the skill it takes ("": none) comes first, then who is on shift `at`, then
        the nearest centre, then the least busy. Those sent count as busier at once, so that many orders of one moment
        spread over a centre's people.
        """
        people = list(
            self.select_related("centre")
            .annotate(busy=Count("work_orders", filter=Q(work_orders__closed_at__isnull=True)))
            .order_by("code")
        )
        if not people:
            return [None] * len(latitudes)
        busy = np.array([person.busy for person in people], float)
        off_shift = np.array([at is not None and not person.is_on_shift(at) for person in people])
        able = {skill: np.array([person.can(skill) for person in people]) for skill in {*(skills or []), ""}}
        chosen: list[int | None] = []
        for latitude, longitude, skill in zip(latitudes, longitudes, skills or [""] * len(latitudes), strict=True):
            if not np.isfinite(latitude):
                chosen.append(None)
                continue
            away = _km_away(people, latitude, longitude)
            place = np.lexsort((busy, away, off_shift, ~able[skill], away > DAYS_DRIVE_KM))[0]
            busy[place] += 1
            chosen.append(people[place].pk)
        return chosen


def _km_away(people: list["Technician"], latitude: float, longitude: float) -> np.ndarray:
    centres = np.array([(person.centre.latitude, person.centre.longitude) for person in people])
    north = (centres[:, 0] - latitude) * KM_PER_DEGREE
    east = (centres[:, 1] - longitude) * KM_PER_DEGREE * np.cos(np.radians(latitude))
    return np.round(np.hypot(north, east), 1)


class Technician(models.Model):
    """A person who repairs chargers; `code` is the name the plans use."""

    code = models.CharField(max_length=50, unique=True)
    centre = models.ForeignKey(ServiceCentre, models.PROTECT, related_name="technicians")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="technician"
    )
    skills = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        validators=[are_skills],
        help_text=f"Some of {', '.join(SKILLS)}; empty: anything.",
    )
    region = models.CharField(max_length=100, blank=True, db_default="", help_text="Where he or she works.")
    shift_start = models.TimeField(null=True, blank=True, help_text="In the centre's time zone; empty: always.")
    shift_end = models.TimeField(null=True, blank=True)
    works_weekends = models.BooleanField(default=False, db_default=False)

    objects = TechnicianQuerySet.as_manager()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code

    def can(self, skill: str) -> bool:
        """Whether he or she can do what takes this skill ("": nothing special)."""
        return not skill or not self.skills or skill in self.skills

    def is_on_shift(self, at: datetime) -> bool:
        """Whether this is working time; a shift may pass midnight."""
        if self.shift_start is None or self.shift_end is None:
            return True
        local = at.astimezone(ZoneInfo(self.centre.time_zone))
        if local.weekday() >= 5 and not self.works_weekends:
            return False
        if self.shift_start <= self.shift_end:
            return self.shift_start <= local.time() < self.shift_end
        return local.time() >= self.shift_start or local.time() < self.shift_end

    def next_shift(self, at: datetime) -> tuple[datetime, datetime]:
        """From when to when he or she works next, from `at` on; without a shift, the next eight hours."""
        if self.shift_start is None or self.shift_end is None:
            return at, at + USUAL_SHIFT
        zone = ZoneInfo(self.centre.time_zone)
        yesterday = at.astimezone(zone).date() - timedelta(days=1)
        for day in (yesterday + timedelta(days=number) for number in range(9)):  # a shift may have begun yesterday
            begins = datetime.combine(day, self.shift_start, zone)
            ends = datetime.combine(day, self.shift_end, zone)
            ends += timedelta(days=self.shift_end <= self.shift_start)
            if ends > at and (self.works_weekends or day.weekday() < 5):
                return max(begins.astimezone(UTC), at), ends.astimezone(UTC)
        raise AssertionError("a week without a working day")
