"""A partner's own webhooks: where it is told what, the log of messages, and a test."""

import ipaddress
import re
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from stations.models import Partner, Scope, Webhook, WebhookDelivery, WebhookEvent
from stations.models.webhooks import NEEDED, TEST, readable
from stations.outgoing import NotCalled, check_url, is_public

from ..webhooks import send_test
from .access import seen, seen_or_404
from .changes import Changed
from .fields import Body, Moment, Nothing, Row, Text, Whole, Word, YesNo
from .maintenance import one_of
from .posting import Posted, made, note_call
from .problems import Problem
from .rows import Filter, Rows, after, many, refuse_parameters

MOST_WEBHOOKS = 20  # of a partner
URL = r"^https://[A-Za-z0-9]([A-Za-z0-9.\-]{0,200}[A-Za-z0-9])?(:(443|8443))?([/?][!-\[\]-~]*)?$"


@extend_schema_field({"type": "string", "pattern": URL, "maxLength": 255})
class ReceiverUrl(Text):
    """An address that may be called: https, and the ports 443 and 8443 only."""

    default_error_messages = {"form": "Write an address like https://example.com/hooks; the ports are 443 and 8443."}

    def to_internal_value(self, data):
        url = super().to_internal_value(data)
        if not settings.PRIVATE_RECEIVERS and not re.fullmatch(URL.removesuffix("$"), url):
            self.fail("form")
        try:
            check_url(url)
        except NotCalled as error:
            raise serializers.ValidationError(str(error)) from None
        return url


class WebhookRow(Row):
    id = Whole(source="pk")
    url = Text(max_length=255)
    events = serializers.ListField(child=Word(WebhookEvent.choices))
    created_at = Moment()
    failing_since = Moment(allow_null=True, help_text="Null: the last message was taken.")
    disabled_at = Moment(allow_null=True, help_text="Null: it is on.")
    disabled_because = Text()


class WebhookMade(WebhookRow):
    """A webhook and its secret, which is told this once."""

    secret = Text(help_text="What messages are signed with from now on; it is told once.")


def _events(**options) -> serializers.ListField:
    return serializers.ListField(
        child=Word(WebhookEvent.choices), min_length=1, max_length=len(WebhookEvent), **options
    )


class WebhookIn(Body):
    """Where to tell what."""

    url = ReceiverUrl(max_length=255)
    events = _events()


class WebhookChange(Body):
    """Another address, other events, or on and off."""

    url = ReceiverUrl(max_length=255, required=False)
    events = _events(required=False)
    is_on = YesNo(required=False, help_text="Once it is on again, it is told what happens from then on.")


def of_caller(request):
    """The webhooks that exist for the caller: a partner's own; for staff those of their operators."""
    rows = seen(Webhook, request.user)
    return rows.filter(partner=request.auth.partner_id) if request.auth else rows


def own(request, id: int) -> Webhook:
    """One of them, locked; 404 where there is none."""
    return seen_or_404(of_caller(request).select_for_update(of=["self"], no_key=True), request.user, pk=id)


def checked(request, events: list[str]) -> list[str]:
    """The events, each once and in order; 403 for those whose rows the key may not read.

    Before whatever tells of them, sends them elsewhere or has them signed by somebody else: a webhook is the partner's,
    and another key of the partner may have made it.
    """
    for event in sorted(set(events)):
        if NEEDED[event] not in request.auth.scopes:
            raise PermissionDenied(f'To be told of "{event}" the key needs the scope "{NEEDED[event]}".')
    return sorted(set(events))


def check_place(request, url: str, but: int | None = None) -> None:
    """Refuse an address that is known already or never public; the partner stays locked until the row is written."""
    host = urlsplit(url).hostname or ""
    Partner.objects.select_for_update(no_key=True).get(pk=request.auth.partner_id)
    if of_caller(request).filter(url=url).exclude(pk=but).exists():
        _conflict("/url", "You have a webhook for this address already.")
    try:
        is_inside = not is_public(str(ipaddress.ip_address(host)))
    except ValueError:
        is_inside = host == "localhost" or host.endswith(".localhost")
    if is_inside and not settings.PRIVATE_RECEIVERS:
        _conflict("/url", f"The host {host} is not on the public internet.")


