"""The disk of the database fills up: writes are refused, nothing acknowledged is lost, and it goes on by itself."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from .crowd import Partners
from .scoreboard import Scoreboard
from .world import World

SIZE_MB = 900
FULL_SECONDS = 20
FIGURES = ("disk_lost", "disk_recovery")


def run(board: Scoreboard) -> None:
    """A world on a small file system of its own; left out, by name, where none may be made."""
    place = Path(tempfile.mkdtemp(prefix="sntry-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        for name in FIGURES:
            board.leave_out(name, "a small tmpfs may not be mounted here")
        place.rmdir()
        return
    try:
        with World(folder=place / "home") as world:
            fill_up(world.start(), board, place)
    finally:
        subprocess.run(["umount", "-l", place], check=False)
        with contextlib.suppress(OSError):
            place.rmdir()


def fill_up(world: World, board: Scoreboard, place: Path) -> None:
    """Fill the file system by a file beside the database's, and take it away again."""
    ballast = place / "ballast"
    with Partners(world, 4) as partners:
        time.sleep(10)
        before = len(partners.told.acknowledged)
        with open(ballast, "wb") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), b"\0" * 65536)
        begun = time.time()
        hog(world)
        time.sleep(FULL_SECONDS)
        refused = {status: count for status, count in dict(partners.told.statuses).items() if status != 202}
        ballast.unlink()
        freed = time.time()
        if not world.engine("postgres"):
            world.start_engines()  # as a service manager would: it ends itself where its log cannot be written
        seconds = world.seconds_to_next_tick(freed)
    told = partners.told
    stored = {mark for (mark,) in world.ask("SELECT vendor_code FROM telemetry_statusreport WHERE vendor_code <> ''")}
    lost = len(told.acknowledged - stored)
    free = shutil.disk_usage(place).free // 1_000_000
    shows_anything = 0 < before < len(told.acknowledged)  # some were taken before, and some afterwards
    board.note(
        "disk_lost",
        lost + len(told.odd) if shows_anything else float("inf"),
        f"{lost} of {len(told.acknowledged):,} ({before} before), {len(told.odd)} odd answers, {told.given_up} times"
        f" given up; while full {refused}, for {freed - begun:.0f} s; {free} MB free afterwards"
        + "".join(told.odd[:1]),
    )
    board.note("disk_recovery", seconds, f"{seconds:.0f} s after there was space again")


def hog(world: World) -> None:
    """Write until the database says that there is no space, because it keeps some files for later use."""
    with contextlib.suppress(psycopg.Error):
        world.ask("CREATE TABLE hog AS SELECT repeat('x', 1000) AS text FROM generate_series(1, 2000000)")
