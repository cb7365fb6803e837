"""What is known of a failure when it happens, or of a charger that may fail: what its root cause is told from."""

from dataclasses import dataclass, fields

import numpy as np

from .charger_features import CHARGER_FEATURES, HOURS, SOFT, FeatureMaker

# Of the charger's features those that no outage changes, so that they are the same at its start and a minute later.
OF_CHARGER = (
    *(f"{name}_{hours}h" for name in SOFT for hours in HOURS),
    "failed_starts_24h", "failed_start_share", "cabinet_c", "cabinet_over_model_k", "site_load", "ambient_c", "is_wet",
    "hour", "kind", "power_kw",
)  # fmt: skip
OF_OUTAGE = ("is_offline", "siblings_at_once", "network_outages_1h")
EVIDENCE = (*OF_CHARGER, *OF_OUTAGE)
_PLACES = [CHARGER_FEATURES.index(name) for name in OF_CHARGER]
AT_ONCE_SECONDS = 300  # within which ports of a site count as having stopped together
_HEARD_SECONDS = 15  # after the start, until a tick has seen what stopped at the same instant


@dataclass(frozen=True)
class Failures:
    """n failures, or chargers that may fail (no codes, nothing of an outage); what is known of each, in rows."""

    features: np.ndarray  # (n, len(EVIDENCE)) float32
    error_code: np.ndarray  # of OCPP 1.6, "" without
    vendor_code: np.ndarray
    charger: np.ndarray
    site: np.ndarray
    second: np.ndarray  # since 1970

    def __len__(self) -> int:
        return len(self.charger)

    def where(self, chosen: np.ndarray) -> "Failures":
        """Some of them, by a mask or by places."""
        return Failures(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    def column(self, name: str) -> np.ndarray:
        """One column of EVIDENCE (n,)."""
        return self.features[:, EVIDENCE.index(name)]


def failures(maker: FeatureMaker, charger, second, is_offline, error_code, vendor_code) -> Failures:
    """Evidence of n outages that began at chargers (indices) at seconds, with what they said then."""
    charger, second = np.asarray(charger, "i8"), np.asarray(second, "i8")
    starts, of = maker.outages, maker.observed.site
    known = of_charger(maker.of(charger, second))
    at_once = siblings_at_once(of[charger], charger, second, of[starts.owner], starts.owner, starts.second)
    others = np.maximum(np.bincount(of)[of[charger]] - 1, 1)
    network = outages_in_hour(second, starts.second, len(of))
    features = np.column_stack([known, is_offline, at_once / others, network]).astype("f4")
    codes = (np.asarray(code, "U50") for code in (error_code, vendor_code))
    return Failures(features, *codes, charger, of[charger], second)


def before(maker: FeatureMaker, charger, second, minutes: float = 15) -> Failures:
    """Evidence of the same so many minutes before: nothing has been said of a failure yet."""
    moment = np.asarray(second, "i8") - int(60 * minutes)
    return expected(maker.of(np.asarray(charger), moment), np.asarray(charger), maker.observed.site, moment)


def expected(features: np.ndarray, charger: np.ndarray, site: np.ndarray, second) -> Failures:
    """Evidence of chargers (indices in `site`) that may fail, from their features (n, len(CHARGER_FEATURES)) now."""
    nothing = np.full(len(charger), "", "U50")
    columns = np.column_stack([of_charger(features), np.zeros((len(charger), len(OF_OUTAGE)))]).astype("f4")
    return Failures(columns, nothing, nothing, charger, site[charger], np.zeros(len(charger), "i8") + second)


def of_charger(features: np.ndarray) -> np.ndarray:
    """The columns OF_CHARGER of features (n, len(CHARGER_FEATURES))."""
    return features[:, _PLACES]


def siblings_at_once(site, charger, second, start_site, start_charger, start_second) -> np.ndarray:
    """The other chargers (n,) of each failure's site that stopped within AT_ONCE_SECONDS before it or with it.

    `start_*` are all outages of the network, in any order.
    """
    order = np.lexsort((start_second, start_site))
    key = (np.asarray(start_site, "i8")[order] << 34) + np.asarray(start_second)[order]
    base = np.asarray(site, "i8") << 34
    low = np.searchsorted(key, base + second - AT_ONCE_SECONDS)
    high = np.searchsorted(key, base + second + _HEARD_SECONDS, side="right")
    count = high - low
    event = np.repeat(np.arange(len(count)), count)
    place = low[event] + np.arange(len(event)) - (np.cumsum(count) - count)[event]
    pairs = np.unique(np.column_stack([event, np.asarray(start_charger)[order][place]]), axis=0)
    pairs = pairs[pairs[:, 1] != np.asarray(charger)[pairs[:, 0]]]
    return np.bincount(pairs[:, 0].astype("i8"), minlength=len(count)).astype("f8")


def outages_in_hour(second, start_second, chargers: int) -> np.ndarray:
    """Outages per 1,000 chargers (n,) that began in the hour before each failure."""
    starts = np.sort(start_second)
    until = np.searchsorted(starts, np.asarray(second) + _HEARD_SECONDS, side="right")
    return 1000 * (until - np.searchsorted(starts, np.asarray(second) - 3600)) / max(chargers, 1)
