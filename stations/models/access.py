"""Who has access: people by membership of an operator, partners' systems by keys that belong to one."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from ..access import ScopedQuerySet

LIVE_AT_ONCE = 2  # the old key of a partner works until its systems have taken over the new one
LONGEST = timedelta(days=366)
USED_EVERY = timedelta(minutes=1)  # `last_used_at` is written no more often than this
SHA512 = "^[0-9a-f]{128}$"
KEY = re.compile(r"sntry_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


class Membership(models.Model):
    """A person works for an operator, and may therefore see its sites."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    operator = models.ForeignKey("stations.Operator", models.CASCADE, related_name="memberships")

    class Meta:
        ordering = ["user", "operator"]
        constraints = [models.UniqueConstraint(fields=["user", "operator"], name="membership_once_per_operator")]

    def __str__(self) -> str:
        return f"{self.user} at {self.operator}"


class Scope(models.TextChoices):
    """What a partner's key may do; nothing that is not listed on the key."""

    SITES_READ = "sites:read", "read sites and chargers"
    SITES_WRITE = "sites:write", "change sites and chargers"
    TELEMETRY_READ = "telemetry:read", "read status, sessions and readings"
    TELEMETRY_WRITE = "telemetry:write", "send status, sessions and readings"
    RISK_READ = "risk:read", "read risk and its reasons"
    PRICES_READ = "prices:read", "read prices"
    MAINTENANCE_READ = "maintenance:read", "read incidents, work orders and planned work"
    MAINTENANCE_WRITE = "maintenance:write", "report incidents, plan work, ask and comment on orders"
    RELIABILITY_READ = "reliability:read", "read outages, uptime and success rates"
    EVENTS_READ = "events:read", "read the events feed"
    EXPORTS_READ = "exports:read", "fetch exports"
    WEBHOOKS = "webhooks", "keep its own webhooks"


def scope_choices() -> list[tuple[str, str]]:
    """All scopes; a function, so that a new scope needs no migration."""
    return Scope.choices


class PartnerQuerySet(ScopedQuerySet):
    operator_path = "operator"


class Partner(models.Model):
    """A company whose systems call Sntry for an operator: a fleet, a roaming hub, a map, a host of sites."""

    operator = models.ForeignKey("stations.Operator", models.CASCADE, related_name="partners")
    name = models.CharField(max_length=100)
    contact_email = models.EmailField(blank=True, help_text="Whom to write to about keys and webhooks.")

    objects = PartnerQuerySet.as_manager()

    class Meta:
        ordering = ["operator", "name"]
        constraints = [models.UniqueConstraint(fields=["operator", "name"], name="partner_once_per_operator")]

    def __str__(self) -> str:
        return f"{self.name} ({self.operator})"

    def check_new_key(self, expires_at: datetime) -> None:
        """Refuse a third key that works and an end that is no use; holds until the caller's transaction ends."""
        Partner.objects.select_for_update(no_key=True).get(pk=self.pk)
        now = timezone.now()
        if not now < expires_at <= now + LONGEST:
            raise ValidationError({"expires_at": f"Choose a time from now to {LONGEST.days} days from now."})
        if self.keys.live(now).count() >= LIVE_AT_ONCE:
            message = f"{self} has {LIVE_AT_ONCE} keys that work; revoke one of them first."
            raise ValidationError({"partner": message})

    def stop_webhooks(self, why: str, at: datetime) -> int:
        """Tell its webhooks nothing more; how many were on."""
        return self.webhooks.filter(disabled_at=None).update(disabled_at=at, disabled_because=why)

    @transaction.atomic
    def cut_off(self, why: str, at: datetime) -> None:
        """End everything at once: keys open nothing, webhooks are told nothing, and OCPI is over on both sides."""
        self.keys.live(at).update(revoked_at=at)
        self.stop_webhooks(why, at)
        if hasattr(self, "ocpi"):
            self.ocpi.unregister()

    @transaction.atomic
    def issue_key(self, scopes: list[str], expires_at: datetime, by=None) -> tuple["PartnerKey", str]:
        """A new key and its text, which is shown once and kept nowhere."""
        self.check_new_key(expires_at)
        prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        key = PartnerKey(partner=self, prefix=prefix, scopes=sorted(set(scopes)), expires_at=expires_at, created_by=by)
        key.secret_hash = hash_of(secret)
        key.full_clean()
        key.save(force_insert=True)
        return key, f"sntry_{prefix}_{secret}"


def hash_of(secret: str) -> str:
    """SHA-512: a secret of 256 random bits needs no slow hash."""
    return hashlib.sha512(secret.encode()).hexdigest()


class KeyState(models.TextChoices):
    """Whether a key opens anything; word, shape and colour stand here once."""

    WORKS = "works", "Works"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        return {"works": "available", "expired": "offline", "revoked": "critical"}[self.value]

    @property
    def shape(self) -> str:
        return {"works": "●", "expired": "○", "revoked": "▲"}[self.value]


class PartnerKeyQuerySet(ScopedQuerySet):
    operator_path = "partner__operator"

    def live(self, now: datetime):
        """Keys that work."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=now)

    def of_text(self, text: str, now: datetime) -> "PartnerKey | None":
        """The key of which `text` is the whole text, if it works; one query."""
        match = KEY.fullmatch(text)
        if not match:
            return None
        key = self.live(now).select_related("partner").filter(prefix=match[1]).order_by().first()
        known = key.secret_hash if key else "0" * 128
        return key if hmac.compare_digest(known, hash_of(match[2])) and key else None

    @transaction.atomic
    def revoke(self, now: datetime) -> int:
        """From now on these keys are refused; how many worked until now.

        A partner whose last key is revoked is told nothing any more either: its webhooks are switched off.
        """
        partners = set(self.live(now).values_list("partner", flat=True))
        revoked = self.live(now).update(revoked_at=now)
        working = PartnerKey.objects.live(now).filter(partner__in=partners).values("partner")
        for partner in Partner.objects.filter(pk__in=partners).exclude(pk__in=working):
            partner.stop_webhooks("Its partner's last key was revoked.", now)
        return revoked


class PartnerKey(models.Model):
    """The right of a partner's systems to do some things at one operator; made in the admin, its text shown once.

    To `visible_to` a key is a viewer like a person who is a member of the operator.
    """

    is_authenticated, is_anonymous, is_staff, is_superuser = True, False, False, False

    partner = models.ForeignKey(Partner, models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    secret_hash = models.CharField(max_length=128, editable=False)
    scopes = ArrayField(models.CharField(max_length=30, choices=scope_choices))
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, related_name="+", null=True, blank=True, editable=False
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")

    objects = PartnerKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="partner_key_has_scopes", condition=Q(scopes__len__gt=0)),
            models.CheckConstraint(name="partner_key_hash_is_sha512", condition=Q(("secret_hash__regex", SHA512))),
        ]

    def __str__(self) -> str:
        return f"sntry_{self.prefix}_…"

    @property
    def operator_id(self) -> int:
        return self.partner.operator_id

    @property
    def state(self) -> KeyState:
        if self.revoked_at:
            return KeyState.REVOKED
        return KeyState.WORKS if self.expires_at > timezone.now() else KeyState.EXPIRED

    @property
    def is_active(self) -> bool:
        """Whether it works now."""
        return self.state == KeyState.WORKS

    def note_use(self, now: datetime) -> None:
        """Remember that it was used; a write at most once a minute."""
        if self.last_used_at is None or self.last_used_at <= now - USED_EVERY:
            unnoted = PartnerKey.objects.filter(
                Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY), pk=self.pk
            )
            unnoted.update(last_used_at=now)
