"""Registered receivers of OCPI are told of what changes: in order, without gaps, again after they were away."""

import base64
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pricing.models import PriceChange
from sntry_site import tasks
from sntry_site.ocpi.push import push_due
from sntry_site.ocpi.pushed import objects_of
from sntry_site.partner_news import tell_partners
from stations.models import OcpiConnection, OcpiPush, Operator, PartnerNews, Site
from telemetry.models import ChargingSession, SiteState, StatusReport

from . import fleet
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
MODULES = ("tariffs", "locations", "sessions", "cdrs")


@pytest.fixture
def receivers():
    started = [Receiver()]
    yield started
    for each in started:
        each.stop()


@pytest.fixture
def world(receivers, settings, client):
    """Northline, whose partner has shaken hands and knows its two sites; Southway, of which it must never hear."""
    settings.PRIVATE_RECEIVERS = True
    north, south = Operator.objects.create(name="Northline"), Operator.objects.create(name="Southway")
    sites = [fleet.site(north, n, base_price="0.40", power_kw=150) for n in (1, 2)]
    ports = [fleet.charger(site, n, connector_type="CCS") for site in sites for n in (1, 2)]
    far = fleet.charger(fleet.site(south, 1))
    SiteState.objects.ensure()
    SiteState.objects.follow_base_prices([])
    connection, token = fleet.ocpi_connection(fleet.partner(north)[0].partner)
    base = receivers[0].url
    endpoints = [{"identifier": each, "role": "RECEIVER", "url": f"{base}/{each}"} for each in MODULES]
    receivers[0].pages = {
        "/versions": json.dumps({"data": [{"version": "2.2.1", "url": f"{base}/2.2.1"}]}).encode(),
        "/2.2.1": json.dumps({"data": {"version": "2.2.1", "endpoints": endpoints}}).encode(),
    }
    role = {"role": "EMSP", "party_id": "FLE", "country_code": "US"}
    body = {"token": "token-b", "url": f"{base}/versions", "roles": [role]}
    answer = client.post("/ocpi/2.2.1/credentials", body, "application/json", headers=header(token))
    assert answer.json()["status_code"] == 1000
    receivers[0].calls.clear()
    return SimpleNamespace(north=north, sites=sites, ports=ports, far=far, connection=connection, client=client,
                           token=answer.json()["data"]["token"], receivers=receivers)  # fmt: skip


def header(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}


def say(charger, status):
    StatusReport.objects.record([charger.pk], [timezone.now()], [status])


def round_of(at=None) -> int:
    """What the worker does every ten seconds."""
    tell_partners(timezone.now())
    return push_due(at)


def told(receiver) -> list[tuple[str, str, dict]]:
    return [(method, path, json.loads(body)) for method, path, _, body in receiver.calls]


def paths(receiver) -> list[str]:
    return [f"{method} {path}" for method, path, *_ in receiver.calls]


def apply(books, calls):
    """What a receiver knows that began with `books` and took everything it was told."""
    for method, path, body in calls:
        if method == "POST":
            books[f"{path}/US/NOR/{body['id']}"] = body
        elif path.count("/") == 5:  # an EVSE
            place = path.rpartition("/")[0]
            evses = {each["uid"]: each for each in books[place]["evses"]}
            evses[path.rpartition("/")[2]] = {
                **(evses.get(path.rpartition("/")[2], {}) if method == "PATCH" else {}),
                **body,
            }
            books[place] = {**books[place], "evses": list(evses.values())}
        else:
            books[path] = {**(books[path] if method == "PATCH" else {}), **body}
    return books


def listed(world, module) -> list[dict]:
    return world.client.get(f"/ocpi/2.2.1/{module}", headers=header(world.token)).json()["data"]


def all_lists(world) -> dict[str, dict]:
    return {f"/{module}/US/NOR/{each['id']}": each for module in MODULES for each in listed(world, module)}


