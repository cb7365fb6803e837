"""Where the embedded engines keep their data and listen, and how other addresses are derived from one Redis URL."""

import hashlib
import os
import secrets
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = BASE_DIR / "var"


def runtime_dir() -> Path:
    """Short, private directory of the sockets: a socket's path may have about 100 characters, a clone's has no limit."""
    clone = hashlib.sha256(str(BASE_DIR).encode()).hexdigest()[:10]
    return Path(f"/tmp/sntry-{os.getuid()}-{clone}")  # noqa: S108  (mode and owner are checked by the launcher)


def database_url() -> str:
    return f"postgres://sntry@/{runtime_dir()}/sntry"


def redis_url() -> str:
    return f"unix://{runtime_dir() / 'valkey.sock'}"


def redis_database(url: str, number: int, **options: int) -> str:
    """`url` pointed at database `number` of the same server, with redis-py's URL options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(query=urlencode({"db": number, **options})))
    return urlunsplit(parts._replace(path=f"/{number}", query=urlencode(options)))


def celery_broker_url(url: str, number: int) -> str:
    """`url` in Celery's spelling: it calls a unix socket `redis+socket` and its database `virtual_host`."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(scheme="redis+socket", query=urlencode({"virtual_host": number})))
    return redis_database(url, number)


def local_secret_key() -> str:
    """A random key of this clone, made once and kept in `var/` for its owner only."""
    path = VAR_DIR / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        VAR_DIR.mkdir(mode=0o700, exist_ok=True)
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(50))
        return path.read_text().strip()
