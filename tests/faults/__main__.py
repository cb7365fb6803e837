"""Run the parts of the harness and print the scoreboard: `python -m tests.faults [part ...]`."""

import os
import sys
import time
import traceback

from rich.console import Console

from . import disk, effects, kills, pages, races, silence, soak, sockets, telemetry, workers
from .scoreboard import FIGURES, Scoreboard
from .surroundings import whole_world
from .world import ROOT

FOLDER = ROOT / "var" / "faults"


def in_a_world(part, **wishes):
    """The part with a running Sntry of its own."""

    def run(board: Scoreboard) -> None:
        with whole_world(**wishes) as world:
            part.run(world, board)

    return run


PARTS = {
    "kills": in_a_world(kills),
    "effects": effects.run,
    "races": races.run,
    "pages": in_a_world(pages),
    "silence": in_a_world(silence, heartbeat=silence.HEARTBEAT),
    "telemetry": in_a_world(telemetry),
    "workers": in_a_world(workers),
    "sockets": in_a_world(sockets, people=sockets.SOCKETS // sockets.EACH + sockets.SLOW // sockets.EACH),
    "disk": disk.run,
    "soak": in_a_world(soak),
}


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]}; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    board, broken = Scoreboard(FOLDER), []
    for name in wanted or PARTS:
        begun = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            PARTS[name](board)
        except Exception:
            traceback.print_exc()
            broken.append(name)
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
        board.save()
    board.show(Console(width=int(os.environ.get("COLUMNS", "180"))))
    if broken:
        print(f"Parts that broke off: {', '.join(broken)}.")
    all_wanted_but_not_run = not wanted and set(board.results) < set(FIGURES)
    return 1 if broken or board.missed() or all_wanted_but_not_run else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
