"""What a page wanted and its content policy refused is told in the log, and nothing else comes into it that way."""

import json
import time

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from sntry_site.pages import policy_reports

from .live_server import elsewhere

pytestmark = pytest.mark.django_db

REPORT = {
    "document-uri": "http://testserver/sites/N-1/?token=secret-of-somebody",
    "effective-directive": "script-src-elem",
    "blocked-uri": "https://evil.invalid/steal.js?from=here",
}


@pytest.fixture(autouse=True)
def nobody_has_reported_yet():
    cache.clear()


@pytest.fixture
def send(client):
    def send_one(body, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(reverse("policy-reports"), body, "application/csp-report", headers=headers)

    return send_one


def test_a_report_is_one_line_with_the_route_and_the_host(send, caplog):
    assert send({"csp-report": REPORT}).status_code == 204
    (line,) = [record.getMessage() for record in caplog.records if record.name == policy_reports.__name__]
    route = "sites/<path:external_id>/"
    assert line == f"/{route} wanted https://evil.invalid, which its policy (script-src-elem) refuses"


@pytest.mark.parametrize(
    ("blocked", "told"),
    [
        ("inline", "inline"), ("eval", "eval"), ("", "inline"), ("data", "data"), ("data:text/html,secret", "data"),
        ("https://user:secret@evil.invalid:8443/path", "https://evil.invalid"), ("blob:https://here/1", "blob"),
        ("x\nERROR sntry: all is lost", "x?ERROR sntry"), ("<script>", "?script?"), ("a" * 500, "a" * 100),
    ],
)  # fmt: skip
def test_what_was_refused_is_a_word_or_a_host(send, caplog, blocked, told):
    assert send({"csp-report": {**REPORT, "blocked-uri": blocked}}).status_code == 204
    assert f" wanted {told}, which " in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("address", ["https://elsewhere.invalid/login/", "http://testserver/a/b/c/d", "about:blank"])
def test_a_page_of_somebody_else_has_no_route(send, caplog, address):
    send({"csp-report": {**REPORT, "document-uri": address}})
    assert "/? wanted" in caplog.text


def test_one_who_still_owes_a_code_reports_too(send, client, settings):
    settings.STAFF_SECOND_FACTOR = True
    client.force_login(User.objects.create_superuser("boss"))
    assert client.get("/").status_code == 302
    assert send({"csp-report": REPORT}).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 5000, {"csp-report": []}, {"csp-report": {"document-uri": 7}},
        {"csp-report": {"document-uri": "/"}}, {"csp-report": {**REPORT, "blocked-uri": 7}},
        {"csp-report": {**REPORT, "effective-directive": 7}}, {"csp-report": {**REPORT, "document-uri": "https://["}},
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_leaves_no_line(send, caplog, body):
    answer = send(body)
    assert answer.status_code == 400
    assert "document-uri" in answer.content.decode()
    assert not [record for record in caplog.records if record.name == policy_reports.__name__]


def test_one_address_cannot_fill_the_log(send, caplog):
    codes = [send({"csp-report": REPORT}).status_code for _ in range(policy_reports.A_MINUTE + 2)]
    assert codes == [204] * policy_reports.A_MINUTE + [429] * 2


def test_reports_come_without_a_token_and_are_only_sent(client):
    stranger = Client(enforce_csrf_checks=True)
    told = json.dumps({"csp-report": REPORT})
    assert stranger.post("/policy-reports/", told, "application/csp-report").status_code == 204
    assert client.get("/policy-reports/").status_code == 405


@pytest.mark.browser
def test_a_browser_reports_a_script_that_somebody_has_put_into_a_page(capfd, start_site, open_page):
    site = start_site()
    watched = open_page(site, elsewhere(User.objects.create_superuser, "boss", password="a long word"))
    watched.page.goto(site.url)
    script = "Object.assign(document.createElement('script'), {textContent: 'window.stolen = 1'})"
    watched.page.evaluate(f"document.body.append({script})")
    assert watched.page.evaluate("window.stolen") is None
    told, deadline = "", time.monotonic() + 60
    while "wanted inline" not in told and time.monotonic() < deadline:
        time.sleep(0.2)
        told += capfd.readouterr().err
    assert "/ wanted inline, which its policy (script-src-elem) refuses" in told
