"""Partners are told what they asked for: once, signed, again when it failed, and never what is another operator's."""

import hashlib
import hmac
import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from maintenance.models import WorkOrderChange
from sntry_site.partner_news import tell_partners
from sntry_site.webhooks import send_test
from stations import outbox
from stations.access import sync_roles
from stations.models import Operator, Outbox, PartnerKey, PartnerNews, Webhook, WebhookDelivery
from stations.sealing import CannotOpen, opened, sealed
from telemetry.models import Risk, StatusReport

from . import fleet
from .hostile_strings import HOSTILE
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(receiver):
    """Northline with a partner that wants to know everything; Southway with none."""
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southway")
    hook = fleet.webhook(fleet.partner(north)[0].partner, url=f"{receiver.url}/hook")
    here, there = fleet.site(north, 1), fleet.site(south, 1)
    return SimpleNamespace(
        hook=hook, receiver=receiver, north=north, south=south, here=here, there=there, port=fleet.charger(here),
        far=fleet.charger(there), now=timezone.now(),
    )  # fmt: skip


def make_news(site, charger, at):
    """One event of every kind."""
    order = fleet.work_order(site, charger=charger, opened_at=at)
    order.incident.closed_at = at
    order.incident.save()
    WorkOrderChange.objects.create(order=order, at=at, old_state="new", new_state="assigned")
    Risk.objects.create(site=site, at=at, probability=0.7, level="critical", reason="hot")
    fleet.price_change(site, announced_at=at, starts_at=at + timedelta(minutes=20), ends_at=at + timedelta(hours=1))
    StatusReport.objects.record([charger.pk], [at], ["FAULTED"], ["OtherError"])


def test_everything_that_happened_is_told_once_and_nothing_of_another_operator(world):
    make_news(world.here, world.port, world.now)
    make_news(world.there, world.far, world.now)
    assert tell_partners(timezone.now()) == 6
    assert tell_partners(timezone.now()) == 0
    assert outbox.deliver_outside() == 6
    told = [json.loads(body) for *_, body in world.receiver.calls]
    assert {each["event"] for each in told} == {
        "incident.opened", "incident.closed", "risk.level", "price.changed", "work_order.state", "charger.status"
    }  # fmt: skip
    assert {each["site"] for each in told} == {world.here.external_id}
    assert all(each["at"].endswith("Z") for each in told)
    assert len({each["id"] for each in told}) == 6
    assert not Outbox.objects.waiting().exists()


def test_only_the_events_that_were_asked_for_are_told(world):
    Webhook.objects.update(events=["risk.level"])
    make_news(world.here, world.port, world.now)
    assert tell_partners(timezone.now()) == 1


def test_what_happened_before_the_subscription_is_not_told(world):
    Webhook.objects.update(tells_from=timezone.now() + timedelta(minutes=1))
    make_news(world.here, world.port, world.now)
    assert tell_partners(timezone.now()) == 0


def test_what_is_committed_late_and_of_long_ago_is_told_all_the_same(world):
    begun, may_end = threading.Event(), threading.Event()

    def slow_transaction():
        with transaction.atomic():
            make_news(world.here, world.port, world.now - timedelta(hours=2))
            begun.set()
            may_end.wait(120)
        connection.close()

    writer = threading.Thread(target=slow_transaction)
    writer.start()
    assert begun.wait(120)
    fleet.work_order(world.here)  # by somebody who began later and was done before
    assert tell_partners(timezone.now()) == 1
    assert tell_partners(timezone.now() + timedelta(minutes=10)) == 0
    may_end.set()
    writer.join()
    # Of the price what was announced, what has begun and what has ended.
    assert tell_partners(timezone.now()) == 8
    assert tell_partners(timezone.now()) == 0


def test_a_price_that_begins_and_ends_by_itself_is_told_when_it_does(world):
    at = timezone.now()
    fleet.price_change(
        world.here,
        announced_at=at,
        starts_at=at + timedelta(minutes=20),
        ends_at=at + timedelta(hours=1),
        applied=False,
    )
    told = [tell_partners(at + timedelta(minutes=minutes)) for minutes in (1, 19, 21, 59, 61, 300)]
    assert told == [1, 0, 1, 0, 1, 0]
    keys = WebhookDelivery.objects.order_by("pk").values_list("payload__data__what", flat=True)
    assert list(keys) == ["announced", "began", "ended"]


