"""A whole Sntry of its own: a copy of the code, its engines, and `manage.py up` with real web, workers and beat.

The engines count as outside ones (DATABASE_URL, REDIS_URL), so that only the harness starts them again; web, workers
and beat are started again by the supervisor of `up`, as for everybody.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_COPIED = shutil.ignore_patterns("var", ".venv", ".git", "*cache*")
OURS = (
    "DATABASE_URL", "REDIS_URL", "CACHE_URL", "REDIS_PREFIX", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE",
    "DATABASE_OPTIONS",
)  # fmt: skip
ROLES = {  # role -> words of the command line; the children of a pool have their parent's
    "web": "uvicorn",
    "tick": "--hostname=tick",
    "jobs": "--hostname=jobs",
    "beat": "beat --schedule",
}
SLOT_SECONDS = 10  # from one tick to the next
START_SECONDS = 300  # of patience with a machine that others use, too


class World:
    """A running Sntry; use it as a context manager, so that nothing of it is left behind."""

    def __init__(self, source: Path = ROOT, folder: Path | None = None, **environment: str) -> None:
        self.home = folder or Path(tempfile.mkdtemp(prefix="sntry-faults-"))
        self.folder = self.home / "world"
        shutil.copytree(source, self.folder, ignore=NOT_COPIED)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.runtime = Path(self.python("from sntry_site.embedded.addresses import *; print(runtime_dir())"))
        limits = {"API_INGESTS_PER_MINUTE": "1000000", "API_READS_PER_MINUTE": "1000000", "PRIVATE_RECEIVERS": "1"}
        self.outside = {
            "DATABASE_URL": f"postgres://sntry@/{self.runtime}/sntry",
            "REDIS_URL": f"unix://{self.runtime}/valkey.sock",
            **limits,
            **environment,
        }
        self.up: subprocess.Popen | None = None
        self.seeded: dict = {}
        self.proxies: dict = {}
        self.receiver = None

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop_programs()
        for process in self.everything():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.runtime, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    # --- Programs ------------------------------------------------------------------------------------------------
    @property
    def environment(self) -> dict[str, str]:
        rest = {name: value for name, value in os.environ.items() if name not in OURS}
        return {**rest, "DJANGO_SETTINGS_MODULE": "sntry_site.settings"}

    def python(self, code: str, *arguments: str, outside: bool = False, stderr=subprocess.PIPE) -> str:
        """What a program of the clone prints; with the settings of `up` where `outside` is set."""
        more = self.outside if outside else {}
        command = [sys.executable, "-c", code, *arguments]
        setting = {"cwd": self.folder, "env": {**self.environment, **more}}
        done = subprocess.run(command, **setting, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
        assert done.returncode == 0, (done.stderr or "it is above")[-3000:]
        return done.stdout.strip()

    def start_engines(self) -> None:
        self.python("from sntry_site import embedded; embedded.ensure_running()")

    def seed(self, **wishes) -> dict:
        """Migrate, and make a simulated and a real network with people and a partner."""
        code = "import sys, json; from tests.faults.seed import main; print(json.dumps(main(json.loads(sys.argv[1]))))"
        self.seeded = json.loads(self.python(code, json.dumps(wishes), outside=True).splitlines()[-1])
        return self.seeded

    def start_programs(self) -> None:
        """Web, workers and beat under the supervisor of `manage.py up`."""
        self.log = self.home / "up.log"
        with open(self.log, "ab") as log:
            self.up = subprocess.Popen(
                [sys.executable, "manage.py", "up", f"--port={self.port}"],
                cwd=self.folder,
                env={**self.environment, **self.outside, "PYTHONUNBUFFERED": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self.answers, START_SECONDS, "the web process answers")

    def stop_programs(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            self.up.wait(60)

    def start(self, **wishes) -> "World":
        """Everything, up to the first finished tick."""
        self.start_engines()
        self.seed(**wishes)
        self.start_programs()
        wait_until(lambda: self.ticks_since(0) > 0, START_SECONDS, "a first tick")
        return self

    # --- Looking -------------------------------------------------------------------------------------------------
    def everything(self) -> list[int]:
        """All living processes whose working directory is in the clone."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(f"{self.home}/"):
                    found.append(int(entry.name))
        return found

    def processes(self, role: str) -> list[int]:
        """Processes of web, tick, jobs or beat, the parent before its children."""
        found = [each for each in self.everything() if ROLES[role] in command_of(each)]
        return sorted(found, key=lambda each: (parent_of(each) in found, each))

    def engine(self, key: str) -> int:
        """The process of postgres or valkey; 0 where it does not live."""
        with contextlib.suppress(OSError, ValueError):
            process = int((self.folder / "var" / f"{key}.lock").read_text())
            return process if is_alive(process) else 0
        return 0

    def ask(self, statement: str, *values) -> list[tuple]:
        """What the database answers; psycopg.Error while it is away."""
        address = f"host={self.runtime} user=sntry dbname=sntry connect_timeout=3"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def ticks_since(self, since: float) -> int:
        """Ticks that began after `since` (seconds since 1970) and have finished."""
        found = self.ask(
            "SELECT count(*) FROM telemetry_tick WHERE finished_at IS NOT NULL AND started_at > to_timestamp(%s)", since
        )
        return found[0][0]

    def meets_a_tick(self, most: float) -> bool:
        """Return once a tick has claimed its slot and not ended, after `most` seconds in any case; whether it is so."""
        address = f"host={self.runtime} user=sntry dbname=sntry connect_timeout=3"
        # From the claim to the end of its transaction a tick, and nothing else, holds this lock.
        statement = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'telemetry_tick'::regclass"
            " AND mode = 'RowExclusiveLock' AND granted)"
        )
        deadline = time.monotonic() + most
        with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
            while not (is_so := connection.execute(statement).fetchone()[0]) and time.monotonic() < deadline:
                time.sleep(0.002)
        return is_so

    def answers(self) -> bool:
        assert self.up is None or self.up.poll() is None, f"`up` has ended:\n{self.log.read_text()[-3000:]}"
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    # --- Breaking ------------------------------------------------------------------------------------------------
    def kill_engine(self, key: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End an engine and all its children at once."""
        process = self.engine(key)
        os.kill(process, number)
        wait_until(lambda: not self.engine(key), 30, f"{key} is gone")

    def kill(self, role: str, *, child: bool = False) -> int:
        """kill -9 the process of a role, or the first child of its pool; the process that was killed."""
        found = self.processes(role)
        assert found, f"no process of {role}"
        victim = found[1] if child else found[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def seconds_to_next_tick(self, since: float, most: float = 90) -> float:
        """Seconds from `since` until a tick that began after it has finished; `most` where none does."""
        while time.time() - since < most:
            with contextlib.suppress(psycopg.Error):
                if self.ticks_since(since):
                    return time.time() - since
            time.sleep(0.1)
        return most


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds: float, words: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {words}")
        time.sleep(0.1)


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
