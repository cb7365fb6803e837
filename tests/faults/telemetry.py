"""What partners send twice, late, from the future and out of order leaves the same tables as sent once, in order."""

import random
from datetime import UTC, datetime, timedelta

import httpx

from .scoreboard import Scoreboard
from .world import World

REPORTS, FUTURE = 200, 20  # of each charger
STATES = ("AVAILABLE", "CHARGING", "FAULTED", "AVAILABLE", "OFFLINE", "UNAVAILABLE")
PAIRS = 6
WHAT = {
    "reports": "SELECT reported_at, status, error_code FROM telemetry_statusreport WHERE charger_id = %s ORDER BY 1",
    "outages": "SELECT started_at, ended_at, status FROM telemetry_outage WHERE charger_id = %s ORDER BY 1",
    "state": "SELECT status, since, last_report_at, error_code FROM telemetry_chargerstate WHERE charger_id = %s",
    "sessions": "SELECT started_at, ended_at, energy_kwh FROM telemetry_chargingsession"
    " WHERE charger_id = %s ORDER BY 1",
}


def history(rng: random.Random, now: datetime) -> tuple[list[dict], list[dict]]:
    """Status reports and sessions of six days, without the charger."""
    at, rows, sessions = now - timedelta(days=6), [], []
    for number in range(REPORTS):
        at += timedelta(seconds=rng.randrange(60, 2500))
        rows.append({"reported_at": at.isoformat(), "status": rng.choice(STATES), "error_code": f"E{number % 7}"})
        if number % 4 == 0:
            ends = at + timedelta(seconds=50)
            sessions.append({"started_at": at.isoformat(), "ended_at": ends.isoformat(), "energy_kwh": number / 10})
    return rows, sessions


def run(world: World, board: Scoreboard) -> None:
    rng, now = random.Random(3), datetime.now(UTC)
    orderly, hostile = world.seeded["quiet"][:PAIRS], world.seeded["quiet"][PAIRS : 2 * PAIRS]
    headers = {"Authorization": f"Bearer {world.seeded['quiet_key']}"}
    refused, sent = 0, 0
    with httpx.Client(base_url=world.url, headers=headers, timeout=60) as client:
        for one, other in zip(orderly, hostile, strict=True):
            rows, sessions = history(rng, now)
            for kind, each in (("status", rows), ("sessions", sessions)):
                post(client, kind, [{"charger": one, **row} for row in each])
                mixed = [{"charger": other, **row} for row in each] * 3
                if kind == "status":
                    ahead = [(now + timedelta(hours=1, seconds=n)).isoformat() for n in range(FUTURE)]
                    mixed += [{"charger": other, "reported_at": at, "status": "FAULTED"} for at in ahead]
                rng.shuffle(mixed)
                sent += len(mixed)
                for start in range(0, len(mixed), 37):
                    refused += post(client, kind, mixed[start : start + 37])
    differences = [
        f"{what} of {other}" for one, other in zip(orderly, hostile, strict=True) for what in WHAT
        if told(world, what, one) != told(world, what, other)
    ]  # fmt: skip
    words = f"{len(differences)} of {PAIRS * len(WHAT)} tables, {sent:,} rows sent in disorder, each three times"
    board.note("disorder", len(differences), words + "".join(f"; {each}" for each in differences[:3]))
    wanted = PAIRS * FUTURE
    board.note("future", abs(wanted - refused), f"{refused} of {wanted} refused and told")


def post(client: httpx.Client, kind: str, rows: list[dict]) -> int:
    """Send rows; how many were refused."""
    answer = client.post(f"/api/v1/telemetry/{kind}/", json={"rows": rows})
    assert answer.status_code == 202, answer.text[:500]
    return answer.json()["rejected_count"]


def told(world: World, what: str, charger: str) -> list[tuple]:
    number = world.ask("SELECT id FROM stations_charger WHERE external_id = %s", charger)[0][0]
    return world.ask(WHAT[what], number)
