"""A real uvicorn on a free loopback port with the test database, and a real Chromium, for tests that need them."""

import os
import secrets
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import orjson
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from websockets.sync.client import connect

from sntry_site import embedded
from sntry_site.programs import POOLED

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path(os.environ.get("SNTRY_CHROMIUM", "/usr/bin/chromium"))
START_SECONDS = 180  # of patience with a machine that others use, too
PATIENCE = 1000 * START_SECONDS  # of a browser, in milliseconds


def elsewhere(function, *arguments, **named):
    """Call in another thread, because the browser's driver keeps an event loop in this one."""

    def call():
        try:
            return function(*arguments, **named)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def free_port() -> int:
    """One below those that the system gives away by itself, because a server takes seconds until it takes its own."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class RunningSite:
    """The web process of Sntry in front of the test database; it can be killed and started again on the same port."""

    def __init__(self, **environment: str):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        address = urlsplit(os.environ.get("DATABASE_URL") or embedded.database_url())
        path = f"{address.path.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
        self.environment = {
            **os.environ,
            "DATABASE_URL": urlunsplit(address._replace(path=path)),
            "REDIS_URL": settings.REDIS_URL,
            "REDIS_PREFIX": settings.REDIS_PREFIX,
            "SECRET_KEY": settings.SECRET_KEY,
            **POOLED,
            **environment,
        }
        self.start()

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--log-level", "warning", "--ws-max-size", "65536"]
        arguments += ["--lifespan", "off"]  # it would note that it listens into the rows of whichever test runs
        arguments += ["--timeout-graceful-shutdown", "5"]
        command = [sys.executable, "-m", "uvicorn", "sntry_site.asgi:application", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                urlopen(f"{self.url}/healthz", timeout=60).close()  # noqa: S310  (our own loopback address)
                return
            except (URLError, OSError):
                assert self.process.poll() is None, "uvicorn ended at once; its message is above"
                time.sleep(0.1)
        raise TimeoutError(f"uvicorn did not answer within {START_SECONDS} s")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Stop it. Under coverage it ends by itself, because one that is killed does not write what it has counted."""
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        self.kill()

    def cookie(self, user) -> dict[str, str]:
        """The session cookie of somebody who has just logged in."""
        client = Client()
        client.force_login(user)
        return {"name": "sessionid", "value": client.cookies["sessionid"].value}

    def socket(self, user=None, *, path: str = "/live/board/", origin: str | None = "", **options) -> "BoardSocket":
        headers = {}
        if user is not None:
            cookie = self.cookie(user)
            headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
        address = self.url.replace("http", "ws") + path
        origin = self.url if origin == "" else origin
        patient = {"max_size": None, "open_timeout": START_SECONDS, "ping_interval": None}
        return BoardSocket(connect(address, additional_headers=headers, origin=origin, **patient, **options))


class BoardSocket:
    """A browser's end of the board's socket: it keeps the state that the frames describe."""

    def __init__(self, connection_):
        self.wire = connection_.__enter__()
        self.version, self.sites, self.panels, self.frames, self.events = None, {}, {}, [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def read(self, seconds: float = 60) -> dict:
        """The next frame, applied."""
        frame = orjson.loads(self.wire.recv(timeout=seconds))
        self.frames.append(frame)
        if frame["type"] == "panel":
            self.panels[frame["target"]] = frame["content"]
            return frame
        if frame["type"] == "events":
            rows = [row for row in frame["content"].split("<li")[1:] if "data-event" in row]
            self.events.update({row.partition('data-event="')[2].partition('"')[0]: row.strip() for row in rows})
            return frame
        if frame["type"] == "snapshot":
            self.sites = {}
        columns = frame["sites"]
        for row, site in enumerate(columns["id"]):
            self.sites.setdefault(site, {}).update({name: values[row] for name, values in columns.items()})
        self.version = frame["version"]
        return frame

    def read_until(self, wanted, seconds: float = 60) -> dict:
        """Frames until `wanted(frame)` holds."""
        deadline = time.monotonic() + seconds
        while not wanted(frame := self.read(max(0.1, deadline - time.monotonic()))):
            pass
        return frame

    def read_version(self, version: int) -> None:
        """Frames until the state is at `version` and its last frame, the events, has come."""
        if self.version is None or self.version < version:
            self.read_until(lambda frame: frame.get("version", 0) >= version)
            self.read_until(lambda frame: frame["type"] == "events")


@pytest.fixture
def start_site(transactional_db):
    """Start web processes with settings of their own; they end with the test."""
    started = []

    def start(**environment: str) -> RunningSite:
        started.append(RunningSite(**environment))
        return started[-1]

    yield start
    for site in started:
        site.end()


@pytest.fixture(scope="session")
def shared_site(django_db_setup):
    """The web process that most tests share, because starting one takes seconds."""
    started = []
    yield started
    for site in started:
        site.end()


@pytest.fixture
def live_site(shared_site, transactional_db) -> RunningSite:
    """A web process on the test database. Do not kill it: for that there is `start_site`."""
    if not shared_site:
        shared_site.append(RunningSite(LIVE_RECHECK_SECONDS="1"))
    return shared_site[0]


class Watched:
    """A page of a browser, and everything that went wrong in it."""

    def __init__(self, page):
        self.page, self.errors = page, []
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))


@pytest.fixture(scope="session")
def chromium():
    """The address of a Chromium that the tests of a process share, because starting one takes seconds.

    It lives in a thread of its own, because its driver keeps an event loop in its thread.
    """
    if not CHROMIUM.exists():
        message = f"there is no Chromium at {CHROMIUM}: install it or set SNTRY_CHROMIUM"
        if os.environ.get("SNTRY_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(f"BROWSER TEST NOT RUN: {message}")
    from playwright.sync_api import sync_playwright

    port, is_open, is_over = free_port(), Event(), Event()

    def live():
        with sync_playwright() as driver:
            arguments = ["--no-sandbox", f"--remote-debugging-port={port}"]
            browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=arguments, timeout=PATIENCE)
            is_open.set()
            is_over.wait()
            browser.close()

    with ThreadPoolExecutor(1) as pool:
        life = pool.submit(live)
        life.add_done_callback(lambda _: is_open.set())  # also where it could not be opened
        try:
            is_open.wait()
            yield life.result() if life.done() else f"http://127.0.0.1:{port}"
        finally:
            is_over.set()


@pytest.fixture
def open_page(chromium):
    """Open pages of a real Chromium: `open_page(site, user, width=..., dark=...)`; each is a visitor of its own."""
    from playwright.sync_api import sync_playwright

    # Visitors leave before the test is over: what their pages still ask for would meet the rows of the next one.
    with sync_playwright() as driver, ExitStack() as visitors:
        browser = driver.chromium.connect_over_cdp(chromium, timeout=PATIENCE)

        def open_one(site: RunningSite, user=None, *, width: int = 1440, height: int = 900, dark: bool = False):
            theme = "dark" if dark else "light"
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            visitors.enter_context(context)
            context.set_default_timeout(PATIENCE)
            if user is not None:
                context.add_cookies([{**elsewhere(site.cookie, user), "url": site.url}])
            return Watched(context.new_page())

        yield open_one