def without_times(books: dict[str, dict]) -> dict:
    """`last_updated` of a location is the receiver's to move when one of its EVSEs changes."""
    return json.loads(
        json.dumps(books), object_hook=lambda each: {k: v for k, v in each.items() if k != "last_updated"}
    )


def surge(site, **fields) -> PriceChange:
    at = timezone.now()
    return fleet.price_change(
        site, announced_at=at, starts_at=at, ends_at=at + timedelta(hours=1), new_price="0.60", **fields
    )


def test_what_changes_is_told_by_the_method_that_fits(world):
    receiver, (here, there) = world.receivers[0], world.sites
    assert (round_of(), receiver.calls) == (0, [])  # what they read themselves is not told again
    before = all_lists(world)

    say(world.ports[0], "FAULTED")
    say(world.far, "FAULTED")
    assert round_of() == 1
    [(method, path, headers, body)] = receiver.calls
    assert (method, path) == ("PATCH", f"/locations/US/NOR/{here.pk}/{world.ports[0].pk}")
    said = json.loads(body)
    assert (said["status"], set(said)) == ("OUTOFORDER", {"status", "last_updated"})
    assert headers["Authorization"] == header("token-b")["Authorization"]
    ids = [headers[f"OCPI-{way}-{what}"] for way in ("from", "to") for what in ("country-code", "party-id")]
    assert ids == ["US", "NOR", "US", "FLE"]
    assert headers["X-Request-ID"] != headers["X-Correlation-ID"]

    at = timezone.now() - timedelta(minutes=30)
    ChargingSession.objects.start(world.ports[2].pk, at)
    round_of()
    session = ChargingSession.objects.get()
    ChargingSession.objects.finish([world.ports[2].pk], [at], [timezone.now()], [10.0], [True])
    round_of()
    assert paths(receiver)[1:] == [
        f"PUT /sessions/US/NOR/{session.pk}", f"PATCH /sessions/US/NOR/{session.pk}", "POST /cdrs"
    ]  # fmt: skip
    *_, put, patch, cdr = [body for *_, body in told(receiver)]
    assert (put["status"], patch["status"], patch["kwh"]) == ("ACTIVE", "COMPLETED", 10.0)
    assert (cdr["session_id"], cdr["total_cost"]["excl_vat"]) == (str(session.pk), 4.0)

    change = surge(there)
    SiteState.objects.set_prices({there.pk: change.new_price}, {there.pk: change.ends_at})
    round_of()
    name = f"{there.pk}-C{change.pk}"
    assert paths(receiver)[4:] == [f"PUT /tariffs/US/NOR/{name}", f"PATCH /locations/US/NOR/{there.pk}"]
    patch = told(receiver)[-1][2]
    assert [each["connectors"][0]["tariff_ids"] for each in patch["evses"]] == [[name], [name]]
    PriceChange.objects.close(timezone.now(), "calmed down")
    round_of()
    assert paths(receiver)[6:] == [f"PATCH /locations/US/NOR/{there.pk}"]  # and the tariff stays what it is

    new = fleet.site(world.north, 3, base_price="0.50")
    port = fleet.charger(new)
    nowhere = fleet.charger(fleet.site(world.north, 4, latitude=None, longitude=None))
    say(nowhere, "FAULTED")
    SiteState.objects.ensure()
    round_of()
    assert paths(receiver)[7:] == [
        f"PUT /tariffs/US/NOR/{new.pk}-KWH-5000", f"PUT /tariffs/US/NOR/{nowhere.site_id}-KWH-0",
        f"PUT /locations/US/NOR/{new.pk}",
    ]  # fmt: skip
    assert [each["uid"] for each in told(receiver)[-1][2]["evses"]] == [str(port.pk)]
    known = apply(before, told(receiver))
    assert without_times(known) == without_times(all_lists(world))
    kept = OcpiConnection.objects.get()
    assert (kept.failures, kept.failed_at, kept.failure) == (0, None, "")
    assert timezone.now() - kept.told_until < timedelta(seconds=120)
    assert not OcpiPush.objects.exists()
    assert not PartnerNews.objects.exclude(kind="price").exists()

    receiver.calls.clear()
    ChargingSession.objects.filter(pk=session.pk).update(energy_kwh=11)
    round_of()
    assert paths(receiver) == [f"PATCH /sessions/US/NOR/{session.pk}"]  # a CDR is never sent twice


