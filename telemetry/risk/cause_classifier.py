"""Which root cause a failure has: rules first, then a classifier that has learnt from what technicians found.

Two forests: one knows what was said at the failure, one only what was known a quarter of an hour before it, for
failures that are expected. Both are calibrated by a temperature on out-of-bag probabilities.
"""

from dataclasses import dataclass

import numpy as np

from .cause_evidence import EVIDENCE, Failures
from .cause_rules import NO_RULE, by_rules
from .charger_features import WORDS, told
from .taxonomy import CAUSES, UNKNOWN

SURE_FROM = 0.5  # below, the cause is unknown
TOP = 3
LEAST_LABELS = 50  # failures whose cause somebody found
TREES = 200
_COMMON_CODE = 3  # times that a code must have been seen, to count
_LEAST_FALL = 0.08  # of a probability, for a piece of evidence to be named
_MOST_NAMED = 2
_WORDS = WORDS | {
    "is_offline": "it fell silent",
    "siblings_at_once": "{:.0%} of the site's other ports stopped with it",
    "network_outages_1h": "{:.0f} outages per 1,000 chargers in the last hour",
}


@dataclass(frozen=True)
class Diagnoses:
    """Of n failures the cause (UNKNOWN below SURE_FROM), how sure that is, the likeliest causes, and why."""

    cause: np.ndarray
    confidence: np.ndarray  # 0-1, of the likeliest cause
    ranked: np.ndarray  # (n, TOP) causes, likeliest first
    chances: np.ndarray  # (n, TOP)
    evidence: list[str]

    def __len__(self) -> int:
        return len(self.cause)

    def others(self, row: int) -> list[tuple[str, float]]:
        """The likeliest causes of one failure with their probabilities."""
        pairs = zip(self.ranked[row].tolist(), self.chances[row].tolist(), strict=True)
        return [(cause, round(chance, 3)) for cause, chance in pairs]


@dataclass(frozen=True)
class CauseForest:
    """A forest over evidence and codes; `vocabulary` are the codes that it knows, `typical` medians of the evidence."""

    forest: object
    classes: np.ndarray  # indices in CAUSES
    vocabulary: tuple[tuple[str, ...], tuple[str, ...]]
    temperature: float
    typical: np.ndarray

    @classmethod
    def fit(cls, failures: Failures, cause: np.ndarray, seed: int) -> "CauseForest":
        """From failures and the indices (n,) in CAUSES of what was found."""
        from joblib import parallel_config
        from sklearn.ensemble import RandomForestClassifier

        vocabulary = tuple(_common(codes) for codes in (failures.error_code, failures.vendor_code))
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=2, max_features=0.4, oob_score=True, random_state=seed, n_jobs=-1
        )
        with parallel_config(backend="threading"):  # because a worker's process may not have processes of its own
            forest.fit(_columns(failures, vocabulary), cause)
        seen = np.isfinite(forest.oob_decision_function_).all(axis=1)
        place = np.searchsorted(forest.classes_, cause)
        temperature = _temperature(forest.oob_decision_function_[seen], place[seen])
        typical = np.nanmedian(failures.features, axis=0).astype("f4")
        return cls(forest, forest.classes_.astype(int), vocabulary, temperature, typical)

    def chances(self, failures: Failures, features: np.ndarray | None = None) -> np.ndarray:
        """Probability (n, len(CAUSES)) of each cause; `features` in place of the failures' own."""
        chances = np.zeros((len(failures), len(CAUSES)))
        if not len(failures):
            return chances
        columns = _columns(failures, self.vocabulary, features)
        # The trees are asked directly, because predict_proba hands them to a scheduler, which takes longer.
        votes = sum(tree.tree_.predict(columns) for tree in self.forest.estimators_) / len(self.forest.estimators_)
        chances[:, self.classes] = _tempered(votes.reshape(len(failures), -1), self.temperature)
        return chances

    def words(self, failures: Failures, cause: np.ndarray) -> list[str]:
        """What speaks most for the cause (n,) of each: how far its probability falls with what is typical instead."""
        if not len(failures):
            return []
        rows = np.arange(len(failures))
        named = [place for place, name in enumerate(EVIDENCE) if name in _WORDS]
        before, falls = self.chances(failures)[rows, cause], []
        for place in named:
            changed = failures.features.copy()
            changed[:, place] = self.typical[place]
            falls.append(before - self.chances(failures, changed)[rows, cause])
        return [self._said(failures, row, np.array(falls)[:, row], named) for row in rows]

    def _said(self, failures: Failures, row: int, falls: np.ndarray, named: list[int]) -> str:
        strongest = [place for place in np.argsort(-falls)[:_MOST_NAMED] if falls[place] >= _LEAST_FALL]
        said = [told(_WORDS[EVIDENCE[named[p]]], float(failures.features[row, named[p]])) for p in strongest]
        code = failures.vendor_code[row] or failures.error_code[row]
        said += [f"the code {code}"] if code else []
        return f"associated with: {', '.join(said)}" if said else "associated with no single finding"


