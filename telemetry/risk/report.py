"""The report of a forecast: all models in one table, on a block of time that none of them has seen.

Its layout (everything is a plain number, text, list or dict, so that it can be kept as JSON):

    level, horizon_hours, rows, sites, chargers, positives, prevalence, ranges {train, calibration, test: [from, to]}
    models: [{name, average_precision, brier_skill, slope {value, interval}, auc, brier}]
    gain: {value, interval}             average precision of the main model minus that of persistence, paired
    verdict                             one sentence
    reliability: [{risk, observed, interval, rows}], curve: [[recall, precision]]
    alerts: [{alerts_a_day, ...}], thresholds: [{risk, ...}], lead_times {budget, points}       see alerts.Daily
    importance: [{feature, drop, interval}], folds: [{from, to, rows, prevalence, <model>: average precision}]
    unseen_sites: {average_precision, persistence, prevalence}
    oracle: {average_precision, share {value, interval}, rows}      on simulated data only
"""

from collections.abc import Callable

import numpy as np

from .alerts import Daily
from .forecast import BASELINE, MAIN, MODELS, Forecast, fit
from .measures import (
    area_under_roc,
    average_precision,
    brier_skill_measure,
    interval,
    measured,
    precision_measure,
    precision_recall_curve,
    reliability,
    site_weights,
    slope_measure,
)
from .rows import Rows, Split, rolling_origins, split

_IMPORTANCE_ROWS, _SHUFFLES = 30_000, 5
_FOLD_GROUPS = 4
Progress = Callable[[int, int, str], None]


def evaluate(
    rows: Rows,
    horizon_hours: float,
    seed: int = 0,
    oracle: np.ndarray | None = None,
    besides: Rows | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Forecast, dict]:
    """Fit every model, measure all of them on the last fifth of the time, and return the main one with the report.

    `oracle` is the true risk of each row where it is known, NaN elsewhere; `besides` are rows to learn from and not to
    be measured by (`rows.hot_rows`). Raises ValueError where there is nothing to
    learn from.
    """
    cut = split(rows.second, horizon_hours)
    test = rows.where(cut.test)
    if not 0 < test.y.sum() < len(test):
        raise ValueError("the last fifth of the history holds no outage, or nothing but outages")
    fitted = {}
    for number, name in enumerate(MODELS):
        progress(number, len(MODELS) + 3, f"fitting {name.replace('_', ' ')}")
        fitted[name] = fit(name, rows, cut, horizon_hours, seed, besides=besides if name == MAIN else None)
    risks = {name: forecast.risk(test.features) for name, forecast in fitted.items()}
    raws = {name: forecast.raw(test.features) for name, forecast in fitted.items()}
    weights = site_weights(test.site, seed=seed)
    progress(len(MODELS), len(MODELS) + 3, "measuring")
    report = _head(rows, cut, horizon_hours)
    report["models"] = [_line(name, raws[name], risks[name], risks["climatology"], test, weights) for name in MODELS]
    report["gain"] = gain(raws[MAIN], raws[BASELINE], test.y, weights)
    report["verdict"] = verdict(report["gain"], report["models"])
    report["reliability"] = reliability(risks[MAIN], test.y, weights)
    report["curve"] = precision_recall_curve(raws[MAIN], test.y)
    daily = Daily(test, raws[MAIN], risks[MAIN])
    report["alerts"] = daily.by_budget(len(np.unique(rows.charger)))
    report |= {"thresholds": daily.by_threshold(), "lead_times": daily.lead_times(horizon_hours)}
    progress(len(MODELS) + 1, len(MODELS) + 3, "what it looks at")
    report["importance"] = importance(fitted[MAIN], test, seed)
    progress(len(MODELS) + 2, len(MODELS) + 3, "other times and other sites")
    folds = (_fold(rows, *masks, horizon_hours, seed) for masks in rolling_origins(rows.second, horizon_hours))
    report["folds"] = [fold for fold in folds if fold]
    report["unseen_sites"] = unseen_sites(rows, cut, horizon_hours, seed)
    if oracle is not None and np.isfinite(oracle[cut.test]).any():
        report["oracle"] = _beside_oracle(raws[MAIN], oracle[cut.test], test, weights)
    return fitted[MAIN], report


def gain(score: np.ndarray, baseline: np.ndarray, y: np.ndarray, weights: np.ndarray) -> dict:
    """Average precision of a score minus that of a baseline, with a paired interval over sites."""
    own, other = precision_measure(score, y), precision_measure(baseline, y)
    return measured(lambda weight: own(weight) - other(weight), weights)


def verdict(difference: dict, models: list[dict]) -> str:
    """One sentence: whether it beats persistence."""
    low, high = difference["interval"]
    precision = {line["name"]: line["average_precision"]["value"] for line in models}
    compared = f"average precision {precision[MAIN]:.3f} against {precision[BASELINE]:.3f}"
    span = f"difference {difference['value']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    if low > 0:
        return f"It beats persistence: {compared}, {span}."
    return f"There is no signal that could be trusted: it does not beat persistence ({compared}, {span})."


