"""The past of each charger, kept between ticks: made anew every few minutes, and at once where something has happened.

A tick lays the moment over it. It is one array in the database and one in the process, so that a restart loses nothing.
"""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from stations.arrays import fetch_arrays

from .model_registry import schema_hash
from .models import PastOfChargers
from .models.status import FAULT_STATES
from .observed_history import CHARGERS, KIND_PARAMETERS, QUERY_CHARGERS, read_observed_of
from .risk.charger_features import CHARGER_FEATURES, FeatureMaker
from .risk.observed import FAULT
from .risk.outage_past import REMEMBERED_HOURS

LOOK_BACK = timedelta(hours=REMEMBERED_HOURS + 48)  # what features remember, and the report before it
RENEW_AFTER = timedelta(minutes=5)
AT_ONCE = 600  # chargers whose past a tick makes anew; the rest waits for the next minutes
HOT_C = 60.0
_SCHEMA = schema_hash(CHARGER_FEATURES)
_ROW = np.dtype([("charger", "<i8"), ("down", "?"), ("features", "<f4", (len(CHARGER_FEATURES),))])
_kept: dict[int, tuple[datetime, np.ndarray]] = {}  # shard -> up to when, rows in order of charger


def of(chargers: np.ndarray, at: datetime) -> np.ndarray:
    """Features (n, k) of the past of chargers (as of live_risk.CHARGERS), those that changed state since made anew."""
    if not len(chargers):
        return np.zeros((0, len(CHARGER_FEATURES)), "f4")
    known = _latest(at)
    place = np.searchsorted(known["charger"], chargers["charger"]).clip(max=max(len(known) - 1, 0))
    is_known = known["charger"][place] == chargers["charger"] if len(known) else np.zeros(len(chargers), bool)
    down = chargers["state"] == FAULT
    turned = ~is_known | ((known["down"][place] != down) if len(known) else True)
    hot = (chargers["temperature_c"] >= HOT_C) & (chargers["heat_age_hours"] < 1 / 60)
    due = np.flatnonzero(turned | hot)
    if len(due):
        known = _renewed(known, chargers, due[:AT_ONCE], at)
        place = np.searchsorted(known["charger"], chargers["charger"]).clip(max=len(known) - 1)
    features = known["features"][place].copy()
    features[known["charger"][place] != chargers["charger"]] = np.nan  # its turn comes: forests take that as unknown
    return features


def refresh(at: datetime) -> int:
    """Make the past of every charger anew and keep it; returns how many there are."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        every = fetch_arrays(cursor, QUERY_CHARGERS, CHARGERS, KIND_PARAMETERS | {"operators": None, "sites": None})
        rows = _made(cursor, every, at)
    _keep(rows, at)
    return len(rows)


def forget() -> None:
    """Forget what is kept in this process, as a new one would."""
    _kept.clear()


def features_now() -> tuple[datetime | None, np.ndarray]:
    """Up to when the past is kept, and its features (n, k)."""
    kept = PastOfChargers.objects.filter(shard=0, schema_hash=_SCHEMA).first()
    return (kept.at, _unpacked(kept.blob)["features"]) if kept else (None, np.zeros((0, len(CHARGER_FEATURES)), "f4"))


def _latest(at: datetime) -> np.ndarray:
    """The kept past, from this process or the database; made here where there is none."""
    stored = PastOfChargers.objects.filter(shard=0, schema_hash=_SCHEMA).values_list("at", flat=True).first()
    if stored is None:
        refresh(at)
        stored = at
    if 0 not in _kept or _kept[0][0] != stored:
        blob = PastOfChargers.objects.values_list("blob", flat=True).get(shard=0)
        _kept[0] = (stored, _unpacked(blob))
    return _kept[0][1]


def _renewed(known: np.ndarray, chargers: np.ndarray, due: np.ndarray, at: datetime) -> np.ndarray:
    """The kept past with the rows of the sites of `due` made anew."""
    sites = np.unique(chargers["site"][due])
    with connection.cursor() as cursor:
        wanted = KIND_PARAMETERS | {"operators": None, "sites": sites.tolist()}
        those = fetch_arrays(cursor, QUERY_CHARGERS, CHARGERS, wanted)
        rows = _made(cursor, those, at)
    rows = np.concatenate([known[~np.isin(known["charger"], rows["charger"])], rows])
    rows = rows[np.argsort(rows["charger"])]
    _kept[0] = (_kept[0][0], rows)
    return rows


def _made(cursor, chargers: np.ndarray, at: datetime) -> np.ndarray:
    rows = np.zeros(len(chargers), _ROW)
    if not len(chargers):
        return rows
    history = read_observed_of(cursor, chargers, at - LOOK_BACK, at + timedelta(seconds=1))
    rows["charger"], rows["features"] = history.charger_ids, FeatureMaker(history.observed).at(int(at.timestamp()))
    # As live_risk reads it: the log may begin after a charger that has been out of order ever since.
    cursor.execute("SELECT charger_id FROM telemetry_chargerstate WHERE status = ANY(%s)", [list(FAULT_STATES)])
    rows["down"] = np.isin(history.charger_ids, [charger for (charger,) in cursor.fetchall()])
    return rows[np.argsort(rows["charger"])]


def _keep(rows: np.ndarray, at: datetime) -> None:
    at = at.astimezone(UTC)
    packed = io.BytesIO()
    np.save(packed, rows, allow_pickle=False)
    values = {"at": at, "schema_hash": _SCHEMA, "blob": packed.getvalue()}
    PastOfChargers.objects.update_or_create(shard=0, defaults=values)


def _unpacked(blob) -> np.ndarray:
    return np.load(io.BytesIO(bytes(blob)), allow_pickle=False)
