"""Who is at risk now: every charger's forecast in one call, laid over its past at each tick."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import connection

from stations.arrays import copy_in, fetch_arrays

from . import charger_pasts, model_registry, scoring
from .live_causes import Now
from .models import ModelVersion
from .models.shards import FORECAST
from .models.status import FAULT_STATES
from .network import live_features
from .observed_history import WET
from .risk.charger_features import CHARGER_FEATURES, with_moment
from .risk.observed import FAULT, PLANNED, UP

HORIZON_HOURS = 24
MOST_EXPLAINED = 300  # sites whose reasons are worked out anew at a tick, riskiest first
WRITE_FROM = 0.01  # a charger's risk is written again when it has moved by so much

CHARGERS = [
    ("charger", "i8"), ("site", "i8"), ("state", "i2"), ("temperature_c", "f8"), ("heat_age_hours", "f8"),
    ("old_risk", "f8"), ("known", "b1"),
]  # fmt: skip
_CHARGERS = f"""
SELECT charger.id, charger.site_id,
    CASE WHEN state.status IS NULL OR state.status = 'UNKNOWN' THEN -1 WHEN state.status = ANY(%(faults)s) THEN {FAULT}
        WHEN state.status = 'UNAVAILABLE' THEN {PLANNED} ELSE {UP} END::smallint,
    coalesce(state.temperature_c, 'nan'),
    coalesce(extract(epoch FROM %(at)s - state.last_report_at)::double precision / 3600, 'nan'),
    coalesce(risk.probability, 'nan'), risk.charger_id IS NOT NULL
FROM stations_charger charger
LEFT JOIN telemetry_chargerstate state ON state.charger_id = charger.id
LEFT JOIN telemetry_chargerrisk risk ON risk.charger_id = charger.id
ORDER BY charger.site_id, charger.id
"""  # noqa: S608  (made of constants)
_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS charger_risk_stage (charger_id bigint, probability double precision)
ON COMMIT DELETE ROWS;
DELETE FROM charger_risk_stage
"""
_WRITE = """
INSERT INTO telemetry_chargerrisk AS known (charger_id, at, probability, reason, model_id)
SELECT stage.charger_id, %(at)s, nullif(stage.probability, 'nan'), coalesce(why.reason, ''), %(model)s
FROM charger_risk_stage stage
LEFT JOIN unnest(%(explained)s::bigint[], %(reasons)s::text[]) AS why (charger_id, reason) USING (charger_id)
ON CONFLICT (charger_id) DO UPDATE SET at = excluded.at, probability = excluded.probability,
    reason = excluded.reason, model_id = excluded.model_id
"""
_WRITE_REAL_SITES = """
UPDATE telemetry_sitestate state SET risk = new.risk, p_any = new.p_any, reason = coalesce(new.reason, ''),
    level = (ARRAY['low', 'watch', 'critical'])[1 + (new.risk > %(watch)s)::int + (new.risk > %(critical)s)::int]
FROM unnest(%(sites)s::bigint[], %(risk)s::double precision[], %(p_any)s::double precision[], %(reason)s::text[])
    AS new (site_id, risk, p_any, reason)
WHERE state.site_id = new.site_id AND (round(state.risk::numeric, 2), state.reason)
    IS DISTINCT FROM (round(new.risk::numeric, 2), coalesce(new.reason, ''))
"""


@dataclass(frozen=True)
class Scores:
    """Risk and chance of any failure of each site of the network; and, by place there, why and of which charger."""

    risk: np.ndarray
    p_any: np.ndarray  # NaN where no charger was forecast
    is_lost: np.ndarray  # every charger is out of order: known, not forecast
    version: ModelVersion | None = None
    warning: str = ""
    reasons: dict[int, str] = field(default_factory=dict)
    chargers: dict[int, int] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    now: Now | None = None  # what was scored


