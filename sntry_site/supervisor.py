"""Run web, workers and beat as children of one process: their logs, their restarts, their end in the right order."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

from .embedded.engine import die_with_parent
from .process_logs import ProcessLog

# A tick must finish within 30 s of a worker's death, also if it died while it loaded: its start takes most of them.
FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS = 0.5, 5.0, 30.0
READ_BYTES = 65536
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_SECONDS = 0.25  # how often to look after the children when they say nothing


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it: signals in turn, each with the seconds that it is given.

    Programs of one stage stop together, and after those of the stages before.
    """

    name: str
    stage: int
    command: list[str]
    signals: tuple[tuple[signal.Signals, float], ...]
    niceness: int = 0
    delay: float = 0.0  # seconds that it lets the others go first
    environment: dict[str, str] = field(default_factory=dict)


class Child:
    """A program that is started again when it dies, later each time it does not last."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.log = ProcessLog(program.name)
        self.process: subprocess.Popen | None = None
        self.started_at, self.start_at = 0.0, time.monotonic() + program.delay
        self.pause = FIRST_PAUSE
        self._signals_left = list(program.signals)
        self._patient_until = 0.0

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own, so that the terminal's Ctrl-C reaches only the supervisor."""
        lifeline = die_with_parent(self.program.signals[-1][0])

        def before() -> None:
            os.nice(self.program.niceness)
            if lifeline:
                lifeline()

        self.process = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=before,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.environment},
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.started_at = time.monotonic()

    def read(self) -> bool:
        """Pass on what it wrote; False once it has closed its end."""
        try:
            data = os.read(self.process.stdout.fileno(), READ_BYTES)
        except BlockingIOError:
            return True
        self.log.feed(data)
        return bool(data)

    def bury(self) -> str:
        """Note its death and when to start it again; the sentence that says so."""
        self._kill_descendants()
        lasted = time.monotonic() - self.started_at
        self.pause = FIRST_PAUSE if lasted > STEADY_SECONDS else min(2 * self.pause, LONGEST_PAUSE)
        self.start_at = time.monotonic() + self.pause
        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        self.process.stdout.close()
        self.process = None
        return f"{self.program.name} {how}; it starts again in {self.pause:.0f} s"

    def press(self, *, hurry: bool) -> None:
        """Send the next signal of its list when the time of the last one is over; the last one at once in a hurry."""
        if not self.is_alive or not self._signals_left or (time.monotonic() < self._patient_until and not hurry):
            return
        if hurry:
            self._signals_left = self._signals_left[-1:]
        (number, seconds), *self._signals_left = self._signals_left
        self.process.send_signal(number)
        self._patient_until = time.monotonic() + seconds

    def finish(self) -> None:
        """End what it left behind, and its log."""
        if self.process is not None:
            self._kill_descendants()
            self.process.wait()
        self.log.close()

    def _kill_descendants(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


class Supervisor:
    """Keeps the programs running until it is told to stop, then stops them in their order."""

    def __init__(
        self,
        programs: list[Program],
        *,
        look_after_engines: Callable[[], list[str]],
        watchdog: Callable[[dict[str, float]], list[str]] = lambda lasted: [],
    ) -> None:
        self.children = [Child(program) for program in programs]
        self.watchdog = watchdog
        self.look_after_engines = look_after_engines
        self.log = ProcessLog("up")
        self.selector = selectors.DefaultSelector()
        self.asked_to_stop = 0

    def ask_to_stop(self, *_) -> None:
        """Signal handler; asking twice makes it hurry."""
        self.asked_to_stop += 1

    def run(self) -> None:
        """Start everything and return when all of it has ended."""
        wanted = [each for each in STOP_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]  # SIGHUP under nohup
        previous = {number: signal.signal(number, self.ask_to_stop) for number in wanted}
        try:
            while not self.asked_to_stop:
                self._start_what_is_due()
                self._read(LOOK_SECONDS)
                self._look_after_the_children()
                self._end_the_stuck()
                for news in self.look_after_engines():
                    self.log.say(news)
        finally:
            self._stop_all()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _start_what_is_due(self) -> None:
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                child.start()
                self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _read(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            if not key.data.read():
                self.selector.unregister(key.fileobj)

    def _look_after_the_children(self) -> None:
        for child in self.children:
            if child.process is not None and not child.is_alive:
                self._read_the_rest(child)
                self.log.say(child.bury())

    def _end_the_stuck(self) -> None:
        """Kill what lives and does nothing; the next look finds it dead, and starts it again."""
        running = {child.program.name: child for child in self.children if child.is_alive}
        now = time.monotonic()
        for name in self.watchdog({name: now - child.started_at for name, child in running.items()}):
            self.log.say(f"no tick has finished for long: {name} is ended and started again")
            running[name].process.kill()
            running[name].process.wait()

    def _read_the_rest(self, child: Child) -> None:
        if child.process.stdout in {key.fileobj for key in self.selector.get_map().values()}:
            child.read()
            self.selector.unregister(child.process.stdout)

    def _stop_all(self) -> None:
        self.log.say("stopping; once more Ctrl-C ends it at once" if sys.stdout.isatty() else "stopping")
        for _, stage in groupby(self.children, key=lambda child: child.program.stage):
            self._stop_together(list(stage))
        self.selector.close()
        self.log.close()

    def _stop_together(self, children: list[Child]) -> None:
        while any(child.is_alive for child in children):
            for child in children:
                child.press(hurry=self.asked_to_stop > 1)
            self._read(0.05)
        for child in children:
            self._read(0)
            child.finish()
            self.log.say(f"{child.program.name} has stopped")
