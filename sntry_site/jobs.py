"""Long tasks that bring several apps together."""

import tempfile
from pathlib import Path

import numpy as np
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from maintenance.models import WorkOrder
from stations.bulk_actions import act_by_job
from stations.export_rows import export_by_job
from stations.jobs import JobRefused, enqueue, job_kind
from stations.models import Site
from stations.row_import_page import import_by_job
from telemetry.cause_training import Found, train_causes
from telemetry.models import Reading
from telemetry.scoring import NothingToLearn
from telemetry.simulation.check import sample
from telemetry.simulation.check_report import check_report
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.streams import STEPS_PER_DAY

from .exports import dump
from .generated_history import KINDS, PLAIN, Wanted, load_files, write_files
from .world_check import loaded_sample

CHECKED_SITES, CHECKED_DAYS, CHECKED_SEED, CHECKED_FROM = 150, 183, 1, np.datetime64("2025-07-01")


@job_kind("extend_history")
def extend_history(job, progress) -> dict:
    """Put in front of a generated network's history what is missing of its `days`, then queue the job `then`.

    `and_then` is the kind of job that follows that one.

    A `scenario`'s world is lived again from where the longer history begins, so that there is no seam. What is loaded
    already is in its files again and changes nothing; what an interrupted first start left out comes in.
    """
    parameters = {"scenario": PLAIN, "then": "", "and_then": ""} | job.parameters
    readings = Reading.objects.filter(site__operator__is_simulated=True, from_ticks=False)
    if not readings.exists():
        raise JobRefused("There is no generated history that could be extended.")
    simulated = Site.objects.filter(operator__is_simulated=True)
    made = network(simulated.count(), parameters["seed"]).station_id.tolist()  # others were added by hand
    sites = simulated.filter(external_id__in=made).count()
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
        enqueue(parameters["then"], {"then": parameters["and_then"]})
    return {"days": _steps(start, first) // STEPS_PER_DAY}


@job_kind("train_causes")
def learn_causes(job, progress) -> dict:
    """Learn root causes from what technicians found in closed orders; the gate decides whether they are used."""
    try:
        model, promoted = train_causes(timezone.now(), Found(*WorkOrder.objects.found_causes()), progress=progress)
    except NothingToLearn as error:
        raise JobRefused(str(error)) from None
    return {"model": model.pk, "promoted": promoted, "rows": model.rows, "why": model.reason}


@job_kind("check_world")
def check_world(job, progress) -> dict:
    """Live in a world of the `scenario`, and lay it and the loaded history beside published figures."""
    scenario = SCENARIOS[job.parameters["scenario"]]
    sites = network(CHECKED_SITES, CHECKED_SEED)
    lived = sample(sites, CHECKED_FROM, CHECKED_DAYS, CHECKED_SEED, scenario, progress)
    world = check_report(lived, scenario)
    progress(CHECKED_DAYS, CHECKED_DAYS, "Reading the loaded history")
    loaded = loaded_sample()
    held = sum(found["holds"] for found in world["findings"])
    return {
        "summary": f"{held} of {len(world['findings'])} figures of a {scenario.name} world lie within their bands.",
        "report": {"world": world, "loaded": None if loaded is None else check_report(loaded, scenario)},
    }


@job_kind(dump.KIND)
def operator_dump(job, progress) -> dict:
    """Write a dump of the job's operator. Parameters: until (a day, not included), days."""
    return dump.make_dump(job, progress)


def _steps(start: np.datetime64, end: np.datetime64) -> int:
    return int((end - start) / np.timedelta64(30, "m"))


@job_kind("export_rows")
def export_rows(job, progress) -> dict:
    """Write the file of a list of the admin that is too long to be waited for."""
    return export_by_job(admin_of(job.parameters["list"]), job, progress)


@job_kind("bulk_action")
def bulk_action(job, progress) -> dict:
    """Do to many rows of a list what was asked for and confirmed there."""
    return act_by_job(admin_of(job.parameters["list"]), job, progress)


@job_kind("import_rows")
def import_rows(job, progress) -> dict:
    """Write the rows of a file whose dry run was confirmed and which has many."""
    return import_by_job(admin_of(job.parameters["list"]), job, progress)


def admin_of(label: str):
    """The admin's pages of a model ("stations.site")."""
    return admin.site.get_model_admin(apps.get_model(label))
