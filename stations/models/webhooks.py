"""What partners want to be told, where, and what became of each message."""

import secrets
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Func, OuterRef, Q
from django.utils.functional import cached_property

from .. import outbox, sealing
from ..access import ScopedQuerySet
from ..outgoing import NotCalled, check_url
from .access import PartnerKey, Scope


class WebhookEvent(models.TextChoices):
    """What a partner can be told."""

    INCIDENT_OPENED = "incident.opened", "Incident opened"
    INCIDENT_CLOSED = "incident.closed", "Incident closed"
    RISK_LEVEL = "risk.level", "Risk level of a site"
    PRICE_CHANGED = "price.changed", "Price announced, begun or ended"
    WORK_ORDER_STATE = "work_order.state", "State of a work order"
    CHARGER_STATUS = "charger.status", "Status of a charger"


TEST = "test"  # the event that the test button sends
NEEDED = {  # nobody is told what they may not read
    WebhookEvent.INCIDENT_OPENED: Scope.MAINTENANCE_READ,
    WebhookEvent.INCIDENT_CLOSED: Scope.MAINTENANCE_READ,
    WebhookEvent.WORK_ORDER_STATE: Scope.MAINTENANCE_READ,
    WebhookEvent.RISK_LEVEL: Scope.RISK_READ,
    WebhookEvent.PRICE_CHANGED: Scope.PRICES_READ,
    WebhookEvent.CHARGER_STATUS: Scope.TELEMETRY_READ,
}


def readable(scopes: list[str]) -> set[str]:
    """The events whose rows may be read with these scopes."""
    return {event.value for event, scope in NEEDED.items() if scope in scopes}


def check_receiver(url: str) -> None:
    """Refuse an address that is never called. Raises ValidationError."""
    try:
        check_url(url)
    except NotCalled as error:
        raise ValidationError(str(error)) from None


class WebhookQuerySet(ScopedQuerySet):
    operator_path = "partner__operator"

    def active(self):
        """Subscriptions that are told."""
        return self.filter(disabled_at__isnull=True)

    def with_scopes(self, now: datetime):
        """Each with what the keys of its partner that work may do together, as `scopes`; none where none works."""
        keys = PartnerKey.objects.live(now).filter(partner=OuterRef("partner")).order_by()
        scope = Func("scopes", function="unnest", output_field=models.CharField())
        return self.annotate(scopes=ArraySubquery(keys.annotate(scope=scope).values("scope")))


class Webhook(models.Model):
    """A partner's wish to be told of some events at an address; what is sent is signed with its secret."""

    partner = models.ForeignKey("stations.Partner", models.CASCADE, related_name="webhooks")
    url = models.CharField(
        "address", max_length=255, validators=[check_receiver], help_text="https://, ports 443 or 8443."
    )
    events = ArrayField(models.CharField(max_length=20, choices=WebhookEvent))
    sealed_secret = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    tells_from = models.DateTimeField(auto_now_add=True)  # nothing from before that is told
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_because = models.CharField(max_length=200, blank=True, default="", editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "url"], name="webhook_once_per_partner_and_address"),
            models.CheckConstraint(name="webhook_wants_something", condition=Q(events__len__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.partner}: {self.url}"

    @property
    def secret(self) -> str:
        """What messages are signed with. Raises CannotOpen."""
        return sealing.opened(self.sealed_secret)

    @cached_property
    def tells(self) -> set[str]:
        """The events that it asks for and that a key of its partner may read; for rows that come `with_scopes`."""
        return readable(self.scopes) & set(self.events)

    def renew_secret(self) -> str:
        """Another secret, from the next message on; it is shown once."""
        secret = f"whsec_{secrets.token_urlsafe(32)}"
        self.sealed_secret = sealing.sealed(secret)
        return secret

    def switch_off(self, why: str, at: datetime) -> bool:
        """Tell it nothing more; False if it was off."""
        off = Webhook.objects.filter(pk=self.pk, disabled_at=None)
        return bool(off.update(disabled_at=at, disabled_because=why[:200]))

    def switch_on(self, at: datetime) -> None:
        """Tell it again what happens from now on."""
        Webhook.objects.filter(pk=self.pk).update(
            disabled_at=None, disabled_because="", failing_since=None, tells_from=at
        )


class DeliveryQuerySet(ScopedQuerySet):
    operator_path = "webhook__partner__operator"

    @transaction.atomic
    def ask(self, wanted: list["WebhookDelivery"]) -> int:
        """Keep these messages and have them sent; those that are known already are left alone. How many are new."""
        keys = {(each.webhook_id, each.key) for each in wanted}
        known = self.filter(webhook__in={webhook for webhook, _ in keys}, key__in={key for _, key in keys})
        before = set(known.values_list("webhook_id", "key"))
        new = [each for each in wanted if (each.webhook_id, each.key) not in before]
        self.bulk_create(new, ignore_conflicts=True)
        rows = self.filter(webhook__in={each.webhook_id for each in new}, key__in={each.key for each in new})
        self._send(rows.filter(attempts=0, tries=1))
        return len(new)

    def replay(self, at: datetime) -> int:
        """Send these once more, however they ended; how many."""
        ids = list(self.filter(webhook__disabled_at=None).values_list("pk", flat=True))
        rows = WebhookDelivery.objects.filter(pk__in=ids)
        rows.update(state=WebhookDelivery.State.WAITING, tries=F("tries") + 1, error="")
        self._send(rows)
        return len(ids)

    @staticmethod
    def _send(rows) -> None:
        payloads, lanes = {}, {}
        for pk, tries, webhook, partner in rows.values_list("pk", "tries", "webhook_id", "webhook__partner_id"):
            key = f"webhook:{pk}:{tries}"
            payloads[key], lanes[key] = {"delivery": pk}, f"{partner}/{webhook}"
        outbox.put_all("webhook", payloads, lanes)


class WebhookDelivery(models.Model):
    """One message to one subscription, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILING = "failing", "Failing"
        DEAD = "dead", "Given up"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            return {"waiting": "offline", "delivered": "available", "failing": "watch", "dead": "critical"}[self.value]

        @property
        def shape(self) -> str:
            return {"waiting": "○", "delivered": "●", "failing": "◆", "dead": "▲"}[self.value]

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    key = models.CharField(max_length=100, help_text="Of the event; receivers know a repeated one by it.")
    event = models.CharField(max_length=20)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=1, help_text="One more with each replay.")
    attempts = models.PositiveSmallIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField("answer", null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "key"], name="webhook_delivery_once_per_event")]

    def __str__(self) -> str:
        return f"{self.event} {self.key}"
