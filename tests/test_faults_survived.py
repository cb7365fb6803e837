"""A web process whose Redis hangs, dies and comes back, and whose database connections are cut: it goes on."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from django.db import connection

from sntry_site.embedded.binaries import valkey_server
from sntry_site.embedded.valkey import SETTINGS
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import StatusReport

from . import fleet

NAME = "survivor"  # by which PostgreSQL knows the connections of this web process
PAGES = ("/", "/dispatch/", "/work/", "/drive/", "/jobs/", "/admin/", "/reliability/", "/assistant/")


class OwnValkey:
    """A Valkey that nobody else uses."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sntry-v-"))  # short, because it is the path of a socket
        self.url = f"unix://{self.folder}/v.sock"
        self.start()

    def start(self) -> None:
        options = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        command = [valkey_server(), "--unixsocket", self.folder / "v.sock", "--dir", self.folder, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def remove(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


@pytest.fixture
def valkey():
    own = OwnValkey()
    yield own
    own.remove()


@pytest.fixture
def site(start_site, valkey):
    return start_site(REDIS_URL=valkey.url, PGAPPNAME=NAME)


@pytest.fixture
def caller(site):
    """Somebody who reads all pages, and a partner who sends; each request as a function that gives its status."""
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    port = fleet.charger(fleet.site(operator, 1))
    boss = fleet.person("boss", is_superuser=True)
    cookie = site.cookie(boss)
    reader = httpx.Client(base_url=site.url, cookies={cookie["name"]: cookie["value"]}, timeout=120)
    partner = {"Authorization": f"Bearer {fleet.partner(operator)[1]}"}

    def read() -> dict[str, int]:
        return {path: reader.get(path).status_code for path in PAGES}

    def send(minute: int) -> int:
        row = {"charger": port.external_id, "reported_at": f"2026-11-20T12:{minute:02}:00Z", "status": "AVAILABLE"}
        address = f"{site.url}/api/v1/telemetry/status/"
        return httpx.post(address, json={"rows": [row]}, headers=partner, timeout=120).status_code

    def problems() -> dict:
        return reader.get("/readyz").json()["problems"]

    yield read, send, problems
    reader.close()


ALL_WELL = {path: 200 if path != "/work/" else 403 for path in PAGES}  # the boss is no technician


def test_pages_and_telemetry_go_on_while_redis_hangs_and_is_dead_and_the_database_cuts_everybody_off(
    valkey, caller, site
):
    """One story, because starting a web process takes seconds."""
    read, send, problems = caller
    assert read() == ALL_WELL
    assert send(1) == 202
    valkey.signal(signal.SIGSTOP)
    assert read() == ALL_WELL
    assert send(2) == 202
    assert "broker" in problems()
    valkey.signal(signal.SIGKILL)
    assert read() == ALL_WELL
    assert send(3) == 202
    valkey.start()
    deadline = time.monotonic() + 120
    while "broker" in problems():
        assert time.monotonic() < deadline, "Redis is back, and nobody notices"
        time.sleep(0.1)
    assert read() == ALL_WELL
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", [NAME]
        )
        assert cursor.fetchone()[0] >= 1
    assert read() == ALL_WELL
    assert send(4) == 202
    assert StatusReport.objects.count() == 4
