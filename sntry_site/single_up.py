"""One `manage.py up` per clone: who it is, for the second one and for everyone who would stop its engines."""

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass

from .embedded.addresses import VAR_DIR, data_directory

LOCK = VAR_DIR / "up.lock"


@dataclass(frozen=True)
class Owner:
    """The `up` that runs in this clone."""

    process_id: int
    url: str


def owner() -> Owner | None:
    """The running `up`, or None. It holds a lock as long as it lives, however it ends."""
    with contextlib.suppress(FileNotFoundError), open(LOCK) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Owner(**json.loads(file.read() or '{"process_id": 0, "url": ""}'))
    return None


def become_owner(url: str) -> int | None:
    """Claim this clone; the descriptor to keep open, or None when another `up` has it."""
    data_directory()
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(asdict(Owner(os.getpid(), url))).encode(), 0)
    return lock