def score(at: datetime, network: np.ndarray, measured, ready: np.ndarray | None = None) -> Scores:
    """Score the whole network: each charger's forecast where a model of that kind is active, else the state classifier.

    `ready` (of FORECAST) are forecasts of this moment that other workers have made; the rest is made here.

    Sites whose chargers nobody knows keep what the classifier, or the rule, says. Chargers of real operators are scored
    with what they told last; their sites' live rows are written here, those of the network by the loop.
    """
    found = model_registry.in_use("forecast", "charger", HORIZON_HOURS, CHARGER_FEATURES)
    if found is None:
        risk, version = scoring.score_network(live_features(network, measured, at), measured)
        missing = model_registry.trouble() if ModelVersion.objects.active("forecast", "charger") else ""
        nobody, nowhere = np.full(len(network), np.nan), np.zeros(len(network), bool)
        return Scores(risk, nobody, nowhere, version, f"not forecast, because {missing}" if missing else "")
    chargers = _chargers(at)
    features = _features(chargers, at, network, measured)
    working = np.isin(chargers["state"], (UP, -1)) if len(chargers) else np.zeros(0, bool)
    risk = _forecast(found.artefact, chargers, features, working, ready)
    sites = _Sites(chargers["site"], chargers["state"], risk)
    explained = _explained(found.artefact, features, sites)
    _write(at, chargers, risk, found.version.pk, sites, explained)
    _write_real_sites(sites, explained, network)
    scores = _scores(sites, explained, chargers, features, network, found)
    without = ~np.isin(network["site"], sites.ids)
    if without.any():
        scores.risk[without] = scoring.score_network(live_features(network, measured, at), measured)[0][without]
    return scores


def forecaster() -> int | None:
    """The number of the version that forecasts chargers, or None."""
    found = model_registry.in_use("forecast", "charger", HORIZON_HOURS, CHARGER_FEATURES)
    return found.version.pk if found else None


class Shared:
    """The network at one moment, of which this process forecasts some shards."""

    def __init__(self, at: datetime, network: np.ndarray, measured) -> None:
        self.at, self.network, self.measured = at, network, measured
        self.chargers = _chargers(at)
        self.features = _features(self.chargers, at, network, measured)
        self.working = np.isin(self.chargers["state"], (UP, -1))
        self.scorer = model_registry.in_use("forecast", "charger", HORIZON_HOURS, CHARGER_FEATURES).artefact

    def forecast(self, shard: int, shards: int) -> np.ndarray:
        """The forecasts, of FORECAST, of the chargers that work at the sites of `shard`."""
        mine = np.flatnonzero(self.working & (self.chargers["site"] % shards == shard))
        made = np.zeros(len(mine), FORECAST)
        made["charger"], made["risk"] = self.chargers["charger"][mine], self.scorer.risk(self.features[mine])
        return made


def _forecast(scorer, chargers, features, working, ready: np.ndarray | None) -> np.ndarray:
    """The risk (n,) of chargers; NaN of those that do not work. What is `ready` is taken from there."""
    risk = np.full(len(chargers), np.nan)
    if ready is not None and len(ready):
        place = np.searchsorted(ready["charger"], chargers["charger"]).clip(max=len(ready) - 1)
        is_ready = working & (ready["charger"][place] == chargers["charger"])
        risk[is_ready] = ready["risk"][place[is_ready]]
    missing = working & np.isnan(risk)
    risk[missing] = scorer.risk(features[missing])
    return risk


class _Sites:
    """Risks of chargers, (n,) in order of site, by site: the highest, whose it is, and the chance of any.

    What has failed has no forecast; but a site that has lost every charger is not harmless: its failure is certain.
    """

    def __init__(self, site: np.ndarray, state: np.ndarray, risk: np.ndarray) -> None:
        self.ids, first = np.unique(site, return_index=True)
        if not len(site):
            self.top, self.risk, self.p_any, self.is_lost = (np.zeros(0, kind) for kind in ("i8", "f8", "f8", "?"))
            return
        failed, none_works = np.add.reduceat(state == FAULT, first), ~np.logical_or.reduceat(~np.isnan(risk), first)
        self.is_lost = none_works & (failed > 0)
        filled = np.nan_to_num(risk, nan=-1.0)
        order = np.lexsort((filled, site))
        self.top = order[np.r_[first[1:], len(site)] - 1]  # the last of each site is its riskiest
        self.risk = np.where(self.is_lost, 1.0, np.maximum(filled[self.top], 0.0))
        p_any = -np.expm1(np.add.reduceat(np.log1p(-np.clip(np.nan_to_num(risk), 0, 1 - 1e-9)), first))
        self.p_any = np.where(self.is_lost, 1.0, p_any)


def _chargers(at: datetime) -> np.ndarray:
    with connection.cursor() as cursor:
        return fetch_arrays(cursor, _CHARGERS, CHARGERS, {"at": at, "faults": list(FAULT_STATES)})


