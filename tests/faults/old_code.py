"""The version before the newest migration runs on the newest schema, as it does while a site is upgraded."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from . import pages
from .crowd import Partners
from .scoreboard import Scoreboard
from .world import ROOT, START_SECONDS, World, wait_until

FIGURES = ("old_code", "old_code_ticks")
SECONDS = 40


def run(board: Scoreboard) -> None:
    """Left out, by name, where there is no history of the code."""
    commit = before_the_newest_migration()
    if commit is None:
        for name in FIGURES:
            board.leave_out(name, "there is no git history here to take an earlier version from")
        return
    with tempfile.TemporaryDirectory(prefix="sntry-old-") as folder:
        source = Path(folder)
        packed = subprocess.check_output(["git", "archive", commit], cwd=ROOT)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(source, filter="data")
        shutil.copytree(ROOT / "tests" / "faults", source / "tests" / "faults", dirs_exist_ok=True)
        with World(source) as world:
            use(world, board, commit)


def before_the_newest_migration() -> str | None:
    """The parent of the commit that brought the newest migration."""
    ask = ["git", "log", "-1", "--diff-filter=A", "--format=%H", "--", "*/migrations/0*.py"]
    try:
        newest = subprocess.check_output(ask, cwd=ROOT, text=True, stderr=subprocess.DEVNULL).strip()
        parent = ["git", "rev-parse", f"{newest}^"]
        return subprocess.check_output(parent, cwd=ROOT, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def use(world: World, board: Scoreboard, commit: str) -> None:
    """Migrate with the new code, then run the old one."""
    world.start_engines()
    environment = {**world.environment, **world.outside}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    world.seed(sites=6)
    world.start_programs()
    wait_until(lambda: world.ticks_since(0) > 0, START_SECONDS, "a first tick of the old code")
    begun = time.time()
    with Partners(world, 2) as partners:
        told, _ = pages.read_pages(world, SECONDS)
    ticks = world.ticks_since(begun)
    bad = [*told.odd, *partners.told.odd]
    answers = sum(told.statuses.values()) + sum(partners.told.statuses.values())
    board.note(
        "old_code", len(bad), f"{len(bad)} of {answers:,} by {commit[:7]}" + "".join(f"; {odd}" for odd in bad[:3])
    )
    board.note("old_code_ticks", ticks, f"{ticks} in {SECONDS} s")
