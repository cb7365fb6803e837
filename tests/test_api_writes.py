"""Writing through the API: telemetry in bulk, incidents, planned work, comments, versions, and what staff set going."""

import contextlib
import gzip
import json
import random
from datetime import timedelta

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from maintenance.models import Incident, IncidentChange, OrderComment, PlannedSpell, PlannedWork, WorkOrder
from pricing.models import PricingStop
from stations.access import sync_roles
from stations.models import AnsweredRequest, Job, Operator
from telemetry.models import ChargerState, ChargingSession, Outage, Reading, SiteOverride, StatusReport

from . import fleet

pytestmark = pytest.mark.django_db
AT = fleet.NOW - timedelta(hours=3)


@pytest.fixture
def mine():
    return Operator.objects.create(name="Northline")


@pytest.fixture
def here(mine):
    return fleet.site(mine, 1)


@pytest.fixture
def send(mine, client):
    """POST as a partner of Northline."""
    _, text = fleet.partner(mine)

    def call(address: str, body, method: str = "post", **headers):
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Authorization": f"Bearer {text}", **headers}
        return getattr(client, method)(f"/api/v1/{address}", data, content_type="application/json", headers=headers)

    return call


def status_rows(port, count: int = 40) -> list[dict]:
    states = ["AVAILABLE", "CHARGING", "FAULTED", "OFFLINE", "AVAILABLE"]
    return [
        {"charger": port.external_id, "reported_at": f"{AT + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}",
         "status": states[n % 5], "error_code": "CX003" if n % 5 == 2 else "", "temperature_c": 30.5 + n}
        for n in range(count)
    ]  # fmt: skip


def tables(*models) -> list:
    """What the tables say, without the order and time of arrival."""
    return [
        sorted(
            model.objects.values_list(
                *[f.attname for f in model._meta.concrete_fields if f.name not in ("id", "received_at", "changed_at")]
            ),
            key=str,
        )
        for model in models
    ]


def test_rows_sent_again_and_in_another_order_leave_the_same_tables(send, here):
    port, other = fleet.charger(here), fleet.charger(here, 2)
    rows = status_rows(port) + status_rows(other)
    first = send("telemetry/status/", {"rows": rows})
    assert first.status_code == 202, first.content
    assert first.json() == {"accepted": 80, "changed": 80, "rejected": [], "rejected_count": 0}
    before = tables(StatusReport, ChargerState, Outage)
    assert send("telemetry/status/", {"rows": rows}).json()["changed"] == 0
    assert tables(StatusReport, ChargerState, Outage) == before
    StatusReport.objects.all().delete()
    ChargerState.objects.all().delete()
    Outage.objects.all().delete()
    random.Random(1).shuffle(rows)
    for place in range(0, 80, 16):
        send("telemetry/status/", {"rows": rows[place : place + 16] + rows[:3]})
    assert tables(StatusReport, ChargerState, Outage) == before
    assert Outage.objects.count() > 10


def test_each_row_is_judged_by_itself(send, here):
    port = fleet.charger(here)
    others = fleet.charger(fleet.site(Operator.objects.create(name="Volterra"), 2))
    good, *_ = status_rows(port)
    ahead = f"{timezone.now() + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    rows = [{**good, "charger": others.external_id}, good, {**good, "reported_at": ahead}, {**good, "charger": "none"}]
    answer = send("telemetry/status/", {"rows": rows}).json()
    assert answer["accepted"] == 1
    assert [(each["row"], each["path"]) for each in answer["rejected"]] == [
        (0, "/rows/0/charger"),
        (2, "/rows/2/reported_at"),
        (3, "/rows/3/charger"),
    ]
    assert not StatusReport.objects.filter(charger=others).exists()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"colour": 1}, "/rows/1/colour"),
        ({"status": "BROKEN"}, "/rows/1/status"),
        ({"status": None}, "/rows/1/status"),
        ({"charger": 7}, "/rows/1/charger"),
        ({"charger": ""}, "/rows/1/charger"),
        ({"reported_at": "yesterday"}, "/rows/1/reported_at"),
        ({"reported_at": "2026-11-20T12:00:00"}, "/rows/1/reported_at"),
        ({"reported_at": 5}, "/rows/1/reported_at"),
        ({"temperature_c": "hot"}, "/rows/1/temperature_c"),
        ({"temperature_c": 1e9}, "/rows/1/temperature_c"),
        ({"temperature_c": True}, "/rows/1/temperature_c"),
        ({"error_code": "x" * 51}, "/rows/1/error_code"),
        ({"vendor_code": None}, "/rows/1/vendor_code"),
    ],
)
def test_a_row_that_is_not_of_the_form_of_the_contract_stops_the_call(change, path, send, here):
    good, second = status_rows(fleet.charger(here), 2)
    answer = send("telemetry/status/", {"rows": [good, {**second, **change}]})
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["errors"]] == [path]
    assert not StatusReport.objects.exists()


