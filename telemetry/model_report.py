"""A model's report for its page: one sentence, tables, plots and what the model cannot do."""

from django.utils.safestring import mark_safe

from . import alert_report, cause_model_report, classifier_report, plots
from .models import ModelVersion
from .plots import UNKNOWN, Axis, Line, with_interval


def title(model: ModelVersion) -> str:
    ahead = f", {model.horizon_hours} h" if model.horizon_hours else ""
    of = " of sites" if model.kind == ModelVersion.Kind.FORECAST and model.level == ModelVersion.Level.SITE else ""
    return f"{model.get_kind_display()}{of}{ahead}"


def headline(model: ModelVersion) -> str:
    """Average precision with its interval, as far as it was measured."""
    if model.kind == ModelVersion.Kind.CAUSES:
        return cause_model_report.headline(model)
    main = _main(model.metrics)
    if main:
        return with_interval(main["average_precision"])
    found = classifier_report.precision(model.metrics)
    return with_interval(found) if found else UNKNOWN


def beats_persistence_in_words(model: ModelVersion) -> str:
    gain = model.metrics.get("gain")
    if not gain:
        return UNKNOWN
    return "beats it" if (gain["interval"][0] or 0) > 0 else "does not beat it"


def context(model: ModelVersion) -> dict:
    """What the page's template needs of a model's report."""
    report = model.metrics
    if model.kind == ModelVersion.Kind.CAUSES:
        return _of_causes(model)
    tables = (_models(report), _folds(report), *alert_report.tables(report), classifier_report.table(report))
    signal = report.get("signal") or {}
    return {
        "sentence": report.get("verdict", ""),
        "no_signal": signal.get("sentence", "") if signal and not signal["has_signal"] else "",
        "tables": [table for table in tables if table],
        "figures": [mark_safe(figure) for figure in _figures(report)],  # noqa: S308  (numbers and our own words)
        "audits": _audits(model, signal),
        "limits": report.get("limits", []),
        "facts": _facts(model),
    }


def _of_causes(model: ModelVersion) -> dict:
    report = model.metrics
    return {
        "sentence": cause_model_report.sentence(report),
        "tables": cause_model_report.tables(report),
        "figures": [mark_safe(figure) for figure in cause_model_report.figures(report)],  # noqa: S308  (our own words)
        "limits": report.get("limits", []),
        "facts": _facts(model),
    }


def _main(report: dict) -> dict:
    return next((line for line in report.get("models", []) if line["name"] == "random_forest"), {})


def _models(report: dict) -> dict | None:
    if not report.get("models"):
        return None
    rows = [
        (_words(line["name"]), *(with_interval(line[name]) for name in ("average_precision", "brier_skill", "slope")))
        for line in report["models"]
    ]
    if best := report.get("oracle"):
        rows.append(("oracle (the simulated truth)", with_interval(best["average_precision"]), UNKNOWN, UNKNOWN))
    tested, unseen = report["rows"]["test"], report.get("unseen_sites")
    said = (
        f"On {tested:,} moments of {report['chargers']:,} {report.get('level', 'charger')}s that no model had seen;"
        f" {100 * report['prevalence']:.1f} % of them were followed by an outage, which is the average precision of"
        " guessing. 95 % intervals by bootstrap over sites."
    )
    if unseen:
        said += f" At sites left out of the training: {with_interval(unseen['average_precision'])}."
    head = ("Model", "Average precision", "Brier skill", "Calibration slope")
    return {"title": "All models", "said": said, "head": head, "rows": rows, "emphasis": "random forest"}


def _folds(report: dict) -> dict | None:
    if not report.get("folds"):
        return None
    rows = [
        (f"{fold['from'][:10]} to {fold['to'][:10]}", f"{fold['random_forest']:.3f}", f"{fold['persistence']:.3f}",
         f"{100 * fold['prevalence']:.1f} %") for fold in report["folds"]
    ]  # fmt: skip
    said = "Trained on all that came before each block of time, a horizon apart."
    return {"title": "Other times", "said": said, "rows": rows,
            "head": ("Tested on", "Random forest", "Persistence", "Prevalence")}  # fmt: skip


def _figures(report: dict) -> list[str]:
    figures = classifier_report.figures(report)
    if table := report.get("reliability"):
        figures.append(_reliability(table))
    if curve := report.get("curve"):
        recall, precision = zip(*curve, strict=True)
        level = Line("guessing", [0, 1], [report["prevalence"]] * 2, look="mark")
        said = "Each point is a threshold; further up and to the right is better."
        figures.append(plots.chart("Precision and recall", said, Axis("recall"), Axis("precision"),
                                   [Line("forecast", recall, precision), level]))  # fmt: skip
    figures += alert_report.figures(report)
    if table := report.get("importance"):
        values = [(_words(one["feature"]), one["drop"], *one["interval"]) for one in table[:10]]
        figures.append(plots.rows("What it looks at", "Fall in average precision when it is shuffled (five times).",
                                  "fall in average precision", values))  # fmt: skip
    return figures


def _reliability(table: list[dict]) -> str:
    most = max(max(one["risk"], one["interval"][1] or 0) for one in table)
    axis = Axis("risk that was forecast", 0, most), Axis("share that failed", 0, most)
    low, high = zip(*((one["interval"][0] or 0, one["interval"][1] or 0) for one in table), strict=True)
    found = Line(
        "tenths of the moments",
        [one["risk"] for one in table],
        [one["observed"] for one in table],
        low,
        high,
        dots=True,
    )
    said = "A forecast that can be taken at its word lies on the dashed line."
    return plots.chart("Reliability", said, *axis, [found, Line("as forecast", [0, most], [0, most], look="mark")])


def _audits(model: ModelVersion, signal: dict) -> list[dict]:
    audits = []
    if signal:
        alarm = "" if signal["has_signal"] else "No signal: do not trust a score made from this history."
        audits.append({"title": "Is there a signal at all?", "alarm": alarm, "said": signal["sentence"]})
    if model.kind == ModelVersion.Kind.STATE_CLASSIFIER:
        audits.append({"title": "Why it is only a baseline", "alarm": "", "said": classifier_report.why(model.metrics)})
    return audits


def _facts(model: ModelVersion) -> list[tuple[str, str]]:
    ranges = [(f"{name} block", " to ".join(at[:16].replace("T", " ") for at in span))
              for name, span in model.ranges.items() if span]  # fmt: skip
    return [
        *ranges,
        ("features", f"{len(model.features)}: {', '.join(_words(name) for name in model.features)}"),
        ("thresholds", ", ".join(f"{name.lower()} {value:.2f}" for name, value in model.thresholds.items()) or UNKNOWN),
        ("schema hash", model.schema_hash[:16] or UNKNOWN),
        ("data hash", model.data_hash[:16] or UNKNOWN),
        ("file hash", model.sha256[:16]),
        ("code", model.code_version or UNKNOWN),
        ("scikit-learn", model.scikit_learn),
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")
