"""What the analyses have in common: the error that is a sentence, an interval, checks of inputs."""

from typing import NamedTuple

import numpy as np
import pandas as pd


class CannotAnswer(ValueError):
    """The data cannot answer the question; the message is one plain sentence that says why, fit for a page."""


class Interval(NamedTuple):
    """The two ends of a confidence interval, in the unit of the estimate."""

    low: float
    high: float


def counted(name: str, value, least: float = 0) -> float:
    """`value` as a number of at least `least`; CannotAnswer names it otherwise."""
    number = float(value)
    if not np.isfinite(number) or number < least:
        raise CannotAnswer(f"{name} must be a number of at least {least:g}, not {value!r}")
    return number


def confident(confidence: float) -> float:
    """The share left out on both sides together, such as .05 for 95 %."""
    if not 0 < confidence < 1:
        raise CannotAnswer(f"the confidence must lie between 0 and 1, not {confidence!r}")
    return 1 - confidence


def with_columns(frame: pd.DataFrame, *names: str, what: str = "frame") -> pd.DataFrame:
    """`frame`, once it is sure that it has these columns; CannotAnswer names the first that it has not."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise CannotAnswer(f"the {what} has no column {missing[0]!r}")
    return frame


def in_utc(times, what: str = "a time") -> pd.Series:
    """Times in UTC: naive ones are taken to be so, ISO words may have offsets and fractions of a second or not.

    CannotAnswer says in which row one cannot be read; missing ones stay missing.
    """
    if isinstance(getattr(times, "dtype", None), pd.DatetimeTZDtype) and str(times.dtype.tz) == "UTC":
        return times
    times = pd.Series(times)
    read = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce").astype("datetime64[us, UTC]")
    unread = read.isna() & times.notna()
    if unread.any():
        place = int(unread.to_numpy().argmax())
        raise CannotAnswer(f"{what} in row {place} cannot be read: {str(times.iloc[place])[:40]!r}")
    return read


def moment(value) -> pd.Timestamp:
    """One time in UTC; a naive one is taken to be so. CannotAnswer where it cannot be read."""
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        raise CannotAnswer(f"the time cannot be read: {str(value)[:40]!r}") from None
    if stamp is pd.NaT:
        raise CannotAnswer("a time is missing")
    return stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")


def with_times(frame: pd.DataFrame, *names: str, what: str = "frame") -> pd.DataFrame:
    """`frame` with these columns in UTC; CannotAnswer names a column that it has not."""
    with_columns(frame, *names, what=what)
    return frame.assign(**{name: in_utc(frame[name], f"the {name} of the {what}") for name in names})


def clusters_of(values, rows: int) -> np.ndarray:
    """Codes from 0 of the cluster of each of `rows` rows; CannotAnswer where one is missing or their number differs."""
    marks = np.asarray(values)
    if len(marks) != rows:
        raise CannotAnswer(f"there are {rows} rows but {len(marks)} marks of their clusters")
    codes = pd.factorize(marks)[0]
    if (codes < 0).any():
        raise CannotAnswer(f"row {int((codes < 0).argmax())} does not say of which cluster it is")
    return codes


def durations_of(durations, observed) -> tuple[np.ndarray, np.ndarray]:
    """Durations and whether each one's end was seen, as arrays; CannotAnswer for lengths, gaps and negative times."""
    times = np.asarray(durations, "f8").reshape(-1)
    seen = np.asarray(observed).astype(bool).reshape(-1)
    if len(times) != len(seen):
        raise CannotAnswer(f"there are {len(times)} durations but {len(seen)} marks of whether they were observed")
    if len(times) == 0:
        raise CannotAnswer("there are no durations")
    if not (np.isfinite(times) & (times >= 0)).all():
        raise CannotAnswer("every duration must be a number of at least 0")
    return times, seen
