"""Doors and locks: how often a password may be wrong, what starts at all, and what browsers are told to hold to."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from sntry_site.pages import report
from sntry_site.safety_settings import refuse_unsafe
from stations.models import AuditEntry, Operator

from . import fleet

ROOT = Path(__file__).resolve().parent.parent
HERE, ELSEWHERE = "192.0.2.7", "2001:db8::7"
GOOD_KEY = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", password="a long word")


def sign_in(password: str, *, name: str = "boss", address: str = HERE, **headers):
    """A log-in by somebody who has not been here before."""
    return Client().post("/login/", {"username": name, "password": password}, REMOTE_ADDR=address, headers=headers)


def test_after_five_wrong_passwords_the_right_one_waits_here_and_not_elsewhere(boss):
    fleet.person("ann")
    answers = [sign_in(f"guess {number}").status_code for number in range(5)]
    assert answers == [200, 200, 200, 200, 429]
    locked = sign_in("a long word")
    assert locked.status_code == 429
    assert "for 15 min" in locked.content.decode()
    assert sign_in("a long word", address=ELSEWHERE).status_code == 302
    assert sign_in("a long word", name="ann").status_code == 302
    assert "guess" not in str(AccessAttempt.objects.values_list("post_data", flat=True))


def test_all_of_one_customer_s_network_count_as_one_address(boss):
    for number in range(5):
        sign_in("guess", address=f"2001:db8:1:2::{number}")
    assert sign_in("a long word", address="2001:db8:1:2:ffff::9").status_code == 429
    assert sign_in("a long word", address="2001:db8:1:3::9").status_code == 302
    for number in range(5):
        sign_in("guess", address=f"::ffff:198.51.100.{number % 2}")
    assert sign_in("a long word", address="198.51.100.0").status_code == 302
    told = AuditEntry.objects.filter(action="log-in failed").values_list("address", flat=True)
    assert "2001:db8:1:2::3" in told


def test_an_address_that_tries_ever_other_names_waits_as_a_whole(boss, settings):
    settings.FAILURES_OF_AN_ADDRESS = 12
    answers = [sign_in("guess", name=f"name {number}", address=f"2001:db8::{number}") for number in range(12)]
    assert [answer.status_code for answer in answers] == [200] * 11 + [429]
    assert "Too many passwords were wrong." in answers[-1].content.decode()
    locked = sign_in("a long word", address=ELSEWHERE)
    assert locked.status_code == 429
    assert "nobody can log in for 15 min" in " ".join(locked.content.decode().split())
    assert sign_in("a long word").status_code == 302
    entries = AuditEntry.objects.filter(action="locked out")
    assert [entry.details["whole_address"] for entry in entries] == [True]
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in("a long word", address=ELSEWHERE).status_code == 302


def test_who_knows_one_password_does_not_open_the_address_for_guesses_at_others(boss, settings):
    settings.FAILURES_OF_AN_ADDRESS = 6
    for number in range(5):
        sign_in("guess", name=f"name {number}")
    assert sign_in("a long word").status_code == 302
    assert [sign_in("guess", name=name).status_code for name in ("more", "most")] == [429, 429]


def test_over_a_local_socket_names_alone_are_counted(boss, settings):
    settings.FAILURES_OF_AN_ADDRESS = 3
    assert [sign_in("guess", name=f"name {number}", address="").status_code for number in range(4)] == [200] * 4


def test_a_password_typed_as_a_name_is_not_kept(boss):
    sign_in("boss", name="a long word")
    assert AuditEntry.objects.first().name == "(unknown)"
    sign_in("guess")
    assert AuditEntry.objects.first().name == "boss"


def test_pages_for_everybody_count_networks_too(boss, settings, monkeypatch):
    asked = []
    monkeypatch.setattr("sntry_site.pages.limits._count", lambda who: asked.append(who) or 1)
    for number in (1, 2):
        Client().get("/drive/", REMOTE_ADDR=f"2001:db8::{number}")
    assert len(asked) == 2
    assert len(set(asked)) == 1
    here = fleet.site(Operator.objects.create(name="Volta"), 1)
    of = [RequestFactory(REMOTE_ADDR=f"2001:db8:9::{number}").post("/") for number in range(7)]
    assert [report.may_report(request, here) for request in of] == [True] * 5 + [False] * 2


def test_naming_another_address_does_not_open_the_door(boss, settings):
    for number in range(5):
        sign_in("guess", **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert sign_in("a long word", **{"X-Forwarded-For": "198.51.100.77"}).status_code == 429
    settings.BEHIND_PROXY = True  # which adds whom it has seen
    for number in range(5):
        sign_in("guess", address="10.0.0.1", **{"X-Forwarded-For": f"198.51.100.{number}, {ELSEWHERE}"})
    assert sign_in("a long word", address="10.0.0.1", **{"X-Forwarded-For": ELSEWHERE}).status_code == 429


def test_the_admin_s_own_door_counts_too_and_a_local_socket_has_no_address(boss):
    for _ in range(4):
        Client().post("/admin/login/", {"username": "boss", "password": "guess"}, REMOTE_ADDR="")
    answer = Client().post("/admin/login/", {"username": "boss", "password": "guess"}, REMOTE_ADDR="")
    assert answer.status_code == 429


def test_limits_hold_while_redis_is_away(boss, settings):
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9"}}
    assert [sign_in("guess").status_code for _ in range(6)] == [200] * 4 + [429] * 2


def test_who_may_edit_people_ends_a_lock(boss, client):
    for _ in range(5):
        sign_in("guess")
    client.force_login(boss)
    attempt = AccessAttempt.objects.get()
    assert HERE in client.get(reverse("admin:axes_accessattempt_changelist")).content.decode()
    client.post(reverse("admin:axes_accessattempt_delete", args=[attempt.pk]), {"post": "yes"})
    assert sign_in("a long word").status_code == 302


def test_an_old_hash_is_renewed_when_its_owner_signs_in(boss):
    boss.password = make_password("a long word", hasher="pbkdf2_sha256")
    boss.save(update_fields=["password"])
    assert sign_in("a long word").status_code == 302
    boss.refresh_from_db()
    assert boss.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    ("debug", "key", "hosts", "told"),
    [
        (False, "", ["*"], "ALLOWED_HOSTS"),
        (False, "short", ["localhost"], "SECRET_KEY"),
        (False, "ab" * 40, ["localhost"], "SECRET_KEY"),
    ],
)
def test_what_no_installation_may_have_is_refused(debug, key, hosts, told):
    with pytest.raises(ImproperlyConfigured, match=told):
        refuse_unsafe(debug, key, hosts)


@pytest.mark.parametrize(("debug", "key", "told"), [(True, GOOD_KEY, "DEBUG"), (False, "", "SECRET_KEY")])
def test_a_site_that_others_reach_needs_more(monkeypatch, debug, key, told):
    monkeypatch.setattr("sntry_site.safety_settings.HTTPS_ONLY", True)
    with pytest.raises(ImproperlyConfigured, match=told):
        refuse_unsafe(debug, key, ["sntry.example"])
    refuse_unsafe(False, GOOD_KEY, ["sntry.example"])


def test_calls_into_our_own_network_are_not_opened_where_others_reach_the_site(monkeypatch):
    refuse_unsafe(False, "", ["localhost"], private_receivers=True)  # a demo may call a receiver beside it
    monkeypatch.setattr("sntry_site.safety_settings.HTTPS_ONLY", True)
    with pytest.raises(ImproperlyConfigured, match="PRIVATE_RECEIVERS"):
        refuse_unsafe(False, GOOD_KEY, ["sntry.example"], private_receivers=True)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    wanted = {**os.environ, "DATABASE_URL": "postgres://u@db/n", "REDIS_URL": "rediss://broker:6379", **environment}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=wanted, capture_output=True, text=True, check=False
    )


GOOD = {"HTTPS_ONLY": "1", "SECRET_KEY": GOOD_KEY, "ALLOWED_HOSTS": "sntry.example"}


def test_the_check_for_deployment_finds_nothing_and_an_unsafe_web_process_does_not_start(deployed):
    assert deployed["found"] == ""
    refused = run("-c", "import sntry_site.asgi", **{**GOOD, "ALLOWED_HOSTS": "*"})
    assert refused.returncode == 1
    assert "ALLOWED_HOSTS holds *: name the hosts of this site." in refused.stderr


def test_the_cache_may_have_a_server_of_its_own():
    told = "from django.conf import settings; print(settings.CACHES['default']['LOCATION'], settings.CELERY_BROKER_URL)"
    set_up = {**GOOD, "DJANGO_SETTINGS_MODULE": "sntry_site.settings", "CACHE_URL": "redis://cache:6379"}
    assert run("-c", told, **set_up).stdout.split() == ["redis://cache:6379/2", "rediss://broker:6379/0"]


def test_browsers_are_told_what_a_page_may_do(boss, client):
    headers = client.get("/login/").headers
    assert headers["Permissions-Policy"].startswith("geolocation=(self), camera=()")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    client.post("/login/", {"username": "boss", "password": "a long word"})
    assert all(client.cookies[name]["httponly"] for name in ("sessionid", "csrftoken"))
    assert client.cookies["sessionid"]["samesite"] == "Lax"


ASK = """
import django, json
django.setup()
from django.core.management import CommandError, call_command
from django.test import Client
try:
    found = call_command("check", deploy=True, fail_level="WARNING") or ""
