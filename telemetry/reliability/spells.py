"""From what chargers reported to the spells in which they could not be used."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .answers import CannotAnswer, in_utc, moment

US = "datetime64[us]"
NEVER = np.datetime64(np.iinfo("i8").max, "us")  # later than everything


def outage_spells(
    status: pd.DataFrame,
    window_start,
    window_end,
    fault_states: Sequence[str] = ("FAULTED", "OFFLINE"),
    silence=None,
) -> pd.DataFrame:
    """Outages of each charger within the half-open window [window_start, window_end).

    status: one row per report with charger_id, time (naive times are UTC; words are ISO 8601) and status, in any
        order. Of several reports of a charger for the same instant the last in input order counts. Reports before the
        window tell the state at its start; a missing status counts as no fault.
    silence: a Timedelta; a charger with no report for longer counts as out from its last report + silence until its
        next report. None: a state lasts until the next report, however long that takes.

    Returns charger_id, start, end, left_censored, right_censored, hours, ordered by charger and start. A spell is a
    maximal run of fault reports: from its first to the first report of another state. left_censored: it began before
    the window, or the charger's first report is already a fault, so that its true start is unknown.
    right_censored: it had not ended at window_end; its end is then window_end. Times are in UTC, aware if those of
    `status` are.

    Raises CannotAnswer (a ValueError) for a missing column, a missing or unreadable time, a window that does not end
    after it starts, and a silence that is not positive.
    """
    codes, chargers, times, is_out, is_aware = _columns(status, fault_states)
    start, end = _instant(window_start), _instant(window_end)
    if not start < end:
        raise CannotAnswer("the window must end after it starts")
    if silence is not None:
        codes, times, is_out = _with_silences(codes, times, is_out, pd.Timedelta(silence))
    begins, ends, left = _runs(codes, times, is_out)
    codes, begins = codes[begins], times[begins]
    inside = (begins < end) & (ends > start)
    codes, begins, ends, left = codes[inside], begins[inside], ends[inside], left[inside]
    left |= begins < start
    right = ends > end
    begins, ends = np.maximum(begins, start), np.minimum(ends, end)
    spells = pd.DataFrame(
        {
            "charger_id": chargers.take(codes),
            "start": _stamps(begins, is_aware),
            "end": _stamps(ends, is_aware),
            "left_censored": left,
            "right_censored": right,
            "hours": (ends - begins) / np.timedelta64(1, "h"),
        }
    )
    return spells


def _columns(status: pd.DataFrame, fault_states: Sequence[str]):
    """Reports by charger and time, one per instant: charger codes, the chargers, times, whether out; and if aware."""
    missing = [name for name in ("charger_id", "time", "status") if name not in status.columns]
    if missing:
        raise CannotAnswer(f"the status frame has no column {missing[0]!r}")
    is_aware = _has_zones(status["time"])
    times = in_utc(status["time"], "the time of the status frame").dt.tz_localize(None).to_numpy(US)
    if np.isnat(times).any():
        raise CannotAnswer(f"row {int(np.isnat(times).argmax())} of the status frame has no time")
    codes, chargers = pd.factorize(status["charger_id"], sort=True)
    if (codes < 0).any():
        raise CannotAnswer(f"row {int((codes < 0).argmax())} of the status frame has no charger_id")
    is_out = status["status"].isin(list(fault_states)).to_numpy(bool)
    if not _is_sorted(codes, times):
        order = _stable_order(codes, times)
        codes, times, is_out = codes[order], times[order], is_out[order]
    is_last = np.append((codes[1:] != codes[:-1]) | (times[1:] != times[:-1]), True)[: len(codes)]
    return codes[is_last], chargers, times[is_last], is_out[is_last], is_aware


def _has_zones(times: pd.Series) -> bool:
    """Whether times say their zone: all, or some of those that are words or of several kinds."""
    if isinstance(times.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(times.dtype):
        return isinstance(times.dtype, pd.DatetimeTZDtype)
    known = times.dropna()
    words = known[known.map(lambda value: isinstance(value, str))].astype(str)
    others = known.drop(words.index)
    return bool(words.str.contains(r"(?:Z|[+-]\d\d:?(?:\d\d)?)$", regex=True).any()) or any(
        getattr(value, "tzinfo", None) is not None for value in others
    )


def _stable_order(codes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Places by code and time, ties in input order, as np.lexsort((times, codes)) but in a third of the time.

    Code and time fit into one whole number unless the times span centuries; ties are put in order afterwards, since
    the fast way to sort leaves them in any.
    """
    since = (times - times.min()).astype("i8")
    width = int(since.max()) + 1
    if width > np.iinfo("i8").max // (int(codes.max()) + 1):
        return np.lexsort((times, codes))
    key = codes.astype("i8") * width + since
    order = np.argsort(key)
    key = key[order]
    tied = np.flatnonzero(key[1:] == key[:-1])
    if len(tied):
        places = np.union1d(tied, tied + 1)
        order[places] = order[places][np.lexsort((order[places], key[places]))]
    return order


def _is_sorted(codes: np.ndarray, times: np.ndarray) -> bool:
    same = codes[1:] == codes[:-1]
    return bool(((codes[1:] > codes[:-1]) | (same & (times[1:] >= times[:-1]))).all())


def _with_silences(codes: np.ndarray, times: np.ndarray, is_out: np.ndarray, silence: pd.Timedelta):
    """The same reports and, where the next one is overdue, one more that says the charger is out."""
    if not silence > pd.Timedelta(0):
        raise CannotAnswer("the silence must be a positive time")
    overdue = times + silence.to_timedelta64().astype("timedelta64[us]")
    is_silent = overdue < _next_times(codes, times)
    order = np.argsort(np.concatenate([np.arange(len(codes)), np.flatnonzero(is_silent)]), kind="stable")
    return (
        np.concatenate([codes, codes[is_silent]])[order],
        np.concatenate([times, overdue[is_silent]])[order],
        np.concatenate([is_out, np.ones(is_silent.sum(), bool)])[order],
    )


def _next_times(codes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Time of the charger's next row; NEVER for its last."""
    following = np.full(len(times), NEVER)
    if len(times):
        following[:-1] = np.where(codes[1:] == codes[:-1], times[1:], NEVER)
    return following


def _runs(codes: np.ndarray, times: np.ndarray, is_out: np.ndarray):
    """Index of the first row of each maximal run of out rows, the time it ended, and whether its charger began so."""
    is_first = np.ones(len(codes), bool)
    is_first[1:] = codes[1:] != codes[:-1]
    was_out = np.zeros(len(codes), bool)
    was_out[1:] = is_out[:-1] & ~is_first[1:]
    turns = np.flatnonzero(is_first | (is_out != was_out))
    ends = _next_times(codes[turns], times[turns])
    starts = is_out[turns]
    return turns[starts], ends[starts], is_first[turns][starts]


def _instant(value) -> np.datetime64:
    return moment(value).tz_localize(None).to_datetime64().astype(US)


def _stamps(times: np.ndarray, is_aware: bool) -> pd.Series:
    stamps = pd.Series(times)
    return stamps.dt.tz_localize("UTC") if is_aware else stamps