def test_a_time_before_all_times_and_a_success_that_is_neither_are_refused(send, here):
    session = {"charger": fleet.charger(here).external_id, "started_at": "0001-01-01T00:00:00+14:00"}
    answer = send("telemetry/sessions/", {"rows": [session]})
    assert "before the year 2000" in answer.content.decode()
    answer = send("telemetry/sessions/", {"rows": [{**session, "success": "yes"}]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": "/rows/0/success", "message": "true, false or null."}]
    assert not ChargingSession.objects.exists()


def test_a_key_is_sent_in_one_word_behind_bearer(here, client):
    for sent in ("Bearer", "Bearer two words", "Basic abc"):
        answer = client.get("/api/v1/sites/", headers={"Authorization": sent})
        assert (answer.status_code, answer.json()["detail"][:10]) == (401, "Send a key")


@pytest.mark.parametrize(
    "body", [[], {}, {"rows": 1}, {"rows": [1]}, {"rows": [], "x": 1}, "rows", None, b"", b"{", b"\xff"]
)
def test_a_body_that_is_no_list_of_rows_is_refused(body, send, here):
    assert send("telemetry/status/", body).status_code in (400, 422)


def test_more_than_ten_thousand_rows_and_other_encodings_are_refused(send, here):
    assert send("telemetry/status/", {"rows": [{}] * 10_001}).status_code == 413
    rows = {"rows": status_rows(fleet.charger(here))}
    packed = send("telemetry/status/", gzip.compress(orjson.dumps(rows)), **{"Content-Encoding": "gzip"})
    assert packed.json()["accepted"] == 40
    bomb = gzip.compress(b" " * 20_000_000)
    assert send("telemetry/status/", bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert send("telemetry/status/", b"<a/>", **{"Content-Type": "text/xml"}).status_code in (400, 415)


def test_a_simulated_operator_takes_no_telemetry(send, here, mine):
    Operator.objects.update(is_simulated=True)
    assert send("telemetry/status/", {"rows": status_rows(fleet.charger(here), 1)}).status_code == 409


def test_sessions_end_when_they_are_sent_again(send, here):
    port = fleet.charger(here)
    begun = {"charger": port.external_id, "started_at": "2026-11-20T08:00:00Z"}
    ended = {**begun, "ended_at": "2026-11-20T08:40:00+00:00", "energy_kwh": 22.5, "success": True}
    assert send("telemetry/sessions/", {"rows": [begun]}).json()["changed"] == 1
    assert ChargingSession.objects.get().ended_at is None
    assert send("telemetry/sessions/", {"rows": [ended, ended]}).json()["changed"] == 1
    assert send("telemetry/sessions/", {"rows": [ended]}).json()["changed"] == 0
    session = ChargingSession.objects.get()
    assert (session.energy_kwh, session.success) == (22.5, True)
    backwards = {**begun, "ended_at": "2026-11-20T07:00:00Z"}
    assert send("telemetry/sessions/", {"rows": [backwards]}).json()["rejected"][0]["path"] == "/rows/0/ended_at"


def half_hour(here, **fields) -> dict:
    ports = {"ports_available": 3, "ports_occupied": 1, "ports_out_of_service": 0}
    words = {"status": "operational", "weather": "clear", "local_event": "none"}
    world = {"temperature_f": 70.5, "precipitation_mm": 0, "traffic_index": 3.5, "gas_price": "3.459"}
    use = {"utilization": 0.25, "wait_minutes": 0, "session_minutes": 31, "price": "0.4500"}
    return {"site": here.external_id, "at": "2026-11-20T08:30:00Z", **ports, **words, **world, **use, **fields}


def test_half_hours_are_stored_once_and_corrected_by_what_comes_later(send, here):
    assert send("telemetry/readings/", {"rows": [half_hour(here)]}).json()["changed"] == 1
    assert send("telemetry/readings/", {"rows": [half_hour(here)]}).json()["changed"] == 0
    later = half_hour(here, utilization=0.5, price="0.5000", ports_occupied=float(half_hour(here)["ports_occupied"]))
    assert send("telemetry/readings/", {"rows": [half_hour(here), later]}).json()["changed"] == 1
    reading = Reading.objects.get()
    assert (reading.utilization, f"{reading.price}", reading.ports_total) == (0.5, "0.5000", 4)
    off = half_hour(here, at="2026-11-20T08:31:00Z")
    assert send("telemetry/readings/", {"rows": [off]}).json()["rejected"][0]["path"] == "/rows/0/at"
    for wrong in (
        {"price": 0.45},
        {"price": "NaN"},
        {"weather": "hail"},
        {"utilization": 1.5},
        {"ports_occupied": 1.5},
    ):
        assert send("telemetry/readings/", {"rows": [half_hour(here, **wrong)]}).status_code == 422, wrong


@pytest.mark.parametrize("price", ["", "1e3", " 1", "NaN", "-1", "١", ".5", "1.00001", 1.5, None])
def test_money_is_written_in_one_way(price, send, here):
    answer = send("telemetry/readings/", {"rows": [half_hour(here, price=price)]})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/rows/0/price")
    assert not Reading.objects.exists()


def test_an_incident_is_opened_once_and_reported_again(send, here):
    port = fleet.charger(here)
    body = {"site": here.external_id, "charger": port.external_id, "problem": "cable", "text": "torn"}
    first, second = send("incidents/", body), send("incidents/", {**body, "problem": "danger"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert (first.json()["source"], first.json()["cause"]) == ("partner", "connector_cable")
    assert Incident.objects.get().severity == "critical"
    assert "partner Fleetly: cable or connector is damaged or stuck. torn" in {
        c.note for c in IncidentChange.objects.all()
    }


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"site": "none"}, 404),
        ({"charger": "none"}, 404),
        ({"problem": "odd"}, 422),
        ({"text": 5}, 422),
        ({"severity": "critical"}, 422),
        ({"text": "\ud800"}, 400),
        ({"text": "\0"}, 422),
    ],
)
def test_an_incident_that_is_not_right_is_not_opened(change, status, send, here):
    body = {"site": here.external_id, "problem": "other", **change}
    assert send("incidents/", json.dumps(body).encode()).status_code == status
    assert not Incident.objects.exists()


def test_planned_work_is_laid_out_and_called_off_before_it_begins(send, here):
    port, first = fleet.charger(here), timezone.now() + timedelta(days=2)
    body = {"site": here.external_id, "chargers": [port.external_id], "title": "Filters", "minutes": 60,
            "first_at": f"{first:%Y-%m-%dT%H:%M:%SZ}", "repeats": "monthly"}  # fmt: skip
    made = send("planned-work/", body)
    assert made.status_code == 201, made.content
    assert PlannedWork.objects.get().chargers.get() == port
    assert PlannedSpell.objects.count() >= 12
    spell = made.json()["id"]
    assert send(f"planned-work/{spell}/call-off/", {}).json()["state"] == "called_off"
    assert send(f"planned-work/{spell}/call-off/", {}).status_code == 409
    assert send("planned-work/", {**body, "first_at": "2020-01-01T00:00:00Z"}).status_code == 409
    assert send("planned-work/", {**body, "chargers": ["none"]}).status_code == 409


def test_partners_talk_about_an_order_until_it_has_ended(send, here, client):
    order = fleet.work_order(here)
    said = send(f"work-orders/{order.pk}/comments/", {"kind": "request", "text": "Please come before noon"})
    assert said.status_code == 201
    assert said.json()["partner"] == "Fleetly"
    WorkOrder.objects.update(state="cancelled", closed_at=timezone.now())
    assert send(f"work-orders/{order.pk}/comments/", {"text": "?"}).status_code == 409
    assert OrderComment.objects.count() == 1


def test_a_site_is_changed_only_by_whoever_has_seen_its_version(send, here, client):
    address = f"sites/{here.external_id}/"
    refused = send(address, {"name": "New"}, "patch")
    assert refused.status_code == 428
    version = send(address, b"", "get")["ETag"]
    changed = send(address, {"name": "New", "contact_phone": "+1 555 010 0123"}, "patch", **{"If-Match": version})
    assert changed.json()["name"] == "New"
    again = send(address, {"name": "Newer"}, "patch", **{"If-Match": version})
    assert again.status_code == 412
    assert again["ETag"] == changed["ETag"]
    version = {"If-Match": again["ETag"]}
    for body in ({"base_price": "1"}, {"name": ""}, {"name": None}, {"operator": 5}):
        assert send(address, body, "patch", **version).status_code == 422, body
    for body in ({"contact_phone": "call me"}, {"time_zone": "Mars"}):
        assert send(address, body, "patch", **version).status_code == 409, body
    here.refresh_from_db()
    assert here.name == "New"
    unless = {"If-Match": "*", "If-None-Match": again["ETag"]}
    assert send(address, {"name": "Newest"}, "patch", **unless).status_code == 412
    assert send(address, {"name": "Newest"}, "patch", **{"If-Match": "*"}).json()["name"] == "Newest"


def test_a_change_of_notes_that_are_not_shown_is_another_version_too(send, here):
    address = f"sites/{here.external_id}/"
    version = {"If-Match": send(address, b"", "get")["ETag"]}
    changed = send(address, {"access_notes": "Gate 2"}, "patch", **version)
    assert send(address, {"access_notes": "Gate 3"}, "patch", **version).status_code == 412
    assert send(address, b"", "get")["ETag"] == changed["ETag"] != version["If-Match"]


def test_a_form_with_an_idempotency_key_is_a_415(mine):
    sync_roles()
    client = Client(enforce_csrf_checks=True)
    client.force_login(fleet.person("owner", "ops", mine))
    client.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32, "Idempotency-Key": "1"}
    assert client.post("/api/v1/staff/retrain/", {"a": "1"}, headers=headers).status_code == 415


