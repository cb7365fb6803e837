"""The report of a model of root causes, for its page: tables and plots."""

from . import plots
from .models import Cause, ModelVersion
from .plots import Axis, Line

MEASURES = (("accuracy", "Right"), ("macro_f1", "Macro-F1"), ("top_3", "Among the three likeliest"),
            ("parts_hit", "Right part"))  # fmt: skip
_NAMES = {"k_means": "K-Means on scaled events", "gaussian_mixture": "Gaussian mixture of as many",
          "four_raw_groups": "four groups of raw numbers (baseline)"}  # fmt: skip


def sentence(report: dict) -> str:
    best = report["ways"][0]
    return (
        f"It names the right cause in {_share(best['accuracy'])} of {report['test']:,} later failures, judged by"
        f" {report['judged_by']}, and has it among its three likeliest in {_share(best['top_3'])};"
        f" {best['unknown']:.0%} stay unknown."
    )


def headline(model: ModelVersion) -> str:
    """The share of right causes with its interval."""
    return f"{_share(model.metrics['ways'][0]['accuracy'])} right" if model.metrics.get("ways") else "–"


def tables(report: dict) -> list[dict]:
    """Ways to tell a cause, causes, and groups found without labels."""
    return [table for table in (_ways(report), _causes(report), _agreement(report), _groups(report)) if table]


def figures(report: dict) -> list[str]:
    """The confusion matrix, what each way comes to, and how the number of groups was chosen."""
    ways = [(line["name"], line["macro_f1"]["value"], *line["macro_f1"]["interval"]) for line in report["ways"]]
    drawn = [
        plots.matrix("What it was and what was said", "Each row is a cause; a failure on the diagonal was named right.",
                     [Cause(name).label for name in report["confusion"]["causes"]], report["confusion"]["counts"],
                     last="unknown"),
        plots.rows("Macro-F1", "The mean over causes, so that rare ones count as much as frequent ones.",
                   "macro-F1", ways),
    ]  # fmt: skip
    if tried := report["groups"].get("tried"):
        x = [one["count"] for one in tried]
        lines = [Line(name, x, [max(one[name], 0) for one in tried], look=look)
                 for name, look in (("silhouette", "world"), ("stability", "loaded"))]  # fmt: skip
        said = f"{report['groups']['count']} groups: the widest silhouette among those that resamples agree on."
        drawn.append(
            plots.chart("How many groups", said, Axis("groups", min(x), max(x), "{:.0f}"), Axis("index"), lines)
        )
    return drawn


def _ways(report: dict) -> dict:
    rows = [(line["name"], *(_share(line[name]) for name, _ in MEASURES), f"{line['unknown']:.0%}")
            for line in report["ways"]]  # fmt: skip
    said = (
        f"On {report['test']:,} failures that came after the {report['train']:,} that were learnt from, a day apart;"
        f" judged by {report['judged_by']}. An unknown counts as wrong. 95 % intervals by bootstrap over sites."
    )
    head = ("How a cause is told", *(words for _, words in MEASURES), "Unknown")
    return {"title": "Later failures", "said": said, "head": head, "rows": rows, "emphasis": "rules and classifier"}


def _causes(report: dict) -> dict:
    rows = [(Cause(one["cause"]).label, f"{one['count']:,}", _of(one["precision"]), _of(one["recall"]))
            for one in report["by_cause"]]  # fmt: skip
    return {"title": "Cause by cause", "said": "", "rows": rows,
            "head": ("Cause", "Failures", "Right when it is said", "Said when it was it")}  # fmt: skip


def _agreement(report: dict) -> dict | None:
    if not report["groups"]:
        return None
    rows = [(_NAMES[name], _index(one["cause"]), _index(one["kind"]))
            for name, one in report["groups"]["agreement"].items()]  # fmt: skip
    said = (
        "Adjusted Rand index: 0 as by chance, 1 the same. Groups should agree with causes, and hardly with the kind of"
        " charger: groups of the raw numbers mostly find the hardware."
    )
    return {"title": "Groups found without labels", "said": said, "rows": rows,
            "head": ("Grouping", "With the cause", "With the kind of charger")}  # fmt: skip


def _groups(report: dict) -> dict | None:
    lines = report["groups"].get("lines")
    if not lines:
        return None
    rows = [(line["name"], f"{line['size']:,}", _likely(line)) for line in lines]
    return {"title": "The groups", "said": "Named by what is more frequent in them than elsewhere; *Cause groups* is"
            " where a person says what they are.", "rows": rows,
            "head": ("Group", "Failures", "Found most often")}  # fmt: skip


def _likely(line: dict) -> str:
    return f"{Cause(line['cause']).label} ({line['share']:.0%} of {line['labelled']:,})" if line.get("cause") else "–"


def _share(measured: dict) -> str:
    value, (low, high) = measured["value"], measured["interval"]
    return f"{value:.1%}" if low is None or high is None else f"{value:.1%} ({low:.1%} to {high:.1%})"


def _of(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _index(measured: dict | None) -> str:
    if measured is None:
        return "–"
    low, high = (end or 0 for end in measured["interval"])
    return f"{measured['value']:.2f} ({low:.2f} to {high:.2f})"
