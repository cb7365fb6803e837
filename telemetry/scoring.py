"""Training the state classifier, and scoring the network with it.

pandas is imported where it is used, because every command and the web process import this module.
"""

from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from stations.arrays import fetch_arrays
from stations.models import LocationType, PricingType
from stations.models.places import ChargerType

from . import model_registry
from .models import ModelVersion, Reading
from .risk import classifier
from .risk.features import FEATURES, feature_matrix
from .risk.rule import rule_score

ONE_READ = timedelta(days=31)  # columns come as one row, which PostgreSQL limits to a gigabyte
PARALLEL_FROM_SITES = 15_000  # below this, starting threads costs more than they save

HISTORY = [
    ("at", "M8[us]"),
    ("site", "i8"),
    ("network", "i8"),
    ("charger_type", "i4"),
    ("power_output_kw", "f8"),
    ("ports_total", "i2"),
    ("utilization_rate", "f8"),
    ("estimated_wait_time_mins", "f8"),
    ("avg_session_duration_mins", "f8"),
    ("location_type", "i4"),
    ("current_price", "f8"),
    ("pricing_type", "i4"),
    ("gas_price_per_gallon", "f8"),
    ("temperature_f", "f8"),
    ("precipitation_mm", "f8"),
    ("weather_condition", "i2"),
    ("traffic_congestion_index", "f8"),
    ("local_event", "i2"),
    ("status", "i2"),
]
_HISTORY = """
SELECT reading.at, reading.site_id, site.operator_id,
       coalesce(array_position(%(charger_types)s::text[], site.charger_type::text), 0), site.power_kw,
       reading.ports_total, reading.utilization::double precision, reading.wait_minutes::double precision,
       reading.session_minutes::double precision,
       coalesce(array_position(%(location_types)s::text[], site.location_type::text), 0),
       reading.price::double precision,
       coalesce(array_position(%(pricing_types)s::text[], site.pricing_type::text), 0),
       reading.gas_price::double precision, reading.temperature_f::double precision,
       reading.precipitation_mm::double precision, reading.weather, reading.traffic_index::double precision,
       reading.local_event, reading.status
FROM telemetry_reading reading JOIN stations_site site ON site.id = reading.site_id
WHERE NOT reading.from_ticks AND reading.at >= %(start)s AND reading.at < %(end)s
ORDER BY reading.at, reading.site_id
"""


class NothingToLearn(Exception):
    """The history is empty, or holds no outage to learn from; the message says what to do."""


def train_risk(
    at: datetime, seed: int = 0, progress=lambda done, total=None, message="": None
) -> tuple[ModelVersion, bool]:
    """Train the state classifier on all measured readings and store it; returns it and whether it was promoted.

    It is promoted unless the active model does better, by average precision, on readings that neither has seen.
    """
    progress(0, 4, "reading the history")
    at_times, site, features, status = _history()
    if not len(status):
        raise NothingToLearn("There are no readings to learn from: import some first (manage.py import_readings).")
    progress(1, 4, f"training on {len(status):,} readings")
    try:
        trained = classifier.train(features, status, seed, site=site)
    except ValueError as error:
        raise NothingToLearn(f"Cannot train: {error}.") from None
    progress(3, 4, "storing the model")
    trained.metrics["trained_until"] = _iso(at_times[trained.metrics["train_rows"] - 1])
    model = store(trained, len(status), at)
    promoted = _is_no_worse(trained, at_times, features, status)
    if promoted:
        model.activate()
    progress(4, 4, "promoted" if promoted else "kept as a candidate: the active model does better")
    return model, promoted


def score_network(features: np.ndarray, measured) -> tuple[np.ndarray, ModelVersion | None]:
    """Risk (0-1) of every site in one call, and the model that gave it; None when the rule did."""
    found = model_registry.in_use("state_classifier", features=FEATURES)
    if found is None:
        return rule_score(measured.utilization, measured.temperature_f, measured.wait_minutes), None
    jobs = -1 if len(features) >= PARALLEL_FROM_SITES else 1
    return classifier.score(found.artefact, features, jobs), found.version


def store(trained: classifier.Trained, rows: int, at: datetime) -> ModelVersion:
    """Keep a trained state classifier as a candidate."""
    return model_registry.store(
        trained.model, kind="state_classifier", features=FEATURES, at=at, rows=rows, metrics=trained.metrics
    )


def _history() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, sites, features and states of all measured readings, in order of time; read month by month."""
    measured = Reading.objects.filter(from_ticks=False).aggregate(first=Min("at"), last=Max("at"))
    months, start = [], measured["first"]
    while start is not None and start <= measured["last"]:
        months.append(_readings_between(start, start + ONE_READ))
        start += ONE_READ
    empty = (np.zeros(0, "M8[us]"), np.zeros(0, "i8"), np.zeros((0, len(FEATURES)), "f4"), np.zeros(0, "i2"))
    return tuple(np.concatenate(parts) for parts in zip(*(months or [empty]), strict=True))


def _readings_between(start: datetime, end: datetime) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    import pandas as pd

    parameters = {
        "location_types": LocationType.values,
        "charger_types": ChargerType.values,
        "pricing_types": PricingType.values,
        "start": start,
        "end": end,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        rows = fetch_arrays(cursor, _HISTORY, HISTORY, parameters)
    local = pd.DatetimeIndex(rows["at"], tz="UTC").tz_convert(settings.DATA_TIME_ZONE)
    columns = {name: rows[name] for name, _ in HISTORY}
    time = (local.hour.to_numpy(), local.day_of_week.to_numpy(), local.month.to_numpy())
    return rows["at"].copy(), rows["site"].copy(), feature_matrix(columns, *time), rows["status"].copy()


def _is_no_worse(trained: classifier.Trained, at: np.ndarray, features: np.ndarray, status: np.ndarray) -> bool:
    found = model_registry.in_use("state_classifier", features=FEATURES)
    if found is None:
        return True
    active, forest = ModelVersion.objects.get(pk=found.version.pk), found.artefact
    unseen = np.arange(len(status)) >= trained.metrics["train_rows"]
    if "trained_until" in active.metrics:
        unseen &= at > np.datetime64(active.metrics["trained_until"].removesuffix("Z"))
    if not np.isin(status[unseen], classifier.OUTAGE_CLASSES).any():
        return False  # nothing to compare by: what has been measured stays
    new, old = (
        classifier.average_precision(model, features[unseen], status[unseen]) for model in (trained.model, forest)
    )
    return new >= old - 0.01  # a hundredth is within the noise of a retraining


def _iso(at: np.datetime64) -> str:
    return f"{at.astype('M8[s]')}Z"
