"""What is known of a charger at a moment, made the same way for training and for scoring.

Everything comes from rows at or before the moment: deleting what came later changes nothing (a test proves it).
"""

import numpy as np

from .observed import FAULT, Observed
from .outage_past import HOURS, OutagePast, running_sums

SOFT = ("missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries")
SOFT_WORDS = ("missed heartbeat{s}", "soft trip{s}", "power dip{s}", "reboot{s}", "retr{ies}")
_PRIOR_STARTS, _PRIOR_FAILED = 20.0, 0.04  # what a charger without sessions is taken for
_HEAT_IS_OLD = 6.0  # hours after which a temperature says nothing of the cabinet now

CHARGER_FEATURES = (
    *(f"outages_{hours}h" for hours in HOURS),
    *(f"hours_down_{hours}h" for hours in HOURS),
    "outage_rate",
    "hours_since_outage",
    "hours_since_repair",
    *(f"{name}_{hours}h" for name in SOFT for hours in HOURS),
    "failed_starts_24h",
    "failed_start_share",
    "starts_24h",
    "cabinet_c",
    "cabinet_over_model_k",
    "hot_reports_24h",
    "trips_near_24h",
    "siblings_down_share",
    "site_load",
    "site_load_24h",
    "ambient_c",
    "is_wet",
    "hour",
    "kind",
    "power_kw",
)
_NEAR_LIMIT_C, _HOT_C, _RISE_K = 70.0, 60.0, 45.0 * 0.75
WORDS = {
    **{f"outages_{hours}h": f"{{:.0f}} outage{{s}} in {hours} h" for hours in HOURS},
    **{f"hours_down_{hours}h": f"{{:.1f}} h out of order in {hours} h" for hours in HOURS},
    **{f"{name}_{hours}h": f"{{:.0f}} {words} in {hours} h" for name, words in zip(SOFT, SOFT_WORDS, strict=True)
       for hours in HOURS},
    "outage_rate": "{:.4f} outages per hour so far",
    "hours_since_outage": "last outage {:.0f} h ago",
    "hours_since_repair": "back since {:.0f} h",
    "failed_starts_24h": "{:.0f} failed start{s} in 24 h",
    "failed_start_share": "{:.0%} of starts failed",
    "starts_24h": "{:.0f} start{s} in 24 h",
    "cabinet_c": "{:.0f} °C in the cabinet",
    "cabinet_over_model_k": "cabinet {:.0f} °C above its model",
    "hot_reports_24h": "{:.0f} report{s} above 60 °C in 24 h",
    "trips_near_24h": "{:.0f} report{s} above 70 °C in 24 h",
    "siblings_down_share": "{:.0%} of the site's other ports out of order",
    "site_load": "site {:.0%} in use",
    "site_load_24h": "site {:.0%} in use over 24 h",
    "ambient_c": "{:.0f} °C outside",
    "is_wet": "rain",
    "hour": "hour {:.0f} UTC",
    "kind": "kind of charger",
    "power_kw": "{:.0f} kW charger",
}  # fmt: skip


def told(words: str, value: float) -> str:
    """`words` of WORDS with a feature's value in its place; in the singular where it reads as 1."""
    is_one = f"{value:.0f}" == "1"
    return words.format(value, s="" if is_one else "s", ies="y" if is_one else "ies")