def test_what_a_tick_of_the_live_network_does_reaches_the_receiver(world, settings):
    settings.TICK_SURGE_CHANCE = 0.0
    Operator.objects.filter(pk=world.north.pk).update(is_simulated=True)
    fleet.live_site(world.north, 50, usual=0.6, ports_total=16)
    round_of()
    before, receiver = all_lists(world), world.receivers[0]
    receiver.calls.clear()
    for seconds in range(300, 0, -10):  # a car comes with one of them
        tasks.tick(timezone.now() - timedelta(seconds=seconds))
        if ChargingSession.objects.exists():
            break
    round_of()
    begun = set(ChargingSession.objects.values_list("pk", flat=True))
    assert begun
    assert begun == {int(body["id"]) for method, path, body in told(receiver) if path.startswith("/sessions")}
    assert without_times(apply(before, told(receiver))) == without_times(all_lists(world))


def test_a_receiver_that_was_away_catches_up_without_a_gap_and_in_order(world):
    receiver, (here, there) = world.receivers[0], world.sites
    before, port = all_lists(world), receiver.server.server_port
    receiver.stop()
    began, at = timezone.now(), timezone.now() - timedelta(minutes=30)
    ChargingSession.objects.start(world.ports[0].pk, at)
    say(world.ports[0], "CHARGING")
    say(world.ports[3], "OFFLINE")
    assert round_of() == 0
    kept = OcpiConnection.objects.get()
    assert (kept.failures, "ConnectionRefused" in kept.failure, kept.failed_at >= began) == (1, True, True)
    assert kept.told_until < began + timedelta(seconds=5)
    told_until = kept.told_until
    assert push_due(kept.next_push_at - timedelta(seconds=1)) == 0  # it is left alone for a while
    assert OcpiConnection.objects.get().failures == 1
    for failures in (2, 3):
        push_due(OcpiConnection.objects.get().next_push_at)
        kept = OcpiConnection.objects.get()
        assert (kept.failures, kept.told_until) == (failures, told_until)
    ChargingSession.objects.finish([world.ports[0].pk], [at], [timezone.now()], [10.0], [True])
    say(world.ports[0], "AVAILABLE")
    say(world.ports[3], "FAULTED")
    change = surge(here)
    SiteState.objects.set_prices({here.pk: change.new_price}, {here.pk: change.ends_at})
    tell_partners(timezone.now())
    world.receivers[0] = receiver = Receiver(port)
    receiver.answers = [200, 503]  # and once more in the middle
    push_due(OcpiConnection.objects.get().next_push_at)
    assert OcpiConnection.objects.get().failures == 4
    push_due(OcpiConnection.objects.get().next_push_at)
    session = ChargingSession.objects.get()
    assert paths(receiver) == [
        f"PUT /tariffs/US/NOR/{here.pk}-C{change.pk}", f"PATCH /locations/US/NOR/{here.pk}",
        f"PATCH /locations/US/NOR/{here.pk}", f"PATCH /locations/US/NOR/{there.pk}/{world.ports[3].pk}",
        f"PUT /sessions/US/NOR/{session.pk}", "POST /cdrs",
    ]  # fmt: skip
    assert without_times(apply(before, told(receiver))) == without_times(all_lists(world))
    kept = OcpiConnection.objects.get()
    assert (kept.failures, kept.failed_at, kept.failure) == (0, None, "")
    assert kept.told_until > told_until


