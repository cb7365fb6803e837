"""How good diagnoses are, on failures later than those that were learnt from, with intervals over whole sites.

Layout of the report (plain numbers, text, lists and dicts, so that it can be kept as JSON): `labelled`, `train`, `test`
(counts), `ways`: for each way to tell a cause its name and {"value", "interval"} of accuracy, macro_f1, top_3,
parts_hit, and `unknown`; `confusion`: {"causes", "counts"} (found x diagnosed, the last column is unknown);
`by_cause`: cause, count, precision, recall; `groups`: what was found without labels; `judged_by`.
"""

from collections.abc import Callable

import numpy as np

from . import cause_discovery
from .cause_classifier import Diagnoses, Diagnostician, train
from .cause_evidence import Failures
from .cause_rules import by_rules
from .measures import interval, measured, site_weights
from .taxonomy import CAUSES, REPAIR_OF, UNKNOWN

TRAIN_SHARE = 0.6  # of the time
EMBARGO_HOURS = 14 * 24  # because a cause is known only when somebody was there, and parts may keep people waiting
LEAST_TESTED = 20
_RESAMPLES = 60
_LABELS = (*CAUSES, UNKNOWN)


def evaluate(
    told: Failures,
    expected: Failures,
    found: np.ndarray,
    truth: np.ndarray | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] = lambda done, total, message: None,
) -> tuple[Diagnostician, dict]:
    """Learn from the earlier of n failures and measure on the later; returns what has learnt from all, and the report.

    `found` is the cause (name) that somebody found, "" where nobody looked; `truth` what it really was, where a world
    is simulated: measures are then taken by it. Raises ValueError where there is too little.
    """
    labelled = np.flatnonzero(found != "")
    progress(0, 4, "learning from the earlier failures")
    train_rows, test_rows = _split(told.second, labelled)
    diagnostician = train(told.where(train_rows), expected.where(train_rows), found[train_rows], seed)
    if len(test_rows) < LEAST_TESTED:
        raise ValueError(f"only {len(test_rows)} later failures have a cause that somebody found: too few")
    answer = found[test_rows] if truth is None else truth[test_rows]
    weights = site_weights(told.site[test_rows])
    progress(1, 4, "diagnosing the later ones")
    at_failure = diagnostician.diagnose(told.where(test_rows))
    ways = [
        _way("rules and classifier", at_failure, answer, weights),
        _way("rules alone", _of_rules(told.where(test_rows)), answer, weights),
        _way("before the failure", diagnostician.foresee(expected.where(test_rows)), answer, weights),
        _way("always the most frequent", _most_frequent(found[train_rows], len(test_rows)), answer, weights),
    ]
    if truth is not None:  # a reset leaves nobody's finding; a world knows all the same
        later = np.flatnonzero(told.second >= told.second[test_rows].min())
        everything = diagnostician.diagnose(told.where(later))
        ways.insert(
            1, _way("the same, on every later outage", everything, truth[later], site_weights(told.site[later]))
        )
    report = {
        "labelled": len(labelled),
        "train": len(train_rows),
        "test": len(test_rows),
        "judged_by": "what technicians found" if truth is None else "what it really was",
        "ways": ways,
        "confusion": {"causes": list(CAUSES), "counts": _confusion(answer, at_failure.cause)[:-1].tolist()},
        "by_cause": _by_cause(answer, at_failure.cause),
    }
    progress(2, 4, "looking for groups without labels")
    report["groups"] = groups_report(told, found if truth is None else truth, seed)
    progress(3, 4, "learning from all failures")
    return train(told.where(labelled), expected.where(labelled), found[labelled], seed), report


def groups_report(failures: Failures, cause: np.ndarray, seed: int = 0) -> dict:
    """Groups among the latest failures; `cause` is "" where it is not known. Empty where there are too few."""
    latest = np.sort(np.argsort(failures.second, kind="stable")[-cause_discovery.MOST_EVENTS :])
    failures, cause = failures.where(latest), cause[latest]
    try:
        groups = cause_discovery.discover(failures, seed)
    except ValueError:
        return {}
    known, kind = cause != "", failures.column("kind").astype(int)
    raw = cause_discovery.four_raw_groups(failures, seed)

    weights = site_weights(failures.site, _RESAMPLES)
    draws = [np.repeat(np.arange(len(kind)), weight) for weight in weights]

    def agreed(of: np.ndarray) -> dict:
        rows = [draw[known[draw]] for draw in draws]
        with_cause = _agreement(of, cause, np.flatnonzero(known), rows) if known.any() else None
        return {"cause": with_cause, "kind": _agreement(of, kind, np.arange(len(kind)), draws)}

    return {
        "failures": len(failures),
        "count": groups.count,
        "silhouette": groups.silhouette,
        "stability": groups.stability,
        "tried": groups.tried,
        "lines": cause_discovery.named(groups, cause),
        "agreement": {
            "k_means": agreed(groups.of), "gaussian_mixture": agreed(groups.mixture), "four_raw_groups": agreed(raw)
        },
    }  # fmt: skip


