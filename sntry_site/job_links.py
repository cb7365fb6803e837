"""Where what a job has made can be looked at: (words, address) by kind of job."""

from django.urls import NoReverseMatch, reverse

from stations.models import Job

_LOADED = {
    "import_readings": [("Readings", "admin:telemetry_reading_changelist"), ("Reliability", "reliability")],
    "import_status": [("Outages", "admin:telemetry_outage_changelist"), ("Reliability", "reliability")],
    "import_sessions": [("Sessions", "admin:telemetry_chargingsession_changelist"), ("Reliability", "reliability")],
    "import_soft_events": [("Soft events", "admin:telemetry_softevents_changelist")],
    "import_orders": [("Work orders", "admin:maintenance_workorder_changelist"), ("Key figures", "dispatch-kpis")],
    "extend_history": [("World check", "world-check"), ("Reliability", "reliability")],
    "train_risk": [("Models", "admin:telemetry_modelversion_changelist")],
    "train_causes": [("Models", "admin:telemetry_modelversion_changelist")],
    "compare_policies": [("Policy lab", "policy-lab")],
    "check_world": [("World check", "world-check")],
    "prepare_reliability": [("Reliability", "reliability")],
}


def links_of(job: Job) -> list[tuple[str, str]]:
    """The pages that show what a done job has made: first the very thing, then where such things are listed."""
    if job.state != Job.State.DONE:
        return []
    found = [(f"Model {model}", reverse("admin:telemetry_modelversion_change", args=[model])) for model in _models(job)]
    slug = job.parameters.get("question") if job.kind == "answer_reliability" else None
    if isinstance(slug, str) and slug:
        found.append(("The answer", _address("reliability-question", slug)))
    found += [(words, _address(name)) for words, name in _LOADED.get(job.kind, [])]
    return [(words, address) for words, address in found if address]


def _models(job: Job) -> list[int]:
    parts = [job.result, *(part for part in job.result.values() if isinstance(part, dict))]
    return sorted({part["model"] for part in parts if isinstance(part.get("model"), int)})


def _address(name: str, *arguments) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
