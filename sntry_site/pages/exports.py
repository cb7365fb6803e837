"""The page on which staff fetch the quarterly federal reports, and ask for a dump of an operator's data."""

from datetime import date

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from stations.admin_display import badge, moment
from stations.models import AuditEntry, Job, Operator

from ..exports import dump, ev_chart
from ..exports.quarter import Quarter
from ..exports.streaming import csv_download

QUARTERS = 8  # that the page offers, newest first
SHOWN_DUMPS = 20


def may_export(user) -> bool:
    """Whether `user` may fetch files of sessions and outages."""
    return user.has_perms(["telemetry.view_chargingsession", "telemetry.view_outage"])


def last_quarters(now) -> list[Quarter]:
    """The quarters that are over, newest first."""
    found = [Quarter.of(now).before()]
    while len(found) < QUARTERS:
        found.append(found[-1].before())
    return found


class ReportForm(forms.Form):
    """Whose quarter."""

    operator = forms.ModelChoiceField(Operator.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget)
    quarter = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, auto_id="report_%s", **kwargs)
        self.fields["operator"].queryset = Operator.objects.visible_to(user)
        self.fields["quarter"].choices = [(str(one), str(one)) for one in last_quarters(timezone.now())]


class DumpForm(forms.Form):
    """Whose data, of which days."""

    operator = forms.ModelChoiceField(Operator.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget)
    until = forms.DateField(
        initial=date.today, widget=UnfoldAdminSingleDateWidget, help_text="Not included; days are UTC."
    )
    days = forms.IntegerField(
        initial=1, min_value=1, max_value=dump.LONGEST_DAYS, widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"Before that day; at most {dump.LONGEST_DAYS}.",
    )  # fmt: skip

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, auto_id="dump_%s", **kwargs)
        self.fields["operator"].queryset = Operator.objects.visible_to(user)

    def clean(self):
        values = super().clean()
        if not self.errors:
            try:
                dump.check_period(values["until"], values["days"], timezone.now())
            except ValueError as error:
                self.add_error("until", str(error))
        return values


def exports_page(request):
    """Both forms, and the dumps that were made of late."""
    if not may_export(request.user):
        raise PermissionDenied("Exports need a role that sees sessions and outages.")
    may_ask = request.user.has_perm("stations.add_job")
    form = DumpForm(request.POST or None, user=request.user)
    if request.method == "POST":
        if not may_ask:
            raise PermissionDenied("To ask for a dump needs a role that starts jobs.")
        if form.is_valid():
            values = form.cleaned_data
            job = dump.ask_for_dump(values["operator"], values["until"], values["days"], by=request.user)
            return redirect("admin:stations_job_change", job.pk)
    dumps = Job.objects.visible_to(request.user).filter(kind=dump.KIND).select_related("operator")[:SHOWN_DUMPS]
    context = {
        **admin.site.each_context(request), "title": "Exports", "report_form": ReportForm(user=request.user),
        "form": form, "may_ask": may_ask, "modules": [(number, title) for number, title in ev_chart.TITLES.items()],
        "dumps": [(job, badge(Job.State(job.state)), moment(job.created_at)) for job in dumps],
    }  # fmt: skip
    return TemplateResponse(request, "admin/exports.html", context)


@require_safe
def ev_chart_file(request):
    """A module of a quarter of one operator as CSV, sent while it is read."""
    if not may_export(request.user):
        raise PermissionDenied("Exports need a role that sees sessions and outages.")
    values = request.GET
    try:
        module, quarter = ev_chart.asked_for(values.get("module", ""), values.get("quarter", ""), timezone.now())
    except ValueError as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    number = values.get("operator", "")
    is_number = number.isascii() and number.isdecimal() and len(number) < 19
    operator = Operator.objects.visible_to(request.user).filter(pk=number).first() if is_number else None
    if operator is None:
        raise Http404("There is no such operator, or it is not one of yours.")
    AuditEntry.objects.note("exported", by=request.user, about=operator, module=module, quarter=str(quarter))
    return ev_chart_download(module, quarter, operator)


def ev_chart_download(module: int, quarter: Quarter, operator: Operator):
    """The file itself; its name is of numbers, because a network may be called anything."""
    name = f"ev-chart-module-{module}-{quarter}-operator-{operator.pk}.csv"
    rows = ev_chart.report(module, quarter, [operator.pk])
    return csv_download(name, ev_chart.COLUMNS[module], rows)