def test_a_charger_is_changed_by_its_owner(send, here):
    address = f"chargers/{fleet.charger(here).external_id}/"
    version = send(address, b"", "get")["ETag"]
    assert send(address, {"power_kw": 350, "model": "X"}, "patch", **{"If-Match": version}).json()["power_kw"] == 350


def test_the_same_request_with_a_key_counts_once_for_a_day(send, here):
    body = {"site": here.external_id, "problem": "other"}
    first = send("incidents/", body, **{"Idempotency-Key": "a-1"})
    again = send("incidents/", body, **{"Idempotency-Key": "a-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert IncidentChange.objects.count() == 1
    assert send("incidents/", {**body, "text": "x"}, **{"Idempotency-Key": "a-1"}).status_code == 422
    assert send("incidents/", body, **{"Idempotency-Key": "a b"}).status_code == 400
    AnsweredRequest.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    assert send("incidents/", body, **{"Idempotency-Key": "a-1"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_request_in_flight_is_a_conflict_until_whoever_worked_on_it_has_died(send, here):
    """The lock of the one that works on it tells, and ends with its connection: nobody waits for the dead."""
    body = {"site": here.external_id, "problem": "other"}
    send("incidents/", body, **{"Idempotency-Key": "b"})
    AnsweredRequest.objects.update(status=None)
    other = connection.copy()
    with contextlib.closing(other):
        other.set_autocommit(False)
        other.cursor().execute("SELECT 1 FROM stations_answeredrequest FOR UPDATE")
        answer = send("incidents/", body, **{"Idempotency-Key": "b"})
        assert answer.status_code == 409
        assert answer["Retry-After"]
        other.rollback()
    assert send("incidents/", body, **{"Idempotency-Key": "b"}).status_code == 200
    assert AnsweredRequest.objects.get().status == 200


def test_a_claim_that_somebody_else_has_taken_over_is_not_worked_on():
    now = timezone.now()
    first, _ = AnsweredRequest.objects.claim("partner:1", "a", "hash", now)
    second, is_mine = AnsweredRequest.objects.claim("partner:1", "a", "hash", now + timedelta(seconds=1))
    assert is_mine
    assert not AnsweredRequest.objects.hold(first)
    assert AnsweredRequest.objects.hold(second)
    AnsweredRequest.objects.drop_unanswered(first)
    assert AnsweredRequest.objects.hold(second)
    AnsweredRequest.objects.drop_unanswered(second)
    assert not AnsweredRequest.objects.exists()


def test_who_has_lost_the_key_to_somebody_else_leaves_their_row_alone(send, here, monkeypatch):
    """Between claim and lock another has taken it over: their answer is the one that is kept."""
    monkeypatch.setattr(AnsweredRequest.objects.__class__, "hold", lambda rows, row: False)
    answer = send("incidents/", {"site": here.external_id, "problem": "other"}, **{"Idempotency-Key": "c"})
    assert answer.status_code == 409
    assert AnsweredRequest.objects.get().status is None


def test_a_refusal_is_answered_again_and_a_failure_of_ours_is_not(send, here, monkeypatch):
    bad = {"site": here.external_id, "problem": "odd"}
    assert [send("incidents/", bad, **{"Idempotency-Key": "c"}).status_code for _ in range(2)] == [422, 422]
    good = {"site": here.external_id, "problem": "other"}

    def fail(*_, **__):
        raise RuntimeError("no")

    with monkeypatch.context() as patched:
        patched.setattr("maintenance.models.incidents.IncidentQuerySet.report", fail)
        assert send("incidents/", good, **{"Idempotency-Key": "d"}).status_code == 500
    assert send("incidents/", good, **{"Idempotency-Key": "d"}).status_code == 201


def test_keys_of_two_partners_do_not_meet(send, mine, here, client):
    body = {"site": here.external_id, "problem": "other"}
    send("incidents/", body, **{"Idempotency-Key": "e"})
    _, text = fleet.partner(mine, "Hub")
    headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "e"}
    answer = client.post("/api/v1/incidents/", orjson.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 200


@pytest.fixture
def staff(mine, client):
    sync_roles()
    client.force_login(fleet.person("owner", "ops", mine))

    def call(address: str, body=None):
        return client.post(f"/api/v1/staff/{address}", orjson.dumps(body or {}), content_type="application/json")

    return call


def test_staff_stress_and_heal_simulated_sites_and_train(staff, mine, here):
    assert staff("stress/", {"site": here.external_id}).status_code == 409
    Operator.objects.update(is_simulated=True)
    assert staff("stress/", {"site": here.external_id}).status_code == 200
    assert SiteOverride.objects.filter(site=here).exists()
    assert staff("heal/", {"site": here.external_id}).status_code == 200
    Operator.objects.create(name="Volterra")
    assert staff("retrain/").status_code == 403, "models score all operators, and this person works for one"
    assert staff("tick/").json()["done"].startswith("tick ")
    assert staff("stress/", {"site": "none"}).status_code == 404


def test_models_are_trained_once_at_a_time(client, mine):
    client.force_login(fleet.person("chief", is_superuser=True))
    told = [client.post("/api/v1/staff/retrain/", b"{}", content_type="application/json") for _ in range(2)]
    job = Job.objects.get()
    assert [answer.json()["done"] for answer in told] == [f"job {job.pk} was queued", f"job {job.pk} is queued already"]
    assert [answer.status_code for answer in told] == [202, 202]
    assert (job.kind, job.parameters) == ("train_risk", {"then": "train_causes"})


def test_staff_switch_policies_off_and_on(staff, mine):
    made = staff("pricing-stops/", {"operator": "Northline", "why": "off", "note": "storm"})
    assert made.status_code == 201, made.content
    assert staff("pricing-stops/", {"operator": "Northline", "why": "off"}).status_code == 409
    stop = PricingStop.objects.get()
    assert (stop.operator, stop.by.username) == (mine, "owner")
    assert staff(f"pricing-stops/{stop.pk}/end/").status_code == 200
    assert staff(f"pricing-stops/{stop.pk}/end/").status_code == 409
    Operator.objects.create(name="Volterra")
    assert staff("pricing-stops/", {"operator": "Volterra", "why": "off"}).status_code == 404


def test_what_is_for_staff_is_not_for_keys_and_what_staff_send_needs_the_token(send, mine, here):
    assert send("staff/retrain/", {}).status_code == 403
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(fleet.person("chief", is_superuser=True))
    assert careful.post("/api/v1/staff/retrain/", b"{}", content_type="application/json").status_code == 403
    assert not Job.objects.exists()


def test_answers_are_kept_for_a_day(send, here):
    send("incidents/", {"site": here.external_id, "problem": "other"}, **{"Idempotency-Key": "z"})
    now = timezone.now()
    assert AnsweredRequest.objects.drop_old(now) == 0
    assert AnsweredRequest.objects.drop_old(now + timedelta(hours=25)) == 1
