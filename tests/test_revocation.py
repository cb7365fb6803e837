"""Who loses a right loses it in open sockets too, at once: the server here looks by itself only after an hour."""

import time

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stations import consumers, revocation
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 60  # seconds; far less than the hour


@pytest.fixture
def site(start_site):
    return start_site(LIVE_RECHECK_SECONDS="3600")


@pytest.fixture
def operator(db):
    sync_roles()
    operator = Operator.objects.create(name="Northline", is_simulated=True)
    fleet.live_site(operator, 1)
    return operator


@pytest.fixture
def chief(db):
    browser = Client()
    browser.force_login(User.objects.create_superuser("chief", password="a long word"))
    return browser


def close_code(socket) -> int:
    """With which code the server has closed it; an error where it has not, at once."""
    deadline = time.monotonic() + AT_ONCE
    with pytest.raises(ConnectionClosed) as closed:
        _read_on(socket, deadline)
    return closed.value.rcvd.code


def _read_on(socket, deadline: float) -> None:
    while True:
        socket.wire.recv(timeout=max(0.01, deadline - time.monotonic()))


def act(chief, name: str, person: User) -> None:
    """An action of the list of people."""
    wanted = {"action": name, "_selected_action": [person.pk], "_confirmed": "1", "reason": "left the company"}
    assert chief.post(reverse("admin:auth_user_changelist"), wanted).status_code == 302


def change(chief, person: User, **changed) -> None:
    """Save the page of a person with some values changed; None: the box is not ticked."""
    address = reverse("admin:auth_user_change", args=[person.pk])
    page = chief.get(address)
    form = page.context["adminform"].form
    values = {name: value for name, value in form.initial.items() if value not in (None, False, "")}
    values |= {"groups": [group.pk for group in person.groups.all()], "user_permissions": []}
    joined = person.date_joined
    values |= {"date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    mine = list(person.memberships.all())
    values |= {"memberships-TOTAL_FORMS": len(mine), "memberships-INITIAL_FORMS": len(mine)}
    for number, membership in enumerate(mine):
        values |= {f"memberships-{number}-id": membership.pk, f"memberships-{number}-user": person.pk,
                   f"memberships-{number}-operator": membership.operator_id}  # fmt: skip
    values |= changed
    answer = chief.post(address, {name: value for name, value in values.items() if value is not None})
    assert answer.status_code == 302, answer.context["errors"]


def test_what_ends_somebody_s_rights_closes_their_sockets_at_once_and_nobody_else_s(site, operator, chief):
    people = {name: fleet.person(name, "ops", operator) for name in ("out", "ended", "dismissed", "renamed", "moved")}
    stays = fleet.person("stays", "ops", operator)
    leaving = Client()
    leaving.force_login(people["out"])
    with site.socket(stays) as kept:
        kept.read()
        sockets = {name: site.socket(person) for name, person in people.items()}
        second = site.socket(people["ended"], path="/live/jobs/")
        for socket in sockets.values():
            socket.read()

        Session.objects.all().filter(session_key=_session_of(people["out"])).delete()
        leaving.post(reverse("logout"))
        assert close_code(sockets["out"]) == consumers.SIGNED_OUT

        act(chief, "sign_out", people["ended"])
        assert close_code(sockets["ended"]) == consumers.SIGNED_OUT
        with pytest.raises(ConnectionClosed):
            _read_on(second, time.monotonic() + AT_ONCE)

        change(chief, people["dismissed"], is_active=None)
        assert close_code(sockets["dismissed"]) == consumers.SIGNED_OUT

        renew = reverse("admin:auth_user_password_change", args=[people["renamed"].pk])
        words = {"password1": "another long word", "password2": "another long word", "usable_password": "true"}
        assert chief.post(renew, words).status_code == 302
        assert close_code(sockets["renamed"]) == consumers.SIGNED_OUT

        change(chief, people["moved"], is_staff=None)
        assert close_code(sockets["moved"]) == consumers.FORBIDDEN

        kept.wire.send('{"type": "resync"}')
        kept.read_until(lambda frame: frame["type"] == "snapshot", AT_ONCE)


def _session_of(person: User) -> str:
    """The newest session of a person: the one of the socket."""
    found = [one for one in Session.objects.all() if one.get_decoded().get("_auth_user_id") == str(person.pk)]
    return max(found, key=lambda one: one.expire_date).session_key


def test_rows_deleted_from_the_list_are_gone_when_the_sockets_look(operator, chief, monkeypatch):
    mine, seen = fleet.person("ann", "ops", operator).memberships, []
    monkeypatch.setattr(revocation, "publish", lambda kind, told: seen.append((told["users"], mine.count())))
    wanted = {"action": "delete_selected", "_selected_action": [mine.get().pk], "post": "yes"}
    assert chief.post(reverse("admin:stations_membership_changelist"), wanted).status_code == 302
    assert seen == [([mine.instance.pk], 0)]


def test_a_partner_s_key_opens_no_socket_so_that_none_is_left_when_it_is_revoked(site, operator):
    _, text = fleet.partner(operator)
    with pytest.raises(InvalidStatus) as refused:
        connect(
            site.url.replace("http", "ws") + "/live/board/",
            additional_headers={"Authorization": f"Bearer {text}"},
            origin=site.url,
        ).__enter__()
    assert refused.value.response.status_code == 403
