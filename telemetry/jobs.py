"""The long tasks of telemetry."""

import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.utils import timezone

from stations.jobs import JobRefused, enqueue, job_kind

from . import scoring
from .analyses import store
from .analyses.questions import BY_SLUG
from .analyses.scope import Scope
from .forecast_training import forecasts_to_train
from .importers import (
    ImportRefused,
    ImportReport,
    import_readings,
    import_sessions,
    import_soft_events,
    import_status,
)


@job_kind("train_risk")
def train_risk(job, progress) -> dict:
    """Train the forecasts and, beside them, the state classifier; the gates decide which of them score.

    Parameter `then` (optional): the kind of job that follows.
    """
    result, refused = {}, []
    # The forecast first, because the classifier would score by itself until it is there.
    for name, train in (forecasts_to_train() | {"state classifier": scoring.train_risk}).items():
        try:
            model, promoted = train(timezone.now(), progress=progress)
        except scoring.NothingToLearn as error:
            refused.append(str(error))
        else:
            result[name] = {"model": model.pk, "promoted": promoted, "rows": model.rows, "why": model.reason}
    if job.parameters.get("then"):
        enqueue(job.parameters["then"], created_by=job.created_by)
    if not result:
        raise JobRefused(" ".join(refused))
    return result | ({"not trained": " ".join(refused)} if refused else {})


@job_kind("answer_reliability")
def answer_reliability(job, progress) -> dict:
    """Answer a question of the reliability pages and keep the answer. Parameters: question, scope (as JSON)."""
    slug = job.parameters.get("question")
    if slug not in BY_SLUG:
        raise JobRefused(f"There is no question {slug!r}; known are {', '.join(BY_SLUG)}.")
    row = store.make(slug, Scope.from_json(job.parameters["scope"]), progress)
    return {"summary": row.answer["sentence"]}


@job_kind("prepare_reliability")
def prepare_reliability(job, progress) -> dict:
    """Answer every question about the usual period for everybody who may look, as far as it is not answered yet."""
    made = store.prepare(timezone.now(), progress)
    return {"answers": made, "summary": f"{made} answers were made; the others had not changed."}


@job_kind("import_readings")
def import_uploaded_readings(job, progress) -> dict:
    """Import the upload as half-hours. Parameters, all optional: simulated (true), skip_bad, time_zone."""
    return import_upload(job, progress, import_readings, simulated=job.parameters.get("simulated", True))


@job_kind("import_status")
def import_uploaded_status(job, progress) -> dict:
    """Import the upload as status reports. Parameters, all optional: site, operator, skip_bad, time_zone."""
    return import_upload(job, progress, import_status, **places(job))


@job_kind("import_soft_events")
def import_uploaded_soft_events(job, progress) -> dict:
    """Import the upload as soft events. Parameters, all optional: site, operator, skip_bad, time_zone."""
    return import_upload(job, progress, import_soft_events, **places(job))


@job_kind("import_sessions")
def import_uploaded_sessions(job, progress) -> dict:
    """Import the upload as charging sessions. Parameters, all optional: skip_bad, time_zone."""
    return import_upload(job, progress, import_sessions)


def places(job) -> dict[str, str | None]:
    """Where chargers belong that nobody has met before, as the job was told."""
    return {name: job.parameters.get(name) or None for name in ("site", "operator")}


def import_upload(job, progress, load, **options) -> dict:
    """Load the job's upload; bad rows become the job's result file, whether they were left out or in the way."""
    with tempfile.TemporaryDirectory() as folder:
        rejects = Path(folder, "rejects.csv")
        try:
            report: ImportReport = load(
                job.upload.path,
                **options,
                skip_bad=bool(job.parameters.get("skip_bad")),
                time_zone=job.parameters.get("time_zone") or settings.DATA_TIME_ZONE,
                rejects_path=rejects,
                progress=progress,
                now=timezone.now(),
                member=job.created_by,
            )
        except ImportRefused:
            _keep_rejects(job, rejects)
            raise
        _keep_rejects(job, rejects)
    return report.as_dict()


def _keep_rejects(job, rejects: Path) -> None:
    if rejects.exists():
        with open(rejects, "rb") as file:
            job.result_file.save(f"{Path(job.upload.name).stem}-rejects.csv", File(file), save=False)
        type(job).objects.filter(pk=job.pk).update(result_file=job.result_file.name)
