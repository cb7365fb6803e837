"""Partners that speak OCPI: the tokens of both sides, and where theirs listens."""

import secrets
from datetime import datetime, timedelta

from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Now

from .. import sealing
from ..access import ScopedQuerySet
from .access import SHA512, hash_of

COUNTRIES = {
    "AT": "AUT", "AU": "AUS", "BE": "BEL", "BG": "BGR", "BR": "BRA", "CA": "CAN", "CH": "CHE", "CY": "CYP",
    "CZ": "CZE", "DE": "DEU", "DK": "DNK", "EE": "EST", "ES": "ESP", "FI": "FIN", "FR": "FRA", "GB": "GBR",
    "GR": "GRC", "HR": "HRV", "HU": "HUN", "IE": "IRL", "IN": "IND", "IS": "ISL", "IT": "ITA", "JP": "JPN",
    "KR": "KOR", "LI": "LIE", "LT": "LTU", "LU": "LUX", "LV": "LVA", "MT": "MLT", "MX": "MEX", "NL": "NLD",
    "NO": "NOR", "NZ": "NZL", "PL": "POL", "PT": "PRT", "RO": "ROU", "RS": "SRB", "SE": "SWE", "SI": "SVN",
    "SK": "SVK", "TR": "TUR", "UA": "UKR", "US": "USA", "ZA": "ZAF",
}  # fmt: skip
CLAIM = timedelta(seconds=60)  # longer than a round of pushes
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
ASKED = ("connection_id", "module", "row_id", "is_whole", "noted_at")
ASK = """
INSERT INTO stations_ocpipush AS known (connection_id, module, row_id, is_whole, noted_at, version)
SELECT *, 0 FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::boolean[], %s::timestamptz[])
ON CONFLICT (connection_id, module, row_id) DO UPDATE SET version = known.version + 1,
    is_whole = known.is_whole OR excluded.is_whole, noted_at = least(known.noted_at, excluded.noted_at)
"""
PARTY = RegexValidator("^[A-Z0-9]{3}$", "Three capital letters or digits, as registered for the operator.")


def country_choices() -> list[tuple[str, str]]:
    """The countries that are known; a function, so that another one needs no migration."""
    return [(code, code) for code in COUNTRIES]


class OcpiConnectionQuerySet(ScopedQuerySet):
    operator_path = "partner__operator"

    def of_tokens(self, tokens: list[str]) -> "OcpiConnection | None":
        """The connection that one of these tokens opens."""
        hashes = [hash_of(token) for token in tokens]
        return self.select_related("partner__operator").filter(token_hash__in=hashes).first()

    def registered(self):
        """Those whose receivers we know."""
        return self.filter(registered_at__isnull=False)

    def to_push(self, now: datetime):
        """Those that are to be told something now, the one that has waited longest first."""
        waiting = models.Exists(OcpiPush.objects.filter(connection=models.OuterRef("pk")))
        return self.registered().filter(waiting, next_push_at__lte=now).order_by("next_push_at", "pk")

    def claim(self, pk: int, now: datetime) -> "OcpiConnection | None":
        """Take a connection for a minute, so that one process at a time tells it; None if somebody else has."""
        free = self.registered().filter(pk=pk, next_push_at__lte=now)
        return self.select_related("partner__operator").get(pk=pk) if free.update(next_push_at=now + CLAIM) else None