def test_nothing_is_noted_while_nobody_listens(world):
    Webhook.objects.all().delete()
    PartnerNews.objects.all().delete()
    StatusReport.objects.record([world.port.pk], [world.now], ["FAULTED"])
    assert not PartnerNews.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_network(world):
    def queries(count):
        for number in range(count):
            site = fleet.site(world.north, 100 + WorkOrderChange.objects.count() + number)
            make_news(site, fleet.charger(site), timezone.now())
        with CaptureQueriesContext(connection) as captured:
            tell_partners(timezone.now())
        return len(captured)

    few = queries(1)
    assert queries(8) == few <= 22


def test_a_message_is_signed_with_the_secret_and_the_time(world):
    send_test(world.hook, timezone.now())
    outbox.deliver_outside()
    [(method, path, headers, body)] = world.receiver.calls
    at, _, digest = headers["Sntry-Signature"].partition(",")
    expected = hmac.new(world.hook.secret.encode(), f"{at[2:]}.".encode() + body, hashlib.sha256).hexdigest()
    assert (method, path, digest) == ("POST", "/hook", f"v1={expected}")
    assert abs(int(at[2:]) - timezone.now().timestamp()) < 60
    assert world.hook.secret not in str(Webhook.objects.values())


def test_a_message_that_fails_is_tried_again_with_the_same_bytes_and_another_time(world):
    world.receiver.answers = [500, (302, {"Location": "http://127.0.0.1:9/"}, b""), 204]
    delivery = send_test(world.hook, timezone.now())
    now = timezone.now()
    assert [outbox.deliver_outside(now), outbox.deliver_outside(now + timedelta(seconds=9))] == [0, 0]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status_code, delivery.attempts) == ("failing", 500, 1)
    assert outbox.deliver_outside(now + timedelta(seconds=11)) == 0
    assert outbox.deliver_outside(now + timedelta(minutes=2)) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.status_code, delivery.attempts) == ("delivered", 204, 3)
    assert len({body for *_, body in world.receiver.calls}) == 1


def test_a_message_is_given_up_after_a_day_and_can_be_sent_again(world):
    world.receiver.answers = [500] * 8
    delivery, now = send_test(world.hook, timezone.now()), timezone.now()
    for _ in range(8):
        outbox.deliver_outside(now)
        now += timedelta(hours=13)
    row = Outbox.objects.get()
    delivery.refresh_from_db()
    assert (row.attempts, row.dead_at is not None, delivery.state) == (8, True, "dead")
    assert WebhookDelivery.objects.all().replay(now) == 1
    assert outbox.deliver_outside(now) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries, delivery.attempts) == ("delivered", 2, 9)


def test_a_webhook_that_fails_for_a_day_is_switched_off_and_partner_and_operator_are_told(world):
    world.hook.partner.contact_email = "ops@partner.example"
    world.hook.partner.save()
    sync_roles()
    for name, role, place in (("nora", "ops", "north"), ("vic", "viewer", "north"), ("sam", "ops", "south")):
        who = fleet.person(name, role, getattr(world, place))
        User.objects.filter(pk=who.pk).update(email=f"{name}@{place}.example")
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=25))
    world.receiver.answers = [500]
    send_test(world.hook, timezone.now())
    outbox.deliver_outside()
    world.hook.refresh_from_db()
    assert world.hook.disabled_at is not None
    assert "answered 500" in world.hook.disabled_because
    outbox.deliver_due()
    assert mail.outbox[0].to == ["ops@partner.example", "nora@north.example"]
    make_news(world.here, world.port, timezone.now())
    assert tell_partners(timezone.now()) == 0
    world.hook.switch_on(timezone.now())
    assert Webhook.objects.active().count() == 1


