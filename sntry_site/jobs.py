"""Long tasks that bring several apps together."""

import tempfile
from pathlib import Path

import numpy as np
from django.utils import timezone

from stations.jobs import JobRefused, enqueue, job_kind
from stations.models import Site
from telemetry.models import Reading
from telemetry.simulation.streams import STEPS_PER_DAY

from .generated_history import KINDS, PLAIN, Wanted, load_files, write_files


@job_kind("extend_history")
def extend_history(job, progress) -> dict:
    """Put in front of a generated network's history what is missing of its `days`, then queue the job `then`.

    A `scenario`'s world is lived again from where the longer history begins, so that there is no seam. What is loaded
    already is in its files again and changes nothing; what an interrupted first start left out comes in.
    """
    parameters = {"scenario": PLAIN, "then": ""} | job.parameters
    sites = Site.objects.filter(operator__is_simulated=True).count()  # of the start that came through
    readings = Reading.objects.filter(site__operator__is_simulated=True, from_ticks=False)
    if not readings.exists():
        raise JobRefused("There is no generated history that could be extended.")
    first, last = (
        np.datetime64(find("at").at.replace(tzinfo=None), "s") for find in (readings.earliest, readings.latest)
    )
    start = min(first, last - np.timedelta64(parameters["days"], "D"))
    kinds = () if parameters["scenario"] == PLAIN else KINDS
    until = first if parameters["scenario"] == PLAIN else last + np.timedelta64(30, "m")
    wanted = Wanted(sites, parameters["seed"], parameters["scenario"], start, _steps(start, until), kinds)
    if wanted.steps:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.csv.gz")
            write_files(path, wanted, progress)
            load_files(path, kinds, progress, timezone.now())
    if parameters["then"]:
        enqueue(parameters["then"])
    return {"days": _steps(start, first) // STEPS_PER_DAY}


def _steps(start: np.datetime64, end: np.datetime64) -> int:
    return int((end - start) / np.timedelta64(30, "m"))
