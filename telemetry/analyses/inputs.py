"""What the questions read from the database: whole columns, one query per table, and nothing that is not asked for."""

from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from django.db import connection, transaction

from stations.arrays import fetch_arrays
from telemetry.reliability.load import covered
from telemetry.reliability.uplift import onsets_and_exposure

from .scope import Scope

SHORTEST_MINUTES = 1.0  # of an outage that counts: chargers say FAULTED for half a minute when they start anew
HOUR = pd.Timedelta(hours=1)

_CHARGERS = """
SELECT charger.id, charger.external_id, site.id, site.external_id, site.name, operator.name, operator.currency,
    site.charger_type, site.location_type, site.city, coalesce(nullif(charger.power_kw, 0), site.power_kw),
    first.reported_at
FROM stations_charger charger
JOIN stations_site site ON site.id = charger.site_id JOIN stations_operator operator ON operator.id = site.operator_id
JOIN LATERAL (
    SELECT reported_at FROM telemetry_statusreport WHERE charger_id = charger.id ORDER BY reported_at LIMIT 1
) AS first ON true
WHERE (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
    AND (%(site)s = '' OR site.external_id = %(site)s)
    AND (%(charger_type)s = '' OR site.charger_type = %(charger_type)s)
    AND first.reported_at < %(end)s
"""
_IN_ORDER = "ORDER BY site.external_id, charger.external_id"
_PAGE = "AND charger.external_id > %(after)s ORDER BY charger.external_id LIMIT %(count)s"
_CHARGER_COLUMNS = [
    "charger_id", "charger", "site_id", "site", "site_name", "operator", "currency", "charger_type", "location_type",
    "city", "power_kw", "since",
]  # fmt: skip
_SPELLS = """
SELECT charger_id, started_at, ended_at, left_censored, status, error_code, excluded_reason, excluded_evidence
FROM telemetry_outage WHERE charger_id = ANY(%(chargers)s) AND started_at < %(end)s
    AND (ended_at IS NULL OR ended_at > %(start)s)
ORDER BY charger_id, started_at
"""
_SPELL_COLUMNS = ["charger_id", "start", "end", "left_censored", "status", "error_code", "reason", "evidence"]
_SESSIONS = """
SELECT charger_id, extract(epoch FROM started_at)::float8, coalesce(extract(epoch FROM ended_at)::float8, 'nan'),
    energy_kwh, coalesce(success, false), success IS NOT NULL
FROM telemetry_chargingsession
WHERE charger_id = ANY(%(chargers)s) AND started_at >= %(start)s AND started_at < %(end)s
"""
_SESSION_COLUMNS = [
    ("charger_id", "i8"), ("start", "f8"), ("end", "f8"), ("energy_kwh", "f8"), ("success", "b1"), ("is_told", "b1"),
]  # fmt: skip
_STATUS = """
SELECT charger_id, extract(epoch FROM reported_at)::float8,
    CASE status WHEN 'PREPARING' THEN 1 WHEN 'CHARGING' THEN 2 WHEN 'FINISHING' THEN 3 WHEN 'FAULTED' THEN 4
        WHEN 'OFFLINE' THEN 5 ELSE 0 END::smallint
FROM telemetry_statusreport
WHERE charger_id = ANY(%(chargers)s) AND reported_at >= %(start)s AND reported_at < %(end)s
"""
STATUS_WORDS = np.array(["AVAILABLE", "PREPARING", "CHARGING", "FINISHING", "FAULTED", "OFFLINE"], dtype=object)
_TEMPERATURE = """
SELECT site_id, extract(epoch FROM at)::bigint, temperature_f::real FROM telemetry_reading
WHERE site_id = ANY(%(sites)s) AND at >= %(start)s AND at < %(end)s
"""


