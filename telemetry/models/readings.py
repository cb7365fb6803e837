"""What was measured at a site: half-hours kept for good, ten-second readings kept for a while."""

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q

from stations.access import ScopedQuerySet


class SiteStatus(models.IntegerChoices):
    """The data set's `station_status`; numbers, because millions of rows carry it."""

    OPERATIONAL = 0, "operational"
    PARTIAL_OUTAGE = 1, "partial_outage"
    UNDER_MAINTENANCE = 2, "under_maintenance"
    OFFLINE = 3, "offline"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        return ("available", "watch", "watch", "offline")[self.value]

    @property
    def shape(self) -> str:
        return ("●", "◆", "◆", "○")[self.value]


class Weather(models.IntegerChoices):
    CLEAR = 0, "clear"
    PARTLY_CLOUDY = 1, "partly_cloudy"
    CLOUDY = 2, "cloudy"
    LIGHT_RAIN = 3, "light_rain"
    HEAVY_RAIN = 4, "heavy_rain"
    EXTREME_HEAT = 5, "extreme_heat"
    FREEZING = 6, "freezing"


class LocalEvent(models.IntegerChoices):
    NONE = 0, "none"
    CONCERT = 1, "concert"
    SPORTS_GAME = 2, "sports_game"
    CONFERENCE = 3, "conference"
    FESTIVAL = 4, "festival"


_INGESTED = (
    "ports_available", "ports_occupied", "ports_out_of_service", "utilization", "status", "wait_minutes",
    "session_minutes", "price", "temperature_f", "precipitation_mm", "weather", "gas_price", "traffic_index",
    "local_event",
)  # fmt: skip
# Of two for the same site and half-hour the later one counts; what changes nothing is not written.
_RECORD = f"""
INSERT INTO telemetry_reading AS known (site_id, at, ports_total, {", ".join(_INGESTED)})
SELECT DISTINCT ON (site_id, at) site_id, at, ports_available + ports_occupied + ports_out_of_service,
    {", ".join(_INGESTED)}
FROM unnest(%s::bigint[], %s::timestamptz[], %s::int2[], %s::int2[], %s::int2[], %s::float8[], %s::int2[], %s::float8[],
    %s::float8[], %s::numeric[], %s::float8[], %s::float8[], %s::int2[], %s::numeric[], %s::float8[], %s::int2[])
    WITH ORDINALITY AS sent (site_id, at, {", ".join(_INGESTED)}, place)
ORDER BY site_id, at, place DESC
ON CONFLICT (site_id, at) DO UPDATE SET from_ticks = false, ports_total = excluded.ports_total,
    ({", ".join(_INGESTED)}) = ROW({", ".join(f"excluded.{name}" for name in _INGESTED)})
WHERE ({", ".join(f"known.{name}" for name in _INGESTED)})
    IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _INGESTED)})
"""  # noqa: S608  (names from the table above)


class ReadingQuerySet(ScopedQuerySet):
    def record(self, site_ids, at, *measured) -> int:
        """Store half-hours that are sent, lists of equal length: `Reading.INGESTED` behind site and time.

        Returns how many are new or different. What is usual at the sites follows with `Climatology.objects.rebuild`.
        """
        with connection.cursor() as cursor:
            cursor.execute(_RECORD, [site_ids, at, *measured])
            return cursor.rowcount


class Reading(models.Model):
    """A site's measured half-hour that ended at `at`."""

    INGESTED = _INGESTED

    # No constraint in the database: it makes COPY five times slower, and a site with readings is never deleted.
    site = models.ForeignKey(
        "stations.Site", models.PROTECT, related_name="readings", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    ports_total = models.SmallIntegerField()
    ports_available = models.SmallIntegerField()
    ports_occupied = models.SmallIntegerField()
    ports_out_of_service = models.SmallIntegerField()
    utilization = models.FloatField("utilization (0-1)")
    status = models.SmallIntegerField(choices=SiteStatus)
    wait_minutes = models.FloatField("wait (min)")
    session_minutes = models.FloatField("session (min)")
    price = models.DecimalField(max_digits=8, decimal_places=4)
    temperature_f = models.FloatField("temperature (°F)")
    precipitation_mm = models.FloatField("precipitation (mm)")
    weather = models.SmallIntegerField(choices=Weather)
    gas_price = models.DecimalField("gas (USD/gal)", max_digits=6, decimal_places=3)
    traffic_index = models.FloatField("traffic (1-10)")
    local_event = models.SmallIntegerField(choices=LocalEvent)
    from_ticks = models.BooleanField(
        db_default=False, help_text="Thinned from the simulated network: no history to learn from."
    )

    objects = ReadingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "at"], name="reading_once_per_site_and_time"),
            models.CheckConstraint(
                name="reading_ports_add_up",
                condition=Q(ports_total=F("ports_available") + F("ports_occupied") + F("ports_out_of_service")),
            ),
            models.CheckConstraint(name="reading_utilization_0_to_1", condition=Q(utilization__range=(0, 1))),
        ]

    def __str__(self) -> str:
        return f"site {self.site_id} at {self.at:%Y-%m-%d %H:%M}"


