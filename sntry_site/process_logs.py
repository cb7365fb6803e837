"""The lines of the supervised processes: on the terminal with their names, and in files of bounded size."""

import logging
import os
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from .embedded.addresses import LOG_DIR

BYTES, OLD_FILES = 5_000_000, 1
COLOURS = {"web": "36", "tick": "32", "jobs": "35", "beat": "34", "up": "1"}
WIDTH = max(map(len, COLOURS))


def show(name: str, line: str) -> None:
    """Write one line to the terminal behind the name of its process, coloured if somebody looks at it."""
    prefix = f"{name:<{WIDTH}} |"
    if sys.stdout.isatty():
        prefix = f"\033[{COLOURS.get(name, '0')}m{prefix}\033[0m"
    try:
        print(prefix, line, flush=True)
    except OSError:  # nobody reads any more, the terminal is gone: the files have it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (for the rest of the process)


def path_of(name: str) -> Path:
    return LOG_DIR / f"{name}.log"


class ProcessLog:
    """The lines of one process, from the bytes that come out of its pipe."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rest = b""
        self._file = RotatingFileHandler(path_of(name), maxBytes=BYTES, backupCount=OLD_FILES, delay=True)
        self._file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def feed(self, data: bytes) -> None:
        """Take what the process wrote; whole lines are shown and kept."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.say(line.decode(errors="replace").rstrip())
        if len(self._rest) > 10_000:  # because a line without an end must not fill the memory
            self.feed(b"\n")

    def say(self, line: str) -> None:
        """Show and keep one line."""
        if line:
            show(self.name, line)
            self._file.emit(logging.LogRecord(self.name, logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        self.feed(b"\n")
        self._file.close()


def follow(names, still_running) -> None:
    """Show what is added to the logs of `names` until `still_running()` is false."""
    places = {name: path_of(name).stat().st_size if path_of(name).exists() else 0 for name in names}
    while still_running():
        for name, place in places.items():
            places[name] = _show_since(name, place)
        time.sleep(0.3)


def _show_since(name: str, place: int) -> int:
    """Show the whole lines of a log after byte `place`; the place up to which they were shown."""
    path = path_of(name)
    if not path.exists():
        return 0
    with open(path, "rb") as file:
        if path.stat().st_size < place:  # a new file was begun
            place = 0
        file.seek(place)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        show(name, line.split(" ", 2)[-1])
    return place + len(whole)
