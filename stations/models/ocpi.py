"""Partners that speak OCPI: the tokens of both sides, and where theirs listens."""

import secrets
from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

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
    told_until = models.DateTimeField(auto_now_add=True)
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
    def lane(self) -> str:
        return f"ocpi:{self.pk}"

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
        self.failed_at, self.failure = None, ""
        self.save()
        return mine

    def unregister(self) -> None:
        """Neither side's token opens anything from now on."""
        self.new_token()
        self.sealed_token, self.url, self.version, self.roles, self.endpoints = "", "", "", [], {}
        self.registered_at = None
        self.save()
