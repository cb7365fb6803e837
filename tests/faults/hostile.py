"""Every hostile string in every column: pages, sockets, files, mails and prompts show it as words."""

import os
import re
import subprocess
import sys

from tests.hostile import PAYLOADS

from .scoreboard import Scoreboard
from .world import ROOT

ROWS = int(os.environ.get("FAULT_HOSTILE_ROWS", "340"))  # more than there are strings, so that each is in each column
MOST_SECONDS = 7200  # of one test, which at the usual count has ten minutes


def run(board: Scoreboard, rows: int = ROWS) -> None:
    """The tests of the clone, which take long at their whole count."""
    limits = [f"--timeout={MOST_SECONDS}", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *limits, "tests/test_hostile.py"]
    settings = {**os.environ, "HOSTILE_ROWS": str(rows)}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    note(board, done.stdout, rows)


def note(board: Scoreboard, said: str, rows: int) -> None:
    """What pytest said: a test that failed, broke off, or was never there is a failure."""
    last = said.strip().rpartition("\n")[2]
    passed, *bad = (sum(map(int, re.findall(rf"(\d+) {word}", last))) for word in ("passed", "failed", "error"))
    words = f"{last.strip('= ')}; {min(rows, len(PAYLOADS))} of {len(PAYLOADS)} strings in each column"
    board.note("hostile", sum(bad) if passed else float("inf"), words, is_whole=rows >= len(PAYLOADS))
