"""The long tasks of telemetry."""

from django.utils import timezone

from stations.jobs import JobRefused, job_kind

from . import scoring


@job_kind("train_risk")
def train_risk(job, progress) -> dict:
    """Train the risk model on the whole history, and let it score if it is no worse than the active one."""
    try:
        model, promoted = scoring.train_risk(timezone.now(), progress=progress)
    except scoring.NothingToLearn as error:
        raise JobRefused(str(error)) from None
    return {"model": model.pk, "promoted": promoted, "rows": model.rows, "metrics": model.metrics}
