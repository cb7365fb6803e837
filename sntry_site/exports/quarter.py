"""Quarters of the calendar, in which the federal reports are handed in."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, order=True)
class Quarter:
    """Three months of a year (UTC), from `starts_at` up to but not including `ends_at`."""

    year: int
    number: int

    @classmethod
    def named(cls, name: str) -> "Quarter":
        """The quarter that is written 2026-Q3. Raises ValueError with a sentence for everything else."""
        match = re.fullmatch(r"(\d{4})-Q([1-4])", name, re.ASCII)
        if not match or not 2000 <= int(match[1]) <= 2200:
            raise ValueError("“quarter” must be written as 2026-Q3, with a year from 2000 to 2200.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, at: datetime) -> "Quarter":
        """The quarter in which `at` lies."""
        at = at.astimezone(UTC)
        return cls(at.year, (at.month + 2) // 3)

    @property
    def starts_at(self) -> datetime:
        return datetime(self.year, 3 * self.number - 2, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        return self.next().starts_at

    def next(self) -> "Quarter":
        return Quarter(self.year + 1, 1) if self.number == 4 else Quarter(self.year, self.number + 1)

    def before(self) -> "Quarter":
        return Quarter(self.year - 1, 4) if self.number == 1 else Quarter(self.year, self.number - 1)

    def check_over(self, now: datetime) -> None:
        """Raise ValueError while the quarter lasts: its reports would be of another quarter's length."""
        if self.ends_at > now:
            raise ValueError(f"{self} ends on {self.ends_at:%Y-%m-%d} (UTC); its reports can be made from then on.")

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"
