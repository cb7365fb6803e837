"""What is known of a site at a moment from its readings alone, made the same way for training and for scoring.

A site counts as out of order while its readings say so: one port at least is broken (`partial_outage`, `offline`). With
that, it is to the forecast what a charger is: the target, the splits and the report are the same.
"""

import numpy as np

from .observed import Log, Observed
from .outage_past import HOURS, OutagePast, running_sums

READING = (
    "state", "ports", "ports_out", "load", "wait_minutes", "session_minutes", "price", "ambient_c", "is_wet", "traffic",
    "is_event",
)  # fmt: skip
_RISE_K = 45.0 * 0.75  # of a cabinet above its surroundings at full load
_FULL, _HOT_C, _CABINET_HOT_C = 0.95, 35.0, 60.0
_LAST = {
    "load": 0.3, "wait_minutes": 0.0, "session_minutes": 30.0, "price": 0.4, "ambient_c": 20.0, "is_wet": False,
    "traffic": 3.0, "is_event": False, "ports": 4, "ports_out": 0,
}  # what a site without a reading is taken for  # fmt: skip
_MEANS = {
    "load": (24, 168), "full": (24, 168), "wait_minutes": (24,), "session_minutes": (24, 168), "ambient_c": (24,),
    "hot": (24,), "is_wet": (24,), "cabinet_hot": (24, 168), "ports_out": (24, 168),
}  # fmt: skip

SITE_FEATURES = (
    *(f"outages_{hours}h" for hours in HOURS),
    *(f"hours_down_{hours}h" for hours in HOURS),
    "outage_rate",
    "hours_since_outage",
    "hours_since_repair",
    *_LAST,
    *(f"{name}_{hours}h" for name, windows in _MEANS.items() for hours in windows),
    "hour",
    "weekday",
    "kind",
    "power_kw",
)
SITE_WORDS = {
    "load": "{:.0%} of working ports in use",
    "load_24h": "{:.0%} in use over 24 h",
    "load_168h": "{:.0%} in use over a week",
    "full_24h": "full for {:.0%} of 24 h",
    "full_168h": "full for {:.0%} of a week",
    "wait_minutes": "{:.0f} min wait",
    "wait_minutes_24h": "{:.0f} min wait over 24 h",
    "session_minutes": "sessions of {:.0f} min",
    "session_minutes_24h": "sessions of {:.0f} min over 24 h",
    "session_minutes_168h": "sessions of {:.0f} min over a week",
    "ambient_c_24h": "{:.0f} °C outside over 24 h",
    "hot_24h": "above 35 °C for {:.0%} of 24 h",
    "is_wet_24h": "rain for {:.0%} of 24 h",
    "cabinet_hot_24h": "heat under load for {:.0%} of 24 h",
    "cabinet_hot_168h": "heat under load for {:.0%} of a week",
    "ports_out_24h": "{:.1f} ports out over 24 h",
    "ports_out_168h": "{:.1f} ports out over a week",
    "ports": "{:.0f} ports",
    "traffic": "traffic {:.0f} of 10",
}


def observed_sites(kind: np.ndarray, power_kw: np.ndarray, readings: Log) -> Observed:
    """Sites as the forecast sees chargers: `readings` have the columns READING, `state` as observed.UP, FAULT, PLANNED.

    Their times are when they were known. What a site "reports" are the changes of its state between readings.
    """
    changes = (np.diff(readings["state"], prepend=-1) != 0) | (np.diff(readings.owner, prepend=-1) != 0)
    reports = Log(readings.owner[changes], readings.second[changes], {"state": readings["state"][changes]})
    nothing = Log.sorted([], [])
    return Observed(np.arange(len(kind)), kind, power_kw, reports, nothing, nothing, readings)


class SiteFeatureMaker(OutagePast):
    """As charger_features.FeatureMaker, of what `observed_sites` makes."""

    prior_rate = 0.01  # outages per hour of a site that nobody has watched (assumption)

    def __init__(self, observed: Observed):
        super().__init__(observed)
        readings = observed.readings
        columns = {
            **readings.values,
            "full": readings["load"] >= _FULL,
            "hot": readings["ambient_c"] >= _HOT_C,
            "cabinet_hot": readings["ambient_c"] + _RISE_K * readings["load"] >= _CABINET_HOT_C,
        }
        self._sums = {name: running_sums(columns[name]) for name in _MEANS}

    def at(self, second: int) -> np.ndarray:
        """Features (sites, len(SITE_FEATURES)) float32 at a moment, in the order of SITE_FEATURES."""
        values = self._outage_features(self.chargers, second)
        readings, sites = self.observed.readings, self.chargers
        until = readings.count_until(sites, second)
        last = np.where(until > readings.first_of(sites), until - 1, -1)
        values |= {name: readings.at(name, last, otherwise) for name, otherwise in _LAST.items()}
        for hours in (24, 168):
            begin = readings.count_until(sites, second - 3600 * hours)
            count = np.maximum(until - begin, 1)
            for name in (name for name, windows in _MEANS.items() if hours in windows):
                values[f"{name}_{hours}h"] = (self._sums[name][until] - self._sums[name][begin]) / count
        values["hour"] = np.full(len(sites), second // 3600 % 24)
        values["weekday"] = np.full(len(sites), (second // 86_400 + 3) % 7)  # 1970 began on a Thursday
        values |= {"kind": self.observed.kind, "power_kw": self.observed.power_kw}
        return np.column_stack([values[name] for name in SITE_FEATURES]).astype("f4")
