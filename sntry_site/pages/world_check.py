"""The page that lays the simulated world, and the history that is loaded, beside published field data."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from unfold.widgets import UnfoldAdminSelectWidget

from stations.admin_display import moment
from stations.job_report import running
from stations.jobs import enqueue
from stations.models import Job
from telemetry.simulation.check_plots import figures

from .import_page import may_import

KIND = "check_world"
SCENARIOS = {
    "typical": "Typical: 92 to 96 % available",
    "good": "Good: 97 to 99 % available",
    "poor": "Poor: 75 to 85 % available",
}


class CheckForm(forms.Form):
    """Which world is to be checked."""

    scenario = forms.ChoiceField(label="Scenario", choices=SCENARIOS, widget=UnfoldAdminSelectWidget)


def world_check_page(request):
    """Ask for a check; show how far it is, and the latest one that has ended, of a scenario or of any.

    The loaded history is that of every operator: whoever may import may see it.
    """
    if not may_import(request.user):
        raise PermissionDenied("The world check needs the role ops and a membership of every operator.")
    chosen = request.GET.get("scenario")
    form = CheckForm(request.POST or None, initial={"scenario": chosen})
    if request.method == "POST" and form.is_valid():
        enqueue(KIND, form.cleaned_data, created_by=request.user)
        return redirect(f"{reverse('world-check')}?scenario={form.cleaned_data['scenario']}")
    jobs = Job.objects.filter(kind=KIND)
    if chosen in SCENARIOS:
        jobs = jobs.filter(parameters__scenario=chosen)
    context = {**admin.site.each_context(request), "title": "World check", "form": form}
    return TemplateResponse(
        request, "admin/world_check.html", {**context, **running(jobs.visible_to(request.user)), **_report(jobs)}
    )


def _report(jobs) -> dict:
    """What the latest check that was done says: a row for each figure, the plots, and the causes."""
    job = jobs.filter(state=Job.State.DONE).first()
    if job is None:
        return {}
    world, loaded = (job.result["report"][name] for name in ("world", "loaded"))
    beside = {found["name"]: found for found in loaded["findings"]} if loaded else {}
    return {
        "scenario": job.parameters["scenario"],
        "summary": job.result["summary"],
        "ended": moment(job.finished_at),
        "world": world,
        "loaded": loaded,
        "rows": [(found, beside.get(found["name"])) for found in world["findings"]],
        "figures": [mark_safe(figure) for figure in figures(world, loaded)],  # noqa: S308  (numbers and our own words)
    }
