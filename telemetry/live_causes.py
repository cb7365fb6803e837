"""Root causes at a tick: of each outage once, when it is seen first, and of failures for which somebody is sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from . import model_registry
from .models import Diagnosis
from .risk.cause_evidence import EVIDENCE, Failures, expected, of_charger, outages_in_hour, siblings_at_once

SEEN_WITHIN = timedelta(hours=1)  # of its start; evidence of an older one would be of another hour
_RECENT = """
SELECT outage.charger_id, charger.site_id, extract(epoch FROM outage.started_at)::bigint, outage.status = 'OFFLINE',
    outage.error_code, outage.vendor_code, diagnosis.id IS NULL AND outage.ended_at IS NULL
FROM telemetry_outage outage JOIN stations_charger charger ON charger.id = outage.charger_id
LEFT JOIN telemetry_diagnosis diagnosis ON diagnosis.charger_id = outage.charger_id AND diagnosis.kind = 'happened'
    AND diagnosis.at = outage.started_at
WHERE outage.started_at >= %s AND outage.started_at <= %s ORDER BY outage.charger_id, outage.started_at
"""


@dataclass(frozen=True)
class Now:
    """The chargers that were scored at a beat, their sites (ids, n) and their features (n, k)."""

    charger: np.ndarray
    site: np.ndarray
    features: np.ndarray

    def rows_of(self, chargers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where chargers (ids) are, and which of them are there."""
        order = np.argsort(self.charger)
        place = order[np.searchsorted(self.charger[order], chargers).clip(max=max(len(order) - 1, 0))]
        return place, self.charger[place] == chargers


def diagnose_new(at: datetime, now: Now | None) -> int:
    """Diagnose the outages that nobody has diagnosed yet; returns how many. One query, one call, one statement."""
    found = model_registry.in_use("causes", "charger", 0, EVIDENCE) if now is not None and len(now.charger) else None
    if found is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, [at - SEEN_WITHIN, at])
        rows = cursor.fetchall()
    if not any(row[-1] for row in rows):
        return 0
    recent = _failures(rows, now)
    is_there = now.rows_of(recent.charger)[1]
    new = np.flatnonzero(np.array([row[-1] for row in rows]) & is_there)
    failures = recent.where(new)
    diagnoses = found.artefact.diagnose(failures)
    Diagnosis.objects.record(Diagnosis.Kind.HAPPENED, failures.charger, failures.second, diagnoses, found.version)
    return len(new)


def foresee(at: datetime, now: Now | None, chargers: list[int]) -> dict[int, Diagnosis]:
    """What failures of chargers (ids) that are expected will be caused by, kept; by charger. Empty without a model."""
    found = model_registry.in_use("causes", "charger", 0, EVIDENCE) if now is not None and chargers else None
    if found is None:
        return {}
    place, is_there = now.rows_of(np.array(chargers))
    place = place[is_there]
    coming = expected(now.features[place], np.arange(len(place)), now.site[place], int(at.timestamp()))
    diagnoses = found.artefact.foresee(coming)
    kept = Diagnosis.objects.record(
        Diagnosis.Kind.EXPECTED, now.charger[place], coming.second, diagnoses, found.version
    )  # fmt: skip
    return {one.charger_id: one for one in kept}


def _failures(rows: list[tuple], now: Now) -> Failures:
    """Outages (rows of _RECENT) with what is known of their chargers now, a tick after they began."""
    charger, site, second, is_offline, error_code, vendor_code, _ = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    place, _ = now.rows_of(charger)
    _, first, ports = np.unique(now.site, return_index=True, return_counts=True)
    others = np.maximum(ports[np.searchsorted(now.site[first], site).clip(max=len(first) - 1)] - 1, 1)
    together = siblings_at_once(site, charger, second, site, charger, second) / others
    network = outages_in_hour(second, second, len(now.charger))
    known = of_charger(now.features[place])
    features = np.column_stack([known, is_offline, together, network]).astype("f4")
    return Failures(features, error_code.astype("U50"), vendor_code.astype("U50"), charger, site, second)
