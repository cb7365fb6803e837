"""The board's socket, over a real wire: who gets in, what goes in, and that everyone ends at the same state."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sntry_site import tasks
from stations import live
from stations.access import sync_roles
from stations.models import FleetEvent, Membership, Operator
from telemetry.models import SiteState

from . import fleet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def network():
    """Two operators with three moving sites each."""
    sync_roles()
    operators = [Operator.objects.create(name=name, is_simulated=True) for name in ("Northline", "Volterra")]
    for operator in operators:
        for number in range(3):
            fleet.live_site(operator, number)
    return operators


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


def beat(number: int) -> int:
    """One beat of the loop; the version that it has pushed."""
    return tasks.tick(timezone.now() + timedelta(seconds=10 * number)).version


def refusal(live_site, *arguments, **options) -> int:
    with pytest.raises(InvalidStatus) as refused:
        live_site.socket(*arguments, **options)
    return refused.value.response.status_code


def close_code(socket) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        socket.read_until(lambda frame: False)
    return closed.value.rcvd.code


def test_strangers_customers_and_foreign_pages_are_refused_in_the_handshake(live_site, network, boss):
    customer = User.objects.create_user("driver", password="a long word")
    assert refusal(live_site) == 403
    assert refusal(live_site, customer) == 403
    assert refusal(live_site, boss, origin="https://elsewhere.example") == 403
    assert refusal(live_site, boss, origin=None) == 403
    with live_site.socket(boss) as allowed:
        assert allowed.read()["type"] == "snapshot"


def test_an_address_that_cannot_be_read_is_refused_in_the_handshake(live_site, network, boss):
    path = "/live/board/?" + "&".join(f"order{number}=risk" for number in range(11))
    assert refusal(live_site, path=path) == 403
    assert refusal(live_site, boss, path=path) == 403


def test_two_sockets_reach_the_state_of_the_database_after_several_ticks(live_site, network, boss):
    with live_site.socket(boss) as early:
        early.read_version(0)
        for number in range(3):
            version = beat(number)
        with live_site.socket(boss) as late:
            for socket in (early, late):
                socket.read_version(version)
            version = beat(3)
            for socket in (early, late):
                socket.read_version(version)
            live_columns = set(next(frame["sites"] for frame in reversed(late.frames) if "sites" in frame))
            assert {s: {n: v for n, v in one.items() if n in live_columns} for s, one in early.sites.items()} == {
                s: {n: v for n, v in one.items() if n in live_columns} for s, one in late.sites.items()
            }
            assert (early.panels, early.events) == (late.panels, late.events)
            for state in SiteState.objects.all():
                shown = early.sites[state.pk]
                assert (shown["available"], shown["occupied"]) == (state.ports_available, state.ports_occupied)
                assert shown["risk"] == pytest.approx(100 * state.risk, abs=0.51)


def test_a_missed_message_is_noticed_and_everything_is_read_again(live_site, network, boss):
    with live_site.socket(boss) as socket:
        first = beat(0)
        socket.read_version(first)
        columns = {name: [] for name in ("id", "operator", *socket.frames[0]["sites"])}
        live.publish("tick", {"version": first + 1, "previous": first, "at": "2026-11-20T12:00:00Z", "sites": columns})
        socket.read_until(lambda frame: frame["type"] == "delta")
        live.publish("tick", {"version": first + 9, "previous": first + 8, "at": "", "sites": columns})
        again = socket.read_until(lambda frame: frame["type"] == "snapshot")
        assert again["version"] == first


def test_a_page_may_ask_for_everything_again_and_for_other_sites(live_site, network, boss):
    beat(0)
    ours, theirs = network
    with live_site.socket(boss, path=f"/live/board/?operator={ours.pk}") as socket:
        first = socket.read_until(lambda frame: frame["type"] == "snapshot")
        assert set(first["sites"]["id"]) == set(ours.sites.values_list("pk", flat=True))
        socket.wire.send('{"type": "resync"}')
        assert socket.read_until(lambda frame: frame["type"] == "snapshot")["sites"] == first["sites"]
        socket.wire.send(f'{{"type": "filter", "operator": "{theirs.pk}", "city": "", "of_type": ""}}')
        other = socket.read_until(lambda frame: frame["type"] == "snapshot" and frame["sites"] != first["sites"])
        assert set(other["sites"]["id"]) == set(theirs.sites.values_list("pk", flat=True))
        socket.wire.send('{"type": "filter", "operator": "", "city": "Nowhere", "of_type": ""}')
        empty = socket.read_until(lambda frame: frame["type"] == "snapshot" and not frame["sites"]["id"])
        assert empty["words"] == {"city": [], "operator": [], "type": []}


def test_a_member_of_one_operator_never_hears_of_another(live_site, network):
    ours, theirs = network
    member = fleet.person("member", "viewer", ours)
    with live_site.socket(member) as socket:
        socket.read_version(0)
        FleetEvent.objects.create(at=timezone.now(), kind="HEALED", operator=theirs, message="secret of theirs")
        FleetEvent.objects.create(at=timezone.now(), kind="HEALED", operator=ours, message="news of ours")
        for number in range(3):
            socket.read_version(beat(number))
        everything = str(socket.frames)
    assert set(socket.sites) == set(ours.sites.values_list("pk", flat=True))
    assert "news of ours" in everything
    assert "secret of theirs" not in everything
    assert "Volterra" not in everything
    assert not any(f"/sites/{theirs.pk}-" in text or f"{theirs.pk}-0000" in text for text in [everything])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("x" * 600, 1009),
        ("[" * 500, 4400),
        ("not json", 4400),
        ('{"type": "resync", "more": 1}', 4400),
        ('{"type": "filter", "operator": ["1"], "city": "", "of_type": ""}', 4400),
        ('{"type": "filter", "operator": "1"}', 4400),
        (b"\xff\xfe", 1009),
    ],
)
def test_what_is_no_message_of_the_page_closes_the_socket_that_sent_it(live_site, network, boss, sent, code):
    with live_site.socket(boss) as rude, live_site.socket(boss) as polite:
        rude.wire.send(sent)
        assert close_code(rude) == code
        polite.read_version(beat(0))


def test_a_flood_closes_the_socket_and_a_sixth_socket_the_oldest(live_site, network, boss):
    with live_site.socket(boss) as flooding:
        for _ in range(40):
            flooding.wire.send('{"type": "resync"}')
        assert close_code(flooding) == 4429
    sockets = [live_site.socket(boss) for _ in range(6)]
    assert close_code(sockets[0]) == 4408
    sockets[5].read_version(beat(0))
    for socket in sockets:
        socket.wire.close()


def test_rights_that_end_close_or_narrow_an_open_socket(live_site, network):
    ours, theirs = network
    leaving, demoted, moved = (fleet.person(name, "viewer", ours) for name in ("leaving", "demoted", "moved"))
    with live_site.socket(leaving) as first, live_site.socket(demoted) as second, live_site.socket(moved) as third:
        for socket in (first, second, third):
            socket.read_version(0)
        User.objects.filter(pk=leaving.pk).update(is_active=False)
        User.objects.filter(pk=demoted.pk).update(is_staff=False)
        Membership.objects.filter(user=moved).update(operator=theirs)
        assert close_code(first) in (4401, 4403)
        assert close_code(second) == 4403
        third.read_until(lambda frame: frame["type"] == "snapshot")
        assert set(third.sites) == set(theirs.sites.values_list("pk", flat=True))


def test_hostile_names_stay_text_in_every_frame(live_site, boss):
    operator = Operator.objects.create(name='<script>alert("o")</script>', is_simulated=True)
    name = "<img src=x onerror=alert(1)>\"'\u202e\u0001&amp;"
    fleet.live_site(operator, 1, name=name, city="<svg onload=alert(2)>")
    with live_site.socket(boss) as socket:
        socket.read_version(beat(0))
    html = "".join([*socket.panels.values(), *socket.events.values()])
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "<img" not in html
    assert "<script" not in html
    assert [site["name"] for site in socket.sites.values()] == [name]