def test_what_changes_while_it_is_being_sent_is_sent_again(world):
    receiver, seen = world.receivers[0], []

    def change_meanwhile(method, path):
        seen.append(path)
        if len(seen) == 1:
            say(world.ports[0], "AVAILABLE")
            tell_partners(timezone.now())

    receiver.on_call = change_meanwhile
    say(world.ports[0], "FAULTED")
    assert round_of() == 2
    assert [body["status"] for *_, body in told(receiver)] == ["OUTOFORDER", "AVAILABLE"]


def test_what_a_receiver_does_not_know_is_told_whole_and_what_it_refuses_stops_nothing(world):
    receiver, (here, there) = world.receivers[0], world.sites
    unknown = (200, {}, json.dumps({"status_code": 2003, "status_message": "Unknown location"}).encode())
    receiver.answers = [404, unknown, 200]
    say(world.ports[0], "FAULTED")
    assert round_of() == 1
    evse = f"/locations/US/NOR/{here.pk}/{world.ports[0].pk}"
    assert paths(receiver) == [f"PATCH {evse}", f"PUT {evse}", f"PUT /locations/US/NOR/{here.pk}"]
    receiver.answers = [unknown] * 3
    say(world.ports[0], "AVAILABLE")
    say(world.ports[2], "FAULTED")
    receiver.calls.clear()
    round_of()
    assert f"PATCH /locations/US/NOR/{there.pk}/{world.ports[2].pk}" in paths(receiver)
    kept = OcpiConnection.objects.get()
    assert (kept.failures, "2003 Unknown location" in kept.failure) == (0, True)
    receiver.answers = [401]  # nothing is wrong with the object
    say(world.ports[0], "FAULTED")
    round_of()
    assert (OcpiConnection.objects.get().failures, OcpiPush.objects.count()) == (1, 1)


def test_two_workers_never_tell_one_receiver_at_once_and_a_dead_one_is_followed(world):
    say(world.ports[0], "FAULTED")
    now = timezone.now()
    tell_partners(now)
    assert OcpiConnection.objects.claim(world.connection.pk, now) is not None  # and dies
    assert push_due(now + timedelta(seconds=50)) == 0
    assert push_due(now + timedelta(seconds=61)) == 1


def test_nothing_is_told_before_and_after_a_registration_or_of_modules_that_nobody_listens_to(world):
    OcpiConnection.objects.update(endpoints={"tariffs": f"{world.receivers[0].url}/tariffs"})
    say(world.ports[0], "FAULTED")
    round_of()
    assert not OcpiPush.objects.exists()
    surge(world.sites[0])
    tell_partners(timezone.now())
    assert OcpiPush.objects.count() == 1
    OcpiConnection.objects.get().unregister()
    assert (push_due(), OcpiPush.objects.count(), world.receivers[0].calls) == (0, 0, [])
    say(world.ports[0], "AVAILABLE")
    assert not PartnerNews.objects.exclude(kind="price").exists()  # nobody listens


def test_a_receiver_inside_is_never_told(world, settings):
    settings.PRIVATE_RECEIVERS = False
    say(world.ports[0], "FAULTED")
    assert round_of() == 0
    assert not world.receivers[0].calls
    assert "https" in OcpiConnection.objects.get().failure


def test_the_number_of_queries_does_not_grow_with_the_network(world):
    def queries(count):
        for number in range(count):
            site = fleet.site(world.north, 100 + Site.objects.count() + number)
            port = fleet.charger(site)
            ChargingSession.objects.create(
                charger=port, started_at=timezone.now(), ended_at=timezone.now(), energy_kwh=1, price="0.40"
            )
            surge(site)
        SiteState.objects.ensure()
        with CaptureQueriesContext(database) as asked:
            tell_partners(timezone.now())
        with CaptureQueriesContext(database) as read:
            assert len(objects_of(OcpiConnection.objects.get(), list(OcpiPush.objects.all()))) >= 5 * count
        OcpiPush.objects.all().delete()
        return len(asked), len(read)

    few = queries(1)
    assert queries(8) == few
    assert max(few) <= 20
