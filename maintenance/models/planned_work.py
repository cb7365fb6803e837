"""Maintenance that is planned: it comes round, takes chargers out of service for its time, and counts as planned."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import F, Q

from stations.access import ScopedQuerySet

from ..recurrence import occurrences

LAID_OUT_FOR = timedelta(days=400)  # ahead; the nightly task goes on
# Chargers of spells: those that are named, or all of the site where none is.
_CHARGERS = """
SELECT spell.id, charger.id, state.status, state.since FROM maintenance_plannedspell spell
JOIN maintenance_plannedwork work ON work.id = spell.work_id
JOIN stations_charger charger ON charger.site_id = work.site_id
JOIN telemetry_chargerstate state ON state.charger_id = charger.id
WHERE spell.id = ANY(%s) AND (
    charger.id IN (SELECT charger_id FROM maintenance_plannedwork_chargers WHERE plannedwork_id = work.id)
    OR NOT EXISTS (SELECT 1 FROM maintenance_plannedwork_chargers WHERE plannedwork_id = work.id))
ORDER BY charger.id
"""


class PlannedWork(models.Model):
    """What is to be done at a site, when it begins for the first time, and how often it comes round."""

    class Repeats(models.TextChoices):
        ONCE = "", "Once"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"
        QUARTERLY = "quarterly", "Every three months"
        YEARLY = "yearly", "Every year"

    site = models.ForeignKey("stations.Site", models.PROTECT, related_name="planned_work")
    chargers = models.ManyToManyField(
        "stations.Charger", blank=True, related_name="planned_work", help_text="None: all of the site."
    )
    title = models.CharField(max_length=200)
    first_at = models.DateTimeField("first time", help_text="UTC; it comes round at this hour of the site's own clock.")
    minutes = models.PositiveIntegerField(
        "lasts (min)", default=120, validators=[MinValueValidator(5), MaxValueValidator(7 * 24 * 60)]
    )
    repeats = models.CharField(max_length=9, choices=Repeats, blank=True, default=Repeats.ONCE)
    ends_on = models.DateField("last day", null=True, blank=True, help_text="Empty: it goes on.")
    technician = models.ForeignKey("maintenance.Technician", models.SET_NULL, null=True, blank=True, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["first_at"]
        verbose_name_plural = "planned work"

    def __str__(self) -> str:
        return f"{self.title} at {self.site.name}"

    def lay_out(self, at: datetime) -> None:
        """Write its times from `at` on for a year ahead, and forget those to come that it no longer has."""
        until = at + LAID_OUT_FOR
        zone = self.site.time_zone or settings.DATA_TIME_ZONE
        times = {
            begins
            for begins in occurrences(self.first_at, self.repeats, until, zone)
            if self.ends_on is None or begins.astimezone(ZoneInfo(zone)).date() <= self.ends_on
        }
        lasts = timedelta(minutes=self.minutes)
        coming = self.spells.filter(state=PlannedSpell.State.PLANNED, starts_at__gt=at)
        coming.exclude(starts_at__in=times).delete()
        coming.update(ends_at=F("starts_at") + lasts)
        new = [
            PlannedSpell(work=self, starts_at=begins, ends_at=begins + lasts) for begins in times if begins + lasts > at
        ]
        PlannedSpell.objects.bulk_create(new, ignore_conflicts=True)


class PlannedSpellQuerySet(ScopedQuerySet):
    operator_path = "work__site__operator"

    def carry_on(self, at: datetime) -> tuple[list["PlannedSpell"], list["PlannedSpell"]]:
        """Begin and end what is due; returns the spells that are under way, and those that have ended now.

        Those that were missed altogether are done, and in neither. One query where nothing is due.
        """
        state = PlannedSpell.State
        due = Q(state=state.PLANNED, starts_at__lte=at) | Q(state=state.RUNNING)
        spells = list(self.filter(due).select_related("work__site").order_by("pk"))
        running = [spell for spell in spells if spell.ends_at > at]
        over = [spell for spell in spells if spell.ends_at <= at]
        for now, of in (
            (state.RUNNING, [spell for spell in running if spell.state == state.PLANNED]),
            (state.DONE, over),
        ):
            if of:
                self.filter(pk__in=[spell.pk for spell in of]).update(state=now)
        return running, [spell for spell in over if spell.state == state.RUNNING]

    def chargers_of(self, spells: list["PlannedSpell"]) -> list[tuple["PlannedSpell", int, str, datetime | None]]:
        """Each spell's chargers (id), with what they say and since when; one statement for all."""
        if not spells:
            return []
        by_id = {spell.pk: spell for spell in spells}
        with connection.cursor() as cursor:
            cursor.execute(_CHARGERS, [list(by_id)])
            return [(by_id[spell], *row) for spell, *row in cursor.fetchall()]


class PlannedSpell(models.Model):
    """One time at which planned work is done."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Under way"
        DONE = "done", "Done"
        CALLED_OFF = "called_off", "Called off"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"planned": "in-use", "running": "watch", "done": "available", "called_off": "offline"}[self.value]

        @property
        def shape(self) -> str:
            return {"planned": "■", "running": "◆", "done": "●", "called_off": "○"}[self.value]

    work = models.ForeignKey(PlannedWork, models.CASCADE, related_name="spells")
    starts_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)

    objects = PlannedSpellQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["work", "starts_at"], name="planned_spell_once_per_work_and_time"),
            models.CheckConstraint(name="planned_spell_ends_after_start", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [models.Index(fields=["state", "starts_at"], name="planned_spell_by_state")]

    def __str__(self) -> str:
        return f"{self.work} on {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def shown_state(self) -> State:
        """The state with its word, shape and colour."""
        return self.State(self.state)

    @property
    def evidence(self) -> str:
        """What shows that an outage in it was planned."""
        return f"planned work {self.work_id}: {self.work.title}"[:200]
