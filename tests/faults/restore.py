"""The demo is lost and put back from a backup: how long until a page answers again."""

import os
import subprocess
import sys
import time

import httpx

from .scoreboard import Scoreboard
from .world import World, free_port, wait_until

SITES = int(os.environ.get("FAULT_RESTORE_SITES", "150"))
DAYS = int(os.environ.get("FAULT_RESTORE_DAYS", "30"))
START_SECONDS = 3600  # of patience with a first start, which makes the history


class Demo(World):
    """An installation as somebody gets it by `make run`: its engines are its own."""

    def begin(self) -> None:
        """`manage.py up`, until a page answers."""
        command = [sys.executable, "manage.py", "up", f"--port={self.port}", f"--sites={SITES}", f"--days={DAYS}"]
        self.log = self.home / "up.log"
        with open(self.log, "ab") as log:
            said = {"stdout": log, "stderr": subprocess.STDOUT}
            self.up = subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True, **said)
        wait_until(self.answers, START_SECONDS, "a page answers")

    def answers(self) -> bool:
        assert self.up.poll() is None, f"`up` has ended:\n{self.log.read_text()[-3000:]}"
        try:
            return httpx.get(f"{self.url}/drive/", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout


def run(board: Scoreboard) -> None:
    """`up`, `backup`, then from `restore --replace` to the first page."""
    with Demo() as demo:
        demo.begin()
        demo.stop_programs()
        backup = demo.home / "backup.tar"
        said = demo.manage("backup", str(backup))
        demo.port = free_port()
        demo.url = f"http://127.0.0.1:{demo.port}"
        begun = time.monotonic()
        told = demo.manage("restore", str(backup), "--replace")
        restored = time.monotonic() - begun
        demo.begin()
        seconds = time.monotonic() - begun
    size = said.strip().rpartition(": ")[2]
    words = (
        f"{seconds:.0f} s until a page answered, {restored:.0f} of them to restore {SITES} sites, {DAYS} days ({size})"
    )
    assert "is restored" in told, told
    board.note("restore", seconds, words, is_whole=SITES >= 150 and DAYS >= 30)
