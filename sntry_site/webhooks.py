"""Messages to partners: signed, sent by the outbox, and kept with what became of them."""

import hashlib
import hmac
import json
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.utils import timezone

from stations import outbox
from stations.models import Webhook, WebhookDelivery
from stations.models.outbox import PATIENT_ATTEMPTS
from stations.models.webhooks import TEST
from stations.outgoing import NotCalled, call
from stations.sealing import CannotOpen

BACKEND = "django.contrib.auth.backends.ModelBackend"
OFF_AFTER = timedelta(hours=24)  # of nothing but failures


class NotDelivered(Exception):
    """The receiver did not take a message; the outbox tries again."""


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def body_of(delivery: WebhookDelivery) -> bytes:
    """The message: the same bytes at each attempt."""
    told = {"id": delivery.key, "event": delivery.event, **delivery.payload}
    return json.dumps(told, separators=(",", ":"), sort_keys=True).encode()


def headers_of(delivery: WebhookDelivery, body: bytes, at: datetime) -> dict[str, str]:
    """What goes with it. The time is of this attempt, so that an old message cannot be sent again by somebody."""
    return {
        "Content-Type": "application/json", "Sntry-Event": delivery.event, "Sntry-Delivery": str(delivery.pk),
        "Sntry-Signature": signature(delivery.webhook.secret, int(at.timestamp()), body),
    }  # fmt: skip


@outbox.delivers("webhook")
def deliver(payload: dict) -> None:
    """Send a message once. Raises NotDelivered, so that the outbox tries again later."""
    at = timezone.now()
    hooks = Prefetch("webhook", Webhook.objects.with_scopes(at).select_related("partner"))
    delivery = WebhookDelivery.objects.prefetch_related(hooks).filter(pk=payload["delivery"]).first()
    if delivery is None:
        return  # its subscription was deleted
    if why := _not_told(delivery):
        _note(delivery, WebhookDelivery.State.DEAD, None, why)
        return
    delivery.attempts += 1
    body = body_of(delivery)
    try:
        share = f"partner:{delivery.webhook.partner_id}"
        answer = call("POST", delivery.webhook.url, headers_of(delivery, body, at), body, share=share)
        status, why = answer.status, "" if answer.is_success else f"The receiver answered {answer.status}."
    except (NotCalled, CannotOpen) as error:
        status, why = None, str(error)
    if not why:
        _note(delivery, WebhookDelivery.State.DELIVERED, status, "")
        Webhook.objects.filter(pk=delivery.webhook_id).update(failing_since=None)
        return
    is_last = delivery.attempts % PATIENT_ATTEMPTS == 0
    _note(delivery, WebhookDelivery.State.DEAD if is_last else WebhookDelivery.State.FAILING, status, why)
    _note_failure(delivery.webhook, why, at)
    raise NotDelivered(why)


def _not_told(delivery: WebhookDelivery) -> str:
    """Why a message that was queued is not sent any more; empty where it is."""
    hook = delivery.webhook
    if hook.disabled_at:
        return "The subscription is switched off."
    if not hook.scopes:
        return "Its partner has no key that works."
    if delivery.event not in {TEST, *hook.tells}:
        return "It is not asked for any more, or no key of its partner that works may read it."
    return ""


def _note(delivery: WebhookDelivery, state: str, status: int | None, why: str) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=state, attempts=delivery.attempts, last_attempt_at=timezone.now(), status_code=status, error=why[:300]
    )


def _note_failure(webhook: Webhook, why: str, at: datetime) -> None:
    """Since when it fails; after a day of nothing else it is switched off, and the partner is written to."""
    Webhook.objects.filter(pk=webhook.pk, failing_since=None).update(failing_since=at)
    if webhook.failing_since is None or at - webhook.failing_since < OFF_AFTER:
        return
    hours = OFF_AFTER.total_seconds() / 3600
    if not webhook.switch_off(f"It failed for {hours:.0f} hours: {why}", at):
        return
    mail = {
        "subject": f"The webhook of {webhook.partner.name} was switched off", "to": told_of(webhook),
        "body": f"Nothing could be delivered to {webhook.url} for a day. The last reason: {why}\n"
        "Once it answers again, the operator's staff can switch it on and send again what was missed.",
    }  # fmt: skip
    if mail["to"]:
        outbox.put("mail", f"webhook-off:{webhook.pk}:{at.isoformat()}", mail)


def told_of(webhook: Webhook) -> list[str]:
    """Whom to write to: the partner, and those of the operator's people who may change webhooks."""
    people = User.objects.with_perm("stations.change_webhook", backend=BACKEND, include_superusers=False)
    staff = people.filter(memberships__operator=webhook.partner.operator_id, is_staff=True).exclude(email="")
    addresses = [webhook.partner.contact_email, *staff.order_by("pk").values_list("email", flat=True)]
    return [each for each in dict.fromkeys(addresses) if each]


def send_test(webhook: Webhook, at: datetime) -> WebhookDelivery:
    """Queue a message that says nothing but that it is one."""
    key = f"test:{at.timestamp():.3f}"
    told = {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "data": {"message": "This is a test."}}
    WebhookDelivery.objects.ask([WebhookDelivery(webhook=webhook, key=key, event=TEST, payload=told)])
    return WebhookDelivery.objects.get(webhook=webhook, key=key)
