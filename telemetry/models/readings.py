"""What was measured at a site: half-hours kept for good, ten-second readings kept for a while."""

from django.db import models
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


class ReadingQuerySet(ScopedQuerySet):
    pass


class Reading(models.Model):
    """A site's measured half-hour that starts at `at`."""

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

    class Meta:
        verbose_name_plural = "climatology"

    def __str__(self) -> str:
        return f"site {self.site_id}, month {self.month}, {self.hour}:00"