except CommandError as error:
    found = str(error)
page = Client().get("/login/", secure=True, headers={"host": "sntry.example"})
plain = Client().get("/login/", headers={"host": "sntry.example"})
cookies = {name: [bool(one["secure"]), bool(one["httponly"]), one["samesite"], one["path"], one["domain"]]
           for name, one in page.cookies.items()}
stranger = Client(raise_request_exception=False).get("/login/", secure=True, headers={"host": "evil.invalid"})
told = [page.headers["Strict-Transport-Security"], cookies, plain.status_code, plain["Location"], stranger.status_code]
print(json.dumps({"found": found, "told": told}))
"""


@pytest.fixture(scope="module")
def deployed() -> dict:
    """What a process says whose site others reach; one process, because its start takes seconds."""
    asked = run("-c", ASK, DJANGO_SETTINGS_MODULE="sntry_site.settings", **GOOD)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout.splitlines()[-1])


def test_a_site_that_others_reach_speaks_https_alone_with_cookies_of_this_very_host(deployed):
    transport, cookies, status, location, stranger = deployed["told"]
    assert transport == "max-age=31536000; includeSubDomains; preload"
    assert cookies == {"__Host-csrftoken": [True, True, "Lax", "/", ""]}
    assert (status, location) == (301, "https://sntry.example/login/")
    assert stranger == 400
