"""What goes with an outcome: logistic regression that does not break where a group has only events or none.

Associations, not causes: what technicians found is in the work orders.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used

from .answers import CannotAnswer, clusters_of, confident

FEWEST_ONSETS = 10  # of a level, below which it is pooled with others
_STEPS = 200


@dataclass(frozen=True)
class Logit:
    """A logistic regression; exp of a coefficient is an odds ratio. Series by term."""

    coefficients: pd.Series
    standard_errors: pd.Series
    ci: pd.DataFrame
    log_likelihood: float
    separated: bool
    odds_ratios: pd.Series
    p_values: pd.Series
    average_effects: pd.Series
    n_clusters: int | None
    pseudo_r2: float


def fit_logit(y, X, cluster=None, confidence: float = 0.95) -> Logit:
    """Logistic regression of outcomes y (n,) of 0 and 1 on a design X (n, k) that brings its own constant column.

    X: a DataFrame (terms are its columns) or an array. Maximum likelihood; where the data are separated, so that its
    odds ratio would be infinite, Firth's penalised likelihood instead (Firth 1993; Heinze and Schemper 2002: log
    likelihood + half of log det of the information), and `separated` says so. cluster (n,): sandwich standard errors,
    clustered, with the correction G/(G-1) and t on G - 1 degrees of freedom; where separated the larger of these and
    the likelihood's own. log_likelihood is without the penalty.
    average_effects: mean change of the probability for one more of a term.
    Raises CannotAnswer where y has one value only or is not 0 and 1, for values that are missing, and for columns that
    cannot be told apart.
    """
    terms, design, outcome = _checked(y, X)
    scale = np.abs(design).max(0)  # because steps that are right for one unit are too short, or too long, for another
    design = design / scale
    beta, converged = _maximise(outcome, design, is_firth=False)
    extreme = not converged or np.abs(design @ beta).max() > 15
    separated = bool(extreme and is_separated(outcome, design))
    if separated or not converged:
        beta, converged = _maximise(outcome, design, is_firth=True)
        if not converged:
            raise CannotAnswer("the regression did not settle: there are too few outcomes for so many terms")
    p = _probability(design @ beta)
    covariance = np.linalg.inv(_information(design, p))
    spread, n_clusters, errors = scipy.stats.norm, None, np.sqrt(np.diag(covariance))
    if cluster is not None:
        groups = clusters_of(cluster, len(outcome))
        sandwich, n_clusters = _sandwich(covariance, design * (outcome - p)[:, None], groups)
        own, spread = errors, scipy.stats.t(n_clusters - 1)
        errors = np.sqrt(np.clip(np.diag(sandwich), 0, None))
        errors = np.maximum(own, errors) if separated else errors  # it sees no scatter where there is one outcome only
    likelihood, mean = _likelihood(outcome, design @ beta), outcome.mean()
    beta, errors = beta / scale, errors / scale
    half = spread.ppf(1 - confident(confidence) / 2) * errors
    empty = len(outcome) * (mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    series = lambda values: pd.Series(values, terms)  # noqa: E731
    return Logit(
        series(beta), series(errors), pd.DataFrame({"low": beta - half, "high": beta + half}, terms), likelihood,
        separated, series(np.exp(beta)), series(2 * spread.sf(np.abs(beta / errors))),
        series(beta * (p * (1 - p)).mean()), n_clusters, float(1 - likelihood / empty),
    )  # fmt: skip


def _checked(y, X) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    terms = X.columns if isinstance(X, pd.DataFrame) else None
    design, outcome = np.asarray(X, "f8"), np.asarray(y, "f8").reshape(-1)
    if len(outcome) == 0:
        raise CannotAnswer("there are no outcomes, so that nothing can go with them")
    design = design.reshape(len(design), -1)
    terms = pd.Index([f"x{place}" for place in range(design.shape[1])]) if terms is None else terms
    if len(design) != len(outcome):
        raise CannotAnswer(f"there are {len(outcome)} outcomes but {len(design)} rows of terms")
    if not (np.isfinite(design).all() and np.isin(outcome, (0, 1)).all()):
        raise CannotAnswer("outcomes must be 0 or 1, and no term may be missing")
    if outcome.min() == outcome.max():
        raise CannotAnswer("the outcome never varies, so that nothing can go with it")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise CannotAnswer(f"the term {terms[_redundant(design)]!r} says the same as others before it")
    return terms, design, outcome


def _redundant(design: np.ndarray) -> int:
    """The first column that is a combination of those before it."""
    ranks = [np.linalg.matrix_rank(design[:, : k + 1]) for k in range(design.shape[1])]
    return next(place for place, rank in enumerate(ranks) if rank <= place)


def _maximise(y: np.ndarray, X: np.ndarray, is_firth: bool) -> tuple[np.ndarray, bool]:
    """Newton's steps, halved while they make it worse; whether they came to rest."""
    beta = np.zeros(X.shape[1])
    value = _objective(y, X, beta, is_firth)
    for _ in range(_STEPS):
        p = _probability(X @ beta)
        information = _information(X, p)
        try:
            step = np.linalg.solve(information, X.T @ _residual(y, X, p, information, is_firth))
        except np.linalg.LinAlgError:
            return beta, False
        largest = np.abs(step).max()
        step *= min(1.0, 5 / max(largest, 1e-300))
        for _ in range(30):
            new = _objective(y, X, beta + step, is_firth)
            if new >= value - 1e-12:
                break
            step /= 2
        beta, value = beta + step, new
        if largest < 1e-9:
            return beta, True
    return beta, False


