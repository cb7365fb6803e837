"""What exists: operators, their sites, and the chargers at them."""

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models, transaction
from django.db.models import F, Q, functions

from ..access import ScopedQuerySet
from ..characters import CONTROLS
from .access import Membership


class LocationType(models.TextChoices):
    AIRPORT = "Airport", "Airport"
    HIGHWAY = "Highway Corridor", "Highway Corridor"
    HOTEL = "Hotel/Hospitality", "Hotel/Hospitality"
    RESIDENTIAL = "Residential", "Residential"
    SHOPPING = "Shopping Center", "Shopping Center"
    SUBURBAN = "Suburban", "Suburban"
    URBAN = "Urban Center", "Urban Center"
    WORKPLACE = "Workplace", "Workplace"
    UNKNOWN = "Unknown", "Unknown"


class ChargerType(models.TextChoices):
    DC_FAST = "DC Fast Charge", "DC Fast Charge"
    HYPER_FAST = "Hyper-Fast", "Hyper-Fast"
    LEVEL_2 = "Level 2", "Level 2"
    TESLA_DC = "Tesla DC Fast", "Tesla DC Fast"
    UNKNOWN = "Unknown", "Unknown"


class PricingType(models.TextChoices):
    PER_KWH = "per_kwh", "per kWh"
    PER_MINUTE = "per_minute", "per minute"
    FREE = "free", "free"


PHONE = RegexValidator(r"^\+?[0-9 ()/-]{5,}$", "Write digits, spaces and ( ) / - only, for example +1 555 010 0123.")


def is_time_zone(name: str) -> None:
    """Refuse what is no time zone."""
    if name not in available_timezones():
        raise ValidationError(f'"{name}" is no time zone; give a name such as America/Denver.')


def _id_without_controls(model: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=f"{model}_id_has_no_control_characters",
        condition=~Q(external_id__regex=CONTROLS),
        violation_error_message="The ID has control characters; type it anew without them.",
    )


class OperatorQuerySet(ScopedQuerySet):
    operator_path = "pk"

    def ensure(self, names: list[str], *, is_simulated: bool = False, member=None) -> int:
        """Create the operators that are not known yet, in the caller's transaction; returns how many.

        `member`, who brought them, sees what came of it: a new operator has no members otherwise.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO stations_operator (name, is_simulated, currency)"
                " SELECT name, %s, 'USD' FROM unnest(%s::text[]) name ON CONFLICT (name) DO NOTHING RETURNING id",
                [is_simulated, names],
            )
            created = [operator_id for (operator_id,) in cursor.fetchall()]
            if member and created:
                Membership.objects.bulk_create(Membership(user=member, operator_id=pk) for pk in created)
        return len(created)


class Operator(models.Model):
    """A charging network that runs sites; the unit to which a person's or partner's access is scoped."""

    name = models.CharField(max_length=100, unique=True)
    is_simulated = models.BooleanField(
        "simulated", default=False, help_text="The tick makes this operator's readings. Off: they arrive from outside."
    )
    currency = models.CharField(max_length=3, default="USD")
    heartbeat_seconds = models.PositiveIntegerField(
        "heartbeat (s)",
        null=True,
        blank=True,
        validators=[MinValueValidator(5)],
        help_text="How often its chargers give a sign of life; after three missed ones one shows as offline.",
    )

    objects = OperatorQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SiteQuerySet(ScopedQuerySet):
    operator_path = "operator"


class Site(models.Model):
    """One place on the map that has chargers and a price."""

    operator = models.ForeignKey(Operator, models.PROTECT, related_name="sites")
    external_id = models.CharField("ID", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField("state", max_length=50, blank=True)
    latitude = models.FloatField("latitude (°)", null=True, blank=True)
    longitude = models.FloatField("longitude (°)", null=True, blank=True)
    location_type = models.CharField(max_length=20, choices=LocationType, default=LocationType.UNKNOWN)
    charger_type = models.CharField(max_length=20, choices=ChargerType, default=ChargerType.UNKNOWN)
    power_kw = models.FloatField("power per port (kW)", default=0, validators=[MinValueValidator(0)])
    ports_total = models.PositiveSmallIntegerField("ports", default=0, validators=[MaxValueValidator(1000)])
    amenities = models.CharField(max_length=500, blank=True)
    pricing_type = models.CharField(max_length=10, choices=PricingType, default=PricingType.PER_KWH)
    base_price = models.DecimalField(
        max_digits=8, decimal_places=4, default=0, help_text="Price without any change in force, per kWh or minute."
    )
    price_is_regulated = models.BooleanField(
        default=False, db_default=False, help_text="The tariff is set by law or contract: no policy ever touches it."
    )
    session_minutes = models.FloatField("usual session (min)", default=35)
    access_notes = models.TextField(
        max_length=1000, blank=True, db_default="", help_text="For technicians: gate, floor, parking, whom to ask."
    )
    safety_notes = models.TextField(
        max_length=1000, blank=True, db_default="", help_text="For technicians, shown first: lock-out, traffic, height."
    )
    contact_phone = models.CharField(
        max_length=30, blank=True, db_default="", validators=[PHONE], help_text="Of the site, in international form."
    )
    time_zone = models.CharField(
        max_length=40, blank=True, default="", db_default="", validators=[is_time_zone],
        help_text="Such as America/Denver, for business hours and planned work. Empty: that of the data.",
    )  # fmt: skip
    changed_at = models.DateTimeField(db_default=functions.Now(), editable=False)  # kept by a trigger

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ["external_id"]
        constraints = [
            models.CheckConstraint(
                name="site_latitude_and_longitude_both_or_neither",
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                # Said in words, because a comparison with an empty value counts as neither true nor false.
                | Q(latitude__isnull=False, longitude__isnull=False)
                & Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
            ),
            models.CheckConstraint(name="site_price_not_negative", condition=Q(base_price__gte=0)),
            models.CheckConstraint(
                name="site_free_means_price_zero", condition=~Q(pricing_type="free") | Q(base_price=0)
            ),
            models.CheckConstraint(name="site_power_not_negative", condition=Q(power_kw__gte=0)),
            _id_without_controls("site"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its clocks: its own, else that of the data."""
        return ZoneInfo(self.time_zone or settings.DATA_TIME_ZONE)


class ChargerQuerySet(ScopedQuerySet):
    pass


class Charger(models.Model):
    """One port: what one car plugs into (OCPI: EVSE). A cabinet with two cables is two chargers."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="chargers")
    external_id = models.CharField("ID", max_length=64, unique=True)
    cabinet_id = models.CharField(
        max_length=64, blank=True, help_text="OCPP identity, shared by the ports of a cabinet."
    )
    cabinet_port = models.PositiveSmallIntegerField(default=1)
    connector_type = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=100, blank=True)
    power_kw = models.FloatField("power (kW)", default=0)
    changed_at = models.DateTimeField(db_default=functions.Now(), editable=False)  # kept by a trigger

    objects = ChargerQuerySet.as_manager()

    class Meta:
        ordering = ["external_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet_id", "cabinet_port"], name="charger_port_once_per_cabinet", condition=~Q(cabinet_id="")
            ),
            models.CheckConstraint(name="charger_power_not_negative", condition=Q(power_kw__gte=0)),
            _id_without_controls("charger"),
        ]
        indexes = [models.Index(F("site"), F("external_id"), name="charger_by_site")]

    def __str__(self) -> str:
        return self.external_id
