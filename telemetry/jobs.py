"""The long tasks of telemetry."""

import tempfile
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files import File
from django.utils import timezone

from stations.jobs import JobRefused, enqueue, job_kind
from stations.models import Site

from . import scoring
from .importers import (
    ImportRefused,
    ImportReport,
    import_readings,
    import_sessions,
    import_soft_events,
    import_status,
)
from .models import Reading
from .simulation.history_file import write_history
from .simulation.network import network
from .simulation.streams import STEPS_PER_DAY


@job_kind("train_risk")
def train_risk(job, progress) -> dict:
    """Train the risk model on the whole history, and let it score if it is no worse than the active one."""
    try:
        model, promoted = scoring.train_risk(timezone.now(), progress=progress)
    except scoring.NothingToLearn as error:
        raise JobRefused(str(error)) from None
    return {"model": model.pk, "promoted": promoted, "rows": model.rows, "metrics": model.metrics}


@job_kind("extend_history")
def extend_history(job, progress) -> dict:
    """Put in front of a generated network's history what is missing of its `days`, then queue the job `then`."""
    days, seed = job.parameters["days"], job.parameters["seed"]
    sites = Site.objects.filter(operator__is_simulated=True).count()  # of the start that came through
    readings = Reading.objects.filter(site__operator__is_simulated=True)
    if not readings.exists():
        raise JobRefused("There is no generated history that could be extended.")
    first = np.datetime64(readings.earliest("at").at.replace(tzinfo=None), "s")
    last = np.datetime64(readings.latest("at").at.replace(tzinfo=None), "s")
    start = last - np.timedelta64(days, "D")
    steps = int((first - start) / np.timedelta64(30, "m"))
    if steps > 0:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "history.csv")
            write_history(file, network(sites, seed), start, steps, seed, progress)
            import_readings(
                file,
                simulated=True,
                skip_bad=False,
                time_zone="UTC",
                rejects_path=None,
                progress=progress,
                now=timezone.now(),
            )
    if job.parameters.get("then"):
        enqueue(job.parameters["then"])
    return {"days": max(0, steps // STEPS_PER_DAY)}


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
