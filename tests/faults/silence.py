"""A charger falls silent, and shows as offline; Sntry falls silent itself, and no charger does."""

import os
import signal
import threading
import time
from datetime import UTC, datetime

import httpx

from .scoreboard import Scoreboard
from .world import World

HEARTBEAT = 10  # seconds
MISSED = 3
OUTAGE_SECONDS = 50
DEAD = 0  # place of the charger that falls silent


class Chargers:
    """All chargers of the real operator report every few seconds, the dead one until it dies."""

    def __init__(self, world: World) -> None:
        self.world, self.over, self.dead_since = world, threading.Event(), None
        self.thread = threading.Thread(target=self._report, daemon=True)

    def __enter__(self) -> "Chargers":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join(30)

    def _report(self) -> None:
        headers = {"Authorization": f"Bearer {self.world.seeded['key']}"}
        with httpx.Client(base_url=self.world.url, headers=headers, timeout=3) as client:
            while not self.over.wait(HEARTBEAT / 3):
                chargers = self.world.seeded["chargers"]
                living = chargers[1:] if self.dead_since else chargers
                now = datetime.now(UTC).isoformat()
                rows = [{"charger": each, "reported_at": now, "status": "AVAILABLE"} for each in living]
                try:
                    client.post("/api/v1/telemetry/status/", json={"rows": rows})
                except httpx.HTTPError:
                    continue


def run(world: World, board: Scoreboard) -> None:
    """First a dead charger, then an outage of the web process that is longer than three intervals."""
    with Chargers(world) as chargers:
        time.sleep(2 * HEARTBEAT)
        chargers.dead_since = time.time()
        name = world.seeded["chargers"][DEAD]
        seconds = seconds_to_offline(world, name)
        board.note("offline", seconds, f"{seconds:.0f} s after its last report, of one each {HEARTBEAT} s at least")
        stopped_at = time.time()
        web = world.processes("web")
        for process in web:
            os.kill(process, signal.SIGSTOP)
        time.sleep(OUTAGE_SECONDS)
        for process in web:
            os.kill(process, signal.SIGCONT)
        time.sleep(MISSED * HEARTBEAT + 20)
    found = world.ask(
        "SELECT count(DISTINCT charger_id) FROM telemetry_statusreport JOIN stations_charger charger"
        " ON charger.id = charger_id WHERE status = 'OFFLINE' AND reported_at > to_timestamp(%s) AND external_id <> %s",
        stopped_at,
        name,
    )
    others = len(world.seeded["chargers"]) - 1
    board.note(
        "false_offline", found[0][0], f"{found[0][0]} of {others} after {OUTAGE_SECONDS} s without a web process"
    )


def seconds_to_offline(world: World, charger: str, most: float = 180) -> float:
    """Seconds from the last report of a charger to the moment when it is seen to be offline."""
    state = (
        "SELECT status, extract(epoch FROM clock_timestamp() - last_report_at)::float8 FROM telemetry_chargerstate"
        " JOIN stations_charger charger ON charger.id = charger_id WHERE external_id = %s"
    )
    reported = (
        "SELECT extract(epoch FROM clock_timestamp() - max(reported_at))::float8 FROM telemetry_statusreport"
        " JOIN stations_charger charger ON charger.id = charger_id WHERE external_id = %s AND status = 'AVAILABLE'"
    )
    deadline = time.monotonic() + most
    while time.monotonic() < deadline:
        if world.ask(state, charger)[0][0] == "OFFLINE":
            return world.ask(reported, charger)[0][0]
        time.sleep(0.2)
    return most
