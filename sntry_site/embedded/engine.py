"""What the two engines have in common: one process per clone, known by a lock that it holds as long as it lives."""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .addresses import LOG_DIR, VAR_DIR
from .failures import EnginesUnavailable, clear_disk_errors, explain

WIND_DOWN_SECONDS = 60
UNREACHABLE_SECONDS = 3
LOG_BYTES = 5_000_000
PR_SET_PDEATHSIG = 1


class Engine:
    """One embedded server. Subclasses say how it is prepared, started, asked and stopped."""

    name: str
    key: str
    variable: str
    stop_signal: signal.Signals

    @property
    def socket_path(self) -> Path:
        raise NotImplementedError

    @property
    def lock_path(self) -> Path:
        return VAR_DIR / f"{self.key}.lock"

    @property
    def log_path(self) -> Path:
        return LOG_DIR / f"{self.key}.log"

    def program(self) -> Path:
        """The server's program; EnginesUnavailable if the wheel has none for this platform."""
        raise NotImplementedError

    def answers(self) -> bool:
        """It serves requests: not starting, recovering or stopping."""
        raise NotImplementedError

    def prepare(self, lock: int) -> None:
        """Make its data directory and remove what a crash left behind. No process of it is alive now.

        Programs that it runs inherit `lock`, so that one that outlives us is waited for.
        """
        raise NotImplementedError

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def process_id(self) -> int | None:
        """The living process, or None. The lock says whether one lives; the number inside says which."""
        with contextlib.suppress(FileNotFoundError, PermissionError), open(self.lock_path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
        return None

    def ensure(self, *, tied: bool, patience: float = WIND_DOWN_SECONDS) -> bool:
        """Start it unless it runs; True if this call started it. The caller holds the lock of the clone."""
        with clear_disk_errors(VAR_DIR):
            lock = self._lock_when_gone(patience)
            if lock is None:
                return False
            try:
                self.prepare(lock)
                self._start(lock, tied)
            finally:
                os.close(lock)  # the engine has inherited it, and with it the lock
        return True

    def _lock_when_gone(self, patience: float) -> int | None:
        """Its lock, once no process of an earlier run is left; None when it answers after all."""
        lock = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        unreachable = deadline - patience + UNREACHABLE_SECONDS
        while True:
            if self.answers():
                os.close(lock)
                return None
            if time.monotonic() > unreachable and not self.socket_path.exists():
                self.end(int(os.pread(lock, 20, 0) or 0))  # something has cleaned /tmp: nobody can reach it any more
                unreachable = float("inf")
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            if time.monotonic() > deadline:
                process = int(os.pread(lock, 20, 0) or 0)
                os.close(lock)
                raise EnginesUnavailable(
                    f"{self.name} of this clone runs as process {process} but does not answer: "
                    f"end it with `kill {process}` and run the command again."
                )
            time.sleep(0.05)

    def _start(self, lock: int, tied: bool) -> None:
        trim(self.log_path)
        with open(self.log_path, "ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(
                [str(part) for part in self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],
                preexec_fn=die_with_parent(self.stop_signal) if tied else None,
                cwd=VAR_DIR,
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(process.pid).encode(), 0)
        self._wait_until_it_answers(process, log_start)

    def _wait_until_it_answers(self, process: subprocess.Popen, log_start: int) -> None:
        patience = time.monotonic() + 5
        while not self.answers():
            if process.poll() is not None:
                with open(self.log_path, "rb") as log:
                    log.seek(log_start)
                    raise explain(self.name, log.read().decode(errors="replace"), self.log_path)
            if time.monotonic() > patience:
                print(f"{self.name} is still starting: it repairs what a crash left behind.", file=sys.stderr)
                patience = float("inf")
            time.sleep(0.02)

    def stop(self) -> bool:
        """End it and wait until all its processes are gone; False if it did not run."""
        process = self.process_id()
        if not process:
            return False
        self.end(process)
        deadline = time.monotonic() + WIND_DOWN_SECONDS
        while self.process_id():
            if time.monotonic() > deadline:
                raise EnginesUnavailable(f"{self.name} (process {process}) did not stop within {WIND_DOWN_SECONDS} s.")
            time.sleep(0.02)
        return True

    def end(self, process: int) -> bool:
        """Ask `process` to end if it is an engine of this clone; whether it is."""
        with contextlib.suppress(ProcessLookupError):
            if process and is_running(process, f"{VAR_DIR}/{self.key}"):
                os.kill(process, self.stop_signal)
                return True
        return False


def die_with_parent(stop_signal: signal.Signals):
    """For Popen(preexec_fn=...): the child gets `stop_signal` when the process that started it is gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_the_kernel


def is_running(process: int, *words: str) -> bool:
    """Process `process` lives and its command line contains all `words`; numbers are used again after a crash."""
    try:
        if sys.platform.startswith("linux"):
            line = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        else:
            ask = ["ps", "-ww", "-o", "command=", "-p", str(process)]
            line = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return bool(line.strip()) and all(word in line for word in words)


def trim(log: Path) -> None:
    """Keep at most two logs of LOG_BYTES each."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
