"""Where the embedded engines keep their data and listen, and how other addresses are derived from one Redis URL."""

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .failures import EnginesUnavailable, clear_disk_errors

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = BASE_DIR / "var"
LOG_DIR = VAR_DIR / "log"


def runtime_dir() -> Path:
    """Short, private directory of the sockets: their paths may have about 100 characters, a clone's has no limit."""
    clone = hashlib.sha256(str(BASE_DIR).encode()).hexdigest()[:10]
    return Path(f"/tmp/sntry-{os.getuid()}-{clone}")  # noqa: S108  (private_directory checks owner and mode)


def private_directory(path: Path) -> Path:
    """Make `path` if it is missing; refuse it unless it is a real directory that only we can enter."""
    with clear_disk_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise EnginesUnavailable(
            f"{path} must be a directory of this user with mode 0700, because it guards the databases: "
            "remove it, or run as the user who made it."
        )
    return path


def data_directory() -> Path:
    """`var/`, closed to everyone else; an open one that is ours (made by hand, say) is closed first."""
    with contextlib.suppress(OSError):
        if VAR_DIR.lstat().st_uid == os.getuid() and not VAR_DIR.is_symlink():
            VAR_DIR.chmod(0o700)
    return private_directory(VAR_DIR)


def database_url() -> str:
    return f"postgres://sntry@/{runtime_dir()}/sntry"


def redis_url() -> str:
    return f"unix://{runtime_dir() / 'valkey.sock'}"


def redis_database(url: str, number: int, **options: int) -> str:
    """`url` pointed at database `number` of the same server, with redis-py's URL options added to its own."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **options}
    if parts.scheme == "unix":
        # Spelled out, because urlunsplit drops the empty host's slashes of schemes that it does not know.
        return f"unix://{parts.path}?{urlencode({**query, 'db': number})}"
    return urlunsplit(parts._replace(path=f"/{number}", query=urlencode(query)))


def celery_broker_url(url: str, number: int) -> str:
    """`url` in Celery's spelling: it calls a unix socket `redis+socket` and its database `virtual_host`."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"redis+socket://{parts.path}?{urlencode({'virtual_host': number})}"
    return redis_database(url, number)


def local_secret_key() -> str:
    """A random key of this clone, made once and kept in `var/` for its owner only."""
    path = VAR_DIR / "secret_key"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    fresh = data_directory() / f".secret_key.{os.getpid()}"
    with clear_disk_errors(VAR_DIR):
        with open(fresh, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
