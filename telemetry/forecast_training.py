"""Training the forecast: history -> features -> fit -> evaluate -> store -> gate."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db.models import Max, Min

from . import charger_pasts, model_registry, promotion
from .models import ModelVersion, Reading, StatusReport
from .observed_history import read_observed
from .observed_sites import read_sites, sites_with_readings_only
from .risk import drift
from .risk.forecast import MAIN
from .risk.measures import site_weights
from .risk.report import evaluate, gain
from .risk.rows import Rows, charger_rows, hot_rows, site_rows, split
from .risk.scorer import Scorer
from .risk.signal_audit import audit
from .scoring import NothingToLearn

HORIZON_HOURS = 24
LONGEST = timedelta(days=200)  # of history that is learnt from, the latest
_COMMON_LIMITS = (
    "Reasons are associations: changing what is named need not change the risk.",
    "Lost supplies, vandalism and most lost connections come without warning; nothing here sees them coming.",
    "It has learnt from this network's past: other hardware, firmware or seasons are outside what it was tested on.",
)
LIMITS = {
    "charger": (
        "It tells outages of half an hour or more that start within 24 h, not how long they last or what they cost.",
        *_COMMON_LIMITS,
        "A fault that a charger does not report is learnt from only once somebody has found it.",
        "Counts of past events may be five minutes old; states, heat and load are those of the tick.",
    ),
    "site": (
        "It tells that a port of a site breaks for half an hour or more within 24 h, not which, how many or how long.",
        *_COMMON_LIMITS,
        "A site is not asked while one of its ports is broken: large sites are asked seldom.",
        "No tick scores by it: the chance that any port fails is high at large sites, and thresholds are for chargers.",
        "It knows half-hourly readings alone: no heat inside a cabinet, no soft events, no single charger.",
    ),
}


def train_sites(at: datetime, seed: int = 0, progress=lambda done, total=None, message="": None):
    """Train the 24 h forecast of whole sites on their readings alone; as train_forecast."""
    return train_forecast(at, seed, progress, "site")


def forecasts_to_train() -> dict:
    """What to train by name: chargers always; sites where there are some of which only readings are known."""
    sites = {"forecast of sites": train_sites} if sites_with_readings_only().exists() else {}
    return {"forecast": train_forecast} | sites


def train_forecast(
    at: datetime, seed: int = 0, progress=lambda done, total=None, message="": None, level: str = "charger"
):
    """Train the 24 h forecast of chargers (or of sites) on what was observed; (the version, whether it scores now).

    Raises NothingToLearn with a sentence where the history does not allow it.
    """
    rows, besides = _rows(level, at, lambda done, total, message: progress(done, 10, message))
    progress(5, 10, "looking for a signal")
    try:
        signal = audit(rows, HORIZON_HOURS, seed)
        forecast, report = evaluate(
            rows,
            HORIZON_HOURS,
            seed,
            besides=besides,
            progress=lambda done, total, message: progress(5 + 4 * done // total, 10, message),
        )
    except ValueError as error:
        raise NothingToLearn(f"Cannot train the forecast: {error}.") from None
    progress(9, 10, "storing the model")
    cut = split(rows.second, HORIZON_HOURS)
    learnt = rows.features[cut.train]
    reference = drift.reference(learnt, rows.names)
    report |= {"signal": signal, "reference": reference, "limits": list(LIMITS[level])}
    version = model_registry.store(
        Scorer.of(forecast, learnt),
        kind="forecast",
        level=level,
        horizon_hours=HORIZON_HOURS,
        features=rows.names,
        at=at,
        rows=int(cut.train.sum()),
        metrics=without_nan(report),
        ranges=report["ranges"],
        data_hash=data_hash(rows),
        thresholds={name: getattr(settings, f"RISK_{name}") for name in ("WATCH", "DISPATCH", "CRITICAL", "TOAST")},
    )
    if level == "charger":
        charger_pasts.refresh(at)  # so that the first tick that it scores need not make all of them
    promoted = _put_to_the_gate(version, forecast, report, rows, cut, at)
    progress(10, 10, "promoted" if promoted else f"not promoted: {version.reason}")
    return version, promoted


def learnable_range(at: datetime) -> tuple[datetime, datetime]:
    """From when to when chargers were observed: until the last reading that no tick made, because people stress those.

    Where some operators are simulated, until the last of theirs, whatever others have imported since. Raises
    NothingToLearn where there are no status reports or no readings.
    """
    reports = StatusReport.objects.aggregate(first=Min("reported_at"))["first"]
    readings = _measured(site__operator__is_simulated=True)["last"] or _measured()["last"]
    if reports is None or readings is None:
        raise NothingToLearn(
            "There is nothing to forecast chargers from: import status reports (manage.py import_status) and readings."
        )
    end = min(readings, at)
    return max(reports, end - LONGEST), end


def _measured(**of) -> dict[str, datetime | None]:
    """The first and the last reading that no tick made, `of` some sites."""
    return Reading.objects.filter(from_ticks=False, **of).aggregate(first=Min("at"), last=Max("at"))


def _rows(level: str, at: datetime, progress=lambda done, total, message: None) -> tuple[Rows, Rows | None]:
    """Rows to learn from and be measured by, and rows to learn from only."""
    try:
        if level == "site":
            return _site_rows(at, progress), None
        history = read_observed(*learnable_range(at), progress=progress)
        progress(4, 10, "making features")
        return charger_rows(history.observed, HORIZON_HOURS), hot_rows(history.observed, HORIZON_HOURS)
    except ValueError as error:
        raise NothingToLearn(f"Nothing can be learnt of {level}s: {error}.") from None


def _site_rows(at: datetime, progress) -> Rows:
    measured = _measured()
    if measured["last"] is None:
        raise NothingToLearn("There is nothing to forecast sites from: import readings (manage.py import_readings).")
    end = min(measured["last"] + timedelta(minutes=30), at)
    progress(0, 10, "reading the readings")
    observed, _ = read_sites(max(measured["first"], end - LONGEST), end)
    progress(4, 10, "making features")
    return site_rows(observed, HORIZON_HOURS)


def signal_of_history(at: datetime, seed: int = 0) -> dict:
    """Whether failures in the history that is loaded can be forecast at all; see risk.signal_audit.

    Of chargers; where they have told too little, of whole sites by their readings. `level` says of which.
    """
    try:
        rows, level = _rows("charger", at)[0], "charger"
    except NothingToLearn as chargers:
        try:
            rows, level = _rows("site", at)[0], "site"
        except NothingToLearn as sites:
            raise NothingToLearn(f"{chargers} {sites}") from None
    return audit(rows, HORIZON_HOURS, seed) | {"level": level}


def data_hash(rows: Rows) -> str:
    """Hash of the rows that were learnt from and tested on."""
    digest = hashlib.sha256()
    for column in (rows.second, rows.charger, rows.y, rows.features):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def without_nan(value):
    """The same with None for what JSON cannot say."""
    if isinstance(value, dict):
        return {name: without_nan(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _put_to_the_gate(version: ModelVersion, forecast, report: dict, rows: Rows, cut, at: datetime) -> bool:
    beats = report["signal"]["has_signal"] and report["gain"]["interval"][0] > 0
    if not version.may_score:
        verdict = promotion.judge(report["signal"]["has_signal"], report["gain"], None)
        return promotion.decide(version, promotion.Verdict(False, f"for looking at: {verdict.why}"), beats, at)
    against = None
    found = model_registry.in_use("forecast", rows.level, HORIZON_HOURS, rows.names)
    if found:
        test = rows.where(cut.test & (rows.second > _learnt_until(found.version)))
        if not test.y.any():
            verdict = promotion.Verdict(False, "there is no later outage to compare it with the active model by")
            return promotion.decide(version, verdict, stands_by=False, at=at)
        scores = [one.raw(test.features) for one in (forecast, found.artefact.forecast)]
        against = gain(*scores, test.y, site_weights(test.site))
    verdict = promotion.judge(report["signal"]["has_signal"], report["gain"], against)
    return promotion.decide(version, verdict, stands_by=beats, at=at)


def _learnt_until(version: ModelVersion) -> int:
    """Second up to which a version has seen outcomes: the end of its calibration block and a horizon."""
    ends = [version.ranges[name][1] for name in ("train", "calibration") if version.ranges.get(name)]
    latest = max((datetime.fromisoformat(end.removesuffix("Z")).replace(tzinfo=UTC) for end in ends), default=None)
    return int(latest.timestamp()) + HORIZON_HOURS * 3600 if latest else 0


def main_line(report: dict) -> dict:
    """The main model's line of a report."""
    return next((line for line in report.get("models", []) if line["name"] == MAIN), {})
