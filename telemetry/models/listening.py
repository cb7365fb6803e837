"""Whether reports of chargers can come in at all: silence while nobody listens says nothing about a charger."""

from django.db import connection, models

EVERY_SECONDS = 5  # that a web process notes that it listens
DEAF_SECONDS = 20  # without a note, after which nobody listens

NOTE = """
INSERT INTO telemetry_listening (id, since, noted_at) SELECT 1, now, now FROM clock_timestamp() AS now
ON CONFLICT (id) DO UPDATE SET noted_at = excluded.noted_at, since = CASE
    WHEN telemetry_listening.noted_at < excluded.noted_at - %s * interval '1 second' THEN excluded.since
    ELSE telemetry_listening.since END
"""


class ListeningQuerySet(models.QuerySet):
    def note(self) -> None:
        """A web process is there and reaches the database; after a gap it listens from now on."""
        with connection.cursor() as cursor:
            cursor.execute(NOTE, [DEAF_SECONDS])


class Listening(models.Model):
    """Since when somebody has listened without a gap; the one row is written by every web process."""

    since = models.DateTimeField()
    noted_at = models.DateTimeField()

    objects = ListeningQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "listening"
        constraints = [models.CheckConstraint(name="listening_is_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"since {self.since}"
