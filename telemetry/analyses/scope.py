"""What a question is asked of: a period, operators, a site, a type of charger, and what the question itself needs."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db.models import Max

from telemetry.models import ChargerState

DAYS = (7, 28, 91, 183, 365)
USUAL_DAYS = 91


@dataclass(frozen=True)
class Scope:
    """A half-open period of whole days (UTC), and the chargers asked about; `operators` are ids, None all of them."""

    start: datetime
    end: datetime
    operators: tuple[int, ...] | None = None
    site: str = ""
    charger_type: str = ""
    options: dict = field(default_factory=dict)

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def middle(self) -> datetime:
        return self.start + timedelta(days=self.days // 2)

    def as_json(self) -> dict:
        return {
            "start": self.start.isoformat(), "end": self.end.isoformat(), "site": self.site,
            "operators": None if self.operators is None else sorted(self.operators),
            "charger_type": self.charger_type, "options": dict(sorted(self.options.items())),
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: dict) -> "Scope":
        operators = values["operators"]
        return cls(
            datetime.fromisoformat(values["start"]), datetime.fromisoformat(values["end"]),
            None if operators is None else tuple(operators), values["site"], values["charger_type"], values["options"],
        )  # fmt: skip

    def key(self, question: str) -> str:
        """The same for the same question asked of the same."""
        said = json.dumps([question, self.as_json()], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def option_date(self, name: str, otherwise: datetime) -> datetime:
        """A day among the options; `otherwise` where there is none."""
        value = self.options.get(name)
        return day_start(date.fromisoformat(value)) if value else otherwise


def day_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def last_whole_day(now: datetime) -> datetime:
    """The last midnight (UTC) up to which the network was heard of; a history may end some time before midnight."""
    heard = ChargerState.objects.aggregate(at=Max("last_report_at"))["at"]
    midnight = day_start(now.astimezone(UTC).date())
    if heard is None:
        return midnight
    return min(midnight, day_start((heard.astimezone(UTC) + timedelta(hours=2)).date()))
