"""Learning root causes from what technicians found: evidence -> fit -> evaluate -> store -> gate -> diagnose."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection, transaction

from . import model_registry, promotion
from .forecast_training import learnable_range, without_nan
from .models import CauseGroup, Diagnosis, ModelVersion
from .observed_history import History, read_observed
from .risk.cause_classifier import Diagnostician
from .risk.cause_evidence import EVIDENCE, Failures, before, failures
from .risk.cause_report import evaluate
from .risk.charger_features import FeatureMaker
from .risk.taxonomy import CAUSES
from .scoring import NothingToLearn

DIAGNOSED = timedelta(days=60)  # of past outages get a cause after a training
LONGEST_WAIT = timedelta(days=30)  # between the start of an outage and an order for it
LIMITS = (
    "It learns from failures to which somebody drove; those that a reset cleared have other causes more often.",
    "Findings of technicians are taken as they are, and some of them are wrong.",
    "How sure it says it is, is calibrated to what technicians wrote down; most failures are named right more often.",
    "Without a code of one meaning, causes of like precursors are told apart badly; below one half it says unknown.",
    "Before a failure most causes show little: a cause that is expected is a hint for what to take along.",
    "Groups are found without labels and prove no cause; a person has to name them.",
)
_OUTAGES = """
SELECT outage.charger_id, extract(epoch FROM outage.started_at)::bigint, outage.status = 'OFFLINE',
    outage.error_code, outage.vendor_code
FROM telemetry_outage outage
WHERE NOT outage.left_censored AND outage.started_at >= %(start)s AND outage.started_at < %(end)s
ORDER BY outage.charger_id, outage.started_at
"""


@dataclass(frozen=True)
class Found:
    """What technicians found: charger ids, when their orders were opened (seconds since 1970), causes by name."""

    charger: np.ndarray
    opened: np.ndarray
    cause: np.ndarray


def train_causes(
    at: datetime, found: Found, seed: int = 0, progress=lambda done, total=None, message="": None
) -> tuple[ModelVersion, bool]:
    """Learn from `found` and the outages that it is of; (the version, whether it diagnoses now).

    Raises NothingToLearn with a sentence where the history does not allow it.
    """
    start, end = learnable_range(at)
    history = read_observed(start, end, progress=lambda done, total, message: progress(done, 10, message))
    progress(4, 10, "collecting what was known of each outage")
    told, expected, ids = evidence_of(history, start, end)
    labels = labels_of(ids, told.second, found)
    try:
        diagnostician, report = evaluate(
            told, expected, labels, seed=seed,
            progress=lambda done, total, message: progress(5 + done, 10, message),
        )  # fmt: skip
    except ValueError as error:
        raise NothingToLearn(f"Cannot learn causes: {error}.") from None
    progress(9, 10, "storing the model")
    version = model_registry.store(
        diagnostician, kind="causes", level="charger", features=EVIDENCE, at=at, rows=report["labelled"],
        metrics=without_nan(report | {"limits": list(LIMITS)}),
    )  # fmt: skip
    CauseGroup.objects.replace(version, report["groups"].get("lines", []))
    promoted = _put_to_the_gate(version, report, told, labels, at)
    if promoted:
        diagnose_past(version, diagnostician, told, ids, at)
    progress(10, 10, "promoted" if promoted else f"not promoted: {version.reason}")
    return version, promoted


def evidence_of(history: History, start: datetime, end: datetime) -> tuple[Failures, Failures, np.ndarray]:
    """What was known of each outage in [start, end) at its start and before it, and the ids of their chargers."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_OUTAGES, {"start": start, "end": end})
        rows = cursor.fetchall()
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0, "i8")] * 5
    order = np.argsort(history.charger_ids)
    place = np.searchsorted(history.charger_ids[order], columns[0]).clip(max=max(len(order) - 1, 0))
    charger = order[place] if len(order) else place
    maker = FeatureMaker(history.observed)
    told = failures(maker, charger, *columns[1:])
    return told, before(maker, charger, columns[1]), columns[0]


def labels_of(charger_ids: np.ndarray, seconds: np.ndarray, found: Found) -> np.ndarray:
    """The cause (n,) that was found for each outage, "" where nobody wrote one down: that of the order after it.

    Outages are in order of charger and time.
    """
    labels = np.full(len(charger_ids), "", "U20")
    key = (charger_ids.astype("i8") << 34) + seconds
    place = np.searchsorted(key, (found.charger.astype("i8") << 34) + found.opened, side="right") - 1
    is_its = (place >= 0) & np.isin(found.cause, CAUSES)
    place = place.clip(0)
    if len(key):
        is_its &= charger_ids[place] == found.charger
        is_its &= found.opened - seconds[place] <= LONGEST_WAIT.total_seconds()
        labels[place[is_its]] = found.cause[is_its]
    return labels


def diagnose_past(
    version: ModelVersion, diagnostician: Diagnostician, told: Failures, ids: np.ndarray, at: datetime
) -> int:
    """Keep a diagnosis of each outage of the last DIAGNOSED; returns how many."""
    recent = np.flatnonzero(told.second >= int((at - DIAGNOSED).timestamp()))
    if len(recent):
        diagnoses = diagnostician.diagnose(told.where(recent))
        Diagnosis.objects.record(Diagnosis.Kind.HAPPENED, ids[recent], told.second[recent], diagnoses, version)
    return len(recent)


def _put_to_the_gate(version: ModelVersion, report: dict, told: Failures, labels: np.ndarray, at: datetime) -> bool:
    ways = {line["name"]: line["accuracy"] for line in report["ways"]}
    best, rules = ways["rules and classifier"], ways["rules alone"]
    said = f"right in {_percent(best)} of later failures, rules alone in {_percent(rules)}"
    active = model_registry.in_use("causes", "charger", 0, EVIDENCE)
    if best["interval"][0] <= rules["value"]:
        verdict = promotion.Verdict(False, f"it is no better than rules alone: {said}")
    elif active and best["interval"][1] < (was := _on_later(active, told, labels)):
        verdict = promotion.Verdict(False, f"the active model does better: right in {was:.0%}; this one {said}")
    else:
        verdict = promotion.Verdict(True, said)
    return promotion.decide(version, verdict, stands_by=verdict.passes, at=at)


def _on_later(active: model_registry.InUse, told: Failures, labels: np.ndarray) -> float:
    """The active model's share of right causes among failures that it has not learnt from; 0 where there are none."""
    later = np.flatnonzero((labels != "") & (told.second > int(active.version.trained_at.timestamp())))
    if not len(later):
        return 0.0
    diagnosed = active.artefact.diagnose(told.where(later)).cause
    return float((diagnosed == labels[later]).mean())


def _percent(measure: dict) -> str:
    low, high = measure["interval"]
    return f"{measure['value']:.0%} ({low:.0%} to {high:.0%})"
