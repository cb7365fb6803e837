"""Messages to partners: signed, sent by the outbox, and kept with what became of them."""

import hashlib
import hmac
import json
from datetime import datetime, timedelta

from django.utils import timezone

from stations import outbox
from stations.models import Webhook, WebhookDelivery
from stations.models.outbox import PATIENT_ATTEMPTS
from stations.models.webhooks import TEST
from stations.outgoing import NotCalled, call
from stations.sealing import CannotOpen

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
    delivery = WebhookDelivery.objects.select_related("webhook__partner").filter(pk=payload["delivery"]).first()
    if delivery is None:
        return  # its subscription was deleted
    if delivery.webhook.disabled_at:
        _note(delivery, WebhookDelivery.State.DEAD, None, "The subscription is switched off.")
        return
    at = timezone.now()
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


def _note(delivery: WebhookDelivery, state: str, status: int | None, why: str) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        state=state, attempts=delivery.attempts, last_attempt_at=timezone.now(), status_code=status, error=why[:300]
    )


def _note_failure(webhook: Webhook, why: str, at: datetime) -> None:
    """Since when it fails; after a day of nothing else it is switched off, and the partner is written to."""
    Webhook.objects.filter(pk=webhook.pk, failing_since=None).update(failing_since=at)
    if webhook.failing_since is None or at - webhook.failing_since < OFF_AFTER:
        return
    is_off = webhook.switch_off(f"It failed for {OFF_AFTER.total_seconds() / 3600:.0f} hours: {why}", at)
    if is_off and webhook.partner.contact_email:
        mail = {
            "subject": "Your webhook was switched off", "to": [webhook.partner.contact_email],
            "body": f"Nothing could be delivered to {webhook.url} for a day. The last reason: {why}\n"
            "Once it answers again, ask the operator's staff to switch it on and to send again what was missed.",
        }  # fmt: skip
        outbox.put("mail", f"webhook-off:{webhook.pk}:{at.isoformat()}", mail)


def send_test(webhook: Webhook, at: datetime) -> WebhookDelivery:
    """Queue a message that says nothing but that it is one."""
    key = f"test:{at.timestamp():.3f}"
    told = {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "data": {"message": "This is a test."}}
    WebhookDelivery.objects.ask([WebhookDelivery(webhook=webhook, key=key, event=TEST, payload=told)])
    return WebhookDelivery.objects.get(webhook=webhook, key=key)
