"""What a model's page says of the state classifier: what it looks at, and what is left without the wait."""

from . import plots
from .plots import with_interval

_LEAK = (
    "It tells the present, not the future. A wait is only possible when no port is free, and an outage takes ports"
    " away: the wait is a child of the very status that is to be told. Utilization and price of the same half-hour know"
    " of it too."
)
_KEPT = (
    "Its classes are weighed as if equally frequent, so that its score is no probability. It is kept as a named"
    " baseline and scores only while no forecast does."
)
_MOST = 10  # features in the table


def precision(metrics: dict) -> dict | None:
    """Its average precision as {value, interval}; None where it was not measured."""
    if not isinstance(metrics.get("average_precision"), float):
        return None
    return {"value": metrics["average_precision"], "interval": metrics.get("interval", [None, None])}


def why(metrics: dict) -> str:
    """Why it is only a baseline, with what the wait gave on the last fifth of its history."""
    if "without_wait" not in metrics:
        return f"{_LEAK} {_KEPT}"
    found = (
        f"With it the average precision is {with_interval(precision(metrics))}, without it"
        f" {with_interval(metrics['without_wait'])}: a difference of {with_interval(metrics['given_by_wait'])}."
    )
    return f"{_LEAK} {found} {_KEPT}"


def table(metrics: dict) -> dict | None:
    """The features by importance, beside those of the same forest without the wait."""
    importances, others = metrics.get("importances"), metrics.get("importances_without_wait", {})
    if not importances:
        return None
    rows = [(name.replace("_", " "), _percent(share), _percent(others.get(name)))
            for name, share in sorted(importances.items(), key=lambda one: -one[1])[:_MOST]]  # fmt: skip
    head = ("Feature", "Share", "Without the wait")
    return {"title": "What the state classifier looks at", "rows": rows, "head": head,
            "said": "Shares of the decrease in impurity, which favours features of many values."}  # fmt: skip


def figures(metrics: dict) -> list[str]:
    """Average precision with and without the wait, beside that of guessing."""
    found = precision(metrics)
    if found is None or "without_wait" not in metrics:
        return []
    both = (("all 21 features", found), ("without the wait", metrics["without_wait"]))
    values = [(words, one["value"], *one["interval"]) for words, one in both]
    values.append(("guessing", metrics["prevalence"], None, None))
    said = "Of telling which readings are of an outage, on the last fifth of the time; 95 % intervals by bootstrap."
    return [plots.rows("What the wait gives away", said, "average precision", values)]


def _percent(share: float | None) -> str:
    return plots.UNKNOWN if share is None else f"{100 * share:.1f} %"