@dataclass(frozen=True)
class Diagnostician:
    """Rules with how often each was right, and the two forests."""

    told: CauseForest  # at a failure
    expected: CauseForest  # before one
    trust: dict[str, float]  # by cause that a rule names

    def diagnose(self, failures: Failures) -> Diagnoses:
        """The causes of n failures that have happened."""
        rule, said = by_rules(failures)
        chances = self.told.chances(failures)
        chances = self._with_rules(chances, rule)
        open_ = np.flatnonzero(rule == NO_RULE)
        words = dict(zip(open_.tolist(), self.told.words(failures.where(open_), chances[open_].argmax(1)), strict=True))
        return _diagnoses(chances, [words.get(row, str(said[row])) for row in range(len(failures))])

    def foresee(self, failures: Failures) -> Diagnoses:
        """The likely causes of n failures that may come."""
        chances = self.expected.chances(failures)
        return _diagnoses(chances, self.expected.words(failures, chances.argmax(1)))

    def _with_rules(self, chances: np.ndarray, rule: np.ndarray) -> np.ndarray:
        """A rule's cause gets what it deserves, and the others share the rest as the forest has them."""
        chances = chances.copy()
        for cause, trust in self.trust.items():
            rows, place = np.flatnonzero(rule == cause), CAUSES.index(cause)
            rest = np.delete(np.arange(len(CAUSES)), place)
            others = chances[np.ix_(rows, rest)] + 1e-6
            chances[np.ix_(rows, rest)] = (1 - trust) * others / others.sum(axis=1, keepdims=True)
            chances[rows, place] = trust
        return chances


def train(told: Failures, expected: Failures, found: np.ndarray, seed: int = 0) -> Diagnostician:
    """From n failures as they were told, the same before they happened, and the cause (names, n) that was found.

    Raises ValueError with what is missing where there is too little to learn from.
    """
    if unknown := sorted(set(found.tolist()) - set(CAUSES)):
        raise ValueError(f"there is no cause {unknown[0]!r}")
    if len(found) < LEAST_LABELS or len(set(found.tolist())) < 2:
        raise ValueError(
            f"at least {LEAST_LABELS} failures with a cause that somebody found, of two kinds, are needed; "
            f"there are {len(found)}"
        )
    cause = np.array([CAUSES.index(name) for name in found.tolist()])
    rule, _ = by_rules(told)
    trust = {}
    for name in CAUSES:  # a rule that was never seen at work is believed half
        rows = rule == name
        trust[name] = float(((found[rows] == name).sum() + 1) / (rows.sum() + 2))
    forests = (CauseForest.fit(failures, cause, seed) for failures in (told, expected))
    return Diagnostician(*forests, trust)


def _diagnoses(chances: np.ndarray, evidence: list[str]) -> Diagnoses:
    order = np.argsort(-chances, axis=1, kind="stable")[:, :TOP]
    ranked, top = np.array(CAUSES)[order], np.take_along_axis(chances, order, axis=1)
    cause = np.where(top[:, 0] >= SURE_FROM, ranked[:, 0], UNKNOWN)
    return Diagnoses(cause, top[:, 0], ranked, top, evidence)


def _common(codes: np.ndarray) -> tuple[str, ...]:
    names, count = np.unique(codes, return_counts=True)
    return tuple(name for name, times in zip(names.tolist(), count, strict=True) if name and times >= _COMMON_CODE)


def _columns(failures: Failures, vocabulary, features: np.ndarray | None = None) -> np.ndarray:
    """Evidence and a column for each known code (n, k) float32."""
    codes = [
        said[:, None] == np.array(known, "U50")[None, :]
        for said, known in zip((failures.error_code, failures.vendor_code), vocabulary, strict=True)
    ]
    return np.hstack([failures.features if features is None else features, *codes]).astype("f4")


def _tempered(chances: np.ndarray, temperature: float) -> np.ndarray:
    """p^(1/T), made to sum to one: sharper below T = 1, flatter above."""
    power = np.clip(chances, 1e-3, 1) ** (1 / temperature)
    return power / power.sum(axis=1, keepdims=True)


def _temperature(chances: np.ndarray, cause: np.ndarray) -> float:
    """The temperature (.2 to 5) whose log loss on out-of-bag probabilities (n, k) is least."""
    grid = np.geomspace(0.2, 5, 60)
    rows = np.arange(len(cause))
    losses = [-np.log(_tempered(chances, one)[rows, cause]).mean() for one in grid] if len(cause) else [0]
    return float(grid[int(np.argmin(losses))]) if len(cause) else 1.0
