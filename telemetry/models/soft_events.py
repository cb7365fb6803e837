"""What chargers let slip without stopping: counts per half-hour, kept only where there were any."""

import numpy as np
from django.db import connection, models
from django.db.models import Q

from stations.access import ScopedQuerySet

from .recording import utc_times

COUNTS = ("missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries")
# The counts of a half-hour replace what was known of it, so that the same file or message twice changes nothing.
MERGE = """
INSERT INTO telemetry_softevents AS known
    (charger_id, at, missed_heartbeats, soft_trips, power_dips, reboots, retries)
SELECT DISTINCT ON (charger_id, at) charger_id, at, missed_heartbeats, soft_trips, power_dips, reboots, retries
FROM {source} ORDER BY charger_id, at, position DESC
ON CONFLICT (charger_id, at) DO UPDATE SET missed_heartbeats = excluded.missed_heartbeats,
    soft_trips = excluded.soft_trips, power_dips = excluded.power_dips, reboots = excluded.reboots,
    retries = excluded.retries
WHERE (known.missed_heartbeats, known.soft_trips, known.power_dips, known.reboots, known.retries) IS DISTINCT FROM
    (excluded.missed_heartbeats, excluded.soft_trips, excluded.power_dips, excluded.reboots, excluded.retries)
"""
BATCH = """
unnest(%(chargers)s::bigint[], %(at)s::timestamptz[], %(missed_heartbeats)s::smallint[], %(soft_trips)s::smallint[],
    %(power_dips)s::smallint[], %(reboots)s::smallint[], %(retries)s::smallint[]) WITH ORDINALITY
    AS batch (charger_id, at, missed_heartbeats, soft_trips, power_dips, reboots, retries, position)
"""
STAGED = '(SELECT *, ctid AS position FROM "{table}") AS batch'


class SoftEventsQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def record(self, charger_ids, at, counts: np.ndarray) -> int:
        """Record counts of shape (5, n), in the order of COUNTS; return how many rows are new or different.

        `at` are the starts of the half-hours: aware datetimes, or datetime64 in UTC.
        Only what is above 0 is worth a row.
        """
        if len(charger_ids) == 0:
            return 0
        batch = {"chargers": [int(charger) for charger in charger_ids], "at": utc_times(at)}
        batch |= {name: np.asarray(column).tolist() for name, column in zip(COUNTS, counts, strict=True)}
        if {len(column) for column in batch.values()} != {len(charger_ids)}:
            raise ValueError("the columns of the soft events are not of equal length")
        with connection.cursor() as cursor:
            cursor.execute(MERGE.format(source=BATCH), batch)
            return cursor.rowcount

    def record_staged(self, cursor, table: str) -> int:
        """The same for the rows of a staging table: charger_id bigint, at timestamptz and COUNTS, all smallint."""
        cursor.execute(MERGE.format(source=STAGED.format(table=table)))
        return cursor.rowcount


class SoftEvents(models.Model):
    """What a charger let slip in a half-hour. Rows come in through `SoftEvents.objects.record` alone."""

    charger = models.ForeignKey("stations.Charger", models.CASCADE, related_name="soft_events", db_index=False)
    at = models.DateTimeField("half-hour from", db_index=True)
    missed_heartbeats = models.SmallIntegerField(default=0)
    soft_trips = models.SmallIntegerField(default=0)
    power_dips = models.SmallIntegerField(default=0)
    reboots = models.SmallIntegerField(default=0)
    retries = models.SmallIntegerField(default=0)

    objects = SoftEventsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "soft events"
        constraints = [
            models.UniqueConstraint(fields=["charger", "at"], name="soft_events_once_per_charger_and_half_hour"),
            models.CheckConstraint(
                name="soft_events_not_negative",
                condition=Q(
                    missed_heartbeats__gte=0, soft_trips__gte=0, power_dips__gte=0, reboots__gte=0, retries__gte=0
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} at {self.at:%Y-%m-%d %H:%M}"