class Inputs:
    """The network of a scope in its period; every part is read when it is first asked for."""

    def __init__(self, scope: Scope, progress=lambda done, total=None, message="": None) -> None:
        self.scope, self.progress = scope, progress
        self.start, self.end = pd.Timestamp(scope.start), pd.Timestamp(scope.end)

    @cached_property
    def chargers(self) -> pd.DataFrame:
        """One row per charger that had reported by the end of the period; `since` is its first report."""
        return self._chargers(_IN_ORDER)

    def _chargers(self, tail: str, **values) -> pd.DataFrame:
        scope = self.scope
        rows = self._rows(f"{_CHARGERS} {tail}", {
            "operators": None if scope.operators is None else list(scope.operators),
            "site": scope.site, "charger_type": scope.charger_type, **values,
        })  # fmt: skip
        frame = pd.DataFrame(rows, columns=_CHARGER_COLUMNS)
        frame["since"] = pd.to_datetime(frame["since"], utc=True)
        return frame.astype({"charger_id": "i8", "site_id": "i8", "power_kw": "f8"})

    @cached_property
    def outages(self) -> pd.DataFrame:
        """Outages as they are kept, those that only touch the period too: their whole start and end (NaT: goes on)."""
        return self.outages_from(self.scope.start)

    def outages_from(self, start, shortest_minutes: float = SHORTEST_MINUTES) -> pd.DataFrame:
        """The same of a period that begins at another time, and with those of at least so many minutes."""
        ids = self.chargers["charger_id"].tolist()
        frame = pd.DataFrame(self._rows(_SPELLS, {"chargers": ids, "start": start}), columns=_SPELL_COLUMNS)
        for name in ("start", "end"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        frame = frame.astype({"charger_id": "i8", "left_censored": bool})
        return frame[~((frame["end"] - frame["start"]) < pd.Timedelta(minutes=shortest_minutes))].reset_index(drop=True)

    @cached_property
    def spells(self) -> pd.DataFrame:
        """Outages cut to the period, as `reliability.spells.outage_spells` returns them."""
        found = self.outages
        began, ends = found["start"], found["end"]
        start, end = began.clip(lower=self.start), ends.fillna(self.end).clip(upper=self.end)
        return found[["charger_id", "status", "error_code"]].assign(
            start=start,
            end=end,
            left_censored=found["left_censored"] | (began < self.start),
            right_censored=ends.isna() | (ends > self.end),
            hours=(end - start) / HOUR,
        )

    @cached_property
    def exposure(self) -> pd.DataFrame:
        """`chargers` with onsets, up_hours, down_hours and known_hours in the period."""
        return onsets_and_exposure(self.spells, self.chargers, self.start, self.end)

    def site_of(self, charger_ids) -> np.ndarray:
        """The site (external id) of each charger id."""
        return self.chargers.set_index("charger_id")["site"].reindex(charger_ids).to_numpy()

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Sessions that began in the period; start and end in seconds since 1970, end NaN while it goes on.

        success is missing where nobody said.
        """
        self.progress(0, message="reading sessions")
        found = self._arrays(_SESSIONS, _SESSION_COLUMNS, {"chargers": self.chargers["charger_id"].tolist()})
        told = pd.arrays.BooleanArray(found["success"].to_numpy(bool), ~found.pop("is_told").to_numpy(bool))
        return found.assign(success=told)

    def status_of(self, charger_ids) -> pd.DataFrame:
        """Status reports of some chargers in the period: charger_id, second, status (place in STATUS_WORDS)."""
        columns = [("charger_id", "i8"), ("second", "f8"), ("status", "i2")]
        return self._arrays(_STATUS, columns, {"chargers": [int(one) for one in charger_ids]})

    @cached_property
    def hours(self) -> int:
        return int((self.end - self.start) / HOUR)

    def by_hour(self, charger_ids, begins, ends) -> np.ndarray:
        """Share of each hour (chargers, hours) that intervals (seconds since 1970) of chargers cover."""
        place = pd.Index(self.chargers["charger_id"]).get_indexer(charger_ids)
        first = self.start.timestamp()
        shape = (len(self.chargers), self.hours)
        return covered(place, (np.asarray(begins) - first) / 3600, (np.asarray(ends) - first) / 3600, shape)

    def temperatures_f(self, site_ids: np.ndarray) -> np.ndarray:
        """Mean outdoor temperature (sites, hours) by the readings; NaN where there are none."""
        self.progress(0, message="reading temperatures")
        rows = self._arrays(_TEMPERATURE, [("site_id", "i8"), ("second", "i8"), ("f", "f4")],
                            {"sites": [int(one) for one in site_ids]})  # fmt: skip
        place = pd.Index(site_ids).get_indexer(rows["site_id"])
        hour = ((rows["second"] - self.start.timestamp()) // 3600).to_numpy("i8")
        flat, size = place * self.hours + hour, len(site_ids) * self.hours
        count = np.bincount(flat, minlength=size)
        with np.errstate(invalid="ignore"):
            return (np.bincount(flat, rows["f"], minlength=size) / np.where(count, count, np.nan)).reshape(
                -1, self.hours
            )

    def _rows(self, query: str, parameters: dict) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(query, {"start": self.scope.start, "end": self.scope.end} | parameters)
            return cursor.fetchall()

    def _arrays(self, query: str, columns: list, parameters: dict) -> pd.DataFrame:
        """Month by month, because the columns of one read come as one row."""
        pieces, start = [], self.scope.start
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            while start < self.scope.end:
                end = min(start + timedelta(days=31), self.scope.end)
                pieces.append(fetch_arrays(cursor, query, columns, {"start": start, "end": end} | parameters))
                start = end
        return pd.DataFrame(np.concatenate(pieces) if pieces else np.zeros(0, columns))


class PageOfInputs(Inputs):
    """The same of at most `count` chargers behind the id `after`, in the order of their ids."""

    def __init__(self, scope: Scope, after: str, count: int) -> None:
        super().__init__(scope)
        self.after, self.count, self.has_more = after, count, False

    @cached_property
    def chargers(self) -> pd.DataFrame:
        """A page of them; `has_more` says then whether others follow."""
        found = self._chargers(_PAGE, after=self.after, count=self.count + 1)
        self.has_more = len(found) > self.count
        return found.head(self.count)
