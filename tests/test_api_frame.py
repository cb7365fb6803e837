"""What holds at every address of the API: problems, who may, how often, and which bodies are taken."""

import gzip
import json
import threading
from types import SimpleNamespace

import pytest
import redis
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import Http404
from rest_framework.exceptions import MethodNotAllowed, ValidationError

from sntry_site.api import bodies, limits, problems
from sntry_site.api.access import Allowed
from sntry_site.api.docs import contract
from sntry_site.api.problems import Problem
from sntry_site.api.rows import is_about
from stations.client_address import network_of
from stations.models import Operator

from . import fleet


@pytest.fixture
def mine(db):
    return Operator.objects.create(name="Northline")


@pytest.mark.parametrize("address", ["nowhere", "sites/%0A/", "chargers/a%0Ab/", "%0A"])
def test_an_address_that_is_none_is_a_problem_for_callers_and_a_401_for_strangers(mine, client, address):
    _, text = fleet.partner(mine)
    for method in ("get", "post", "put", "patch", "delete"):
        assert getattr(client, method)(f"/api/v1/{address}").status_code == 401
        answer = getattr(client, method)(f"/api/v1/{address}", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json() == {
            "type": "/api/docs/#problem-404",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such address; the contract is at /api/docs/.",
            "request_id": answer["X-Request-ID"],
        }


def test_people_who_are_not_staff_are_refused(mine, client):
    client.force_login(fleet.person("driver", None, mine))
    assert client.get("/api/v1/nowhere").status_code == 404
    User.objects.update(is_staff=False)
    assert client.get("/api/v1/nowhere").status_code == 403


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404("gone"), 404),
        (ValidationError({"rows": [{}, {"status": ["no such status"]}]}), 422),
        (OperationalError("the server closed the connection"), 503),
        (RuntimeError("a secret path"), 500),
        (Problem(409, "in flight"), 409),
    ],
)
def test_whatever_is_raised_becomes_a_problem(error, status, db):
    answer = problems.handle(error, {})
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert b"secret path" not in answer.content
    if status == 422:
        assert b'"path":"/rows/1/status","message":"no such status"' in answer.content
    if status == 503:
        assert answer["Retry-After"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": -Infinity}', 400),
        (b'"\\ud800"', 400),
        (b'{"a": "\xff"}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a": [{"b": "x\\u0000"}]}', 422),
        (b'{"a\\u0000": 1}', 422),
    ],
)
def test_a_body_that_databases_or_readers_choke_on_is_refused(body, status):
    with pytest.raises(Problem) as refusal:
        bodies.loads(body)
    assert refusal.value.status_code == status


def test_an_escaped_backslash_before_u0000_is_text():
    assert bodies.loads(rb'"\\u0000"') == "\\u0000"


def test_a_packed_body_is_unpacked_and_never_beyond_the_limit():
    assert bodies.unpacked(gzip.compress(b'{"a": 1}'), "gzip") == b'{"a": 1}'
    bomb = gzip.compress(bytes(bodies.LARGEST + 1))
    assert len(bomb) < 20_000
    for body, encoding, status in (
        (bomb, "gzip", 413),
        (bytes(bodies.LARGEST + 1), "identity", 413),
        (gzip.compress(b"1")[:-3], "gzip", 400),
        (gzip.compress(b"1") + b"x", "gzip", 400),
        (b"plain", "gzip", 400),
        (b"1", "br", 415),
    ):
        with pytest.raises(Problem) as refusal:
            bodies.unpacked(body, encoding)
        assert refusal.value.status_code == status


@pytest.mark.parametrize("make", [limits.Buckets, limits.LocalBuckets])
def test_of_calls_at_the_same_moment_exactly_the_limit_passes(make):
    bucket, name, passed = make(), f"together-{make.__name__}-{threading.get_ident()}", []
    every, whole = 60_000, 600_000

    def take():
        if make is limits.Buckets:
            return bucket.take(name, 10, 600)
        return bucket.take(name, every, whole, 1_000_000.0)

    def call():
        passed.append(take()[0])

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 10
    refused, wait, _ = take()
    assert refused == 0
    assert 0 < wait <= every


def test_a_bucket_drains_evenly():
    local = limits.LocalBuckets()
    answers = [local.take("a", 1000, 3000, now) for now in (0, 0, 0, 0, 999, 1000, 1000)]
    assert [allowed for allowed, _, _ in answers] == [1, 1, 1, 0, 0, 1, 0]
    assert [left for _, left, _ in answers[:3]] == [2, 1, 0]


def test_limits_live_on_without_redis_and_do_not_wait_for_it_each_time():
    asked = []

    def away(keys, arguments):
        asked.append(keys)
        raise redis.ConnectionError("refused")

    buckets = limits.Buckets()
    buckets.script = away
    assert [buckets.take("a", 2, 60)[0] for _ in range(3)] == [1, 1, 0]
    assert len(asked) == 1