def test_a_partner_whose_last_key_is_revoked_is_told_nothing_more(world):
    second, _ = fleet.partner(world.north)
    first = PartnerKey.objects.exclude(pk=second.pk).get(partner=second.partner)
    send_test(world.hook, timezone.now())
    PartnerKey.objects.filter(pk=first.pk).update(expires_at=timezone.now())  # the end of a key is not the end of all
    assert Webhook.objects.active().count() == 1
    PartnerKey.objects.filter(pk=second.pk).revoke(timezone.now())
    world.hook.refresh_from_db()
    assert world.hook.disabled_because == "Its partner's last key was revoked."
    make_news(world.here, world.port, timezone.now())
    tell_partners(timezone.now())
    outbox.deliver_outside()
    assert not world.receiver.calls


def test_what_no_key_of_a_partner_that_works_may_read_is_not_told(world):
    key = PartnerKey.objects.get()
    PartnerKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    make_news(world.here, world.port, world.now)
    assert tell_partners(timezone.now()) == 0, "no key works"
    fleet.partner(world.north, scopes=["risk:read"])
    fleet.partner(world.north, scopes=["prices:read", "sites:read"])
    other = fleet.webhook(fleet.partner(world.north, "Other")[0].partner, url=f"{world.receiver.url}/other")
    here = fleet.site(world.north, 2)
    make_news(here, fleet.charger(here), timezone.now())
    assert tell_partners(timezone.now()) == 8
    told = WebhookDelivery.objects.filter(webhook=world.hook).values_list("event", flat=True)
    assert set(told) == {"risk.level", "price.changed"}
    assert other.deliveries.count() == 6


@pytest.mark.parametrize("event", ["risk.level", "test"])
def test_what_was_queued_is_not_sent_once_no_key_may_read_it(world, event):
    asked = WebhookDelivery(webhook=world.hook, key="a", event=event, payload={})
    WebhookDelivery.objects.ask([asked])
    PartnerKey.objects.update(expires_at=timezone.now())
    outbox.deliver_outside()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.error) == ("dead", "Its partner has no key that works.")
    assert not world.receiver.calls
    fleet.partner(world.north, scopes=["risk:read"])
    assert WebhookDelivery.objects.all().replay(timezone.now()) == 1
    assert outbox.deliver_outside() == 1


def test_the_list_says_of_what_a_webhook_is_not_told(world, client):
    sync_roles()
    client.force_login(fleet.person("nora", "ops", world.north))
    PartnerKey.objects.update(scopes=["risk:read", "prices:read", "telemetry:read"])
    page = client.get(reverse("admin:stations_webhook_changelist")).content.decode()
    assert "risk.level, price.changed, charger.status (no key that works may read incident.opened, " in page


def test_staff_cut_a_partner_off_from_everything_at_once(world, client):
    company = world.hook.partner
    connection, _ = fleet.ocpi_connection(company)
    connection.register("t", "https://x.example/", "2.2.1", [], {"locations": "https://x.example/l"}, timezone.now())
    sync_roles()
    client.force_login(fleet.person("nora", "ops", world.north))
    page = reverse("admin:stations_partner_changelist")
    client.post(page, {"action": "cut_off", "_selected_action": [company.pk]})
    assert not PartnerKey.objects.live(timezone.now()).exists()
    assert not Webhook.objects.active().exists()
    connection.refresh_from_db()
    assert (connection.registered_at, connection.endpoints) == (None, {})
    assert Webhook.objects.get().disabled_because == "Cut off by nora."


def test_one_success_ends_the_row_of_failures(world):
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=23))
    send_test(world.hook, timezone.now())
    outbox.deliver_outside()
    world.hook.refresh_from_db()
    assert world.hook.failing_since is None


