"""The programs that `manage.py up` supervises, in the order in which they stop."""

import errno
import os
import signal
import socket
import sys

from .embedded.addresses import VAR_DIR
from .supervisor import Program

STOP_WEB = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 5.0))
# Finish the task; then drop it, because it is done again later; then at once.
STOP_WORKER = ((signal.SIGTERM, 4.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0))
STOP_BEAT = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))
# Nobody can do anything about these when they are said at every start.
QUIET = ("You're running the worker with superuser privileges", "StreamingHttpResponse must consume synchronous")
# Somebody waits for these: rather an error than a page or a tick that hangs.
BOUNDED_WAITS = "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=20000"
# By itself glibc keeps free memory for each of many threads, in ever larger pieces: megabytes an hour.
LEAN_MEMORY = {
    name: os.environ.get(name, value)
    for name, value in (("MALLOC_ARENA_MAX", "2"), ("MALLOC_TRIM_THRESHOLD_", "131072"))
}
POOLED = {"DATABASE_POOL": os.environ.get("DATABASE_POOL", "20")}
# The first tick, and the first visitor of the key figures, would wait seconds for them; openpyxl because collections
# of garbage would look through what comes later.
TICK_PRELOADS = {"PRELOADS": "sklearn.ensemble,joblib"}
WEB_PRELOADS = {"PRELOADS": "scipy.stats,statsmodels.stats.proportion,openpyxl"}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def programs(host: str, port: int) -> list[Program]:
    """Web, a worker for each queue, and beat."""
    common = {"PYTHONWARNINGS": ",".join(f"ignore:{message}" for message in QUIET), **LEAN_MEMORY}
    # Two at a time, because a long job must not hold up the outbox.
    jobs = _worker("jobs", processes=2)
    bounded = {**common, "DATABASE_OPTIONS": os.environ.get("DATABASE_OPTIONS", BOUNDED_WAITS)}
    for_web = {**POOLED, **WEB_PRELOADS}
    # The first note of each child would load it for itself: two seconds and 28 MB.
    for_notes = {"PRELOADS": "google.genai"} if os.environ.get("GEMINI_API_KEY") else {}
    return [
        Program("web", 1, _web(host, port), STOP_WEB, environment={**bounded, **for_web, **_allowed_hosts(host)}),
        Program("tick", 2, _worker("tick", processes=1), STOP_WORKER, environment={**bounded, **TICK_PRELOADS}),
        # Last, because on two cores the page and the first tick are there sooner for it.
        Program("jobs", 2, jobs, STOP_WORKER, environment={**common, **for_notes}, niceness=10, delay=10.0),
        Program("beat", 3, _beat(), STOP_BEAT, environment=common),
    ]


def _web(host: str, port: int) -> list[str]:
    options = {
        "host": host,
        "port": str(port),
        "log-level": "warning",
        "timeout-graceful-shutdown": "2",
        "ws-max-size": "65536",  # what a page sends is a few words
        "ws-per-message-deflate": "false",  # because compressing each frame for each browser costs more than it saves
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "uvicorn", "sntry_site.asgi:application", "--no-access-log", *arguments]


def _worker(queue: str, *, processes: int) -> list[str]:
    options = [f"--queues={queue}", f"--hostname={queue}@%h", f"--concurrency={processes}", "--pool=prefork"]
    alone = [f"--without-{what}" for what in ("gossip", "mingle", "heartbeat")]  # nobody listens to what they tell
    return [*_celery(), "worker", *options, *alone, "--loglevel=INFO"]


def _beat() -> list[str]:
    return [*_celery(), "beat", f"--schedule={VAR_DIR / 'beat-schedule'}", "--pidfile=", "--loglevel=INFO"]


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "--app=sntry_site"]


def _allowed_hosts(host: str) -> dict[str, str]:
    """Names under which others reach this machine when it listens to them and nothing is set."""
    if host in LOOPBACK or os.environ.get("ALLOWED_HOSTS"):
        return {}
    names = {host, *LOOPBACK - {"::1"}, "[::1]", socket.gethostname(), *_own_addresses()} - {"0.0.0.0", "::"}  # noqa: S104  (left out)
    return {"ALLOWED_HOSTS": ",".join(sorted(names))}


def _own_addresses() -> list[str]:
    """The address that this machine has towards the outside; asking the routing table sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [probe.getsockname()[0]]


def port_is_free(host: str, port: int) -> bool:
    """Whether the web server will be able to listen there. Raises OSError when the host is not this machine."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True
