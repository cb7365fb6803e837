"""Log lines: which request and tick they are about, and that nothing in them opens a door."""

import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sntry_site.api import problems
from sntry_site.celery import REQUEST, app
from sntry_site.log_lines import JsonLines, PlainLines, without_credentials
from sntry_site.request_ids import current, during
from stations import broker
from stations.models import Operator, Partner, Scope
from stations.tasks import redrive_jobs

ROOT = Path(__file__).resolve().parent.parent
ASKED = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture(params=[JsonLines, PlainLines])
def lines(request):
    """Everything that is logged, as the format writes it."""
    written = []

    class Keeping(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Keeping(logging.DEBUG)
    handler.setFormatter(request.param())
    root, previous = logging.getLogger(), logging.getLogger("sntry_site.request_ids").level
    root.addHandler(handler)
    logging.getLogger("sntry_site.request_ids").setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    logging.getLogger("sntry_site.request_ids").setLevel(previous)


@pytest.mark.django_db
def test_an_id_that_may_stand_in_logs_comes_back_and_another_is_replaced(client):
    assert client.get("/healthz", headers={"X-Request-ID": ASKED}).headers["X-Request-ID"] == ASKED
    for sent in ("", "short", "a" * 65, 'quoted"id"', "two words", "line\nbreak", "ünïcödé-id"):
        given = client.get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
        assert given != sent
        assert len(given) == 16
    assert current() == ""
    assert not logging.getLogger("uvicorn.access").propagate  # it quotes addresses


@pytest.mark.django_db
def test_a_problem_and_the_line_of_its_request_carry_the_id(client, lines):
    answer = client.get("/api/v1/sites/", headers={"X-Request-ID": ASKED})
    assert answer.status_code == 401
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == ASKED
    client.get("/report/EV00001/?q=my-place")
    said = "\n".join(lines)
    assert "GET /report/<path:external_id>/ 404" in said
    assert "EV00001" not in said
    assert "my-place" not in said
    if lines[0].startswith("{"):
        assert [json.loads(line)["request"] for line in lines].count(ASKED) == 1


def test_what_we_did_not_expect_is_found_by_the_number_that_is_told(lines):
    with during(request=ASKED):
        told = problems.handle(RuntimeError("broken\nINFO forged: all is well"), {})
    assert ASKED in json.loads(told.content)["detail"]
    (line,) = lines
    assert ASKED in line
    assert "Traceback" in line or "RuntimeError" in line


def test_a_message_cannot_pretend_to_be_another_line(lines):
    logging.getLogger("stations").warning("vendor said %s", "x\r\nINFO root: paid\x1b[2K\u2028")
    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1


@pytest.mark.django_db
def test_tasks_that_a_request_asks_for_know_its_id():
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.clear()
        with during(request=ASKED):
            assert broker.tell("stations.redrive_jobs", [[]])
        assert broker.tell("stations.redrive_jobs", [[]])
        told = [queue.get(timeout=60).headers.get(REQUEST) for _ in range(2)]
        queue.clear()
    assert told == [ASKED, None]
    seen = []
    task = redrive_jobs
    task.push_request(**{REQUEST: ASKED, "id": "7"})
    try:
        run, task.run = task.run, lambda: seen.append(current())
        task()
    finally:
        task.run = run
        task.pop_request()
    assert seen == [ASKED]


@pytest.mark.django_db
def test_no_credential_that_somebody_uses_is_in_the_lines(client, lines, settings, monkeypatch):
    settings.METRICS_TOKEN, settings.GEMINI_API_KEY = "metrics-token-of-the-monitor", "AIza-not-a-real-key-0001"
    operator = Operator.objects.create(name="Northline")
    partner = Partner.objects.create(name="Volt", operator=operator)
    _, key = partner.issue_key([Scope.SITES_READ.value], timezone.now() + timedelta(days=9))
    password = "correct horse battery staple"
    User.objects.create_superuser("boss", password=password)

    client.get("/api/v1/sites/", headers={"Authorization": f"Bearer {key}"})
    client.get("/api/v1/sites/", headers={"Authorization": f"Bearer {key}x"})
    client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    client.post("/login/", {"username": "boss", "password": "a wrong password, typed"})
    client.post("/login/", {"username": "boss", "password": password})
    cookie = client.cookies["sessionid"].value
    client.raise_request_exception = False
    monkeypatch.setattr("sntry_site.pages.health.Tick", Failing(key, cookie, settings))
    assert client.get("/readyz").status_code == 500
    said = "\n".join(lines)
    assert "[hidden]" in said
    for secret in (
        key,
        key.split("_", 2)[2],
        password,
        "horse battery",
        "a wrong password",
        cookie,
        settings.METRICS_TOKEN,
        "AIza-not",
    ):
        assert secret not in said
    assert settings.SECRET_KEY not in said


class Failing:
    """Ticks whose fault quotes everything, as libraries do."""

    def __init__(self, key, cookie, settings):
        self.said = (
            f"GET https://x/?api_key={settings.GEMINI_API_KEY} Authorization: Bearer {key} Cookie: sessionid={cookie}; "
            f"{{'password': 'correct horse battery staple'}} {settings.METRICS_TOKEN} {settings.SECRET_KEY}"
        )

    @property
    def objects(self):
        raise RuntimeError(self.said)


WORD = "not-to-be-told"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"postgres://sntry:{WORD}@db/sntry", "postgres://sntry:[hidden]@db/sntry"),
        ("redis://:pass@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
        (f'{{"password": "{WORD}", "name": "ann"}}', '{"password": "[hidden]", "name": "ann"}'),
        ("{'token': 'two words'}", "{'token': '[hidden]'}"),
        ("csrftoken=abc; sessionid=def", "csrftoken=[hidden]; sessionid=[hidden]"),
        ("authorization: token c2VjcmV0Cg==", "authorization: token [hidden]"),
        ("150 sites in 32 ms, scored by model 3", "150 sites in 32 ms, scored by model 3"),
        ("a token of thanks", "a token of thanks"),
    ],
)
def test_what_looks_like_a_credential_is_hidden_and_nothing_else(text, hidden):
    assert without_credentials(text) == hidden


def test_a_form_of_log_lines_that_does_not_exist_starts_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import sntry_site.settings"],
        cwd=ROOT, env={**os.environ, "LOG_FORMAT": "xml"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "LOG_FORMAT='xml' is unknown: use plain or json" in done.stderr


def test_a_traceback_quotes_the_same_lines_and_keeps_no_source(tmp_path):
    """In a process of its own, which has begun with our settings; `python -c` has no source."""
    (tmp_path / "broken.py").write_bytes(
        "# coding: latin-1\nÜ = 1\n1 / 0  # Ü, and no end of the line".encode("latin-1")
    )
    code = f"""
import sys; sys.path.insert(0, {str(tmp_path)!r})
import linecache, traceback, django
original, source = linecache.getline, {str(tmp_path / "broken.py")!r}
django.setup()
for filename in (source, {__file__!r}, "<frozen importlib._bootstrap>", "not there", "{sys.executable}"):
    for number in (-1, 0, 1, 2, 3, 4, 10_000):
        assert linecache.getline(filename, number) == original(filename, number), (filename, number)
linecache.clearcache()
try:
    import broken
except ZeroDivisionError:
    print(traceback.format_exc())
assert all(len(kept) == 1 for kept in linecache.cache.values())  # a promise of source, and none of it
"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "sntry_site.settings", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'broken.py", line 3, in <module>\n    1 / 0  # Ü, and no end of the line\n' in done.stdout