class FeatureMaker(OutagePast):
    """Prepares sums over what was observed once, so that each moment costs a few searches for the whole network."""

    def __init__(self, observed: Observed):
        super().__init__(observed)
        self._soft_sums = np.stack([running_sums(observed.soft[name]) for name in SOFT])
        self._failed = running_sums(~observed.sessions["success"].astype(bool))
        heat = np.nan_to_num(observed.reports["temperature_c"], nan=-100.0)
        self._hot, self._near = running_sums(heat > _HOT_C), running_sums(heat > _NEAR_LIMIT_C)
        self._told_heat = _last_place(~np.isnan(observed.reports["temperature_c"]))
        self._load = running_sums(observed.readings["load"])
        self._ports = np.bincount(observed.site).clip(1)

    def at(self, second: int, now: dict[str, np.ndarray] | None = None) -> np.ndarray:
        """Features (chargers, len(CHARGER_FEATURES)) float32 at a moment, in the order of CHARGER_FEATURES.

        `now` may bring newer values of single features (by name, one per charger) than the logs have, such as a
        site's load at this very tick.
        """
        site, down = self.observed.site, self.states(second) == FAULT
        others = (np.bincount(site, down, len(self._ports))[site] - down) / np.maximum(self._ports[site] - 1, 1)
        return self._features(self.chargers, second, others, now or {})

    def of(self, chargers: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """The same (n, len(CHARGER_FEATURES)) of n chargers, each at a moment of its own."""
        site = self.observed.site[chargers]
        ports = self._ports[site]
        event = np.repeat(np.arange(len(chargers)), ports)
        begins = np.cumsum(ports) - ports
        sibling = np.searchsorted(self.observed.site, site)[event] + np.arange(len(event)) - begins[event]
        down = (self._states(sibling, np.asarray(seconds)[event]) == FAULT) & (sibling != np.asarray(chargers)[event])
        others = np.bincount(event, down, len(chargers)) / np.maximum(ports - 1, 1)
        return self._features(np.asarray(chargers), np.asarray(seconds), others, {})

    def cabinet_c(self, second: int) -> np.ndarray:
        """That feature alone of all chargers at a moment, as `at` has it, for a fifth of the searches."""
        values = self._site_features(self.chargers, second)
        return self._heat_features(self.chargers, second, values, {})["cabinet_c"].astype("f4")

    def _features(self, chargers, second, siblings_down, now: dict[str, np.ndarray]) -> np.ndarray:
        """Features (n, k) of `chargers`, all at a `second` or each at its own (n,)."""
        values = {**self._outage_features(chargers, second), **self._soft_features(chargers, second)}
        values |= self._start_features(chargers, second)
        values |= self._site_features(chargers, second) | {"siblings_down_share": siblings_down}
        values |= self._heat_features(chargers, second, values, now)
        values |= now
        values["cabinet_over_model_k"] = values["cabinet_c"] - values["ambient_c"] - _RISE_K * values["site_load"]
        values["hour"] = np.zeros(len(chargers)) + second // 3600 % 24
        values |= {"kind": self.observed.kind[chargers], "power_kw": self.observed.power_kw[chargers]}
        return np.column_stack([values[name] for name in CHARGER_FEATURES]).astype("f4")

    def _soft_features(self, chargers, second) -> dict[str, np.ndarray]:
        soft = self.observed.soft
        until = self._soft_sums[:, soft.count_until(chargers, second)]
        values = {}
        for hours in HOURS:
            before = self._soft_sums[:, soft.count_until(chargers, second - 3600 * hours)]
            values |= {f"{name}_{hours}h": row for name, row in zip(SOFT, until - before, strict=True)}
        return values

    def _start_features(self, chargers, second) -> dict[str, np.ndarray]:
        sessions = self.observed.sessions
        now, day, week = (sessions.count_until(chargers, second - 3600 * hours) for hours in (0, 24, 168))
        failed = self._failed[now] - self._failed[week]
        return {
            "starts_24h": now - day,
            "failed_starts_24h": self._failed[now] - self._failed[day],
            "failed_start_share": (failed + _PRIOR_STARTS * _PRIOR_FAILED) / (now - week + _PRIOR_STARTS),
        }

    def _site_features(self, chargers, second) -> dict[str, np.ndarray]:
        site, readings = self.observed.site[chargers], self.observed.readings
        until = readings.count_until(site, second)
        last = np.where(until > readings.first_of(site), until - 1, -1)
        day = readings.count_until(site, second - 24 * 3600)
        load, mean = readings.at("load", last, 0.3), (self._load[until] - self._load[day]) / np.maximum(until - day, 1)
        return {
            "site_load": load,
            "site_load_24h": np.where(until > day, mean, load),
            "ambient_c": readings.at("ambient_c", last, 20.0),
            "is_wet": readings.at("is_wet", last, False),
        }

    def _heat_features(self, chargers, second, values, now) -> dict[str, np.ndarray]:
        """The last temperature that a charger told; where it is old, what its site's load would make of it."""
        reports = self.observed.reports
        until = reports.count_until(chargers, second)
        day = reports.count_until(chargers, second - 24 * 3600)
        place = self._told_heat[until]
        age = (second - reports.at("second", place, 0)) / 3600
        load, ambient = now.get("site_load", values["site_load"]), now.get("ambient_c", values["ambient_c"])
        fresh = (place >= self._first_report[chargers]) & (age <= _HEAT_IS_OLD)
        return {
            "cabinet_c": np.where(fresh, reports.at("temperature_c", place, np.nan), ambient + _RISE_K * load),
            "hot_reports_24h": self._hot[until] - self._hot[day],
            "trips_near_24h": self._near[until] - self._near[day],
        }


def with_moment(
    features: np.ndarray, second: int, now: dict[str, np.ndarray], heat_age_hours: np.ndarray
) -> np.ndarray:
    """Kept features (n, k) as they are at a later moment, of which only `now` is known: what `at` makes of the same.

    `now` are values (n,) by name, NaN where nothing newer is known; with cabinet_c, the last temperature that was told
    so many hours ago: where it is old, what the site's load would make of it.
    """
    laid = features.copy()
    place = {name: number for number, name in enumerate(CHARGER_FEATURES)}
    for name, values in now.items():
        laid[:, place[name]] = np.where(np.isnan(values), laid[:, place[name]], values)
    outside = laid[:, place["ambient_c"]] + _RISE_K * laid[:, place["site_load"]]
    fresh = (heat_age_hours <= _HEAT_IS_OLD) & ~np.isnan(now["cabinet_c"])
    laid[:, place["cabinet_c"]] = np.where(fresh, now["cabinet_c"], outside)
    laid[:, place["cabinet_over_model_k"]] = laid[:, place["cabinet_c"]] - outside
    laid[:, place["hour"]] = second // 3600 % 24
    return laid


def charger_features(observed: Observed, seconds: np.ndarray) -> np.ndarray:
    """Features (len(seconds), chargers, len(CHARGER_FEATURES)) float32 at several moments."""
    maker = FeatureMaker(observed)
    return np.stack([maker.at(int(second)) for second in seconds])


def _last_place(is_told: np.ndarray) -> np.ndarray:
    """For each number of rows the place of the last of them that is told, -1 for none."""
    return np.concatenate([[-1], np.maximum.accumulate(np.where(is_told, np.arange(len(is_told)), -1))]).astype("i8")
