"""The policy lab in the admin: ask for a comparison, see how far it is, and what the latest one found."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import mark_safe
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from stations.admin_display import moment
from stations.job_report import running
from stations.jobs import enqueue
from stations.models import Job
from telemetry.plots import rows

from .asked import KIND, LIMITS, BadRequest, comparison_of
from .measures import MEASURES, PER_PERCENT

FIGURES = (
    ("hours surged", "Share of the hours of touchable sites with a surge."),
    ("outages per 1,000 charger-hours", "Below 0: fewer outages than without a policy."),
    ("energy served", "Below 0: less energy than without a policy."),
    (PER_PERCENT, "What an avoided outage costs in energy; left out where the energy cannot be told from 0."),
    ("energy not served", "Of cars that gave up waiting, and held back by limits on power."),
    ("what drivers pay per kWh", "Above 0: dearer than without a policy."),
    ("wait", "Mean over sites and hours, estimate."),
    ("outages moved to neighbours", "At sites while they are discounted and a day after; above 0: more than without."),
)


class LabForm(forms.Form):
    """What to compare."""

    policies = forms.CharField(initial="none original guarded power-first", widget=UnfoldAdminTextInputWidget)
    elasticities = forms.CharField(initial="-0.1 -0.3 -0.76", widget=UnfoldAdminTextInputWidget)
    seeds = forms.IntegerField(initial=4, widget=UnfoldAdminIntegerFieldWidget)
    days = forms.IntegerField(initial=30, widget=UnfoldAdminIntegerFieldWidget)
    sites = forms.IntegerField(initial=100, widget=UnfoldAdminIntegerFieldWidget)

    def clean(self):
        values = super().clean()
        if self.errors:
            return values
        values["policies"] = values["policies"].replace(",", " ").split()
        try:
            values["elasticities"] = [float(each) for each in values["elasticities"].split()]
            comparison_of(**values)
        except ValueError:
            self.add_error("elasticities", "Write numbers below 0 with spaces between, for example -0.1 -0.3 -0.76.")
        except BadRequest as error:
            name = next((name for name in (*LIMITS, "elasticities") if str(error).startswith(name)), None)
            self.add_error(name, str(error))
        return values


def policy_lab_page(request):
    """The form, the job under way, and what the latest that was done found; all of it is of simulated worlds."""
    if not request.user.has_perm("pricing.view_surgepolicy"):
        raise PermissionDenied("The policy lab needs a role that sees policies.")
    may_ask = request.user.has_perm("pricing.add_surgepolicy") and request.user.has_perm("stations.add_job")
    form = LabForm(request.POST or None)
    if request.method == "POST":
        if not may_ask:
            raise PermissionDenied("To compare policies needs a role that writes them.")
        if form.is_valid():
            enqueue(KIND, form.cleaned_data, created_by=request.user)
            return redirect("policy-lab")
    jobs = Job.objects.filter(kind=KIND)
    context = {**admin.site.each_context(request), "title": "Policy lab", "form": form, "may_ask": may_ask}
    return TemplateResponse(
        request, "admin/policy_lab.html", {**context, **running(jobs.visible_to(request.user)), **_report(jobs)}
    )


def _report(jobs) -> dict:
    """The latest comparison that was done: a table for each measure over policies and elasticities, and the plots."""
    job = jobs.filter(state=Job.State.DONE).order_by("-finished_at").first()
    if job is None:
        return {}
    groups = job.result["report"]["groups"]
    found = {(each["policy"], each["elasticity"]): {one["name"]: one for one in each["findings"]} for each in groups}
    names = [*(measure.name for measure in MEASURES), PER_PERCENT]
    return {
        "parameters": job.parameters,
        "summary": job.result["summary"],
        "ended": moment(job.finished_at),
        "columns": [f"{each['policy']}, {each['elasticity']:g}" for each in groups],
        "rows": [(name, _unit(found, name), [_cell(one[name]) for one in found.values()]) for name in names],
        "figures": [mark_safe(figure) for figure in _figures(found)],  # noqa: S308  (escaped by plots)
    }


def _unit(found: dict, name: str) -> str:
    one = next(iter(found.values()))[name]
    return f"{one['unit']}, difference" if one["is_difference"] and name != PER_PERCENT else one["unit"]


def _cell(one: dict) -> dict:
    said = {name: "–" if one[name] is None else f"{one[name]:.3g}" for name in ("value", "low", "high")}
    return {**said, "is_known": one["value"] is not None}


def _figures(found: dict) -> list[str]:
    figures = []
    for name, said in FIGURES:
        values = [
            (f"{policy}, e = {elasticity:g}", one[name]["value"], one[name]["low"], one[name]["high"])
            for (policy, elasticity), one in found.items()
            if one[name]["value"] is not None
        ]
        if values:
            figures.append(rows(name.capitalize(), said, _unit(found, name), values))
    return figures
