"""OCPI as partners meet it: over sockets, with the handshake, and read by the models of py_ocpi."""

import base64
import json
import subprocess
import sys
import uuid
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from sntry_site import embedded
from sntry_site.ocpi import mapping
from sntry_site.ocpi.frame import tokens_of
from stations.models import AuditEntry, OcpiConnection, Operator, Site
from stations.models.access import hash_of
from telemetry.models import ChargingSession, SiteState, StatusReport

from . import fleet
from .hostile_strings import HOSTILE

PY_OCPI = "py-ocpi==0.3.1"
web = httpx.Client(timeout=120)  # the first request loads all pages, which takes long on a busy machine
CHECK = Path(__file__).with_name("ocpi_check.py")
served = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def reference() -> str:
    """The Python of an environment with py_ocpi, which needs an older pydantic than we could have beside us."""
    folder = embedded.addresses.VAR_DIR / "py-ocpi"
    python, ready = folder / "bin" / "python", folder / f".ready-{PY_OCPI}"
    if not ready.exists():
        uv = Path(sys.executable).parent / "uv"
        for command in (
            [uv, "venv", "--quiet", "--clear", folder],
            [uv, "pip", "install", "--quiet", "--python", python, PY_OCPI],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.fail(f"py_ocpi cannot be installed, so nothing says whether our OCPI is right: {done.stderr}")
        ready.touch()
    return str(python)


def check(reference: str, objects: list[tuple[str, dict]]) -> None:
    """What py_ocpi says of our objects; it must be nothing."""
    done = subprocess.run([reference, CHECK], input=json.dumps(objects), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def header(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}


@pytest.fixture
def world(live_server, settings, receiver):
    """Northline with hostile names, a surge and sessions; Southway with a site; Fleetly is invited to Northline."""
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southway")
    connection, token = fleet.ocpi_connection(fleet.partner(north)[0].partner)
    sites = [fleet.site(north, n, base_price="0.40", power_kw=150, time_zone="America/Denver") for n in (1, 2, 3)]
    ports = [fleet.charger(site, n, connector_type="CCS") for site in sites for n in (1, 2)]
    for number, text in enumerate(HOSTILE[:20]):
        text = text.replace("\0", "")
        odd = fleet.site(north, 100 + number, name=text[:200], city=text[:100], region=text[:50], latitude=-89.9999999)
        fleet.charger(odd, connector_type=text[:50])
    fleet.charger(fleet.site(south, 1))
    SiteState.objects.ensure()
    at = timezone.now() - timedelta(hours=2)
    for n, fields in enumerate(({"energy_kwh": 10.0}, {"energy_kwh": 0.0, "success": False}, {})):
        ended = None if n == 2 else at + timedelta(minutes=30)
        ChargingSession.objects.create(
            charger=ports[n], started_at=at, ended_at=ended, price="0.40", **{"success": True, **fields}
        )
    nowhere = fleet.charger(fleet.site(north, 90, latitude=None, longitude=None))
    ChargingSession.objects.create(charger=nowhere, started_at=at, energy_kwh=5, price="0.40", ended_at=timezone.now())
    StatusReport.objects.record([port.pk for port in ports[:3]], [at] * 3, ["CHARGING", "FAULTED", "AVAILABLE"])
    settings.PRIVATE_RECEIVERS = True
    return SimpleNamespace(north=north, south=south, connection=connection, token=token, sites=sites, ports=ports,
                           url=f"{live_server.url}/ocpi", receiver=receiver)  # fmt: skip


def register(world, method="POST", by=None, **changes) -> httpx.Response:
    base = world.receiver.url
    told = [{"version": "2.2.1", "url": f"{base}/2.2.1"}]
    endpoints = [{"identifier": "locations", "role": "RECEIVER", "url": f"{base}/locations"}]
    versions = json.dumps({"data": told, "status_code": 1000, "timestamp": "x"}).encode()
    world.receiver.pages = {
        "/versions": versions,
        "/versions?secret=s3": versions,
        "/2.2.1": json.dumps({"data": {"version": "2.2.1", "endpoints": endpoints}, "status_code": 1000}).encode(),
    }
    role = {"role": "EMSP", "party_id": "FLE", "country_code": "US", "business_details": {"name": "Fleetly"}}
    body = {"token": "token-b", "url": f"{base}/versions", "roles": [role], **changes}
    return web.request(method, f"{world.url}/2.2.1/credentials", json=body, headers=header(by or world.token))


def pages(world, path, token, **parameters) -> list[dict]:
    """All objects of a list, by following its links."""
    url, found = httpx.URL(f"{world.url}/{path}", params=parameters), []
    while url:
        answer = web.get(url, headers=header(token))
        assert (answer.status_code, answer.json()["status_code"]) == (200, 1000), answer.text
        found += answer.json()["data"]
        assert answer.headers["X-Limit"] == "100"
        url = answer.links.get("next", {}).get("url")
    assert int(answer.headers["X-Total-Count"]) >= len(found)
    return found


@served
def test_a_partner_registers_reads_everything_and_py_ocpi_accepts_every_answer(world, reference):
    objects = []
    versions = web.get(f"{world.url}/versions", headers=header(world.token)).json()["data"]
    assert [each["version"] for each in versions] == ["2.2.1", "2.3.0"]
    for each in versions:
        details = web.get(each["url"], headers=header(world.token)).json()["data"]
        objects += [("endpoint", endpoint) for endpoint in details["endpoints"]]
    answer = register(world)
    ours = answer.json()["data"]
    objects.append(("credentials", ours))
    token = ours["token"]
    assert [call[2]["Authorization"] for call in world.receiver.calls] == [header("token-b")["Authorization"]] * 2
    assert (
        web.get(f"{world.url}/versions", headers=header(world.token)).status_code == 401
    )  # the first token is used up
    assert web.get(f"{world.url}/2.2.1/credentials", headers=header(token)).json()["data"] == ours
    assert web.get(f"{world.url}/versions", headers={"Authorization": f"Token {token}"}).status_code == 200
    kept = OcpiConnection.objects.get()
    assert (kept.their_token, kept.them, kept.endpoints) == (
        "token-b", ("US", "FLE"), {"locations": f"{world.receiver.url}/locations"}
    )  # fmt: skip
    assert token not in str(OcpiConnection.objects.values())
    assert "token-b" not in str(OcpiConnection.objects.values())

    locations = pages(world, "2.2.1/locations", token, limit="7")
    assert len(locations) == 23
    assert [int(each["id"]) for each in locations] == sorted(int(each["id"]) for each in locations)
    objects += [("location", each) for each in locations]
    first = locations[0]
    path = f"{world.url}/2.2.1/locations/{first['id']}"
    for kind, more in (
        ("location", ""),
        ("evse", f"/{first['evses'][0]['uid']}"),
        ("connector", f"/{first['evses'][0]['uid']}/1"),
    ):
        objects.append((kind, web.get(path + more, headers=header(token)).json()["data"]))
    assert [each["status"] for each in first["evses"]] == ["CHARGING", "OUTOFORDER"]
    objects += [("tariff", each) for each in pages(world, "2.2.1/tariffs", token)]
    sessions, cdrs = pages(world, "2.2.1/sessions", token), pages(world, "2.2.1/cdrs", token)
    assert [each["status"] for each in sessions] == ["COMPLETED", "INVALID", "ACTIVE"]
    assert [(each["total_cost"]["excl_vat"], each["total_energy"]) for each in cdrs] == [(4.0, 10.0)]
    assert {each["location_id"] for each in sessions} <= {each["id"] for each in locations}
    objects += [("session", each) for each in sessions] + [("cdr", each) for each in cdrs]
    newer = pages(world, "2.3.0/locations", token)
    assert len(newer) == 23
    # py_ocpi knows no 2.3.0; but for the names of plugs its locations are those of 2.2.1 with more fields.
    check(reference, objects + [("location", each) for each in newer])
    known = {each["id"] for kind, each in objects if kind == "tariff"}
    assert {
        name for each in locations for evse in each["evses"] for name in evse["connectors"][0]["tariff_ids"]
    } <= known

    # Nothing of another operator, and only what is there.
    foreign = Site.objects.get(operator=world.south).pk
    for path in (
        f"2.2.1/locations/{foreign}",
        "2.2.1/locations/x",
        "2.2.1/locations/1e9",
        f"2.2.1/locations/{first['id']}/0",
    ):
        answer = web.get(f"{world.url}/{path}", headers=header(token))
        assert (answer.status_code, answer.json()["status_code"], "data" in answer.json()) == (404, 2003, False)
    assert web.get(f"{world.url}/2.1.1", headers=header(token)).status_code == 404
    assert web.get(f"{world.url}/2.3.0/sessions", headers=header(token)).status_code == 404
    for wrong in (
        "offset=-1",
        "limit=x",
        "date_from=yesterday",
        "date_from=2026-01-01T00:00:00%2B00:00",
        "offset=9999999999999",
    ):
        answer = web.get(f"{world.url}/2.2.1/locations?{wrong}", headers=header(token))
        assert (answer.status_code, answer.json()["status_code"]) == (200, 2001), wrong
    asked = str(uuid.uuid4())
    answer = web.get(f"{world.url}/versions", headers={**header(token), "X-Request-ID": asked})
    assert answer.headers["X-Request-ID"] == asked
    assert answer.headers["X-Correlation-ID"]

    # From one look to the next: what has changed, and nothing else.
    since = max(each["last_updated"] for each in locations)
    StatusReport.objects.record(
        [world.ports[4].pk], [timezone.now() - timedelta(hours=3)], ["UNAVAILABLE"]
    )  # told late
    [changed] = [one for one in pages(world, "2.2.1/locations", token, date_from=since) if one["last_updated"] > since]
    assert (changed["id"], changed["evses"][0]["status"]) == (str(world.sites[2].pk), "INOPERATIVE")
    assert changed["evses"][0]["last_updated"] == changed["last_updated"]
    assert pages(world, "2.2.1/locations", token, date_to=since) == [
        each for each in locations if each["last_updated"] < since and each["id"] != changed["id"]
    ]

    # A surge is another tariff; the one before it stays as it is.
    before = {each["id"]: each for each in pages(world, "2.2.1/tariffs", token)}
    change = fleet.price_change(world.sites[0], starts_at=timezone.now() - timedelta(minutes=1), new_price="0.60",
                                ends_at=timezone.now() + timedelta(hours=1), applied=True)  # fmt: skip
    SiteState.objects.set_prices({world.sites[0].pk: Decimal("0.60")}, {world.sites[0].pk: change.ends_at})
    after = {each["id"]: each for each in pages(world, "2.2.1/tariffs", token)}
    name = f"{world.sites[0].pk}-C{change.pk}"
    assert {key: after[key] for key in before} == before
    assert after[name]["elements"][0]["price_components"][0]["price"] == 0.6
    shown = web.get(f"{world.url}/2.2.1/locations/{world.sites[0].pk}", headers=header(token)).json()["data"]
    assert shown["evses"][0]["connectors"][0]["tariff_ids"] == [name]
    type(change).objects.filter(pk=change.pk).update(ends_at=timezone.now(), applied=False, ended_because="calmed down")
    assert {each["id"]: each for each in pages(world, "2.2.1/tariffs", token)}[name] == after[name]
    check(reference, [("location", shown), ("tariff", after[name])])

    # Renewed and ended.
    assert register(world, "POST", token).status_code == 405
    renewed = register(world, "PUT", token).json()["data"]["token"]
    assert web.get(f"{world.url}/versions", headers=header(token)).status_code == 401
    assert web.delete(f"{world.url}/2.2.1/credentials", headers=header(renewed)).json()["status_code"] == 1000
    assert web.get(f"{world.url}/versions", headers=header(renewed)).status_code == 401


@served
def test_who_registers_renews_and_ends_is_told_in_the_audit_log_without_a_token(world):
    before = AuditEntry.objects.first()
    tokens = [world.token, register(world, url=f"{world.receiver.url}/versions?secret=s3").json()["data"]["token"]]
    tokens.append(register(world, "PUT", tokens[1]).json()["data"]["token"])
    assert register(world, "POST", tokens[2]).status_code == 405
    web.delete(f"{world.url}/2.2.1/credentials", headers=header(tokens[2]))
    rows = AuditEntry.objects.filter(pk__gt=before.pk if before else 0).order_by("pk")
    told = [(row.kind, row.actor, row.about, row.about_id, row.action) for row in rows]
    who = ("key", "OCPI of Fleetly (Northline)", "stations.ocpiconnection", str(world.connection.pk))
    done = ("OCPI registered", "OCPI registration renewed", "OCPI registration ended")
    assert told == [(*who, each) for each in done]
    assert {"version": "2.2.1", "host": "127.0.0.1"}.items() <= rows[0].details.items()
    assert rows[0].address == "127.0.0.1"
    hashes = [hash_of(token) for token in tokens]
    assert not [each for each in [*tokens, *hashes, "token-b", "s3"] if each in str(list(rows.values()))]


@served
def test_a_handshake_that_makes_no_sense_is_refused_in_the_envelope_and_changes_nothing(world):
    for changes, code in (
        ({"token": ""}, 2001), ({"token": 5}, 2001), ({"token": "x" * 65}, 2001), ({"url": "file:///etc/passwd"}, 2001),
        ({"roles": []}, 2001), ({"roles": [5]}, 2001), ({"roles": [{"role": "EMSP"}]}, 2001),
        ({"url": f"{world.receiver.url}/nothing"}, 3001), ({"url": "http://127.0.0.1:9/"}, 3001),
        ({"url": f"{world.receiver.url}/2.2.1"}, 3001),
    ):  # fmt: skip
        answer = register(world, **changes)
        assert (answer.status_code, answer.json()["status_code"]) == (200, code), (changes, answer.text)
        assert "data" not in answer.json()
    broken = web.post(f"{world.url}/2.2.1/credentials", content=b"{", headers=header(world.token))
    assert broken.status_code == 400
    deep = web.post(f"{world.url}/2.2.1/credentials", content=b"[" * 60_000, headers=header(world.token))
    assert deep.status_code == 400
    large = web.post(f"{world.url}/2.2.1/credentials", content=b" " * 70_000, headers=header(world.token))
    assert large.status_code == 413
    for authorization in (
        "",
        "Token",
        "Token x",
        "Bearer x",
        "Token " + "x" * 500,
        "Token \u00e9".encode().decode("latin-1"),
    ):
        answer = web.get(f"{world.url}/versions", headers={"Authorization": authorization.encode("latin-1")})
        assert (answer.status_code, answer.json()["status_code"]) == (401, 2001)
    assert OcpiConnection.objects.get().registered_at is None
    assert register(world).json()["status_code"] == 1000


def test_who_calls_too_often_is_told_in_the_envelope_when_to_come_back(db, settings, client):
    settings.API_LIMITS = {**settings.API_LIMITS, "read": (2, 60)}
    _, token = fleet.ocpi_connection(fleet.partner(Operator.objects.create(name="Northline"))[0].partner)
    answers = [client.get("/ocpi/versions", headers=header(token)) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert (answers[2].json()["status_code"], 1 <= int(answers[2]["Retry-After"]) <= 30) == (2000, True)


def test_who_only_guesses_tokens_is_told_to_wait_by_address_and_a_good_token_is_not(db, settings, client):
    settings.API_LIMITS, settings.BEHIND_PROXY = {**settings.API_LIMITS, "stranger": (2, 60)}, True
    _, token = fleet.ocpi_connection(fleet.partner(Operator.objects.create(name="Northline"))[0].partner)

    def call(said: str, here: str = "203.0.113.8", address: str = "/ocpi/versions"):
        return client.get(address, headers={**header(said), "X-Forwarded-For": here}, REMOTE_ADDR="10.0.0.1")

    assert [call("guess").status_code for _ in range(2)] == [401, 401]
    answer = call("guess")
    assert (answer.status_code, answer.json()["status_code"], "Retry-After" in answer) == (429, 2000, True)
    assert call("guess", address="/api/v1/sites/").status_code == 429, "one bucket for both interfaces"
    assert call("guess", "203.0.113.9").status_code == 401, "the proxy names another one"
    assert call(token).status_code == 200


@served
def test_a_partner_cannot_make_us_call_our_own_network(world, settings):
    settings.PRIVATE_RECEIVERS = False
    answer = register(world, url="https://127.0.0.1/versions")
    assert (answer.json()["status_code"], "public" in answer.json()["status_message"]) == (3001, True)
    assert not world.receiver.calls


@pytest.mark.parametrize(
    ("status", "told"),
    [("AVAILABLE", "AVAILABLE"), ("PREPARING", "CHARGING"), ("CHARGING", "CHARGING"), ("FINISHING", "CHARGING"),
     ("RESERVED", "RESERVED"), ("UNAVAILABLE", "INOPERATIVE"), ("FAULTED", "OUTOFORDER"), ("OFFLINE", "UNKNOWN"),
     ("UNKNOWN", "UNKNOWN"), (None, "UNKNOWN")],
)  # fmt: skip
def test_each_status_has_its_word(status, told):
    assert mapping.status_of(status) == told


@pytest.mark.parametrize("field", ["NACS", "SAE J3400"])
def test_nacs_has_a_name_of_its_own_only_from_2_3_0_on(field):
    assert mapping.standard_of(field, "", "2.2.1") == "TESLA_S"
    assert mapping.standard_of(field, "", "2.3.0") == "SAE_J3400"


def test_a_token_is_understood_in_base64_and_as_it_is():
    spec = "Token ZXhhbXBsZS10b2tlbgo="  # the specification's own example ends in a line break
    assert "example-token" in tokens_of(spec)
    assert "plain-token" in tokens_of("Token plain-token")
    assert tokens_of("Basic x") == []
    assert tokens_of("Token \u00e9") == ["\u00e9"]  # no base64
    assert tokens_of("Token /w==") == ["/w=="]  # base64 of what is no text


@given(st.text(max_size=300), st.integers(1, 300))
def test_any_text_fits_its_field_and_is_printable(value, longest):
    told = mapping.text(value, max(longest, 3))
    assert 1 <= len(told) <= max(longest, 3)
    assert told.isprintable()


@given(st.decimals(0, 100, places=4), st.floats(0, 1000), st.floats(0, 100))
def test_a_cost_is_rounded_once(price, kwh, hours):
    assert abs(mapping.cost("per_kwh", price, kwh, hours) - float(price) * kwh) <= 0.0001
    assert mapping.cost("free", price, kwh, hours) == 0
