"""A network whose chargers have failed, and charged cars, for sixty days."""

from datetime import UTC, datetime, timedelta

import numpy as np

from stations.models import Operator
from telemetry.models import ChargingSession, StatusReport

from . import fleet

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 60
END = START + timedelta(days=DAYS)


def live_through(operator: Operator, sites: int, seed: int, *, is_used: bool = False) -> None:
    """Sixty days of chargers that fail at random and, where they are used, charge a car now and then."""
    random, reports, sessions = np.random.default_rng(seed), [], []
    for number in range(sites):
        at = fleet.site(operator, number, charger_type=("Level 2", "DC Fast Charge")[number % 2])
        for port in range(3):
            one, hour = fleet.charger(at, port, power_kw=50), 0.0
            reports.append((one.pk, START, "AVAILABLE"))
            while hour < 24 * DAYS - 60:
                hour += float(random.exponential(9 if is_used else 110)) + 0.1
                if is_used:
                    sessions.append(session(one, hour, random))
                    begin, end = sessions[-1].started_at, sessions[-1].ended_at
                    reports += [(one.pk, begin, "CHARGING"), (one.pk, end, "AVAILABLE")]
                    hour += 2
                if not is_used or random.random() < 0.08:
                    down = float(random.exponential(6)) + 0.1
                    out = START + timedelta(hours=hour + 0.02)
                    reports += [(one.pk, out, "FAULTED"), (one.pk, out + timedelta(hours=down), "AVAILABLE")]
                    hour += down
    ChargingSession.objects.bulk_create(sessions)
    reports = [row for row in reports if row[1] < END]
    StatusReport.objects.record(*zip(*reports, strict=True))


def session(one, hour: float, random) -> ChargingSession:
    """A session that begins at an hour of the period; one in twenty fails."""
    failed, length = random.random() < 0.05, float(random.uniform(0.3, 2))
    begin = START + timedelta(hours=hour)
    end = begin + timedelta(hours=0.05 if failed else length)
    kwh = 0 if failed else 20 * length
    return ChargingSession(charger=one, started_at=begin, ended_at=end, success=not failed, energy_kwh=kwh)
