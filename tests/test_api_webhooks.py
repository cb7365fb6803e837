"""Partners keep their own webhooks by the API: made, tried, changed, followed and ended, and nobody else's seen."""

import json

import pytest
from django.test import Client

from sntry_site.api import webhooks
from sntry_site.webhooks import deliver, signature
from stations import outbox
from stations.models import AnsweredRequest, Operator, Scope, Webhook, WebhookDelivery, WebhookEvent

from . import fleet

URL = "https://hooks.example/sntry"


@pytest.fixture
def north(db):
    return Operator.objects.create(name="Northline")


@pytest.fixture
def call(north):
    """Call as a partner, by name: `call("post", "webhooks/", {...}, who="Fleetly")`."""
    keys = {}

    def ask(method: str, address: str, body: dict | None = None, who: str = "Fleetly", **headers):
        if who not in keys:
            keys[who] = fleet.partner(north, who)[1]
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {keys[who]}", **headers}
        return getattr(Client(), method)(f"/api/v1/{address}", headers=headers, **sent)

    return ask


@pytest.mark.django_db(transaction=True)
def test_a_partner_makes_one_tries_it_and_reads_what_became_of_it(call, receiver):
    answer = call("post", "webhooks/", {"url": f"{receiver.url}/hook", "events": ["risk.level", "risk.level"]})
    made = answer.json()
    assert (answer.status_code, made["events"], made["disabled_at"]) == (201, ["risk.level"], None)
    assert made["secret"] not in call("get", f"webhooks/{made['id']}/").content.decode()
    assert call("post", f"webhooks/{made['id']}/test/", {}).json()["state"] == "waiting"
    assert outbox.deliver_outside() == 1
    (told,) = call("get", f"webhooks/{made['id']}/deliveries/").json()["results"]
    assert (told["event"], told["state"], told["attempts"], told["status_code"]) == ("test", "delivered", 1, 200)
    _, _, headers, body = receiver.calls[0]
    at = int(headers["Sntry-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["Sntry-Signature"] == signature(made["secret"], at, body)
    renewed = call("post", f"webhooks/{made['id']}/secret/", {}).json()["secret"]
    assert renewed != made["secret"]
    assert Webhook.objects.get().secret == renewed


def test_nobody_is_told_what_their_key_may_not_read(call, north):
    _, narrow = fleet.partner(north, "Fleetly", [Scope.WEBHOOKS, Scope.RISK_READ])
    headers = {"Authorization": f"Bearer {narrow}"}
    refused = call("post", "webhooks/", {"url": URL, "events": ["risk.level", "price.changed"]}, **headers)
    assert (refused.status_code, refused.json()["detail"]) == (
        403, 'To be told of "price.changed" the key needs the scope "prices:read".',
    )  # fmt: skip
    made = call("post", "webhooks/", {"url": URL, "events": ["risk.level"]}, **headers).json()
    more = call("patch", f"webhooks/{made['id']}/", {"events": ["charger.status"]}, **headers, **{"If-Match": "*"})
    assert more.status_code == 403
    assert Webhook.objects.get().events == ["risk.level"]
    assert set(webhooks.NEEDED) == set(WebhookEvent)


@pytest.fixture
def broad_and_narrow(call, north):
    """A webhook that is told of everything, by its address, and how a key that may read risk alone calls."""
    made = call("post", "webhooks/", {"url": URL, "events": WebhookEvent.values}).json()
    _, narrow = fleet.partner(north, "Fleetly", [Scope.WEBHOOKS, Scope.RISK_READ])

    def ask(method: str, address: str, body: dict | None = None, **headers):
        headers = {"Authorization": f"Bearer {narrow}", "If-Match": "*", **headers}
        return call(method, address, body, **headers)

    return f"webhooks/{made['id']}/", ask


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("patch", "", {"url": "https://evil.example/"}), ("patch", "", {"is_on": True}), ("patch", "", {}),
        ("patch", "", {"url": "https://evil.example/", "events": WebhookEvent.values}),
        ("post", "secret/", {}), ("post", "test/", {}),
    ],
)  # fmt: skip
def test_a_narrow_key_neither_redirects_nor_signs_what_another_key_of_its_partner_may_read(
    broad_and_narrow, method, rest, body
):
    one, ask = broad_and_narrow
    before = Webhook.objects.values().get()
    answer = ask(method, one + rest, body)
    assert (answer.status_code, "the key needs the scope" in answer.json()["detail"]) == (403, True)
    assert Webhook.objects.values().get() == before
    assert not WebhookDelivery.objects.exists()


def test_a_narrow_key_may_narrow_a_webhook_which_then_sends_nothing_else_that_waited(broad_and_narrow, receiver):
    one, ask = broad_and_narrow
    hook = Webhook.objects.get()
    for event in ("incident.opened", "risk.level"):
        WebhookDelivery.objects.ask([WebhookDelivery(webhook=hook, key=event, event=event, payload={})])
    answer = ask("patch", one, {"url": f"{receiver.url}/mine", "events": ["risk.level"]})
    assert answer.status_code == 200, answer.content
    for delivery in WebhookDelivery.objects.all():
        deliver({"delivery": delivery.pk})
    states = dict(WebhookDelivery.objects.values_list("event", "state"))
    assert states == {"incident.opened": "dead", "risk.level": "delivered"}
    assert [json.loads(body)["event"] for *_, body in receiver.calls] == ["risk.level"]