class LiveReading(models.Model):
    """A site at one tick. One partition per UTC day (see the migration), so that old days are dropped, not deleted."""

    site = models.ForeignKey("stations.Site", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    at = models.DateTimeField()
    ports_available = models.SmallIntegerField()
    ports_occupied = models.SmallIntegerField()
    ports_out_of_service = models.SmallIntegerField()
    utilization = models.FloatField("utilization (0-1)")
    wait_minutes = models.FloatField("wait (min)")
    temperature_f = models.FloatField("temperature (°F)")
    price = models.DecimalField(max_digits=8, decimal_places=4)
    risk = models.FloatField("risk (0-1)")

    pk = models.CompositePrimaryKey("site_id", "at")
    objects = ReadingQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "telemetry_livereading"

    def __str__(self) -> str:
        return f"site {self.site_id} at {self.at:%Y-%m-%d %H:%M:%S}"


# Two levels of means, because the most frequent weather then costs no sort. Hours and months without history take
# the nearest ones around the clock and around the year.
_REBUILD = """
WITH by_weather AS (
    SELECT site_id, extract(month FROM at AT TIME ZONE %(zone)s)::int AS month,
        extract(hour FROM at AT TIME ZONE %(zone)s)::int AS hour, weather, count(*) AS n,
        sum(utilization) AS utilization, sum(temperature_f) AS temperature_f, sum(precipitation_mm) AS precipitation_mm,
        sum(gas_price) AS gas_price, sum(traffic_index) AS traffic_index
    FROM telemetry_reading
    WHERE NOT from_ticks AND (%(site_ids)s::bigint[] IS NULL OR site_id = ANY(%(site_ids)s))
    GROUP BY 1, 2, 3, 4
), known AS (
    SELECT site_id, month, hour, least(sum(utilization) / sum(n), 1) AS utilization,
        sum(temperature_f) / sum(n) AS temperature_f, sum(precipitation_mm) / sum(n) AS precipitation_mm,
        (array_agg(weather ORDER BY n DESC, weather))[1] AS weather, sum(gas_price) / sum(n) AS gas_price,
        sum(traffic_index) / sum(n) AS traffic_index
    FROM by_weather GROUP BY site_id, month, hour
), hours AS (
    SELECT DISTINCT ON (site_id, hour) site_id, hour, known_hour
    FROM (SELECT DISTINCT site_id, hour AS known_hour FROM known) having_history, generate_series(0, 23) hour
    ORDER BY site_id, hour, least((hour - known_hour + 24) %% 24, (known_hour - hour + 24) %% 24), known_hour
), filled AS (
    SELECT DISTINCT ON (site_id, hours.hour, wanted) wanted, hours.hour AS wanted_hour, known.*
    FROM hours JOIN known USING (site_id), generate_series(1, 12) wanted
    WHERE known.hour = hours.known_hour
    ORDER BY site_id, hours.hour, wanted, least((wanted - month + 12) %% 12, (month - wanted + 12) %% 12), month
)
INSERT INTO telemetry_climatology AS old ({columns})
SELECT site_id, wanted, wanted_hour, utilization, temperature_f, precipitation_mm, weather, gas_price, traffic_index
FROM filled
ON CONFLICT (month, hour, site_id) DO UPDATE SET ({measured}) = ROW({excluded})
WHERE ({kept}) IS DISTINCT FROM ({excluded})
"""


class ClimatologyQuerySet(ScopedQuerySet):
    def rebuild(self, site_ids: list[int] | None = None) -> int:
        """Work out again what is usual at the given sites (default all) from their readings; how many rows changed."""
        measured = ["utilization", "temperature_f", "precipitation_mm", "weather", "gas_price", "traffic_index"]
        statement = _REBUILD.format(
            columns=", ".join(["site_id", "month", "hour", *measured]),
            measured=", ".join(measured),
            excluded=", ".join(f"excluded.{name}" for name in measured),
            kept=", ".join(f"old.{name}" for name in measured),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, {"zone": settings.DATA_TIME_ZONE, "site_ids": site_ids})
            return cursor.rowcount


class Climatology(models.Model):
    """What is usual at a site in a month and hour: the means of its history, or of the nearest month that has one."""

    pk = models.CompositePrimaryKey("month", "hour", "site_id")
    site = models.ForeignKey("stations.Site", models.CASCADE, related_name="+", db_index=False)
    month = models.SmallIntegerField()
    hour = models.SmallIntegerField()
    utilization = models.FloatField()
    temperature_f = models.FloatField()
    precipitation_mm = models.FloatField()
    weather = models.SmallIntegerField(choices=Weather)
    gas_price = models.FloatField()
    traffic_index = models.FloatField()

    objects = ClimatologyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "climatology"

    def __str__(self) -> str:
        return f"site {self.site_id}, month {self.month}, {self.hour}:00"