def _residual(y, X, p, information, is_firth: bool) -> np.ndarray:
    if not is_firth:
        return y - p
    weight = p * (1 - p)
    leverage = weight * np.einsum("ij,ji->i", X, np.linalg.solve(information, X.T))
    return y - p + leverage * (0.5 - p)


def _objective(y, X, beta, is_firth: bool) -> float:
    likelihood = _likelihood(y, X @ beta)
    if not is_firth:
        return likelihood
    sign, log_determinant = np.linalg.slogdet(_information(X, _probability(X @ beta)))
    return likelihood + 0.5 * log_determinant if sign > 0 else -np.inf


def _probability(score: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(score, -700, 700)))


def _likelihood(y: np.ndarray, score: np.ndarray) -> float:
    return float((y * score - np.logaddexp(0, score)).sum())


def _information(X: np.ndarray, p: np.ndarray) -> np.ndarray:
    return X.T @ (X * (p * (1 - p))[:, None])


def _sandwich(bread: np.ndarray, scores: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, int]:
    count = int(codes.max()) + 1
    if count < 2:
        raise CannotAnswer("a clustered standard error needs at least two clusters")
    sums = np.column_stack([np.bincount(codes, column) for column in scores.T])
    return bread @ (sums.T @ sums) @ bread * count / (count - 1), count


def is_separated(y: np.ndarray, X: np.ndarray) -> bool:
    """Whether some combination of the terms never points the wrong way and sometimes the right one.

    Then the likelihood has no maximum (Albert and Anderson 1984); found by linear programming (Konis 2007): maximise
    the sum of (2y - 1) X b with each part >= 0 and |b| <= 1.
    """
    signed = np.unique((2 * np.asarray(y, "f8") - 1)[:, None] * np.asarray(X, "f8"), axis=0)
    signed = signed / np.maximum(np.abs(signed).max(0), 1e-300)
    best = scipy.optimize.linprog(
        -signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs"
    )
    return bool(best.status == 0 and -best.fun > 1e-7)


def design(
    frame: pd.DataFrame,
    outcome,
    categories: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    hour: str | None = None,
) -> pd.DataFrame:
    """A design for `fit_logit`: constant, levels against the commonest, numbers in standard deviations, cyclic hour.

    outcome (n,) of 0 and 1: levels with fewer than 10 of either outcome are pooled as "other" (left out where nothing
    remains to compare). A number that is missing becomes its mean, and a column "... missing" says where. hour: a
    column of hours of the day (0 to 24), which becomes sine and cosine, because 23 is next to 0.
    """
    y, columns = np.asarray(outcome, bool), {"constant": np.ones(len(frame))}
    for name in categories:
        columns |= _levels(frame[name].astype("string").fillna("not known"), name, y)
    for name in numbers:
        values = frame[name].to_numpy("f8")
        gone = ~np.isfinite(values)
        known = values[~gone]
        spread = known.std() if len(known) else 0.0
        if spread > 0:
            columns[name] = np.where(gone, 0.0, (np.where(gone, 0, values) - known.mean()) / spread)
        if 0 < gone.sum() < len(gone):
            columns[f"{name} missing"] = gone.astype("f8")
    if hour is not None:
        angle = 2 * np.pi * frame[hour].to_numpy("f8") / 24
        columns |= {"hour (sine)": np.sin(angle), "hour (cosine)": np.cos(angle)}
    return pd.DataFrame(columns, index=frame.index)


def _levels(values: pd.Series, name: str, y: np.ndarray) -> dict[str, np.ndarray]:
    onsets, others = (values[mask].value_counts() for mask in (y, ~y))
    common = [level for level in values.unique() if min(onsets.get(level, 0), others.get(level, 0)) >= FEWEST_ONSETS]
    pooled = values.where(values.isin(common), "other")
    ranked = pooled.value_counts().index
    return {f"{name}: {level}": (pooled == level).to_numpy("f8") for level in ranked[1:]}
