"""The beat of the live network."""

from datetime import UTC, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Now

from ..simulation import fleet_memory
from ..simulation.live import Memory

SLOT_SECONDS = 10
SET_BACK = "the newest tick lies in the future: the database's clock was set back"


def slot_of(at: datetime) -> int:
    """The slot that `at` falls into."""
    return int(at.timestamp()) // SLOT_SECONDS


def lies_in_future(age: float) -> bool:
    """Whether a tick of this age (s) was done before the clock was set back; small corrections of it are none."""
    return age < -SLOT_SECONDS


def slot_start(at: datetime) -> datetime:
    """The beginning of the slot that `at` falls into: the time that everything its tick writes carries."""
    return datetime.fromtimestamp(slot_of(at) * SLOT_SECONDS, UTC)


class TickQuerySet(models.QuerySet):
    def last_finished(self) -> "Tick | None":
        """The tick that finished last, with its `age` by the database's clock; None before the first."""
        ended = self.filter(finished_at__isnull=False).annotate(age=Now() - F("finished_at"))
        return ended.order_by("-finished_at").first()

    def claim(self, at: datetime):
        """The tick of the slot that `at` falls into, or None when somebody else has claimed it already.

        A slot that was done before the clock was set back stays done, because what was written of it is history.
        """
        slot = slot_of(at)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO telemetry_tick (slot, started_at, sites, version, scorer, milliseconds)"
                " VALUES (%s, clock_timestamp(), 0, 0, '', '{}') ON CONFLICT (slot) DO NOTHING"
                " RETURNING id, started_at",
                [slot],
            )
            row = cursor.fetchone()
        return row and self.model(pk=row[0], slot=slot, started_at=row[1])


class Tick(models.Model):
    """One beat of the network. Whoever inserts the slot does its work; everyone else finds the row and leaves."""

    slot = models.BigIntegerField(unique=True, help_text="floor(epoch seconds / 10)")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)
    sites = models.IntegerField(default=0)
    version = models.BigIntegerField(default=0)
    scorer = models.CharField(max_length=50, blank=True)
    warning = models.CharField(
        max_length=300,
        blank=True,
        default="",
        db_default="",
        help_text="What is wrong with the model that should score.",
    )
    milliseconds = models.JSONField(default=dict, blank=True, help_text="How long each phase took.")

    objects = TickQuerySet.as_manager()

    class Meta:
        ordering = ["-slot"]

    def __str__(self) -> str:
        return f"tick {self.slot}"

    @property
    def at(self) -> datetime:
        """The beginning of the slot: the time that everything this tick writes carries."""
        return datetime.fromtimestamp(self.slot * SLOT_SECONDS, UTC)


class SiteOverrideQuerySet(models.QuerySet):
    def hold(self, site_id: int, at: datetime, lasts: timedelta, by=None) -> "SiteOverride":
        """Hold a site from the beginning of the slot of `at` on.

        Whole slots, because the tick of this slot may come later than `at` and still carries the slot's beginning.
        """
        self.end(site_id, at)
        start = slot_start(at)
        return self.create(site_id=site_id, starts_at=start, ends_at=start + lasts, by=by)

    def end(self, site_id: int, at: datetime) -> int:
        """End what holds a site, as from the beginning of the slot of `at`; returns how many overrides that was."""
        end = slot_start(at)
        return self.filter(site_id=site_id, starts_at__lte=end, ends_at__gt=end).update(ends_at=end)


class SiteOverride(models.Model):
    """Somebody holds a simulated site under stress until a time; the tick obeys."""

    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = SiteOverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="override_ends_after_start", condition=Q(ends_at__gte=F("starts_at")))
        ]
        indexes = [models.Index(fields=["ends_at"], name="override_by_end")]

    def __str__(self) -> str:
        return f"stress at {self.site_id}"


class WorldStateQuerySet(models.QuerySet):
    def remembered(self, shard: int = 0) -> tuple[Memory, np.ndarray]:
        """What the world remembered of sites and of chargers after its last step; nothing at first."""
        return self.remembered_at(shard)[:2]

    def remembered_at(self, shard: int = 0) -> tuple[Memory, np.ndarray, int | None]:
        """The same, and the second since 1970 at which the slot of that step began; None before the first."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT blob, fleet, slot FROM telemetry_worldstate WHERE shard = %s", [shard])
            sites, fleet, slot = cursor.fetchone() or (b"", b"", None)
        second = None if slot is None else slot * SLOT_SECONDS
        return Memory.from_bytes(bytes(sites)), fleet_memory.from_bytes(bytes(fleet)), second

    def remember(self, memory: Memory, fleet: np.ndarray, slot: int, shard: int = 0) -> None:
        """Keep both for the next step."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO telemetry_worldstate (shard, slot, blob, fleet) VALUES (%b, %b, %b, %b)"
                " ON CONFLICT (shard) DO UPDATE SET slot = excluded.slot, blob = excluded.blob, fleet = excluded.fleet",
                [shard, slot, memory.to_bytes(), fleet_memory.to_bytes(fleet)],
            )


class WorldState(models.Model):
    """What the simulated world remembers between ticks. Nothing that scores may read it."""

    shard = models.IntegerField(unique=True)
    slot = models.BigIntegerField()
    blob = models.BinaryField("sites")
    fleet = models.BinaryField("chargers", default=b"", db_default=b"")

    objects = WorldStateQuerySet.as_manager()

    def __str__(self) -> str:
        return f"world shard {self.shard} at {self.slot}"
