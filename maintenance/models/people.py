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
    def with_memberships(self):
        """With all that it takes to say whose orders they may see."""
        return self.select_related("centre", "user").prefetch_related("user__memberships")

    def for_operators(self, operator_ids):
        """Those who may go to some of these operators (ids); None: to any. See `Technician.may_go_to`."""
        if operator_ids is None:
            return self.filter(Q(user=None) | Q(user__is_active=True))
        own = Q(user__is_active=True, user__memberships__operator__in=operator_ids)
        return self.filter(Q(user=None) | Q(user__is_superuser=True) | own).distinct()

    def nearest_to(
        self, latitudes: np.ndarray, longitudes: np.ndarray, skills: list[str] | None = None,
        at: datetime | None = None, operators: list[int] | None = None, not_to: list[set[int]] | None = None,
    ) -> list[int | None]:  # fmt: skip
        """For each place (degrees, nan where unknown) the technician to send.

        Of those within a day's drive who has the skill it takes ("": none) comes first, then who is on shift `at`, then
        the nearest centre, then the least busy. Those sent count as busier at once, so that many orders of one moment
        spread over a centre's people. Nobody goes who may not see the orders of the place's operator (ids), nor whom
        the place is `not_to` (ids).
        """
        people = list(
            self.with_memberships()
            .annotate(busy=Count("work_orders", filter=Q(work_orders__closed_at__isnull=True)))
            .order_by("code")
        )
        if not people:
            return [None] * len(latitudes)
        busy = np.array([person.busy for person in people], float)
        off_shift = np.array([at is not None and not person.is_on_shift(at) for person in people])
        able = {skill: np.array([person.can(skill) for person in people]) for skill in {*(skills or []), ""}}
        may = _who_may_go(people, operators)
        chosen: list[int | None] = []
        every = len(latitudes)
        skills, operators, not_to = skills or [""] * every, operators or [None] * every, not_to or [set()] * every
        about = zip(latitudes, longitudes, skills, operators, not_to, strict=True)
        for latitude, longitude, skill, operator, others in about:
            may_go = may[operator] & np.array([person.pk not in others for person in people])
            if not np.isfinite(latitude) or not may_go.any():
                chosen.append(None)
                continue
            away = _km_away(people, latitude, longitude)
            place = np.lexsort((busy, away, off_shift, ~able[skill], away > DAYS_DRIVE_KM, ~may_go))[0]
            busy[place] += 1
            chosen.append(people[place].pk)
        return chosen


def _who_may_go(people: list["Technician"], operators: list[int] | None) -> dict[int | None, np.ndarray]:
    """Operator -> who may see its orders; None: all, where nobody says of which operator a place is."""
    may = {operator: np.array([one.may_go_to(operator) for one in people]) for operator in set(operators or [])}
    return {**may, None: np.ones(len(people), bool)}


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

    def clean(self) -> None:
        self.skills = self.skills or []  # because an empty box is no list

    def may_go_to(self, operator_id: int) -> bool:
        """Whether he or she may see the orders of an operator; who has no account sees no pages, and is told."""
        if self.user is None or self.user.is_superuser:
            return True
        return self.user.is_active and operator_id in {each.operator_id for each in self.user.memberships.all()}

    def can(self, skill: str) -> bool:
        """Whether he or she can do what takes this skill ("": nothing special)."""
        return not skill or not self.skills or skill in self.skills

    def is_on_shift(self, at: datetime) -> bool:
        """Whether this is working time; a shift may pass midnight, and is of the day on which it begins."""
        begins, ends = self.next_shift(at)
        return begins <= at < ends

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
