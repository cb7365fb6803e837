"""How far a long task is: told to its Job row, or drawn on a terminal."""

import logging
import threading
import time
from typing import Protocol

from django.db import connections
from django.db.models.functions import Now
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from . import live
from .models import Job

HEARTBEAT_SECONDS = 2  # at least so often the row says that somebody works on it, and is asked if it was called off
LAST_WORD_SECONDS = 10
TELL_SECONDS = 1  # pages are not told more often
LIVE_KIND = "jobs"
WRITE_SECONDS = 0.25
PLAIN_LINE_SECONDS = 5

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """Call it as often as you like; an empty message or total leaves the last one standing."""

    def __call__(self, done: int, total: int | None = None, message: str = "") -> None: ...


class JobLost(Exception):
    """Another runner has taken this job over, because this one gave no sign of life for too long."""


class JobCancelled(Exception):
    """Somebody has called this job off; the message is what its page says."""


def tell_pages() -> None:
    """Have the pages that show jobs read them again. For after the commit; takes a second at most."""
    live.publish(LIVE_KIND, {})


class JobProgress:
    """Keeps a running job's row up to date from a thread with its own connection, as a context manager.

    The thread makes progress visible while the job's transaction is open, and its heartbeat goes on while the job
    waits for a long statement.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._news = threading.Event()
        self._closing = threading.Event()
        self._lost = self.is_called_off = False
        self._told_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"progress of job {job.pk}", daemon=True)

    def __call__(self, done: int, total: int | None = None, message: str = "") -> None:
        """Note how far the job is. Raises JobLost when it is not this runner's any more, JobCancelled if called off."""
        if self._lost:
            raise JobLost(f"job {self.job.pk} was taken over by another runner")
        if self.is_called_off:
            raise JobCancelled(f"Cancelled at {done:,}{f' of {total:,}' if total else ''}.")
        self.job.done = int(done)
        self.job.total = self.job.total if total is None else int(total)
        self.job.message = _clean(message) or self.job.message
        self._news.set()

    def __enter__(self) -> "JobProgress":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._closing.set()
        self._news.set()
        self._thread.join(LAST_WORD_SECONDS)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._news.wait(HEARTBEAT_SECONDS)
                self._news.clear()
                self._write()
                self._closing.wait(WRITE_SECONDS)
        finally:
            connections["progress"].close()

    def _write(self) -> None:
        job, rows = self.job, Job.objects.using("progress")
        values = {"done": job.done, "total": job.total, "message": job.message, "heartbeat_at": Now()}
        try:
            if not rows.held_by(job).update(**values):
                # A row that this connection cannot see at all was made in a transaction that is still open.
                self._lost = rows.filter(pk=job.pk).exists()
            self.is_called_off = rows.filter(pk=job.pk).exclude(cancel_asked_at=None).exists()
            self._tell()
        except Exception as error:
            logger.warning("the progress of job %s was not written: %s", job.pk, error)
            connections["progress"].close()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            tell_pages()


class ConsoleProgress:
    """Draws a bar on a terminal, or prints a line now and then where there is none, as a context manager."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.title = title
        self.console = console or Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar = RichProgress(*columns, TextColumn("{task.fields[note]}", markup=False), console=self.console)
        self._task = self._bar.add_task(title, total=None, note="")
        self._next_line_at = 0.0

    def __call__(self, done: int, total: int | None = None, message: str = "") -> None:
        """Note how far the task is."""
        values = {key: value for key, value in (("total", total), ("note", _clean(message))) if value}
        self._bar.update(self._task, completed=int(done), **values)
        if not self.console.is_terminal and time.monotonic() >= self._next_line_at:
            self._print_line()

    def __enter__(self) -> "ConsoleProgress":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        if self.console.is_terminal:
            self._bar.stop()
        else:
            self._print_line()

    def _print_line(self) -> None:
        self._next_line_at = time.monotonic() + PLAIN_LINE_SECONDS
        task = self._bar.tasks[0]
        amount = f"{task.percentage:.0f} %" if task.total else f"{task.completed:,.0f}"
        self.console.print(f"{self.title}: {amount} {task.fields['note']}".rstrip(), markup=False, highlight=False)


def _clean(message: str) -> str:
    return message.replace("\0", "")[:300]