def importance(forecast: Forecast, test: Rows, seed: int = 0) -> list[dict]:
    """How much average precision falls when a group of features is shuffled, largest first.

    Windows of one kind are shuffled together, because each could stand in for the other.
    """
    rng = np.random.default_rng(seed)
    some = test.where(np.sort(rng.permutation(len(test))[:_IMPORTANCE_ROWS]))
    if not some.y.any():
        return []
    whole = average_precision(forecast.raw(some.features), some.y)
    table = []
    for group, places in _groups(test.names).items():
        drops = []
        for _ in range(_SHUFFLES):
            shuffled = some.features.copy()
            shuffled[:, places] = shuffled[rng.permutation(len(some))][:, places]
            drops.append(whole - average_precision(forecast.raw(shuffled), some.y))
        drops = np.array(drops)
        table.append({"feature": group, "drop": float(drops.mean()), "interval": interval(drops)})
    return sorted(table, key=lambda line: -line["drop"])


def unseen_sites(rows: Rows, cut: Split, horizon_hours: float, seed: int = 0) -> dict:
    """The main model on sites and at times that it was not fitted on; empty where there are too few sites."""
    group, test = rows.site % _FOLD_GROUPS, np.flatnonzero(cut.test)
    score = np.full(len(test), np.nan)
    for number in range(_FOLD_GROUPS):
        others = Split(cut.train & (group != number), cut.calibration & (group != number), cut.test)
        here = group[test] == number
        known = rows.y[others.train]
        if here.any() and 0 < known.sum() < len(known):
            forecast = fit(MAIN, rows, others, horizon_hours, seed, calibrated=False)
            score[here] = forecast.raw(rows.features[test[here]])
    test, score = test[np.isfinite(score)], score[np.isfinite(score)]
    y = rows.y[test]
    if not y.any():
        return {}
    weights = site_weights(rows.site[test], seed=seed)
    persistence = fit(BASELINE, rows, cut, horizon_hours, seed, calibrated=False).raw(rows.features[test])
    return {
        "average_precision": measured(precision_measure(score, y), weights),
        "persistence": measured(precision_measure(persistence, y), weights),
        "prevalence": float(y.mean()),
    }


def _head(rows: Rows, cut: Split, horizon_hours: float) -> dict:
    ranges = {name: _span(rows.second[getattr(cut, name)]) for name in ("train", "calibration", "test")}
    y = rows.y[cut.test]
    return {
        "level": rows.level,
        "horizon_hours": horizon_hours,
        "rows": {name: int(getattr(cut, name).sum()) for name in ("train", "calibration", "test")},
        "sites": len(np.unique(rows.site)),
        "chargers": len(np.unique(rows.charger)),
        "positives": int(y.sum()),
        "prevalence": float(y.mean()),
        "ranges": ranges,
    }


def _span(second: np.ndarray) -> list[str]:
    return [f"{np.datetime64(int(s), 's')}Z" for s in (second.min(), second.max())] if len(second) else []


def _line(name: str, raw, risk, reference, test: Rows, weights) -> dict:
    return {
        "name": name,
        "average_precision": measured(precision_measure(raw, test.y), weights),
        "brier_skill": measured(brier_skill_measure(risk, reference, test.y), weights),
        "slope": measured(slope_measure(risk, test.y), weights[:50]),
        "auc": area_under_roc(raw, test.y),
        "brier": float(np.square(risk - test.y).mean()),
    }


def _fold(rows: Rows, train: np.ndarray, test: np.ndarray, horizon_hours: float, seed: int) -> dict:
    """Empty where there is nothing to learn from, or to measure by: the other folds still say something."""
    cut, block = Split(train, np.zeros_like(train), test), rows.where(test)
    if not (0 < rows.y[train].sum() < train.sum() and block.y.any()):
        return {}
    span = _span(block.second)
    line = {"from": span[0], "to": span[1], "rows": len(block), "prevalence": float(block.y.mean())}
    for name in (MAIN, BASELINE):
        forecast = fit(name, rows, cut, horizon_hours, seed, calibrated=False)
        line[name] = average_precision(forecast.raw(block.features), block.y)
    return line


def _groups(names: tuple[str, ...]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        group = name.removesuffix("_6h").removesuffix("_24h").removesuffix("_168h").replace("_", " ")
        groups.setdefault(group, []).append(place)
    return groups


def _beside_oracle(raw: np.ndarray, oracle: np.ndarray, test: Rows, weights: np.ndarray) -> dict:
    known = np.isfinite(oracle)
    y = test.y[known]
    own, best = precision_measure(raw[known], y), precision_measure(oracle[known], y)
    return {
        "rows": int(known.sum()),
        "average_precision": measured(best, weights[:, known]),
        "share": measured(lambda weight: own(weight) / best(weight), weights[:, known]),
        "auc": area_under_roc(oracle[known], y),
    }
