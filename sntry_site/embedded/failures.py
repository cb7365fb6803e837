"""Why an engine cannot run, as one sentence for the person at the terminal."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

NEEDED_MB = 300  # an empty PostgreSQL and its first write-ahead log files


class EnginesUnavailable(Exception):
    """An embedded engine cannot run; the message is one sentence that says what to do."""


def disk_full(directory: Path) -> EnginesUnavailable:
    return EnginesUnavailable(f"The disk that holds {directory} is full: free some space and run the command again.")


def explain(engine: str, output: str, log: Path) -> EnginesUnavailable:
    """The sentence for what an engine wrote before it gave up."""
    if os.strerror(errno.ENOSPC) in output:
        return disk_full(log.parent.parent)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror"))]
    reason = (telling or lines or ["it said nothing"])[-1]
    return EnginesUnavailable(f"{engine} did not start: {reason} (more in {log})")


def require_space(directory: Path) -> None:
    """Refuse to make a data directory that would fill the disk half-way."""
    free_mb = shutil.disk_usage(directory).free // 1_000_000
    if free_mb < NEEDED_MB:
        raise EnginesUnavailable(
            f"The disk that holds {directory} has {free_mb} MB left, and a new database needs {NEEDED_MB} MB: "
            "free some space and run the command again."
        )


@contextmanager
def clear_disk_errors(directory: Path):
    """Turn the operating system's complaints about our own files into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(directory) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise EnginesUnavailable(
                f"{error.filename or directory} cannot be written: give this user the clone, "
                "or set DATABASE_URL, REDIS_URL and SECRET_KEY."
            ) from error
        raise