def test_the_log_of_a_webhook_holds_for_a_key_what_that_may_read(broad_and_narrow, call):
    one, ask = broad_and_narrow
    hook = Webhook.objects.get()
    for event in ("incident.opened", "risk.level", "test"):
        WebhookDelivery.objects.ask([WebhookDelivery(webhook=hook, key=event, event=event, payload={})])
    assert [row["event"] for row in ask("get", f"{one}deliveries/").json()["results"]] == ["risk.level", "test"]
    assert len(call("get", f"{one}deliveries/").json()["results"]) == 3


def test_an_answer_with_a_secret_is_kept_for_the_key_that_asked(broad_and_narrow, call):
    one, ask = broad_and_narrow
    first = call("post", f"{one}secret/", {}, **{"Idempotency-Key": "k1"})
    again = call("post", f"{one}secret/", {}, **{"Idempotency-Key": "k1"})
    other = ask("post", f"{one}secret/", {}, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.json(), other.status_code) == (200, first.json(), 403)


def test_it_is_changed_by_its_version_switched_off_and_on_and_deleted(call):
    made = call("post", "webhooks/", {"url": URL, "events": ["risk.level"]}).json()
    call("post", "webhooks/", {"url": f"{URL}/2", "events": ["risk.level"]})
    one = f"webhooks/{made['id']}/"
    assert call("patch", one, {"is_on": False}).status_code == 428
    version = call("get", one)["ETag"]
    off = call("patch", one, {"is_on": False, "events": ["price.changed"]}, **{"If-Match": version})
    assert (off.json()["disabled_because"], off.json()["events"]) == ("By the partner itself.", ["price.changed"])
    assert call("patch", one, {"is_on": True}, **{"If-Match": version}).status_code == 412
    assert call("post", f"{one}test/", {}).status_code == 409
    on = call("patch", one, {"is_on": True, "url": f"{URL}/3"}, **{"If-Match": off["ETag"]})
    assert (on.json()["disabled_at"], on.json()["url"]) == (None, f"{URL}/3")
    taken = call("patch", one, {"url": f"{URL}/2"}, **{"If-Match": "*"})
    assert (taken.status_code, taken.json()["errors"][0]["path"]) == (409, "/url")
    assert call("delete", one).status_code == 204
    assert (call("get", one).status_code, call("delete", one).status_code) == (404, 404)
    assert Webhook.objects.count() == 1


def test_a_partner_sees_its_own_only_also_beside_others_of_the_same_operator(call, north):
    theirs = f"webhooks/{fleet.webhook(fleet.partner(north, 'Mapper')[0].partner).pk}/"
    assert call("get", "webhooks/").json()["results"] == []
    asked = [("get", ""), ("patch", ""), ("delete", ""), ("post", "test/"), ("post", "secret/"), ("get", "deliveries/")]
    for method, rest in asked:
        body = None if method in ("get", "delete") else {}
        assert call(method, f"{theirs}{rest}", body, **{"If-Match": "*"}).status_code == 404, rest
    assert Webhook.objects.count() == 1
    key = fleet.partner(north, scopes=[each for each in Scope.values if each != "webhooks"])[1]
    answer = Client().get("/api/v1/webhooks/", headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["detail"] == 'The key lacks the scope "webhooks".'


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (URL, 409), ("http://hooks.example/", 422), ("https://hooks.example:444/", 422), ("https://a@b.example/", 422),
        ("https://hooks.example/\n", 422), ("ftp://hooks.example/", 422), ("https://127.0.0.1/", 409),
        ("https://10.1.2.3:8443/x", 409), ("https://169.254.169.254/latest/", 409), ("https://localhost/", 409),
        ("https://hooks.example/?a=1", 201), ("https://" + "a" * 300, 422),
    ],
)  # fmt: skip
def test_only_addresses_that_may_be_called_are_taken(url, status, call, settings):
    settings.PRIVATE_RECEIVERS = False
    call("post", "webhooks/", {"url": URL, "events": ["risk.level"]})
    answer = call("post", "webhooks/", {"url": url, "events": ["risk.level"]})
    assert answer.status_code == status, answer.content
    assert status == 201 or answer.json()["errors"][0]["path"] == "/url"


def test_a_partner_has_so_many_at_most(call, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    answers = [call("post", "webhooks/", {"url": f"{URL}/{n}", "events": ["risk.level"]}) for n in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]


def test_the_same_answer_comes_again_with_its_secret_and_is_kept_sealed(call):
    sent = {"url": URL, "events": ["risk.level"]}
    first, again = (call("post", "webhooks/", sent, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == again.json()
    assert first.json()["secret"].encode() not in bytes(AnsweredRequest.objects.get().body)
