"""Start, find and stop the embedded engines."""

import fcntl
import os
import sys
from contextlib import contextmanager

from .addresses import LOG_DIR, VAR_DIR, data_directory, private_directory, runtime_dir
from .engine import WIND_DOWN_SECONDS, Engine
from .failures import clear_disk_errors
from .postgres import Postgres
from .valkey import Valkey

ENGINES: tuple[Engine, ...] = (Valkey(), Postgres())
HINT = "Started the embedded {names}; `python manage.py services stop` stops them."


def embedded_engines() -> list[Engine]:
    """The engines for which no outside address is set."""
    return [engine for engine in ENGINES if not os.environ.get(engine.variable)]


def ensure_running(*, tied: bool = False, hint: bool = False, patience: float = WIND_DOWN_SECONDS) -> list[str]:
    """Start each needed engine that does not run; the names of those started. Any number of processes may call at once.

    tied: the engines that this call starts end with this process (Linux). hint: say on stderr what was started.
    patience: seconds that one which lives and does not answer is waited for.
    """
    needed = embedded_engines()
    if not needed:
        return []
    private_directory(runtime_dir())
    if all(engine.answers() for engine in needed):
        return []
    with only_one():
        started = [engine.name for engine in needed if engine.ensure(tied=tied, patience=patience)]
    if started and hint:
        print(HINT.format(names=" and ".join(started)), file=sys.stderr)
    return started


def stop() -> list[str]:
    """Stop the embedded engines that run in this clone; their names."""
    if not VAR_DIR.exists():
        return []
    with only_one():
        return [engine.name for engine in reversed(ENGINES) if engine.stop()]


def status() -> dict[str, str]:
    """Engine -> how it is, in words."""
    return {engine.name: _state(engine) for engine in ENGINES}


def _state(engine: Engine) -> str:
    if os.environ.get(engine.variable):
        return f"outside, at the address in {engine.variable}"
    process = engine.process_id()
    if engine.answers():
        return f"running, process {process}" if process else "running"
    return f"starting or stopping, process {process}" if process else "stopped"


@contextmanager
def only_one():
    """Hold the clone's lock: one process at a time starts or stops engines."""
    data_directory()
    with clear_disk_errors(VAR_DIR):
        LOG_DIR.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(VAR_DIR / "engines.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