def _features(chargers: np.ndarray, at: datetime, network: np.ndarray, measured) -> np.ndarray:
    """The past of each charger with this moment laid over it."""
    past = charger_pasts.of(chargers, at)
    place = np.searchsorted(network["site"], chargers["site"]).clip(max=max(len(network) - 1, 0))
    is_live = network["site"][place] == chargers["site"] if len(network) else np.zeros(len(chargers), bool)
    nothing = np.full(len(chargers), np.nan)
    now = {"cabinet_c": chargers["temperature_c"], "siblings_down_share": _siblings_down(chargers)}
    for name, values in (
        ("site_load", measured.utilization),
        ("ambient_c", (measured.temperature_f - 32) / 1.8),
        ("is_wet", np.isin(network["weather"], WET).astype("f8")),
    ):
        now[name] = np.where(is_live, values[place], nothing) if len(network) else nothing
    return with_moment(past, int(at.timestamp()), now, chargers["heat_age_hours"])


def _siblings_down(chargers: np.ndarray) -> np.ndarray:
    _, site = np.unique(chargers["site"], return_inverse=True)
    down = chargers["state"] == FAULT
    ports = np.bincount(site)[site] if len(site) else np.zeros(0)
    return (np.bincount(site, down)[site] - down) / np.maximum(ports - 1, 1) if len(site) else np.zeros(0)


def _explained(scorer, features: np.ndarray, sites: _Sites) -> dict[int, str]:
    """Number of the site -> why its riskiest charger is at risk, for the sites above the watch level."""
    above = np.flatnonzero((sites.risk > settings.RISK_WATCH) & ~sites.is_lost)
    chosen = above[np.argsort(-sites.risk[above])][:MOST_EXPLAINED]
    told = dict(zip(chosen.tolist(), scorer.reasons(features[sites.top[chosen]]), strict=True))
    return told | dict.fromkeys(np.flatnonzero(sites.is_lost).tolist(), "every charger is out of order")


def _scores(sites: _Sites, explained, chargers, features, network, found) -> Scores:
    place = np.searchsorted(sites.ids, network["site"]).clip(max=max(len(sites.ids) - 1, 0))
    is_known = sites.ids[place] == network["site"] if len(sites.ids) else np.zeros(len(network), bool)
    risk, p_any = np.zeros(len(network)), np.full(len(network), np.nan)
    risk[is_known], p_any[is_known] = sites.risk[place[is_known]], sites.p_any[place[is_known]]
    is_lost = np.zeros(len(network), bool)
    is_lost[is_known] = sites.is_lost[place[is_known]]
    at_risk = np.flatnonzero(is_known & (risk > settings.RISK_WATCH)).tolist()
    tops = {here: int(sites.top[place[here]]) for here in at_risk}
    return Scores(
        risk,
        p_any,
        is_lost,
        found.version,
        found.warning,
        reasons={here: explained.get(int(place[here]), "") for here in at_risk},
        chargers={here: int(chargers["charger"][top]) for here, top in tops.items()},
        hashes={here: hashlib.sha256(features[top].tobytes()).hexdigest()[:16] for here, top in tops.items()},
        now=Now(chargers["charger"], chargers["site"], features),
    )


def _write(at: datetime, chargers, risk, model: int, sites: _Sites, explained: dict[int, str]) -> None:
    """Write the risks that have moved: one COPY and one statement; the only writer of ChargerRisk."""
    old = chargers["old_risk"]
    moved = (np.isnan(old) != np.isnan(risk)) | (np.abs(np.nan_to_num(old) - np.nan_to_num(risk)) >= WRITE_FROM)
    changed = np.flatnonzero(moved | ~chargers["known"])
    if not len(changed):
        return
    why = {int(chargers["charger"][sites.top[number]]): text for number, text in explained.items()}
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        columns = {"charger_id": chargers["charger"][changed], "probability": risk[changed]}
        copy_in(cursor, "charger_risk_stage", columns)
        cursor.execute(_WRITE, {"at": at, "model": model, "explained": list(why), "reasons": list(why.values())})


def _write_real_sites(sites: _Sites, explained: dict[int, str], network: np.ndarray) -> None:
    """The live rows of sites that the tick does not move: their risk, where it has changed."""
    real = np.flatnonzero(~np.isin(sites.ids, network["site"]))
    if not len(real):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_REAL_SITES,
            {
                "sites": sites.ids[real].tolist(),
                "risk": sites.risk[real].tolist(),
                "p_any": sites.p_any[real].tolist(),
                "reason": [explained.get(number, "")[:200] for number in real.tolist()],
                "watch": settings.RISK_WATCH,
                "critical": settings.RISK_CRITICAL,
            },
        )