class OcpiConnection(models.Model):
    """A partner's OCPI platform and the operator as it appears to it; the token that it sends is kept as a hash."""

    partner = models.OneToOneField("stations.Partner", models.CASCADE, related_name="ocpi")
    country_code = models.CharField(max_length=2, choices=country_choices, default="US")
    party_id = models.CharField(max_length=3, validators=[PARTY], help_text="Of the operator, such as NOR.")
    token_hash = models.CharField(max_length=128, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    registered_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.CharField(max_length=10, blank=True, default="", editable=False)
    sealed_token = models.TextField(blank=True, default="", editable=False)  # what we send to them
    url = models.CharField("their versions", max_length=255, blank=True, default="", editable=False)
    roles = models.JSONField(default=list, editable=False)
    endpoints = models.JSONField(default=dict, editable=False)  # of their receivers: module -> address
    told_until = models.DateTimeField(auto_now_add=True, editable=False)  # they know everything from before that
    next_push_at = models.DateTimeField(db_default=Now(), editable=False)
    failures = models.PositiveIntegerField(default=0, db_default=0, editable=False, help_text="In a row.")
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, default="", editable=False)

    objects = OcpiConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "OCPI connection"
        constraints = [
            models.CheckConstraint(name="ocpi_token_hash_is_sha512", condition=Q(token_hash__regex=SHA512)),
            models.UniqueConstraint(fields=["token_hash"], name="ocpi_token_once"),
        ]

    def __str__(self) -> str:
        return f"{self.partner} as {self.country_code}-{self.party_id}"

    @property
    def their_token(self) -> str:
        """What we send to them. Raises CannotOpen."""
        return sealing.opened(self.sealed_token)

    @property
    def them(self) -> tuple[str, str]:
        """Country code and party of the first of their roles, empty before there is one."""
        first = self.roles[0] if self.roles else {}
        return first.get("country_code", ""), first.get("party_id", "")

    def new_token(self) -> str:
        """Another token for them, which is shown once; the old one opens nothing more once this is saved."""
        token = secrets.token_urlsafe(32)
        self.token_hash = hash_of(token)
        return token

    def register(self, token: str, url: str, version: str, roles: list, endpoints: dict, at: datetime) -> str:
        """They have told us their token and where they listen; returns the token that they send from now on."""
        mine = self.new_token()
        self.sealed_token, self.url, self.version = sealing.sealed(token), url, version
        self.roles, self.endpoints, self.registered_at, self.told_until = roles, endpoints, at, at
        self.failed_at, self.failure, self.failures, self.next_push_at = None, "", 0, at
        self.save()
        return mine

    def unregister(self) -> None:
        """Neither side's token opens anything from now on."""
        self.new_token()
        self.sealed_token, self.url, self.version, self.roles, self.endpoints = "", "", "", [], {}
        self.registered_at = None
        self.save()
        self.pushes.all().delete()

    def note_pushes(self, at: datetime, failure: str = "", refusal: str = "") -> None:
        """How telling them went, begun at `at`: they know all of it, or `failure` says why not and it is tried again.

        A `refusal` is of an object that they do not take, which stops nothing.
        """
        waiting = self.pushes.aggregate(first=models.Min("noted_at"))["first"]
        rows = OcpiConnection.objects.filter(pk=self.pk)
        if not failure:
            told = {"told_until": waiting or at, "next_push_at": at, "failures": 0, "failed_at": None}
            rows.update(**told, failure=refusal[:300])
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.failures, 20))
        told = {"next_push_at": at + pause, "failures": F("failures") + 1, "failure": failure[:300]}
        rows.update(**told, told_until=waiting or at, failed_at=Coalesce("failed_at", Value(at)))


class OcpiPushQuerySet(models.QuerySet):
    def ask(self, wanted: list["OcpiPush"]) -> None:
        """Have receivers told of these; of what they are to be told already, there is one version more."""
        columns = [[getattr(each, name) for each in wanted] for name in ASKED]
        if wanted:
            with connection.cursor() as cursor:
                cursor.execute(ASK, columns)


class OcpiPush(models.Model):
    """An object of which a receiver is to be told, as it is when the receiver takes it. In the order of modules first,
    so that nothing names what they have not heard of, and of first changes.
    """

    class Module(models.IntegerChoices):
        BASE_TARIFF = 0, "tariff of a site"
        TARIFF = 1, "tariff of a price change"
        LOCATION = 2, "location"
        EVSE = 3, "EVSE"
        SESSION = 4, "session"
        CDR = 5, "CDR"

        @property
        def endpoint(self) -> str:
            """The module of the protocol, whose receiver it is for."""
            return ("tariffs", "tariffs", "locations", "locations", "sessions", "cdrs")[self.value]

    connection = models.ForeignKey(OcpiConnection, models.CASCADE, related_name="pushes", db_index=False)
    module = models.SmallIntegerField(choices=Module)
    row_id = models.BigIntegerField()
    is_whole = models.BooleanField(help_text="All of it is new to them, not only what has changed.")
    version = models.PositiveIntegerField(default=0, help_text="Grows with each further change.")
    noted_at = models.DateTimeField()

    objects = OcpiPushQuerySet.as_manager()

    class Meta:
        verbose_name = "OCPI push"
        verbose_name_plural = "OCPI pushes"
        constraints = [
            models.UniqueConstraint(fields=["connection", "module", "row_id"], name="ocpi_push_once_per_object")
        ]

    def __str__(self) -> str:
        return f"{self.Module(self.module).label} {self.row_id}"

    def note_told(self) -> None:
        """They have it, unless it has changed meanwhile."""
        OcpiPush.objects.filter(pk=self.pk, version=self.version).delete()
