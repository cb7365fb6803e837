"""The live row of each site: what pages and the admin read."""

from datetime import datetime
from decimal import Decimal

from django.db import connection, models
from django.db.models import F, Q

from stations.access import ScopedQuerySet

from .readings import LocalEvent, SiteStatus, Weather


class RiskLevel(models.TextChoices):
    """How worried to be; word, shape and colour stand here once."""

    LOW = "low", "Low"
    WATCH = "watch", "Watch"
    CRITICAL = "critical", "Critical"

    @property
    def shape(self) -> str:
        return {"low": "●", "watch": "◆", "critical": "▲"}[self.value]

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        return {"low": "available", "watch": "watch", "critical": "critical"}[self.value]


_ENSURE = """
INSERT INTO telemetry_sitestate AS state (site_id, version, ports_available, ports_occupied, ports_out_of_service,
    status, utilization, usual_utilization, wait_minutes, temperature_f, precipitation_mm, weather, traffic_index,
    gas_price, local_event, price, risk, level, reason, revenue_at_risk, expected_loss, is_stressed)
SELECT site.id, 0, site.ports_total, 0, 0, 0, 0, least(coalesce(usual.utilization, 0), 1), 0, 0, 0, 0, 1, 0, 0,
    site.base_price, 0, 'low', '', 0, 0, false
FROM stations_site site
LEFT JOIN (
    SELECT site_id, avg(utilization) AS utilization FROM telemetry_reading WHERE NOT from_ticks GROUP BY site_id
) usual ON usual.site_id = site.id
ON CONFLICT (site_id) DO UPDATE SET usual_utilization = excluded.usual_utilization
WHERE state.usual_utilization IS DISTINCT FROM excluded.usual_utilization
"""


# What a session costs that starts at %(at)s: a price that has outlived its period counts for nothing, whether or not
# something has come to put the base price back.
PRICE_AT = "(CASE WHEN state.price_until <= %(at)s THEN site.base_price ELSE state.price END)"
_FOLLOW = """
UPDATE telemetry_sitestate state SET price = site.base_price, price_until = NULL
FROM stations_site site
WHERE site.id = state.site_id AND state.price <> site.base_price AND NOT state.site_id = ANY(%(held)s)
RETURNING state.site_id, state.price
"""


class SiteStateQuerySet(ScopedQuerySet):
    def located(self):
        """States of sites that have a place on the map."""
        return self.filter(site__latitude__isnull=False)

    def ensure(self) -> None:
        """See to it that every site has its row, at its base price with all ports free, and knows its usual load."""
        with connection.cursor() as cursor:
            cursor.execute(_ENSURE)

    def set_prices(self, prices: dict[int, Decimal], until: dict[int, datetime] | None = None) -> None:
        """Set the price now of each site in `prices` (id -> price), for no longer than `until` (id -> time) says.

        With `follow_base_prices` the only place where a site's price is written.
        """
        if not prices:
            return
        ends = [(until or {}).get(site) for site in prices]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE telemetry_sitestate state SET price = new.price, price_until = new.until"
                " FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[]) AS new (site_id, price, until)"
                " WHERE state.site_id = new.site_id",
                [list(prices), list(prices.values()), ends],
            )

    def follow_base_prices(self, held: list[int]) -> dict[int, Decimal]:
        """Let base prices that somebody has edited or imported hold, but at the sites `held`; what has changed."""
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW, {"held": held})
            return dict(cursor.fetchall())


class SiteState(models.Model):
    """A site now: live values, risk and price. Written by the tick; the price by two methods of the manager alone."""

    site = models.OneToOneField("stations.Site", models.CASCADE, primary_key=True, related_name="state")
    at = models.DateTimeField(null=True, blank=True, help_text="Empty until the first reading.")
    version = models.BigIntegerField(default=0, help_text="Grows with every push; browsers use it to notice a gap.")
    ports_available = models.SmallIntegerField(default=0)
    ports_occupied = models.SmallIntegerField(default=0)
    ports_out_of_service = models.SmallIntegerField(default=0)
    status = models.SmallIntegerField(choices=SiteStatus, default=SiteStatus.OPERATIONAL)
    utilization = models.FloatField("utilization (0-1)", default=0)
    usual_utilization = models.FloatField("usual utilization (0-1)", default=0, help_text="Mean of its whole history.")
    wait_minutes = models.FloatField("wait (min)", default=0)
    temperature_f = models.FloatField("temperature (°F)", default=0)
    precipitation_mm = models.FloatField("precipitation (mm)", default=0)
    weather = models.SmallIntegerField(choices=Weather, default=Weather.CLEAR)
    traffic_index = models.FloatField("traffic (1-10)", default=1)
    gas_price = models.FloatField("gas (USD/gal)", default=0)
    local_event = models.SmallIntegerField(choices=LocalEvent, default=LocalEvent.NONE)
    price = models.DecimalField(max_digits=8, decimal_places=4, default=0)
    price_until = models.DateTimeField(null=True, blank=True, help_text="The base price holds from then on.")
    risk = models.FloatField("risk, 24 h", default=0)
    p_any = models.FloatField(
        "chance of any, 24 h", null=True, blank=True, help_text="That any of its chargers fails; empty: not forecast."
    )
    level = models.CharField(max_length=10, choices=RiskLevel, default=RiskLevel.LOW)
    reason = models.CharField("why", max_length=200, blank=True)
    revenue_at_risk = models.FloatField("revenue-at-risk index", default=0)
    expected_loss = models.DecimalField("expected loss (per hour)", max_digits=12, decimal_places=2, default=0)
    is_stressed = models.BooleanField("held under stress (simulated)", default=False)

    objects = SiteStateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="sitestate_risk_0_to_1", condition=Q(risk__range=(0, 1))),
            models.CheckConstraint(name="sitestate_utilization_0_to_1", condition=Q(utilization__range=(0, 1))),
            models.CheckConstraint(name="sitestate_price_not_negative", condition=Q(price__gte=0)),
            models.CheckConstraint(
                name="sitestate_ports_not_negative",
                condition=Q(ports_available__gte=0, ports_occupied__gte=0, ports_out_of_service__gte=0),
            ),
        ]
        ordering = [F("expected_loss").desc(), "site"]

    def __str__(self) -> str:
        return f"{self.site}: risk {self.risk:.0%}"

    def price_at(self, at: datetime) -> Decimal:
        """What a session costs that starts at `at`, as `PRICE_AT` says it to the database; reads the site."""
        return self.site.base_price if self.price_until and self.price_until <= at else self.price

    @property
    def risk_level(self) -> RiskLevel:
        return RiskLevel(self.level)

    @property
    def site_status(self) -> SiteStatus:
        return SiteStatus(self.status)