def _agreement(of: np.ndarray, other: np.ndarray, rows: np.ndarray, draws: list[np.ndarray]) -> dict:
    """Adjusted Rand index of two groupings of `rows`, with its interval over draws of whole sites."""
    drawn = np.array([cause_discovery.agreement(of[draw], other[draw]) for draw in draws])
    return {"value": cause_discovery.agreement(of[rows], other[rows]), "interval": interval(drawn)}


def _split(second: np.ndarray, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(labelled):
        return labelled, labelled
    cut = np.quantile(second[labelled], TRAIN_SHARE)
    return labelled[second[labelled] < cut - 3600 * EMBARGO_HOURS], labelled[second[labelled] >= cut]


def _way(name: str, diagnoses: Diagnoses, answer: np.ndarray, weights: np.ndarray) -> dict:
    part_of = np.vectorize({cause: repair.part for cause, repair in REPAIR_OF.items()}.get, otypes=["U40"])
    hits = {
        "accuracy": diagnoses.cause == answer,
        "top_3": (diagnoses.ranked == answer[:, None]).any(axis=1),
        "parts_hit": part_of(diagnoses.ranked[:, 0]) == part_of(answer),
    }
    line = {"name": name, "unknown": float((diagnoses.cause == UNKNOWN).mean())}
    for measure, right in hits.items():
        line[measure] = measured(lambda weight, right=right: float(np.average(right, weights=weight)), weights)
    return line | {"macro_f1": measured(lambda weight: macro_f1(answer, diagnoses.cause, weight), weights)}


def macro_f1(answer: np.ndarray, diagnosed: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean over the causes that occurred of 2 hits / (occurred + diagnosed); an unknown is a miss."""
    counts = _confusion(answer, diagnosed, weight)
    hits, occurred, said = np.diag(counts)[:-1], counts.sum(1)[:-1], counts.sum(0)[:-1]
    there = occurred > 0
    return float((2 * hits[there] / (occurred + said)[there]).mean())


def _confusion(answer: np.ndarray, diagnosed: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Counts (causes and unknown, the same): rows are answers, columns diagnoses."""
    size, place = len(_LABELS), {name: number for number, name in enumerate(_LABELS)}
    rows, columns = (np.array([place[name] for name in names.tolist()], int) for names in (answer, diagnosed))
    return np.bincount(rows * size + columns, weight, size * size).reshape(size, size)


def _by_cause(answer: np.ndarray, diagnosed: np.ndarray) -> list[dict]:
    lines = []
    for cause in CAUSES:
        was, said = answer == cause, diagnosed == cause
        right = int((was & said).sum())
        precision, recall = (right / count if count else None for count in (int(said.sum()), int(was.sum())))
        lines.append({"cause": cause, "count": int(was.sum()), "precision": precision, "recall": recall})
    return lines


def _of_rules(failures: Failures) -> Diagnoses:
    cause, said = by_rules(failures)
    cause = np.where(cause == "", UNKNOWN, cause)
    blank = np.full((len(cause), 2), UNKNOWN)
    return Diagnoses(
        cause, np.ones(len(cause)), np.column_stack([cause, blank]), np.zeros((len(cause), 3)), said.tolist()
    )


def _most_frequent(found: np.ndarray, size: int) -> Diagnoses:
    names, count = np.unique(found, return_counts=True)
    best = names[np.argsort(-count, kind="stable")[:3]]
    ranked = np.tile(np.pad(best, (0, 3 - len(best)), constant_values=UNKNOWN), (size, 1))
    return Diagnoses(ranked[:, 0], np.ones(size), ranked, np.zeros((size, 3)), [""] * size)
