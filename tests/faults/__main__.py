"""Run the parts of the harness and print the scoreboard: `python -m tests.faults [part ...]`."""

import os
import signal
import sys
import time
import traceback
from contextlib import ExitStack

from rich.console import Console

from . import (
    disk,
    effects,
    hostile,
    kills,
    migrations,
    old_code,
    pages,
    races,
    restore,
    silence,
    soak,
    sockets,
    telemetry,
    workers,
)
from .scoreboard import FIGURES, Scoreboard
from .surroundings import whole_world
from .world import ROOT

FOLDER = ROOT / "var" / "faults"


WISHES = {
    "heartbeat": silence.HEARTBEAT,
    "people": (sockets.SOCKETS + sockets.SLOW) // sockets.EACH,
}
# One world after the other's use, because starting one takes its time; the last three make what they need themselves.
SHARING = {
    "kills": kills, "pages": pages, "silence": silence, "telemetry": telemetry, "workers": workers, "sockets": sockets,
}  # fmt: skip


def run_soak(board: Scoreboard) -> None:
    """In a world of its own, because its memory is looked at."""
    with whole_world(**WISHES) as world:
        soak.run(world, board)


ALONE = {
    "effects": effects.run,
    "races": races.run,
    "disk": disk.run,
    "migrations": migrations.run,
    "old-code": old_code.run,
    "soak": run_soak,
    "restore": restore.run,
    "hostile": hostile.run,
}
PARTS = (*SHARING, *ALONE)


class Sharing:
    """The world that parts use one after the other; a part that breaks off leaves it behind."""

    def __init__(self) -> None:
        self.stack, self.world = ExitStack(), None

    def run(self, name: str, board: Scoreboard) -> None:
        if name in ALONE:
            self.leave()
            ALONE[name](board)
            return
        if self.world is None:
            self.world = self.stack.enter_context(whole_world(**WISHES))
        try:
            SHARING[name].run(self.world, board)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        self.world = None
        self.stack.close()


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    board, broken, sharing = Scoreboard(FOLDER), [], Sharing()
    for name in wanted or PARTS:
        begun = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            sharing.run(name, board)
        except Exception:
            traceback.print_exc()
            broken.append(name)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        board.save()
    sharing.leave()
    board.show(Console(width=int(os.environ.get("COLUMNS", "180"))))
    if broken:
        print(f"Parts that broke off: {', '.join(broken)}.")
    all_wanted_but_not_run = not wanted and set(board.results) < set(FIGURES)
    return 1 if broken or board.missed() or all_wanted_but_not_run else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no world is left behind
    sys.exit(main(sys.argv[1:]))