class Webhooks(Rows, Posted):
    """The partner's own webhooks; POST makes one, and its answer alone tells the secret."""

    row, body, answer_row, keeps_secret = WebhookRow, WebhookIn, WebhookMade, True
    scopes, staff = {"GET": Scope.WEBHOOKS, "POST": Scope.WEBHOOKS}, {"GET": "stations.view_webhook"}

    def rows(self, request):
        return of_caller(request)

    def send(self, request):
        """201 with the secret; 409 for an address that is known already, or that is never public."""
        sent = self.sent(request)
        check_place(request, sent["url"])
        if of_caller(request).count() >= MOST_WEBHOOKS:
            raise Problem(409, f"You have {MOST_WEBHOOKS} webhooks, which is the most; delete one of them first.")
        hook = Webhook(partner=request.auth.partner, url=sent["url"], events=checked(request, sent["events"]))
        secret = hook.renew_secret()
        hook.save()
        return made({**one_of(Webhook, WebhookRow, hook.pk), "secret": secret})


class OneWebhook(Changed):
    """A webhook; PATCH changes it by If-Match, DELETE ends it."""

    row, body, path = WebhookRow, WebhookChange, "pk"
    http_method_names = [*Changed.http_method_names, "delete"]
    scopes = dict.fromkeys(("GET", "PATCH", "DELETE"), Scope.WEBHOOKS)
    staff = Webhooks.staff

    def rows(self, request):
        return of_caller(request)

    def _change(self, row, values: dict) -> None:
        events = checked(self.request, values.get("events", row.events))
        if "events" in values:
            values["events"] = events
        if "url" in values:
            check_place(self.request, values["url"], row.pk)
        turn = values.pop("is_on", None)
        super()._change(row, values)
        if turn and row.disabled_at:
            row.switch_on(timezone.now())
        elif turn is False:
            row.switch_off("By the partner itself.", timezone.now())

    def delete(self, request, id):
        """204: it is told nothing more, and its log is gone."""
        refuse_parameters(request)
        with transaction.atomic():
            own(request, id).delete()
            note_call(request)
        return HttpResponse(status=204)


class NewSecret(Posted):
    """Another secret for a webhook, from the next message on."""

    row, body, statuses, keeps_secret = WebhookMade, Nothing, (200,), True
    scopes = {"POST": Scope.WEBHOOKS}

    def send(self, request, id):
        """200 with the new secret; the old one signs nothing from now on."""
        self.sent(request)
        hook = own(request, id)
        checked(request, hook.events)
        secret = hook.renew_secret()
        hook.save(update_fields=["sealed_secret"])
        return made({**one_of(Webhook, WebhookRow, hook.pk), "secret": secret}, 200)


class DeliveryRow(Row):
    id = Whole(source="pk", help_text="In the header Sntry-Delivery.")
    message = Text(source="key", help_text="The id in the message; the same however often it is sent.")
    event = Word([*WebhookEvent.choices, (TEST, "A test")])
    state = Word(WebhookDelivery.State.choices)
    created_at = Moment()
    attempts = Whole()
    last_attempt_at = Moment(allow_null=True)
    status_code = Whole(allow_null=True, help_text="Of the last answer; null: there was none.")
    error = Text()


class Deliveries(Rows):
    """The log of a webhook: which messages were sent, and what became of them, as far as the key may read them."""

    row = DeliveryRow
    filters = {"after": after(), "state": Filter("state__in", many(Word(WebhookDelivery.State.choices)))}
    scopes, staff = {"GET": Scope.WEBHOOKS}, {"GET": "stations.view_webhookdelivery"}

    def get(self, request, id):
        """A page of messages, oldest first."""
        self.webhook = seen_or_404(of_caller(request), request.user, pk=id)
        return super().get(request)

    def rows(self, request):
        rows = seen(WebhookDelivery, request.user).filter(webhook=self.webhook)
        return rows.filter(event__in={TEST, *readable(request.auth.scopes)}) if request.auth else rows


class Test(Posted):
    """Have a test message sent to a webhook."""

    row, body, statuses, scopes = DeliveryRow, Nothing, (202,), {"POST": Scope.WEBHOOKS}

    def send(self, request, id):
        """202 with the message, whose state the log tells; 409 if the webhook is off."""
        self.sent(request)
        hook = own(request, id)
        checked(request, hook.events)
        if hook.disabled_at:
            raise Problem(409, "This webhook is off; switch it on first.")
        return made(one_of(WebhookDelivery, DeliveryRow, send_test(hook, timezone.now()).pk), 202)


def _conflict(path: str, message: str):
    raise Problem(409, message, [{"path": path, "message": message}])
