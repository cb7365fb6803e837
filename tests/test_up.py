"""`manage.py up` as a person runs it: in a copy of the clone, with its own engines, killed and started again."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from .live_server import free_port

ROOT = Path(__file__).resolve().parent.parent
NOT_COPIED = shutil.ignore_patterns("var", ".venv", ".git", "tests", "*cache*")
OURS = ("DATABASE_URL", "REDIS_URL", "REDIS_PREFIX", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE")
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("up"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]


def _hear_interrupts() -> None:
    """As a terminal starts it, also where the tests themselves run in the background and are deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Up:
    """A running `manage.py up` and what it has written."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = folder / f"output-{time.monotonic_ns()}"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--sites=3", "--days=1", *arguments],
                cwd=folder,
                env={name: value for name, value in os.environ.items() if name not in OURS},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_hear_interrupts,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, words: str, seconds: float = 900) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert self.process.poll() is None, f"it ended without {words!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {words!r} within {seconds} s:\n{self.text}"
            time.sleep(0.1)

    def end_with(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(600)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a clone") / "of sntry"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    yield folder
    end_all_in(folder)


@pytest.fixture(autouse=True)
def nothing_left_running(request):
    """What a test that failed has left in the clone, which the next ones would find."""
    yield
    if "clone" in request.fixturenames:
        end_all_in(request.getfixturevalue("clone"))


@pytest.fixture(scope="module")
def port():
    return free_port()


def processes_in(folder: Path) -> list[int]:
    """Living processes that work in `folder`: web, workers, their children, and the engines."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(f"{folder}"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def end_all_in(folder: Path) -> None:
    for process in processes_in(folder):
        with suppress(ProcessLookupError):  # it ended by itself meanwhile
            os.kill(process, signal.SIGKILL)


def ask(folder: Path, statement: str) -> str:
    """What the clone's database answers."""
    code = f"""
import subprocess
from sntry_site.embedded.launcher import ENGINES, runtime_dir
psql = [ENGINES[1].programs / "psql", "-h", runtime_dir(), "-U", "sntry", "-Atqc", {statement!r}, "sntry"]
subprocess.run(psql, check=True)
"""
    return subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True).strip()


def wait_until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_up_from_nothing_to_killed_and_back(clone, port):
    """One story, because each start costs seconds: cold start, second up, a dead child, kill -9, restart, Ctrl-C."""
    first = Up(clone, f"--port={port}")
    first.wait_for("Ctrl-C stops everything.")
    passwords = re.findall(r"^    (admin|ops|dispatcher|technician|viewer) +(\S+)$", first.text, re.M)
    assert len(passwords) == 5 == len({password for _, password in passwords})
    kept = clone / "var" / "demo_users.txt"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert dict(line.split() for line in kept.read_text().splitlines()) == dict(passwords)
    assert page(port, "/login/") == 200
    first.wait_for("3 sites in")
    assert int(ask(clone, "select count(*) from telemetry_reading")) >= 3 * 48

    second = Up(clone, f"--port={port + 1}")
    second.wait_for(f"Sntry already runs in this clone (process {first.process.pid}): http://localhost:{port}/")
    second.wait_for("3 sites in")  # the log of the first
    assert second.end_with(signal.SIGINT) == 0

    services = subprocess.run(
        [sys.executable, "manage.py", "services", "stop"], cwd=clone, capture_output=True, text=True, check=False
    )
    assert services.returncode == 1
    assert f"`manage.py up` runs in this clone (process {first.process.pid})" in services.stderr

    web = next(process for process in processes_in(clone) if "uvicorn" in command_of(process))
    os.kill(web, signal.SIGKILL)
    first.wait_for("web was ended by SIGKILL; it starts again in")
    wait_until(lambda: answers(port))

    server = next(process for process in processes_in(clone) if "/postgres -D" in command_of(process))
    os.kill(server, signal.SIGKILL)
    first.wait_for("PostgreSQL had stopped and was started again")
    ticks = int(ask(clone, "select count(*) from telemetry_tick"))
    assert ticks
    first.end_with(signal.SIGKILL)
    wait_until(lambda: not processes_in(clone))

    again = Up(clone, f"--port={port}")
    again.wait_for("Ctrl-C stops everything.")
    assert "The demo users' passwords are in var/demo_users.txt." in again.text
    assert not [password for _, password in passwords if password in again.text]
    assert int(ask(clone, "select count(*) from telemetry_tick")) >= ticks
    again.wait_for("3 sites in")
    assert again.end_with(signal.SIGINT) == 0
    ends = re.findall(r"(\S+) has stopped", again.text)
    assert (ends[0], set(ends[1:3]), ends[3:]) == ("web", {"tick", "jobs"}, ["beat", "PostgreSQL", "Valkey"])
    assert not processes_in(clone)


def test_a_port_that_is_taken_is_one_sentence_before_anything_begins(clone):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = Up(clone, f"--port={port}")
        assert up.process.wait(600) == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in up.text
    assert len(up.text.splitlines()) == 1
    assert not processes_in(clone)


def test_impatience_does_not_stop_the_stopping_of_the_engines(clone):
    """SIGINT, SIGTERM and SIGHUP once stopping has begun; no engine runs here, so that nothing is left to stop."""
    code = """
import os, signal, django
django.setup()
from sntry_site.management.commands.up import Command
Command().stop_engines()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    os.kill(os.getpid(), number)
print("stopped to the end")
"""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={**environment, "DJANGO_SETTINGS_MODULE": "sntry_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "stopped to the end\n"), result.stderr


def command_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def page(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as response:
        return response.status


def answers(port: int) -> bool:
    try:
        return page(port, "/login/") == 200
    except (OSError, urllib.error.URLError):
        return False