def test_a_receiver_that_fails_holds_up_neither_mail_nor_others(world):
    other = fleet.webhook(fleet.partner(world.north, "Other")[0].partner, url=f"{world.receiver.url}/other")
    Webhook.objects.filter(pk=world.hook.pk).update(url="http://127.0.0.1:9/")
    for number in range(5):
        send_test(Webhook.objects.get(pk=world.hook.pk), timezone.now() + timedelta(seconds=number))
        send_test(other, timezone.now() + timedelta(seconds=number))
    outbox.put("mail", "m", {"subject": "s", "body": "b", "to": ["a@example.com"]})
    assert outbox.deliver_due() == 1
    assert outbox.deliver_outside() == 5
    # The failing one was tried once in this round, not five times.
    assert sum(WebhookDelivery.objects.values_list("attempts", flat=True)) == 6


def two_at_once(receiver: Receiver) -> None:
    """Slow: nobody is answered before two have called, or a minute has passed."""
    deadline = time.monotonic() + 60
    while receiver.at_once < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)  # in which a third one could call


def test_a_partner_all_of_whose_receivers_are_slow_gets_two_of_the_threads(world):
    world.receiver.on_call = lambda method, path: two_at_once(world.receiver)
    world.receiver.answers = [503] * 8
    for number in range(8):
        hook = fleet.webhook(world.hook.partner, url=f"{world.receiver.url}/{number}")
        send_test(hook, timezone.now())
    others = Receiver()
    for number in range(3):
        company = fleet.partner(world.north, f"Other {number}")[0].partner
        send_test(fleet.webhook(company, url=f"{others.url}/{number}"), timezone.now())
    assert outbox.deliver_outside() == 3
    assert (len(others.calls), len(world.receiver.calls), world.receiver.at_once) == (3, 8, 2)
    others.stop()


def test_a_receiver_inside_is_never_called(world, settings):
    settings.PRIVATE_RECEIVERS = False
    delivery = send_test(world.hook, timezone.now())
    assert outbox.deliver_outside() == 0
    delivery.refresh_from_db()
    assert delivery.error == "The address must begin with https://."
    assert not world.receiver.calls


def test_hostile_words_arrive_as_words(world):
    for text in HOSTILE[:30]:
        Risk.objects.create(
            site=world.here, at=timezone.now(), probability=0.5, level="watch", reason=text.replace("\0", "")[:200]
        )
    tell_partners(timezone.now())
    outbox.deliver_outside()
    assert len(world.receiver.calls) == 30
    assert all(json.loads(body)["event"] == "risk.level" for *_, body in world.receiver.calls)


def test_a_secret_is_kept_sealed_and_opens_under_an_older_key_only_while_that_is_known(settings):
    kept = sealed("whsec_1")
    assert "whsec_1" not in kept
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of more than fifty characters, which is not the old"
    with pytest.raises(CannotOpen):
        opened(kept)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert opened(kept) == "whsec_1"


def test_staff_make_one_see_its_secret_once_test_it_and_send_again(world, client, settings):
    sync_roles()
    client.force_login(fleet.person("nora", "ops", world.north))
    page = reverse("admin:stations_webhook_add")
    company = fleet.partner(world.north, "New")[0].partner
    values = {"partner": company.pk, "url": f"{world.receiver.url}/new", "events": ["risk.level"]}
    answer = client.post(page, values)
    made = Webhook.objects.get(partner=company)
    assert made.secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert made.secret not in client.get(reverse("admin:stations_webhook_change", args=[made.pk])).content.decode()
    client.post(reverse("admin:stations_webhook_changelist"), {"action": "test", "_selected_action": [made.pk]})
    assert outbox.deliver_outside() == 1
    log = reverse("admin:stations_webhookdelivery_changelist")
    assert "Delivered" in client.get(log).content.decode()
    client.post(log, {"action": "replay", "_selected_action": [WebhookDelivery.objects.get().pk]})
    assert outbox.deliver_outside() == 1
    assert len(world.receiver.calls) == 2
    settings.PRIVATE_RECEIVERS = False
    refused = client.post(page, {**values, "url": "http://127.0.0.1/"})
    assert "must begin with https" in refused.content.decode()
    client.force_login(fleet.person("sam", "ops", world.south))
    assert "/new" not in client.get(log).content.decode()
    assert client.get(reverse("admin:stations_webhook_change", args=[made.pk])).status_code in (302, 404)
