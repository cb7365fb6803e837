"""Those who use Sntry while it is broken: partners that send telemetry, and people that read pages."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from .world import World

PATIENCE_SECONDS = 30  # that somebody asks again: a partner with the same rows, a reader for the same page
ROWS_EACH = 5


@dataclass
class Told:
    """What a crowd has seen: statuses, seconds of each answer, and what was acknowledged."""

    statuses: dict[int, int] = field(default_factory=dict)  # 0: no answer
    seconds: list[float] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    given_up: int = 0
    odd: list[str] = field(default_factory=list)


class Crowd:
    """Threads that go on until the end of the `with` block."""

    BORNE = frozenset({0, 409, 503})  # statuses that are as good as 2xx: no answer, being done, not now

    def __init__(self, world: World, people: int) -> None:
        self.world, self.told, self.lock = world, Told(), threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._live, args=(number,), daemon=True) for number in range(people)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS + 30)

    def _live(self, number: int) -> None:
        with httpx.Client(base_url=self.world.url, timeout=15, headers=self.headers()) as client:
            for turn in itertools.count():
                if self.over.is_set():
                    return
                self.once(client, number, turn)

    def headers(self) -> dict[str, str]:
        return {}

    def once(self, client: httpx.Client, number: int, turn: int) -> None:
        raise NotImplementedError

    def send(self, client: httpx.Client, method: str, path: str, **more) -> httpx.Response | None:
        """One request; None where no answer came. Its status and time are kept."""
        begun = time.monotonic()
        try:
            answer = client.request(method, path, **more)
        except httpx.HTTPError:
            answer = None
        with self.lock:
            status = answer.status_code if answer is not None else 0
            self.told.statuses[status] = self.told.statuses.get(status, 0) + 1
            if answer is not None:
                self.told.seconds.append(time.monotonic() - begun)
            if not 200 <= status < 300 and status not in self.BORNE:
                text = answer.text[:200] if answer is not None else "no answer"
                self.told.odd.append(f"{status} {path}: {text}")
        return answer


class Partners(Crowd):
    """Each sends rows with a mark that nobody else uses, and the same rows again until they are acknowledged."""

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.world.seeded['key']}"}

    def once(self, client, number, turn) -> None:
        chargers = self.world.seeded["chargers"]
        now = datetime.now(UTC)
        marks = [f"{number}-{turn}-{row}" for row in range(ROWS_EACH)]
        rows = [
            {
                "charger": chargers[(number * ROWS_EACH + row) % len(chargers)],
                # A microsecond of its own for each partner and row, because one charger and time is one report.
                "reported_at": (now + timedelta(microseconds=number * ROWS_EACH + row)).isoformat(),
                "status": ("AVAILABLE", "CHARGING")[turn % 2],
                "vendor_code": marks[row],
            }
            for row in range(ROWS_EACH)
        ]
        key = {"Idempotency-Key": f"{number}-{turn}-{now.timestamp()}"} if number % 2 else {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self.send(client, "POST", "/api/v1/telemetry/status/", json={"rows": rows}, headers=key)
            if answer is not None and answer.status_code == 202:
                with self.lock:
                    self.told.acknowledged.update(marks)
                self.over.wait(0.2)
                return
            time.sleep(0.3)
        with self.lock:
            self.told.given_up += 1
