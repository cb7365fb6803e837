"""The long tasks of telemetry."""

import tempfile
from pathlib import Path

import numpy as np
from django.utils import timezone

from stations.jobs import JobRefused, enqueue, job_kind

from . import scoring
from .importers import import_readings
from .models import Reading
from .simulation.history import STEPS_PER_DAY
from .simulation.history_file import write_history
from .simulation.network import network


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
    sites, days, seed = (job.parameters[name] for name in ("sites", "days", "seed"))
    readings = Reading.objects.filter(site__operator__is_simulated=True)
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
    return {"days": steps // STEPS_PER_DAY}
