"""What is too large is refused over the wire before it fills a disk, whether or not it says how large it is."""

import json
import socket

import pytest
from django.conf import settings as installed
from django.contrib.auth.models import User
from django.test import Client

from sntry_site.pages.import_page import may_upload
from stations.access import sync_roles
from stations.models import Operator

from . import fleet

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024**2
LIMIT = 10 * MEGABYTE


def answer(live_site, path: str, header: str, parts=()) -> bytes:
    """What comes back when the header and then the parts are sent, until the site hangs up or has answered."""
    with socket.create_connection(("127.0.0.1", live_site.port), timeout=120) as wire:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n{header}\r\n\r\n"
        wire.sendall(head.encode())
        try:
            for part in parts:
                wire.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it does not wait for what it will not take
        received = wire.recv(65536)
        while b"connection: close" in received and (more := wire.recv(65536)):
            received += more
        return received


def cookie_of(person) -> str:
    """The header line of a browser in which somebody has signed in."""
    browser = Client()
    browser.force_login(person, "django.contrib.auth.backends.ModelBackend")
    name = installed.SESSION_COOKIE_NAME
    return f"Cookie: {name}={browser.cookies[name].value}"


def chunks(size: int):
    """A body of `size` bytes in chunks, without its end: an answer that waits for the end never comes."""
    for _ in range(size // MEGABYTE):
        yield b"%x\r\n" % MEGABYTE + bytes(MEGABYTE) + b"\r\n"
    if size % MEGABYTE:
        yield b"%x\r\n" % (size % MEGABYTE) + bytes(size % MEGABYTE) + b"\r\n"


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/login/", LIMIT),
        ("/admin/login/", LIMIT),
        ("/admin/import/more/", LIMIT),
        ("/admin/import/", LIMIT),
    ],
)
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(live_site, path, limit):
    refused = answer(live_site, path, f"Content-Length: {limit + 1}\r\nExpect: 100-continue")
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"larger than this address takes" in refused
    taken = answer(live_site, path, f"Content-Length: {limit}\r\nExpect: 100-continue")
    assert taken.startswith(b"HTTP/1.1 100 ")


def test_at_the_api_the_refusal_is_a_problem(live_site):
    refused = answer(live_site, "/api/v1/telemetry/status/", f"Content-Length: {LIMIT + 1}\r\nExpect: 100-continue")
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert b"content-type: application/problem+json" in refused
    assert b'"status": 413' in refused


def test_at_ocpi_the_refusal_is_in_the_envelope(live_site):
    refused = answer(live_site, "/ocpi/2.2.1/credentials", f"Content-Length: {LIMIT + 1}\r\nExpect: 100-continue")
    assert refused.startswith(b"HTTP/1.1 413 ")
    told = json.loads(refused.partition(b"\r\n\r\n")[2])
    assert (told["status_code"], "data" in told, told["timestamp"][-1]) == (2000, False, "Z")


def test_a_body_that_does_not_say_its_size_is_counted(live_site):
    refused = answer(live_site, "/login/", "Transfer-Encoding: chunked", chunks(LIMIT + 1))
    assert refused.startswith(b"HTTP/1.1 413 ")


def test_a_body_of_the_limit_goes_through_to_the_page(live_site):
    parts = [*chunks(LIMIT), b"0\r\n\r\n"]
    assert answer(live_site, "/login/", "Transfer-Encoding: chunked", parts).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("who", ["nobody", "viewer", "no person any more"])
def test_the_import_page_takes_no_more_of_those_who_may_not_import(live_site, who):
    cookie = "Cookie: sessionid=unknown"
    if who != "nobody":
        sync_roles()
        person = fleet.person("vera", "viewer", Operator.objects.create(name="Volta"), is_superuser=who != "viewer")
        cookie = cookie_of(person)
        User.objects.filter(pk=person.pk).update(is_active=who == "viewer")
    said = answer(live_site, "/admin/import/", f"Content-Length: {LIMIT + 1}\r\n{cookie}\r\nExpect: 100-continue")
    assert said.startswith(b"HTTP/1.1 413 ")
    sent = answer(live_site, "/admin/import/", f"Transfer-Encoding: chunked\r\n{cookie}", chunks(LIMIT + 1))
    assert sent.startswith(b"HTTP/1.1 413 ")


def test_who_owes_the_second_factor_may_not_upload_yet(settings):
    settings.STAFF_SECOND_FACTOR = True
    boss = User.objects.create_superuser("boss", password="a long word")
    headers = [(b"cookie", cookie_of(boss).removeprefix("Cookie: ").encode())]
    scope = {"type": "http", "method": "POST", "path": "/admin/import/", "headers": headers, "query_string": b""}
    assert not may_upload(scope)
    settings.STAFF_SECOND_FACTOR = False
    assert may_upload(scope)
    assert not may_upload({**scope, "method": "GET"})


@pytest.mark.parametrize("who", ["superuser", "ops"])
def test_the_import_page_takes_large_files_of_those_who_may_import(live_site, who):
    sync_roles()
    operator = Operator.objects.create(name="Volta")
    person = fleet.person("olga", "ops", operator, is_superuser=who == "superuser")
    cookie, most = cookie_of(person), 2 * 1024**3 + MEGABYTE
    for size, said in ((most, b"HTTP/1.1 100 "), (most + 1, b"HTTP/1.1 413 ")):
        header = f"Content-Length: {size}\r\n{cookie}\r\nExpect: 100-continue"
        assert answer(live_site, "/admin/import/", header).startswith(said)
    parts = [*chunks(LIMIT + MEGABYTE), b"0\r\n\r\n"]
    taken = answer(live_site, "/admin/import/", f"Transfer-Encoding: chunked\r\n{cookie}", parts)
    assert taken.startswith(b"HTTP/1.1 403 ")  # all of it was taken: the view misses the token of its page