def test_too_many_calls_are_told_when_to_come_back_and_every_answer_says_what_is_left(mine, client, settings):
    settings.API_LIMITS = {**settings.API_LIMITS, "read": (2, 60)}
    (_, text), (_, second) = fleet.partner(mine), fleet.partner(mine)
    answers = [client.get("/api/v1/x", headers={"Authorization": f"Bearer {text}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0]["RateLimit-Limit"] == "2"
    assert 1 <= int(answers[2]["Retry-After"]) <= 30
    assert client.get("/api/v1/x", headers={"Authorization": f"Bearer {second}"}).status_code == 404


def test_a_method_that_a_view_does_not_open_is_closed():
    key = SimpleNamespace(is_authenticated=True, scopes=["sites:read"])
    opens = dict.fromkeys(("get", "head", "post", "patch"))
    view = SimpleNamespace(
        scopes={"GET": "sites:read", "POST": "sites:write"}, staff={}, http_method_names=list(opens), **opens
    )
    for method, opened in (("GET", True), ("HEAD", True), ("POST", False), ("PATCH", False), ("DELETE", False)):
        request = SimpleNamespace(user=key, auth=key, method=method)
        if opened:
            assert Allowed().has_permission(request, view)
        else:
            closed = problems.exceptions.PermissionDenied if method.lower() in opens else MethodNotAllowed
            with pytest.raises(closed):
                Allowed().has_permission(request, view)
    person = SimpleNamespace(is_authenticated=True)
    with pytest.raises(problems.exceptions.PermissionDenied, match="takes a partner's key"):
        Allowed().has_permission(SimpleNamespace(user=person, auth=None, method="GET"), view)


def test_a_limit_with_zeros_before_it_asks_for_no_more_than_the_most(mine, client):
    _, text = fleet.partner(mine)
    for limit in ("0000000009999999", "1001", "0", ""):
        answer = client.get(f"/api/v1/sites/?limit={limit}", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/limit")


def test_heavy_questions_have_a_limit_of_their_own(mine, client, settings):
    _, text = fleet.partner(mine)
    headers = {"Authorization": f"Bearer {text}"}
    settings.API_LIMITS = {**settings.API_LIMITS, "heavy": (1, 60)}
    answers = [client.get("/api/v1/session-success/?since=x", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 429]
    assert client.get("/api/v1/sites/", headers=headers).status_code == 200


def test_strangers_are_told_to_wait_by_address_and_good_keys_are_not(mine, client, settings):
    settings.API_LIMITS = {**settings.API_LIMITS, "stranger": (3, 60)}
    _, text = fleet.partner(mine)
    key, guess = {"Authorization": f"Bearer {text}"}, {"Authorization": "Bearer sntry_00000000_" + "x" * 43}

    def call(method: str, headers: dict, address: str):
        return getattr(client, method)("/api/v1/sites/", headers=headers, REMOTE_ADDR=address).status_code

    here, there = "2001:db8::1", "2001:db8:0:1::1"
    assert [call(*each, here) for each in (("get", guess), ("options", {}), ("post", {}))] == [401, 401, 401]
    assert call("get", guess, "2001:db8::2") == 429, "the same network"
    assert call("options", {}, here) == 429
    assert call("get", key, here) == 200
    assert call("get", guess, there) == 401


def test_refusals_and_questions_for_methods_count_as_calls(mine, client, settings):
    settings.API_LIMITS = {**settings.API_LIMITS, "read": (3, 60), "write": (1, 60)}
    _, text = fleet.partner(mine, scopes=["events:read"])
    headers = {"Authorization": f"Bearer {text}"}
    answers = [client.get("/api/v1/sites/", headers=headers), client.options("/api/v1/events/", headers=headers)]
    answers += [client.head("/api/v1/events/", headers=headers), client.options("/api/v1/events/", headers=headers)]
    assert [answer.status_code for answer in answers] == [403, 405, 200, 429]
    assert answers[0]["RateLimit-Remaining"] == "2"
    assert [client.post("/api/v1/staff/tick/", headers=headers).status_code for _ in range(2)] == [403, 429]


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("a\nb", "unknown"),
    ],
)
def test_an_address_is_counted_as_its_owner_has_it(said, counted):
    assert network_of(said) == counted


@pytest.mark.parametrize(
    ("header", "weakly", "expected"),
    [
        ('"a"', False, True),
        ('"b", "a"', False, True),
        ("*", False, True),
        ("*", True, True),
        ('W/"a"', False, False),
        ('W/"a"', True, True),
        ('"b"', True, False),
        ('"ab"', True, False),
        ("a", False, False),
        ("", True, False),
    ],
)
def test_versions_are_compared_as_http_says(header, weakly, expected):
    assert is_about(header, '"a"', weakly) == expected


def test_the_contract_says_how_long_a_text_may_be_and_that_it_may_be_empty_in_one_way_only():
    told = json.loads(contract())
    parameters = {each["name"]: each["schema"] for each in told["paths"]["/api/v1/sites/"]["get"]["parameters"]}
    assert parameters["id"]["items"]["maxLength"] == 64
    assert parameters["city"]["maxLength"] == 100
    model = told["components"]["schemas"]["PatchedChargerChange"]["properties"]["model"]
    assert (model["maxLength"], "minLength" in model, "oneOf" in model) == (100, False, False)
    assert "maxLength" not in told["components"]["schemas"]["SiteRow"]["properties"]["name"]
